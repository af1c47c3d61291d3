"""
Two lanes for the outbox: what is told, and all else. Neither waits for the other.

While the chat does not answer, each thing told would hold a worker for as long as that takes. So the first that fails
closes its lane; after a pause one goes and sees, and with it comes the rest.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.phases import EFFECTS, Effect
from bot.ports import Busy, Outage, TimedOut, Unreachable

DOING, TELLING = 8, 4  # workers
LONGEST = timedelta(minutes=1)  # between two tries of what is repeated
_TOLD = frozenset[Effect](("tell",))


def pause(failed: int) -> timedelta:
    """After so many tries that came to nothing."""
    return min(LONGEST, timedelta(seconds=2 ** min(failed, 6)))


@dataclass(slots=True)
class Lane:
    """Whoever asks holds the engine's lock."""

    effects: Collection[Effect]
    workers: int
    in_hand: set[int] = field(default_factory=set)  # ids of jobs that a worker has
    _failed: int = 0  # pauses without anything between them that went well
    _until: datetime | None = None

    def is_free(self, now: datetime) -> bool:
        if self._until is not None:
            return not self.in_hand and now >= self._until
        return len(self.in_hand) < self.workers

    def went(self, outage: Outage | None, now: datetime) -> None:
        """One job of this lane is over. What it was asked to wait for says nothing of how the others would fare."""
        if self.effects is not _TOLD or isinstance(outage, Busy):
            return
        if not isinstance(outage, Unreachable | TimedOut):
            self._failed, self._until = 0, None
        elif self._until is None or now >= self._until:
            self._failed += 1
            self._until = now + pause(self._failed)


def lanes() -> tuple[Lane, Lane]:
    return Lane(frozenset(EFFECTS) - _TOLD, DOING), Lane(_TOLD, TELLING)
