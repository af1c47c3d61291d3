"""Cases: one process killed at one point of one story, another that comes after it, and what is left of both."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.crash.checker import Violation, check
from tests.crash.history import History, read
from tests.crash.people import STORIES, Name
from tests.crash.scene import Parent, Scene, scene
from tests.crash.world import CANARY, Kind, policy
from tests.edges.fake_apiserver import Certificate, certificate
from tests.edges.store_parts import Databases

Database = Literal["sqlite", "postgres"]
KILLED = -9
KINDS: tuple[Kind, ...] = ("api", "node")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    database: Database
    kind: Kind
    story: Name
    point: str

    def __str__(self) -> str:
        return f"{self.database} {self.kind}, {self.story}: {self.point}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`faults`: what is wrong with it, for people; `unknown` whether an outcome was unknown for a while."""

    case: Case
    faults: tuple[str, ...]
    violations: tuple[Violation, ...]
    unknown: bool


class Place:
    """Databases and certificates that all cases share."""

    def __init__(self, folder: Path, postgres_url: str = "") -> None:
        self.certificate: Certificate = certificate(folder)
        self.databases = Databases(folder, postgres_url)

    @contextmanager
    def scene(self, database: Database, kind: Kind, story: Name) -> Iterator[Scene]:
        made: AbstractContextManager[str] = (
            self.databases.sqlite() if database == "sqlite" else self.databases.postgres()
        )
        with made as url, scene(self.certificate, url, kind, story) as here:
            yield here


def recorded(place: Place, parent: Parent, database: Database, kind: Kind, story: Name) -> tuple[str, ...]:
    """Every point that a process of this story reaches when nobody kills it."""
    with place.scene(database, kind, story) as here:
        first = STORIES[story].after
        if first:
            assert here.run(parent, "the-first", first) == KILLED, here.kept.lines("log")
        before = len(here.kept.lines("points"))
        assert here.run(parent, "the-only", "") == 0, "\n".join(here.kept.lines("log"))
        here.over()
        violations = check(left(here))
        assert not violations, "\n".join(map(str, violations))
        return here.kept.lines("points")[before:]


def left(here: Scene) -> History:
    return read(here.url, here.kept, policy(), CANARY)


def cases(found: Mapping[tuple[Name, Kind], Sequence[str]], database: Database) -> Iterable[Case]:
    """
    All points of the straight story; of each other one, those that the straight one does not have.

    Found late is what was agreed and not sent: there its plan expires meanwhile.
    """
    for (story, kind), points in found.items():
        straight = {_name(point) for point in found["straight", kind]}
        new = {point for point in points if _name(point) not in straight}
        if story == "straight":
            new = set(points)
        if story == "found late":
            voted, acts = (_at(points, each) for each in (r"vote save voted:during", r"act act:before"))
            new = set(points[voted : acts + 1])
        yield from (Case(database=database, kind=kind, story=story, point=point) for point in points if point in new)


def play(place: Place, parent: Parent, case: Case) -> Outcome:
    with place.scene(case.database, case.kind, case.story) as here:
        kills = [each for each in (STORIES[case.story].after, case.point) if each]
        ends = [here.run(parent, f"owner-{number}", kill) for number, kill in enumerate((*kills, ""))]
        faults = [f"ended with {end}" for end in ends[:-1] if end != KILLED]
        if ends[-1] != 0:
            faults += [f"the last one ended with {ends[-1]}", *here.kept.lines("log")[-40:]]
        here.over()
        history = left(here)
        violations = check(history)
        faults += map(str, violations)
        unknown = any(b'"to":"unsettled"' in link.body for link in history.links)
        return Outcome(case=case, faults=tuple(faults), violations=violations, unknown=unknown)


def _name(point: str) -> str:
    return point.rpartition("#")[0]


def _at(points: Sequence[str], name: str) -> int:
    """Where the last of this name is."""
    return max(at for at, point in enumerate(points) if re.fullmatch(name, _name(point)))
