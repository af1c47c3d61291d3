"""Slack over HTTP: whole flows, and what is refused on the way, at a real server over the real engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.phases import Closed
from tests.edges.slack.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path, over_http=True).opened() as office:
        yield office


def seen(office: Office) -> None:
    office.engine.sweep("prod-eu")
    office.work()
    office.told()


def test_from_a_click_to_done(office: Office) -> None:
    seen(office)
    office.click("ada", "request")
    office.phase("Proposed")
    office.told()
    office.click("ben", "approve")
    office.phase("Checking")
    office.told()
    for _ in range(12):
        office.later(seconds=5)

    assert isinstance(office.incident().phase, Closed)
    assert len(office.town.done) == 1
    assert office.hears.entered == 2
    assert all(each.in_time for each in office.workspace.deliveries())
