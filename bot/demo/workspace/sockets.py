"""
Socket Mode: the app's connections, what is sent down one of them, and what is acknowledged in time.

An envelope goes to any one of the connections. Three seconds are given for its acknowledgement, and each envelope keeps
what became of it. An event that was not acknowledged is sent again, three times in all, as the Events API does; a click
or a command is not: its person is told, and may repeat it.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from bot.demo.workspace.calls import parsed
from bot.demo.workspace.cast import APP, Json
from bot.demo.workspace.ids import Clock, secret

Kind = Literal["slash_commands", "interactive", "events_api"]
Farewell = Literal["warning", "refresh_requested", "link_disabled", "too_many_websockets"]

DEADLINE_S = 3.0
_MOST_LINES = 10  # of one app
_TICKET_S = 30.0
_LEAVING_S = 10.0  # between a warning and the request to go, and between that and the end
_RETRIES_S = (0.0, 60.0, 300.0)  # docs.slack.dev/apis/events-api: at once, after a minute, after five
_LASTS_S = 3_600  # what hello promises
_MOST_KEPT = 5_000  # envelopes; far more than can wait for an acknowledgement at once


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A connection as seen from here. None of these waits: `send` a text, `close` politely, `cut` without a word."""

    send: Callable[[str], None]
    close: Callable[[], None]
    cut: Callable[[], None]


@dataclass(slots=True)
class _Term:
    """How long a line is sent to, and whether it was told that this ends soon."""

    number: int
    until: float
    warned: bool = False


def _ignored(_: object) -> None:
    """Nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Then:
    """What becomes of an acknowledgement with its payload, or of none, with the reason."""

    answered: Callable[[Json], None] = _ignored
    unanswered: Callable[[str], None] = _ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One envelope as it was sent. `line`: the number of its connection, or 0; `acked_s`: after so long, or never."""

    envelope: str
    kind: Kind
    payload: Json
    at: float
    line: int
    attempt: int
    acked_s: float | None

    @property
    def in_time(self) -> bool:
        return self.acked_s is not None and self.acked_s <= DEADLINE_S


@dataclass(slots=True, kw_only=True, eq=False)
class _Envelope:
    id: str
    kind: Kind
    payload: Json
    then: Then
    at: float
    line: int
    attempt: int = 0
    reason: str = ""
    acked: float | None = None
    over: bool = False  # its deadline came, or its acknowledgement did

    def frame(self) -> str:
        told: Json = {
            "envelope_id": self.id,
            "type": self.kind,
            "payload": self.payload,
            "accepts_response_payload": self.kind != "events_api",
        }
        if self.kind == "events_api":
            told |= {"retry_attempt": self.attempt, "retry_reason": self.reason}
        return json.dumps(told)


@dataclass(slots=True, kw_only=True, eq=False)
class _Retry:
    at: float
    envelope: _Envelope


