"""Debian's Chromium, at a desk and on a phone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=360, height=740)


@contextmanager
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-lcd-text"])
        yield browser
        browser.close()


def looked_at(
    browser: Browser, *, phone: bool = False, dark: bool = False, motion: Literal["reduce", "no-preference"] = "reduce"
) -> BrowserContext:
    """Somebody in Berlin who opens a page."""
    return browser.new_context(
        viewport=PHONE if phone else DESK,
        color_scheme="dark" if dark else "light",
        timezone_id="Europe/Berlin",
        has_touch=phone,
        reduced_motion=motion,
    )
