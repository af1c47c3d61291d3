"""Debian's Chromium, at a desk and on a phone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=360, height=740)

Open = Callable[..., Page]  # with what `looked_at` takes


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


@contextmanager
def opening(browser: Browser, url: str, complaints: list[str], patience_s: float) -> Iterator[Open]:
    """Opens that page as Ada. Told to `complaints`: what was logged as an error, and what came from elsewhere."""
    contexts = []

    def opened(
        *, phone: bool = False, dark: bool = False, motion: Literal["reduce", "no-preference"] = "reduce"
    ) -> Page:
        context = looked_at(browser, phone=phone, dark=dark, motion=motion)
        contexts.append(context)
        context.set_default_timeout(patience_s * 1000)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(url) else complaints.append(asked.url))
        page.goto(url)
        page.get_by_role("radio", name="Ada", checked=True).first.wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
