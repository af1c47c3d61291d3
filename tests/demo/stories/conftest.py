"""The demo as `make demo` starts it, once a test, and pages on it that may not complain."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from bot.demo.show import Demo, demo
from tests.demo.browsing import opening
from tests.demo.stories.visit import PATIENCE_S, Visit

Visits = Callable[..., Visit]


@pytest.fixture
def up() -> Iterator[Demo]:
    with demo(0) as up:
        yield up
        assert not up.bot.done()


@pytest.fixture
def visits(browser: Browser, up: Demo) -> Iterator[Visits]:
    complaints: list[str] = []
    with opening(browser, up.url, complaints, PATIENCE_S) as opened:

        def visit(**how: Any) -> Visit:
            return Visit(opened(**how))

        yield visit
    assert complaints == []
