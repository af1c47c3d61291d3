"""
Slack: the only door of its libraries. What the bot says there, what people click and type, and who they are.

`Slack` is `ports.Chat`; `Ears` hears over Socket Mode, for as long as it is open.
"""

from bot.edges.slack.chat import Slack
from bot.edges.slack.ears import Ears
from bot.edges.slack.web import Web

__all__ = ["Ears", "Slack", "Web"]
