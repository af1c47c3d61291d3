"""What goes wrong because a test or a story asked for it. The limits are no part of this: nothing switches them off."""

from collections import defaultdict, deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limited:
    """HTTP 429, and nothing done."""

    seconds: int


@dataclass(frozen=True, slots=True)
class ServerError:
    """HTTP 500, and nothing done."""


@dataclass(frozen=True, slots=True)
class ResetAfterCommit:
    """It is done, and the connection breaks before the answer."""


@dataclass(frozen=True, slots=True)
class Says:
    """`"ok": false` with this error, and nothing done."""

    error: str


Fault = Limited | ServerError | ResetAfterCommit | Says


class Faults:
    def __init__(self) -> None:
        self._due: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def add(self, method: str, fault: Fault, times: int) -> None:
        self._due[method].extend([fault] * times)

    def take(self, method: str) -> Fault | None:
        due = self._due[method]
        return due.popleft() if due else None
