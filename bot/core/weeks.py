"""What a week of incidents comes to: which causes, how long until gone, where it comes back."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bot.core.incident_cards import cause_of
from bot.core.phases import Closed, Incident

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """`causes` and `repeats` with the most frequent first; an empty cause is one that nobody found."""

    incidents: int
    closed: int
    causes: tuple[tuple[str, int], ...]
    gone: timedelta | None  # the median, from first sight to closed; None while none is closed
    repeats: tuple[tuple[str, int], ...]  # cluster and place, where there was more than one


def week(incidents: Iterable[Incident], now: datetime) -> Week:
    """Of those opened in the seven days before `now`."""
    recent = [each for each in incidents if each.opened > now - WEEK]
    spans = [(each.phase.at - each.opened).total_seconds() for each in recent if isinstance(each.phase, Closed)]
    places = Counter(f"{each.hold.name or 'no node'} · {each.cluster}" for each in recent)
    return Week(
        incidents=len(recent),
        closed=len(spans),
        causes=_ranked(Counter(cause_of(each) for each in recent)),
        gone=timedelta(seconds=median(spans)) if spans else None,
        repeats=tuple(each for each in _ranked(places) if each[1] > 1),
    )


def _ranked(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
