"""A stand-in with the alert of one incident, and a page on it that may not complain."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.demo.browsing import Open, opening
from tests.demo.page import town
from tests.demo.page.stand_in import PATIENCE_S, StandIn, served


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    made = StandIn(
        shared=town.shared(town.alert()),
        suggestions=town.SUGGESTIONS,
        files={"/files/F0EVIDENCE": "$ docker ps\n<script>hacked = 1</script>\n"},
    )
    with served(made) as running:
        yield running


@pytest.fixture
def opened(browser: Browser, stand_in: StandIn) -> Iterator[Open]:
    complaints: list[str] = []
    with opening(browser, stand_in.url, complaints, PATIENCE_S) as opened:
        yield opened
    if not stand_in.down:
        assert complaints == []


@pytest.fixture
def page(opened: Open) -> Page:
    return opened()
