"""
Slack's accounts, user groups and channels, as this bot needs them: each is believed for a minute.

What could not be read is not remembered, and what is not known is not guessed: who asks gets the Outage.
"""

import logging
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar, cast

from bot.core.facts import Unknown
from bot.edges.slack.rich import escaped
from bot.edges.slack.web import Account, Web
from bot.ports import Outage

log = logging.getLogger("terminating")

FRESH = timedelta(minutes=1)
_MOST = 10_000  # of a kind that are remembered
_MOST_NAMES = 20  # looked up for one message
_IDENTITY = re.compile(r"\b([UW][A-Z0-9]{2,20}) of (T[A-Z0-9]{2,20})\b", re.ASCII)  # as `Roll.person` writes it

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Roll:
    """Of the settings. `listed`: person by user and team id; `groups`: user group and team id by the group's name."""

    listed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def person(self, user: str, team: str) -> str:
        """A name of the settings, or words that are nobody's name there, and always the same for the same account."""
        return self.listed.get((user, team), f"{user} of {team}")


class Directory:
    """Any thread may ask."""

    def __init__(self, web: Web, roll: Roll, clock: Callable[[], datetime]) -> None:
        self._roll = roll
        self._team = _Kept(lambda _: web.team(), clock)
        self._accounts = _Kept(web.account, clock)
        self._groups = _Kept(web.group, clock)
        self._shared = _Kept(web.shared, clock)

    def team(self) -> str:
        """Ours."""
        return self._team("")

    def account(self, user: str) -> Account:
        return self._accounts(user)

    def shared(self, channel: str) -> bool:
        return self._shared(channel)

    def person(self, user: str, team: str) -> str:
        return self._roll.person(user, team)

    def members(self, name: str) -> frozenset[str] | Unknown:
        """Ids of persons. A group of another team is none: its users' ids would be somebody else's here."""
        group, team = self._roll.groups.get(name, ("", ""))
        try:
            home = self.team()
            if team != home:
                return Unknown(f"it is of {team or 'no team'}, and this is {home}")
            return frozenset(self._roll.person(user, team) for user in self._groups(group))
        except Outage as outage:
            return Unknown(f"{outage.asked}: {outage.why}")

    def named(self, tree: T) -> T:
        """The same blocks with accounts by their names, as people know them; what is quoted stays as it was said."""
        return cast("T", _Naming(self).of(tree))

    def named_text(self, text: str) -> str:
        """The same for a text in which Slack reads markup."""
        return _Naming(self).text(text, escaped)


class _Naming:
    """For one message: so many names are looked up, and no more."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._left = _MOST_NAMES

    def of(self, tree: object) -> object:
        if isinstance(tree, dict):
            if tree.get("type") == "rich_text_preformatted":
                return tree
            return {
                name: self.text(each, str) if name == "text" and isinstance(each, str) else self.of(each)
                for name, each in tree.items()
            }
        return type(tree)(map(self.of, tree)) if isinstance(tree, list | tuple) else tree

    def text(self, text: str, clean: Callable[[str], str]) -> str:
        return _IDENTITY.sub(lambda match: clean(self._name(match)), text)

    def _name(self, match: re.Match[str]) -> str:
        self._left -= 1
        try:
            if self._left >= 0 and match[2] == self._directory.team():
                return f"{self._directory.account(match[1]).name} ({match[1]})".lstrip()
        except Outage as outage:
            log.info("%s stays nameless: %s", match[0], outage)
        return match[0]


class _Kept(Generic[T]):
    """Those who ask while it is being read get what it comes to: Slack is asked once, however many click at once."""

    def __init__(self, read: Callable[[str], T], clock: Callable[[], datetime]) -> None:
        self._read = read
        self._clock = clock
        self._lock = Lock()
        self._known: dict[str, tuple[datetime, Future[T]]] = {}

    def __call__(self, key: str) -> T:
        now = self._clock()
        with self._lock:
            at, kept = self._known.get(key, (now, None))
            if kept is not None and now - at < FRESH:
                mine = None
            else:
                if len(self._known) >= _MOST:
                    self._known.clear()
                kept = mine = Future[T]()
                self._known[key] = (now, mine)
        if mine is not None:
            self._fill(key, mine)
        return kept.result()

    def _fill(self, key: str, mine: "Future[T]") -> None:
        try:
            mine.set_result(self._read(key))
        except Outage as outage:
            mine.set_exception(outage)
        finally:
            if not mine.done():
                mine.cancel()
            if mine.cancelled() or mine.exception() is not None:
                with self._lock:
                    self._known.pop(key, None)