@dataclass(slots=True)
class Sockets:
    clock: Clock
    _tickets: dict[str, float] = field(default_factory=dict)
    _lines: dict[Line, _Term] = field(default_factory=dict)  # those that are sent to, oldest first
    _leaving: dict[Line, float] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _turn: int = 0
    _envelopes: dict[str, _Envelope] = field(default_factory=dict)
    _retries: list[_Retry] = field(default_factory=list)

    # ---- connections

    def ticket(self) -> str:
        made = secret()
        self._tickets[made] = self.clock() + _TICKET_S
        return made

    def admits(self, ticket: str) -> bool:
        """A ticket is good once, and not for long."""
        return self._tickets.pop(ticket, 0.0) >= self.clock()

    def connect(self, line: Line) -> None:
        if len(self._lines) >= _MOST_LINES:
            line.send(_farewell("too_many_websockets"))
            line.close()
            return
        self._lines[line] = _Term(next(self._numbers), self.clock() + _LASTS_S)
        info = {"host": "applink-demo", "build_number": 1, "approximate_connection_time": _LASTS_S}
        hello = {"type": "hello", "num_connections": len(self._lines), "connection_info": {"app_id": APP}}
        line.send(json.dumps({**hello, "debug_info": info}))

    def gone(self, line: Line) -> None:
        self._lines.pop(line, None)
        self._leaving.pop(line, None)

    def connected(self) -> int:
        return len(self._lines)

    def say_goodbye(self, reason: Farewell) -> None:
        """
        To the connection that has been open longest. After a `warning` it goes on as before.

        After the others nothing more is sent there, and some seconds later it is closed from here.
        """
        if not self._lines:
            return
        self._part(next(iter(self._lines)), reason)

    def _part(self, line: Line, reason: Farewell) -> None:
        line.send(_farewell(reason))
        if reason == "warning":
            self._lines[line].warned = True
            return
        del self._lines[line]
        self._leaving[line] = self.clock() + _LEAVING_S

    def cut(self) -> None:
        """Every connection breaks, and no side says goodbye."""
        for line in (*self._lines, *self._leaving):
            line.cut()
        self._lines.clear()
        self._leaving.clear()

    # ---- envelopes

    def send(self, kind: Kind, payload: Json, then: Then | None = None) -> str:
        made = _Envelope(id=str(uuid.uuid4()), kind=kind, payload=payload, then=then or Then(), at=self.clock(), line=0)
        self._put(made)
        return made.id

    def again(self, envelope_id: str) -> None:
        """The same envelope once more, under the same id, to any connection."""
        line = self._next_line()
        if line is not None:
            line.send(self._envelopes[envelope_id].frame())

    def heard(self, text: str) -> None:
        """An acknowledgement. What is none, or belongs to nothing, is ignored; so is a second one."""
        try:
            told = parsed(text)
        except ValueError:
            return
        name = told.get("envelope_id") if isinstance(told, dict) else None
        found = self._envelopes.get(name) if isinstance(name, str) else None
        if found is None or found.acked is not None:
            return
        found.acked = self.clock()
        if not found.over and found.acked - found.at <= DEADLINE_S:
            found.over = True
            payload = told.get("payload")
            found.then.answered(payload if isinstance(payload, dict) else {})

    def tick(self) -> None:
        """What is due by the clock: deadlines, events to be sent again, connections that have lasted long enough."""
        now = self.clock()
        for each in tuple(self._envelopes.values()):
            if not each.over and now - each.at > DEADLINE_S:
                self._failed(each, "operation_timeout")
        due = [each for each in self._retries if each.at <= now]
        self._retries = [each for each in self._retries if each.at > now]
        for retry in due:
            self._put(retry.envelope)
        for line, term in tuple(self._lines.items()):
            if term.until <= now:
                self._part(line, "refresh_requested")
            elif term.until - _LEAVING_S <= now and not term.warned:
                self._part(line, "warning")
        for line in [line for line, at in self._leaving.items() if at <= now]:
            del self._leaving[line]
            line.close()

    def deliveries(self) -> tuple[Delivery, ...]:
        return tuple(
            Delivery(
                envelope=each.id,
                kind=each.kind,
                payload=each.payload,
                at=each.at,
                line=each.line,
                attempt=each.attempt,
                acked_s=None if each.acked is None else each.acked - each.at,
            )
            for each in self._envelopes.values()
        )

    def _put(self, made: _Envelope) -> None:
        made.at = self.clock()
        self._envelopes[made.id] = made
        if len(self._envelopes) > _MOST_KEPT:
            del self._envelopes[next(iter(self._envelopes))]
        line = self._next_line()
        if line is None:
            self._failed(made, "dispatch_failed")
            return
        made.line = self._lines[line].number
        line.send(made.frame())

    def _next_line(self) -> Line | None:
        """Another each time: no app may count on one connection."""
        if not self._lines:
            return None
        self._turn += 1
        return list(self._lines)[self._turn % len(self._lines)]

    def _failed(self, made: _Envelope, why: str) -> None:
        made.over = True
        made.then.unanswered(why)
        if made.kind != "events_api" or made.attempt >= len(_RETRIES_S):
            return
        fresh = _Envelope(
            id=str(uuid.uuid4()),
            kind=made.kind,
            payload=made.payload,
            then=made.then,
            at=0.0,
            line=0,
            attempt=made.attempt + 1,
            reason="timeout" if made.line else "connection_failed",
        )
        self._retries.append(_Retry(at=self.clock() + _RETRIES_S[made.attempt], envelope=fresh))


def _farewell(reason: Farewell) -> str:
    return json.dumps({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-demo"}})
