"""Whom to ask, and one errand: what is asked of whom and until when."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot.core.facts import NodeName
from bot.core.hostile import plain
from bot.ports import Outage, TimedOut

SETUP = "`terminating node-setup` prints what the node needs."
NETWORK = "Check that its sshd runs and that address and port are right."

_WORDS = 600  # characters of a message: two fingerprints and two paths fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where and as whom a node is asked. Its host key is looked up under `host`, and if none is there under `name`."""

    name: NodeName
    host: str
    port: int
    user: str
    key: Path | None
    known_hosts: tuple[Path, ...]
    become: Literal["sudo", "none"]
    program: Literal["piped", "installed"]
    agent: bool = False
    jump: "Target | None" = None

    def __str__(self) -> str:
        return f"{self.name} ({self.host}:{self.port})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One ask, until a time of the monotonic clock; it words every outage."""

    asked: str
    whom: str
    limit_s: float
    until: float

    def left(self) -> float:
        return max(self.until - time.monotonic(), 0.0)

    def outage(self, kind: type[Outage], why: str, then: str) -> Outage:
        return kind(plain(self.asked), plain(self.whom), plain(why, _WORDS), plain(then, _WORDS))

    def late(self, doing: str) -> Outage:
        why = f"the time of {self.limit_s:g} s was over while {doing}"
        return self.outage(TimedOut, why, "See whether the node is overloaded, or allow more time.")
