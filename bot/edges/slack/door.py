"""
Who is speaking: one function in front of everything that anybody can click, type or open.

A Slack user id means something only together with the team that issued it, and what Slack's payload calls the team is
the workspace in which was clicked, not whose member clicked: `user.team_id` is. Guests, bots, people of other
organisations and those who left are refused, and so is everybody whose account cannot be looked up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from bot.core.hostile import plain
from bot.core.refusals import Refusal, refusal
from bot.edges.slack.web import Account, Web
from bot.ports import Outage

_FRESH = timedelta(minutes=1)  # how long what Slack said of an account is believed
_MOST = 10_000  # accounts remembered


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
    """`team`: whose members may come in; `listed`: person by user and team id."""

    def __init__(
        self, web: Web, team: str, listed: Mapping[tuple[str, str], str], clock: Callable[[], datetime]
    ) -> None:
        self._web = web
        self._team = team
        self._listed = listed
        self._clock = clock
        self._lock = Lock()
        self._accounts: dict[str, tuple[datetime, Account]] = {}

    def admit(self, body: Mapping[str, Any]) -> Caller | Refusal:
        """`body`: a payload of any kind, as Slack sent it."""
        user, team = claimed(body)
        if not user:
            return refusal("nobody")
        if team != self._team:
            return refusal("other-team", who=user)
        try:
            account = self._account(user)
        except Outage as outage:
            return refusal("account-unknown", why=str(outage))
        if account.id != user or account.team != team:
            return refusal("other-team", who=user)
        if account.stranger:
            return refusal("guest", who=user)
        return Caller(self._listed.get((user, team), f"{user} of {team}"), user, team)

    def _account(self, user: str) -> Account:
        now = self._clock()
        with self._lock:
            at, known = self._accounts.get(user, (now, None))
        if known is not None and now - at < _FRESH:
            return known
        found = self._web.account(user)
        with self._lock:
            if len(self._accounts) >= _MOST:
                self._accounts.clear()
            self._accounts[user] = (now, found)
        return found


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
    return plain(value, 40) if isinstance(value, str) else ""
