"""
A Slack of its own on this machine, as strict as the real one, or stricter where the real one says nothing.

Its rules are `Workspace`: state under one lock, no I/O, a clock that can be given. `serve` puts it on the wire. The bot
knows it by a URL and two tokens only, and finds the limits, tiers and refusals it would find in production.
"""

from bot.demo.workspace.faults import Limited, ResetAfterCommit, Says, ServerError
from bot.demo.workspace.server import serve
from bot.demo.workspace.sockets import Delivery
from bot.demo.workspace.stage import Command, Stage, Story, Suggestion
from bot.demo.workspace.state import Workspace

__all__ = [
    "Command",
    "Delivery",
    "Limited",
    "ResetAfterCommit",
    "Says",
    "ServerError",
    "Stage",
    "Story",
    "Suggestion",
    "Workspace",
    "serve",
]
