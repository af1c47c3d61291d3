"""A visit to the demo: what somebody at the page reads and does, in their own words."""

import re

from playwright.sync_api import Locator, Page, expect

PATIENCE_S = 30.0
ASK = re.compile("^(Request|Ask to)")
HEALED_S = 90.0  # from the last vote until it is believed

expect.set_options(timeout=PATIENCE_S * 1000)


class Visit:
    """On one page. `as_` chooses whom the visitor plays."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.channel = page.locator("#column")
        self.thread = page.get_by_role("complementary", name="Thread")
        self.window = page.get_by_role("dialog")
        self.command = page.get_by_role("combobox", name="Command")

    @property
    def alerts(self) -> Locator:
        """The app's messages to everybody."""
        return self.channel.get_by_role("article", name="terminating", exact=True)

    @property
    def whisper(self) -> Locator:
        """The newest of what only this person sees."""
        return self.page.get_by_role("article", name="only visible to you").last

    @property
    def hint(self) -> Locator:
        """Where the thread covers the channel, the thread's."""
        return self.page.get_by_role("note", name="What next").locator("visible=true").last

    def start(self, story: str) -> None:
        self.page.get_by_role("button", name=f"Start: {story}").click()

    def as_(self, name: str) -> None:
        self.page.get_by_role("radio", name=name).locator("visible=true").first.click()
        expect(self.page.get_by_role("radio", name=name, checked=True).locator("visible=true").first).to_be_visible()

    def reads(self, *words: str, within_s: float = PATIENCE_S) -> None:
        """The newest alert says so, sooner or later, in the order of the words."""
        pattern = re.compile(".*".join(map(re.escape, words)), re.DOTALL)
        expect(self.alerts.last).to_contain_text(pattern, use_inner_text=True, timeout=within_s * 1000)

    def is_told(self, words: str) -> None:
        expect(self.whisper).to_contain_text(re.compile(words, re.DOTALL))

    def open_thread(self) -> None:
        self.alerts.last.get_by_role("button", name=re.compile("repl")).click()
        expect(self.thread).to_be_visible()

    def request(self) -> None:
        self.alerts.last.get_by_role("button", name=ASK).click()

    def approve(self) -> None:
        """Low risk: a question first."""
        self.thread.get_by_role("button", name="Approve").click()
        self.window.get_by_role("button", name="Approve").click()

    def fill(self, words: str, button: str) -> None:
        """The one field of the open window."""
        self.window.get_by_role("textbox").fill(words)
        self.window.get_by_role("button", name=button, exact=True).click()
        expect(self.window).to_have_count(0)

    def fits(self) -> None:
        """Nothing goes over the side of the screen."""
        over = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0
        for box in self.page.locator(".message, .modal, .hinted").locator("visible=true").all():
            assert box.evaluate("box => box.scrollWidth - box.clientWidth") <= 0, box.inner_text()
