"""
Slack: the only door of its libraries. What the bot says there, what people click and type, and who they are.

`Slack` is `ports.Chat`; `Ears` hears for as long as it is open, by one of two ways: a `Socket`
or a `RequestUrl`. Who is who, both ask one `Directory`.
"""

from bot.edges.slack.chat import Slack
from bot.edges.slack.directory import Directory, Roll
from bot.edges.slack.ears import Ears, Way
from bot.edges.slack.hears import Hears
from bot.edges.slack.http_mode import RequestUrl
from bot.edges.slack.signed import Seals
from bot.edges.slack.socket_mode import Socket
from bot.edges.slack.web import Web

__all__ = ["Directory", "Ears", "Hears", "RequestUrl", "Roll", "Seals", "Slack", "Socket", "Way", "Web"]
