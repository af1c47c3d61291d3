"""Every block that is posted can be seen, with the words that were posted, and nothing in the words comes alive."""

import pytest
from playwright.sync_api import Page, expect

from tests.demo.browsing import Open
from tests.demo.page import town
from tests.demo.page.stand_in import StandIn

pytestmark = pytest.mark.browser

HOSTILE = (
    '<script>hacked = 1</script><img src=x onerror="hacked=1"><svg/onload=hacked=1>'
    "<javascript:hacked=1|here> [here](javascript:hacked=1) &lt;script&gt;hacked=1&lt;/script&gt;"
)


def shown(page: Page, stand_in: StandIn, *blocks: town.Json) -> None:
    stand_in.tell("message", channel=town.CHANNEL, message=town.by_bot("1795522000.000100", "more", *blocks))
    page.locator('[data-ts="1795522000.000100"]').wait_for()


def mrkdwn(text: str) -> town.Json:
    return {"type": "mrkdwn", "text": text}


def rich(*elements: town.Json) -> town.Json:
    return {"type": "rich_text", "block_id": "rich", "elements": list(elements)}


def section(*elements: town.Json) -> town.Json:
    return {"type": "rich_text_section", "elements": list(elements)}


def text(words: str, **style: bool) -> town.Json:
    return {"type": "text", "text": words, "style": style}


def test_the_alert_reads_as_it_was_posted(page: Page) -> None:
    message = page.get_by_role("article", name="terminating")

    expect(message).to_contain_text("🔴 STUCK  2 pods on node-17 · prod-eu", use_inner_text=True)
    expect(message.locator("pre")).to_contain_text("prod/zookeeper0-0      12 min past its deadline")
    expect(message.locator("strong", has_text="Cause")).to_be_visible()
    expect(message.get_by_role("button")).to_have_text(["Request this fix", "Other fixes", "Diagnose again", ""])
    expect(message).to_contain_text("incident 1042 · seen 12:03:10 UTC")
    expect(message.locator("time").first).to_have_text("13:03")


def test_a_section_has_text_fields_and_an_accessory(page: Page, stand_in: StandIn) -> None:
    fields = [mrkdwn("*Paused*\nno"), town.plain("*as it is*")]
    block = {
        "type": "section", "block_id": "s", "text": mrkdwn("*Bold* words"), "fields": fields,
        "accessory": town.button("open", "Open"),
    }  # fmt: skip

    shown(page, stand_in, block, {"type": "divider"}, {"type": "header", "text": town.plain("A header :wave:")})

    expect(page.locator(".section strong").first).to_have_text("Bold")
    expect(page.locator(".field")).to_have_text(["Paused\nno", "*as it is*"])
    expect(page.locator(".accessory").get_by_role("button", name="Open")).to_be_visible()
    expect(page.get_by_role("heading", name="A header 👋")).to_be_visible()
    expect(page.locator("hr")).to_be_visible()


def test_rich_text_has_styles_lists_quotes_links_people_and_dates(page: Page, stand_in: StandIn) -> None:
    item = [section(text("one")), section(text("two"))]
    shown(
        page,
        stand_in,
        rich(
            section(
                text("bold", bold=True),
                text(" "),
                text("all", italic=True, strike=True, code=True),
                {"type": "link", "url": "https://a.example", "text": "there"},
                {"type": "user", "user_id": town.BEN},
                {"type": "channel", "channel_id": town.CHANNEL},
                {"type": "usergroup", "usergroup_id": "S0SRE"},
                {"type": "broadcast", "range": "here"},
                {"type": "emoji", "name": "x", "unicode": "1f7e1"},
                {"type": "date", "timestamp": town.NOON, "format": "{time_secs}", "fallback": "12:03:10 UTC"},
            ),
            {"type": "rich_text_list", "style": "ordered", "indent": 0, "offset": 2, "elements": item},
            {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [section(text("deeper"))]},
            {"type": "rich_text_quote", "elements": [text("said")]},
            {"type": "rich_text_preformatted", "elements": [text("a  b\n\n  c")]},
        ),
    )
    block = page.locator(".rich").last

    expect(block.locator("strong")).to_have_text("bold")
    expect(block.locator("s > em > code, s em code")).to_have_text("all")
    expect(block.get_by_role("link", name="there")).to_have_attribute("href", "https://a.example")
    expect(block.locator(".mention")).to_have_text(["@Ben", "#on-call", "@S0SRE", "@here"])
    expect(block).to_contain_text("🟡")
    expect(block.locator("time")).to_have_text("13:03:10")
    expect(block.locator("ol[start='3'] > li > ul > li")).to_have_text("deeper")
    expect(block.locator("blockquote")).to_have_text("said")
    assert block.locator("pre").text_content() == "a  b\n\n  c"


