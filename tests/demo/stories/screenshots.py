"""The founding story played by clicking, with a picture of each step: `make screenshots`."""

import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from bot.demo.show import demo
from tests.demo.browsing import chromium, looked_at
from tests.demo.stories.pictures import packed
from tests.demo.stories.visit import HEALED_S, Visit

STORY = "The container that died unheard"


def main(folder: Path) -> None:
    taken: dict[str, bytes] = {}
    with demo(0) as up, chromium() as browser:
        desk, phone, dark = (opened(browser, up.url, **look) for look in ({}, {"phone": True}, {"dark": True}))

        def shoot(visit: Visit, name: str) -> None:
            visit.page.mouse.move(0, 0)
            taken[name] = visit.page.screenshot(animations="disabled", caret="hide")

        shoot(desk, "desk-1-stories")
        desk.start(STORY)
        desk.reads("STUCK")
        desk.open_thread()
        expect(desk.thread.get_by_role("button", name="evidence-1").first).to_be_visible()
        desk.page.locator("#thread-scroll").evaluate(
            "box => box.scrollTo(0, box.querySelectorAll('.message')[1].offsetTop)"
        )
        shoot(desk, "desk-2-evidence")
        phone.reads("STUCK")
        shoot(phone, "phone-1-alert")

        desk.request()
        for visit in (desk, phone, dark):
            visit.reads("WAITING FOR APPROVAL")
            visit.as_("Ben")
        for visit in (phone, dark):
            visit.open_thread()
        for visit, name in ((desk, "desk-3-plan"), (phone, "phone-2-plan"), (dark, "dark-1-plan")):
            expect(visit.thread.get_by_role("button", name="Approve")).to_be_visible()
            shoot(visit, name)

        desk.approve()
        phone.page.get_by_role("button", name="Close the thread").click()
        for visit, name in ((desk, "desk-4-resolved"), (phone, "phone-3-resolved"), (dark, "dark-2-resolved")):
            visit.reads("RESOLVED", within_s=HEALED_S)
            shoot(visit, name)
        dark.page.get_by_role("button", name="App Home").click()
        dark.page.get_by_role("region", name="App Home").wait_for()
        shoot(dark, "dark-3-home")
    folder.mkdir(parents=True, exist_ok=True)
    for name, png in taken.items():
        (folder / f"{name}.png").write_bytes(packed(png))


def opened(browser: Browser, url: str, *, phone: bool = False, dark: bool = False) -> Visit:
    page = looked_at(browser, phone=phone, dark=dark).new_page()
    page.goto(url)
    page.get_by_role("radio", name="Ada", checked=True).first.wait_for()
    return Visit(page)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
