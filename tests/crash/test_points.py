"""No call through a port is without its crash points, and none of them is only on paper."""

import re
from collections.abc import Mapping, Sequence

import pytest

from bot import ports
from tests.crash.matrix import KINDS
from tests.crash.people import Name
from tests.crash.points import CALLS, CRASHES, NEVER, NO_BOUNDARY, READS, WRITES
from tests.crash.world import Kind

Found = Mapping[tuple[Name, Kind], Sequence[str]]

HEARD = "heard"  # somebody said something, and nothing has come of it yet
SIDES = ("before", "during", "after", "sent, lost", "sent, late", "sent, at work", "sent, over")
ALL = {*CALLS, HEARD, *(kind for kinds in WRITES.values() for kind in kinds)}


def methods(port: type) -> set[str]:
    return {name for name, each in vars(port).items() if callable(each) and not name.startswith("_")}


def calls(point: str) -> tuple[set[str], str]:
    """What a point is a point of, without who was at it, and which side of it."""
    what, _, side = point.partition(" ")[2].rpartition("#")[0].rpartition(":")
    return set(what.split(", ")), side


def test_every_method_of_a_port_has_its_points() -> None:
    assert methods(ports.Store) == {"writing"}
    assert methods(ports.Writing) == {*READS, *WRITES}
    assert methods(ports.World) | methods(ports.Chat) == {*CALLS, *NO_BOUNDARY}


@pytest.mark.crash
@pytest.mark.parametrize("kind", KINDS)
def test_every_call_and_every_kind_of_transaction_is_reached_by_a_story(found: Found, kind: Kind) -> None:
    reached = set().union(*(calls(point)[0] for (_, of), points in found.items() if of == kind for point in points))

    assert ALL - reached == set(NEVER)


@pytest.mark.crash
def test_every_point_that_is_reached_is_registered(found: Found) -> None:
    unknown = [
        point
        for points in found.values()
        for point in points
        if not calls(point)[0] <= ALL or calls(point)[1] not in SIDES
    ]

    assert unknown == []


@pytest.mark.crash
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", CRASHES)
def test_every_row_of_the_table_of_crashes_has_its_points(found: Found, kind: Kind, number: str) -> None:
    names = {point.rpartition("#")[0] for (_, of), points in found.items() if of == kind for point in points}

    for pattern in CRASHES[number]:
        assert any(re.fullmatch(pattern, name) for name in names), pattern


def test_the_table_of_crashes_is_whole() -> None:
    assert list(CRASHES) == [f"C{number}" for number in range(17)]


@pytest.mark.crash
def test_a_story_reaches_the_same_points_every_time(found: Found) -> None:
    for points in found.values():
        assert len(points) == len(set(points))
