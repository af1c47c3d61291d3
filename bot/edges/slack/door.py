"""
Who is speaking: one function in front of everything that anybody can click, type or open.

A Slack user id means something only together with a team, and what Slack's payload calls the team is the workspace in
which was clicked, not whose member clicked: `user.team_id` says that, and a command says it not at all. So whoever it
is, the account is looked up. Guests, bots, people of other organisations and those who left are refused, and so is
everybody whose account cannot be read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.refusals import Refusal, refusal
from bot.edges.slack.directory import Directory
from bot.ports import Outage

_ID = re.compile(r"[A-Z0-9]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """`person` is a name of the settings, or words that are nobody's name there."""

    person: str
    user: str
    team: str

    @property
    def via(self) -> str:
        """What a vote says about its way in."""
        return f"Slack {self.user} of {self.team}"


class Door:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def admit(self, body: Mapping[str, Any]) -> Caller | Refusal:
        """`body`: a payload of any kind, as Slack sent it."""
        user, team = claimed(body)
        if not user:
            return refusal("nobody")
        try:
            home, account = self._directory.team(), self._directory.account(user)
        except Outage as outage:
            return refusal("account-unknown", why=str(outage))
        # In an Enterprise Grid a user has one id in all their teams, and may have clicked as a member of another one.
        if account.id != user or not {team, home} <= account.teams:
            return refusal("other-team", who=user)
        if account.stranger:
            return refusal("guest", who=user)
        return Caller(self._directory.person(user, home), user, home)


def claimed(body: Mapping[str, Any]) -> tuple[str, str]:
    """User and team as the payload has them, of the one who acts; empty where it does not say so."""
    user = body.get("user")
    if isinstance(user, Mapping):  # actions and views
        return _word(user.get("id")), _word(user.get("team_id"))
    event = body.get("event")
    if isinstance(event, Mapping):
        return _word(event.get("user")), _word(body.get("team_id"))
    return _word(body.get("user_id")), _word(body.get("team_id"))  # commands


def _word(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""
