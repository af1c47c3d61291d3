"""
So many messages in so much time: who is too early is given a time, and comes again. Nobody sleeps here.

A turn that was given is kept: later ones stand behind it, but for those that go first. Whoever goes first, and whatever
Slack asks for in rest, moves all the others.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from bot.ports import Busy

_FORGOTTEN = timedelta(minutes=1)  # a turn that nobody came for


@dataclass(frozen=True, slots=True)
class Pace:
    """One in `apart` on average, and not more than `at_once` where none came for a while."""

    method: str
    apart: timedelta
    at_once: int

    @property
    def slack(self) -> timedelta:
        return self.apart * (self.at_once - 1)


# docs.slack.dev/apis/web-api/rate-limits: one message a second in a channel; fifty changes a minute in all of Slack.
# Two at once make up for a second in which the outbox did not look.
POSTS = Pace("chat.postMessage", timedelta(seconds=1), 2)
UPDATES = Pace("chat.update", timedelta(seconds=1.2), 20)


@dataclass(slots=True)
class _Line:
    pace: Pace
    free: datetime  # when the next one is due, if none came before its time
    first_end: datetime  # of what was given to those who go first
    end: datetime  # of what was given to all
    given: dict[str, datetime] = field(default_factory=dict)

    def turn(self, who: str, now: datetime, *, first: bool) -> datetime:
        """Not later than now: it is this one's turn, and taken."""
        open_ = max(now, self.free - self.pace.slack)
        turn = self.given.get(who)
        if turn is None and first and self.given:
            turn = max(open_, self.first_end)
            self.first_end = turn + self.pace.apart
            self.move(self.pace.apart, turn)
        turn = max(open_, turn or self.end)
        if turn <= now:
            self.free = max(self.free, now) + self.pace.apart
            self.given = {each: at for each, at in self.given.items() if each != who and at + _FORGOTTEN > now}
        else:
            self.given[who] = turn
            self.end = max(self.end, turn + self.pace.apart)
        return turn

    def move(self, span: timedelta, since: datetime) -> None:
        self.given = {each: at + span if at >= since else at for each, at in self.given.items()}
        self.end += span


class Turns:
    """Any thread may call."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._lines: dict[tuple[Pace, str], _Line] = {}

    def wait(self, pace: Pace, where: str, who: str, *, first: bool) -> None:
        """Raises `Busy` with the time until it is this one's turn."""
        with self._lock:
            now = self._clock()
            turn = self._line(pace, where, now).turn(who, now, first=first)
        if turn > now:
            raise Busy(pace.method, "Slack", "others are before it", "It is sent then.", turn - now)

    def rest(self, pace: Pace, where: str, span: timedelta) -> None:
        """Slack asks for it, of all of these."""
        with self._lock:
            now = self._clock()
            line = self._line(pace, where, now)
            line.free = max(line.free, now + span + pace.slack)
            line.move(span, now)

    def _line(self, pace: Pace, where: str, now: datetime) -> _Line:
        return self._lines.setdefault((pace, where), _Line(pace, now, now, now))
