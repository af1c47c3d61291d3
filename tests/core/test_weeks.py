"""A week of incidents in numbers."""

from dataclasses import replace
from datetime import timedelta

from bot.core.phases import Closed
from bot.core.weeks import Week, week
from tests.core.incident_samples import HOLD, PLAYBOOK, SEEN, closed, first, plan

DAY = timedelta(days=1)


def test_no_incident_is_no_number() -> None:
    assert week((), SEEN) == Week(incidents=0, closed=0, causes=(), gone=None, repeats=())


def test_a_week_is_counted_by_cause_and_place() -> None:
    mended = closed(plan("shim.reap"))
    by_itself = replace(first(), phase=Closed(outcome="resolved itself", at=SEEN + timedelta(minutes=4)))
    elsewhere = replace(first(), hold=replace(HOLD, name="node-3"))
    longer_ago = replace(mended, opened=SEEN - 7 * DAY)

    found = week((mended, mended, by_itself, elsewhere, longer_ago), SEEN)

    assert found == Week(
        incidents=4,
        closed=3,
        causes=(("", 2), (PLAYBOOK.id, 2)),
        gone=timedelta(seconds=20),
        repeats=(("node-17 · prod-eu", 3),),
    )


def test_pods_that_no_node_ever_had_have_a_place_too() -> None:
    nowhere = replace(first(), hold=replace(HOLD, kind="none", name=""))

    assert week((nowhere, nowhere), SEEN).repeats == (("no node · prod-eu", 2),)
