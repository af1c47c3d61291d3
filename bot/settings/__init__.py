"""
Files and the environment, read once, into frozen values; all faults at once, each with file, line and a suggestion.

The only room that reads YAML, settings or the environment. Not here: what a setting leads to.
"""

from bot.settings.causes import playbooks
from bot.settings.documents import Fault, SettingsError
from bot.settings.machine import seal_key, shipped, signing_secret, token
from bot.settings.reading import load
from bot.settings.values import (
    ClusterSettings,
    HttpMode,
    Jump,
    NodeAddress,
    Repairs,
    Settings,
    SlackGroup,
    SlackId,
    SocketMode,
    Ssh,
    Workspace,
)

__all__ = [
    "ClusterSettings",
    "Fault",
    "HttpMode",
    "Jump",
    "NodeAddress",
    "Repairs",
    "Settings",
    "SettingsError",
    "SlackGroup",
    "SlackId",
    "SocketMode",
    "Ssh",
    "Workspace",
    "load",
    "playbooks",
    "seal_key",
    "shipped",
    "signing_secret",
    "token",
]
