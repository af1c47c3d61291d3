"""The demo as `make demo` starts it, once a test, and pages on it that may not complain."""

from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser

from bot.demo.show import Demo, demo
from tests.demo.browsing import chromium, looked_at
from tests.demo.stories.visit import PATIENCE_S, Visit

Visits = Callable[..., Visit]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def up() -> Iterator[Demo]:
    with demo(0) as up:
        yield up
        assert not up.bot.done()


@pytest.fixture
def visits(browser: Browser, up: Demo) -> Iterator[Visits]:
    """Opens the demo, as Ada. At the end: nothing was logged as an error, and nothing came from elsewhere."""
    complaints: list[str] = []
    contexts = []

    def visit(
        *, phone: bool = False, dark: bool = False, motion: Literal["reduce", "no-preference"] = "reduce"
    ) -> Visit:
        context = looked_at(browser, phone=phone, dark=dark, motion=motion)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(up.url) else complaints.append(asked.url))
        page.goto(up.url)
        page.get_by_role("radio", name="Ada", checked=True).first.wait_for()
        return Visit(page)

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []
