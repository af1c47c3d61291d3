"""Chromium, a stand-in with the alert of one incident, and a page in it that may not complain."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.demo.browsing import chromium, looked_at
from tests.demo.page import town
from tests.demo.page.stand_in import PATIENCE_S, StandIn, served

Open = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


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
    """Opens the page, as Ada in Berlin. At the end: nothing was logged as an error, and nothing came from elsewhere."""
    complaints: list[str] = []
    contexts = []

    def open_page(*, phone: bool = False, dark: bool = False) -> Page:
        context = looked_at(browser, phone=phone, dark=dark)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(stand_in.url) else complaints.append(asked.url))
        page.goto(stand_in.url)
        page.get_by_role("radio", name="Ada", checked=True).first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    if not stand_in.down:
        assert complaints == []


@pytest.fixture
def page(opened: Open) -> Page:
    return opened()
