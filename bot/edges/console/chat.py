"""
The console as a chat: incidents are printed when they change, and lines that people type become commands.

It knows nobody: the name in front of a line is a claim, and a vote says so in its `via`.
"""

import os
import select
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import datetime
from threading import Event, Lock
from typing import TextIO

from bot.core.consent import Person
from bot.core.facts import Unknown
from bot.core.hostile import plain
from bot.core.phases import Incident
from bot.edges.console.pages import show_incidents, show_news
from bot.edges.console.words import MEANINGS, MOST, USAGE, Command, Help, parse
from bot.ports import Unreachable

_LOOKS_UP = 0.5  # seconds between two looks at whether it is over
_CHUNK = 4_096  # bytes
_LONGEST = MOST * 4 + 1  # bytes: longer than any line that is understood
_REMEMBERED = 1_000  # incidents


class Console:
    """`ports.Chat`. Any thread may show and say. `source` is a file descriptor, `login` who sits there."""

    def __init__(self, people: Mapping[str, Person], login: str, source: int, out: TextIO) -> None:
        self._people = people
        self._login = plain(login, 60)
        self._source = source
        self._out = out
        self._lock = Lock()
        self._shown: OrderedDict[int, Incident] = OrderedDict()

    def greet(self) -> None:
        self.say(
            "Whoever sits at this terminal can claim to be anyone: the name in front of a line is not checked.\n"
            f"Each vote is kept as `{self.via('NAME')}`. `help` lists what can be typed."
        )

    def via(self, person: str) -> str:
        """What a vote says about its way in."""
        return f"console of {self._login} as {person}"

    def show(self, incident: Incident, now: datetime) -> None:
        with self._lock:
            if self._shown.get(incident.id) == incident:
                return
            self._printed(incident, now, whole=False)
            self._shown[incident.id] = incident
            self._shown.move_to_end(incident.id)
            if len(self._shown) > _REMEMBERED:
                self._shown.popitem(last=False)

    def members(self, group: str) -> Unknown:
        return Unknown(f"Slack keeps {group}, and this is a terminal")

    def whole(self, incident: Incident, now: datetime) -> None:
        """All that is known of one, to who asked for it."""
        with self._lock:
            self._printed(incident, now, whole=True)

    def table(self, incidents: tuple[Incident, ...]) -> None:
        with self._lock:
            try:
                show_incidents(incidents, self._out)
                self._out.flush()
            except OSError as error:
                raise _gone(error) from error

    def say(self, text: str) -> None:
        with self._lock:
            try:
                self._out.write(f"{text}\n")
                self._out.flush()
            except OSError as error:
                raise _gone(error) from error

    def help(self, asked: Help) -> None:
        usages = (f"{usage}\n    {MEANINGS[verb]}" for verb, usage in USAGE.items())
        self.say(f"{asked.why}." if asked.why else "\n".join(usages))

    def listen(self, over: Event) -> Iterator[Command]:
        """Each line as it is typed, until there are no more or it is over. Empty lines are none."""
        for line in _lines(self._source, over):
            text = line.decode("utf-8", "replace")
            if text.strip():
                yield parse(text)

    def person(self, claimed: str) -> str:
        """The one of the settings, whatever the case in which the name was typed."""
        known = {name.casefold(): name for name in self._people}
        return known.get(claimed.casefold(), claimed)

    def _printed(self, incident: Incident, now: datetime, *, whole: bool) -> None:
        try:
            show_news(incident, self._people, now, self._out, whole=whole)
            self._out.flush()
        except OSError as error:
            raise _gone(error) from error


def _lines(source: int, over: Event) -> Iterator[bytes]:
    """Not through `sys.stdin`: its lock is held while it waits, and it does not hear that it is over."""
    rest = b""
    while not over.is_set():
        try:
            ready, _, _ = select.select([source], [], [], _LOOKS_UP)
            if not ready:
                continue
            chunk = os.read(source, _CHUNK)
        except OSError:  # the terminal is gone
            chunk = b""
        if not chunk:
            if rest:
                yield rest
            return
        *whole, rest = (rest + chunk).split(b"\n")
        rest = rest[:_LONGEST]
        yield from whole


def _gone(error: OSError) -> Unreachable:
    return Unreachable("writing to the terminal", "stdout", str(error.strerror), "Look at where the output goes.")
