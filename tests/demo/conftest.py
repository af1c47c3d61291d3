"""Chromium, once for all of them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.demo.browsing import chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
