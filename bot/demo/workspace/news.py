"""What happened, in order, for each who may see it: the page follows it, and after a break asks for what it missed."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from bot.demo.workspace.cast import Json

Kind = Literal[
    "message",
    "message_deleted",
    "ephemeral",
    "view_opened",
    "view_updated",
    "view_closed",
    "home",
    "warning",
    "story",
]
_KEPT = 10_000  # a page that was away for longer reads the state anew


@dataclass(frozen=True, slots=True)
class _Item:
    seq: int
    to: frozenset[str]
    told: Json


class News:
    def __init__(self) -> None:
        self.seq = 0
        self._items: deque[_Item] = deque(maxlen=_KEPT)
        self._wakes: set[Callable[[], None]] = set()

    def tell(self, kind: Kind, to: Iterable[str], **what: Any) -> None:
        self.seq += 1
        self._items.append(_Item(self.seq, frozenset(to), {"seq": self.seq, "type": kind, **what}))
        for wake in tuple(self._wakes):
            wake()

    def after(self, seq: int, user: str) -> list[Json]:
        """All that this user was told later than that, oldest first."""
        return [each.told for each in self._items if each.seq > seq and user in each.to]

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """`wake` is called on each piece of news, and may not wait. Returns what ends it."""
        self._wakes.add(wake)
        return lambda: self._wakes.discard(wake)
