"""What one look at every cluster found: the pods past their deadline, and the clusters that could not be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.core.pods import Hold, Pod


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A pod at the moment it was read; `overdue` and `hold` are None for one that nobody asked to delete."""

    pod: Pod
    overdue: timedelta | None
    hold: Hold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One cluster: how many pods it has, or the one-line reason why that is not known."""

    name: str
    pods: int | None
    took: timedelta
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    clusters: Sequence[Looked]  # in the order of the settings
    stuck: Sequence[Stuck]  # the longest overdue first
    took: timedelta