def test_what_is_not_drawn_says_so_in_its_place(page: Page, stand_in: StandIn) -> None:
    image = {"type": "image", "image_url": "https://a.example/x.png", "alt_text": "a graph"}

    shown(page, stand_in, image, {"type": "video"}, {"type": "context", "elements": [image]}, rich({"type": "new"}))

    expect(page.locator(".refused")).to_have_text(
        ["Image not shown: a graph", "Not shown: a block of type video", "Image not shown: a graph", "Not shown: new"]
    )
    expect(page.locator("img")).to_have_count(0)


def test_a_message_without_blocks_is_its_text(page: Page, stand_in: StandIn) -> None:
    stand_in.tell(
        "message", channel=town.CHANNEL, message={"ts": "1795522000.1", "user": town.BEN, "text": "*Hi* <@U0ADA>"}
    )

    message = page.get_by_role("article", name="Ben")

    expect(message.locator("strong")).to_have_text("Hi")
    expect(message.locator(".mention")).to_have_text("@Ada")


def test_a_markdown_block_is_shown(page: Page, stand_in: StandIn) -> None:
    shown(page, stand_in, {"type": "markdown", "text": "# Why\n- **one**\n- two"})

    expect(page.locator(".markdown .heading")).to_have_text("Why")
    expect(page.locator(".markdown li")).to_have_text(["one", "two"])


def test_hostile_words_are_shown_and_nothing_else(opened: Open, stand_in: StandIn) -> None:
    option = town.option(HOSTILE, HOSTILE, description=town.plain(HOSTILE))
    choice = {"type": "static_select", "action_id": "x", "placeholder": town.plain(HOSTILE), "options": [option]}
    everything = (
        {"type": "header", "text": town.plain(HOSTILE)},
        {"type": "section", "text": mrkdwn(HOSTILE), "fields": [mrkdwn(HOSTILE)], "accessory": choice},
        {"type": "context", "elements": [mrkdwn(HOSTILE), town.plain(HOSTILE)]},
        {"type": "markdown", "text": HOSTILE},
        rich(
            section(text(HOSTILE, bold=True), {"type": "link", "url": "javascript:hacked=1", "text": HOSTILE}),
            {"type": "rich_text_preformatted", "elements": [text(HOSTILE)]},
        ),
        town.buttons("b", town.button("b", HOSTILE, url="javascript:hacked=1", accessibility_label=HOSTILE)),
        {"type": HOSTILE},
    )
    file = {"id": "F1", "name": HOSTILE, "size": 1, "mimetype": "text/html", "url": "javascript:hacked=1"}
    message = town.by_bot("1795522000.000100", HOSTILE, *everything, username=HOSTILE, files=[file])
    stand_in.shared["messages"][town.CHANNEL].append(message)
    stand_in.shared["users"][1]["real_name"] = HOSTILE
    stand_in.shared["team"]["name"] = HOSTILE
    field = {"type": "input", "block_id": HOSTILE, "label": town.plain(HOSTILE), "element": choice}
    view = {**town.modal(*everything, field), "title": town.plain(HOSTILE), "submit": town.plain(HOSTILE)}
    stand_in.own[town.ADA] = {"home": {**town.app_home(), "blocks": list(everything)}}

    page = opened()
    page.locator(".files button").click()
    page.locator('[data-ts="1795522000.000100"] .actions button').click()
    stand_in.heard("click")
    stand_in.tell("view_opened", to=town.ADA, view=view)
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="App Home").click()
    page.locator(".home .header").wait_for()

    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("body script, img, iframe, [onerror], [onload], a[href^='javascript']").count() == 0
    assert len(page.context.pages) == 1
    expect(page.locator(".home .header")).to_have_text(HOSTILE)


def test_the_evidence_opens_as_text(page: Page, stand_in: StandIn) -> None:
    stand_in.tell("message", channel=town.CHANNEL, message=town.evidence())
    page.get_by_role("button", name="1 reply").click()

    page.get_by_role("button", name="evidence-1042.txt 38 kB").click()

    dialog = page.get_by_role("dialog", name="evidence-1042.txt")
    expect(dialog.locator("pre")).to_contain_text("<script>hacked = 1</script>")
    expect(dialog.get_by_role("link", name="Download")).to_have_attribute("href", "/files/F0EVIDENCE")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="evidence-1042.txt 38 kB")).to_be_focused()


def test_code_that_is_too_long_for_the_screen_goes_on_under_its_second_column(opened: Open, stand_in: StandIn) -> None:
    page = opened(phone=True)
    stand_in.tell("message", channel=town.CHANNEL, message=town.evidence())
    page.get_by_role("button", name="1 reply").click()

    line = page.locator("#thread .line", has_text="StopContainer")

    assert line.evaluate("(node) => node.style.getPropertyValue('--hang')") == "12ch"
    assert line.evaluate("(node) => node.getClientRects().length") == 1
    assert line.bounding_box()["height"] > 30  # type: ignore[index]  # it is on the screen
