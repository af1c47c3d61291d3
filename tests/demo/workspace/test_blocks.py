"""
Which blocks are refused, and that good ones are not.

Each bad payload differs from a good one in a single point, so that it is refused for that point.
"""

import copy
import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.demo.workspace.blocks import Surface, _models, characters, faults
from tests.demo.workspace.desk import (
    ADA,
    CHANNEL,
    Desk,
    Json,
    Line,
    button,
    field_of,
    messages_of,
    mrkdwn,
    plain,
    refused,
    section,
)

URL = "https://example.com/a.png"
IMAGE = {"type": "image", "image_url": URL, "alt_text": "a graph"}


def option(value: str = "a", **also: object) -> Json:
    return {"text": plain("A"), "value": value, **also}


def options(count: int) -> list[Json]:
    return [option(str(n)) for n in range(count)]


def select(**also: object) -> Json:
    return {"type": "static_select", "action_id": "pick", "options": options(2), **also}


def confirm(**also: object) -> Json:
    return {
        "title": plain("Sure?"),
        "text": mrkdwn("It is *gone* then."),
        "confirm": plain("Yes"),
        "deny": plain("No"),
    } | also


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def context(*elements: Json) -> Json:
    return {"type": "context", "elements": list(elements)}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def said(text: str = "docker ps", **also: object) -> Json:
    return {"type": "text", "text": text, **also}


def preformatted(*inside: Json) -> Json:
    return {"type": "rich_text_preformatted", "elements": list(inside)}


def listed(*items: Json, **also: object) -> Json:
    return {"type": "rich_text_list", "style": "bullet", "elements": list(items), **also}


def of_section(*inside: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(inside)}


def table(*rows: list[Json], **also: object) -> Json:
    return {"type": "table", "rows": list(rows), **also}


def cell(text: str = "a") -> Json:
    return {"type": "raw_text", "text": text}


def typed(**also: object) -> Json:
    return field_of(**also)  # type: ignore[arg-type]  # an element's own keys


def radios(count: int) -> Json:
    return {"type": "radio_buttons", "action_id": "pick", "options": options(count)}


def overflow(count: int) -> Json:
    return {"type": "overflow", "action_id": "more", "options": options(count)}


def video(**also: object) -> Json:
    return {
        "type": "video",
        "alt_text": "how",
        "title": plain("How"),
        "thumbnail_url": URL,
        "video_url": "https://example.com/v",
        **also,
    }


def card(**also: object) -> Json:
    return {"type": "card", "title": mrkdwn("node-17"), "body": mrkdwn("3 pods"), **also}


def container(*blocks: Json, **also: object) -> Json:
    return {"type": "container", "title": plain("More"), "child_blocks": list(blocks), **also}


def feedback(action: str) -> Json:
    good, bad = {"text": plain("Good"), "value": "1"}, {"text": plain("Bad"), "value": "0"}
    return {"type": "feedback_buttons", "action_id": action, "positive_button": good, "negative_button": bad}


def task(status: str = "complete") -> Json:
    return {"type": "task_card", "task_id": "1", "title": "Looking", "status": status}


GOOD: dict[str, list[Json]] = {
    "nothing": [],
    "section": [section("x" * 3_000, block_id="b" * 255)],
    "section with fields": [{"type": "section", "fields": [mrkdwn("x" * 2_000)] * 10}],
    "section with a button": [section(accessory=button(style="danger", confirm=confirm()))],
    "section with an image": [section(accessory=IMAGE)],
    "section with a menu": [section(accessory=overflow(5))],
    "header": [{"type": "header", "text": plain("🔴" * 150)}],
    "divider": [{"type": "divider"}] * 50,
    "context": [context(*[mrkdwn("x" * 300)] * 9, IMAGE)],
    "actions": [actions(*[button(str(n), style="primary") for n in range(25)])],
    "one action in two blocks": [actions(button("go")), actions(button("go"))],
    "select": [actions(select(initial_option=option("1"), placeholder=plain("x" * 150)))],
    "select in groups": [
        actions({"type": "static_select", "option_groups": [{"label": plain("G"), "options": options(100)}]})
    ],
    "several": [section(accessory={**select(), "type": "multi_static_select", "initial_options": [option("1")]})],
    "radio buttons": [actions(radios(10))],
    "checkboxes": [actions({"type": "checkboxes", "options": options(10), "initial_options": options(1)})],
    "a day, an hour": [actions({"type": "datepicker", "initial_date": "2026-11-23"}, {"type": "timepicker"})],
    "somebody, somewhere": [actions({"type": "users_select"}, {"type": "channels_select"})],
    "image": [{**IMAGE, "title": plain("Memory")}],
    "input": [typed(multiline=True, min_length=0, max_length=3_000, placeholder=plain("why"))],
    "number": [
        {"type": "input", "label": plain("N"), "element": {"type": "number_input", "is_decimal_allowed": False}}
    ],
    "address": [{"type": "input", "label": plain("N"), "element": {"type": "url_text_input"}, "hint": plain("h")}],
    "mail": [{"type": "input", "label": plain("N"), "element": {"type": "email_text_input"}, "optional": True}],
    "raw output": [rich(preformatted(said("<!channel> & <@U0ADA>")), of_section(said(style={"bold": True})))],
    "rich text": [
        rich(
            {"type": "rich_text_quote", "elements": [{"type": "link", "url": URL, "text": "here"}]},
            listed(of_section({"type": "user", "user_id": "U0ADA"}), of_section({"type": "emoji", "name": "wave"})),
            of_section(
                {"type": "date", "timestamp": 1_795_521_790, "format": "{time}", "fallback": "12:03"},
                {"type": "channel", "channel_id": CHANNEL},
                {"type": "usergroup", "usergroup_id": "S0SRE"},
                {"type": "broadcast", "range": "here"},
            ),
        )
    ],
    "video": [video(author_name="Ada", provider_name="example")],
    "markdown": [{"type": "markdown", "text": "x" * 12_000}],
    "table": [table([cell(), cell()], [cell(), rich(of_section(said()))], column_settings=[{"align": "right"}])],
    "feedback": [{"type": "context_actions", "elements": [feedback("f")]}],
    "card": [card(actions=[button()])],
    "carousel": [{"type": "carousel", "elements": [card(), card()]}],
    "container": [container(section(), actions(button()))],
    "task": [task()],
    "plan": [{"type": "plan", "title": "Repair", "tasks": [{**task("pending"), "task_id": "1"}]}],
}

BAD: dict[str, list[Json]] = {
    "51 blocks": [{"type": "divider"}] * 51,
    "unknown block": [{"type": "marquee", "text": "hello"}],
    "no type": [{"text": plain("hello")}],
    "type that is no word": [{"type": ["section"], "text": plain("hello")}],
    "unknown key": [section(colour="red")],
    "alert outside a modal": [{"type": "alert", "text": plain("hello")}],
    "long block_id": [section(block_id="b" * 256)],
    "empty block_id": [section(block_id="")],
    "block_id twice": [section(block_id="b"), section(block_id="b")],
    "block_id twice, one in a container": [section(block_id="b"), container(section(block_id="b"))],
    "action_id twice in a block": [actions(button("go"), button("go"))],
    "action_id twice in a container": [container(actions(button("go"), button("go")))],
    "action_id twice in a card": [card(actions=[button("go"), button("go")])],
    "long action_id": [actions(button("a" * 256))],
    "section without text": [{"type": "section"}],
    "section with empty text": [section("")],
    "section of 3001": [section("x" * 3_001)],
    "section of 3001 beyond the first plane": [section("🔴" * 3_001)],
    "section with a bare string": [{"type": "section", "text": "hello"}],
    "11 fields": [{"type": "section", "fields": [mrkdwn("x")] * 11}],
    "no fields": [{"type": "section", "fields": []}],
    "field of 2001": [{"type": "section", "fields": [mrkdwn("x" * 2_001)]}],
    "accessory that is an input": [section(accessory={"type": "plain_text_input", "action_id": "a"})],
    "header of 151": [{"type": "header", "text": plain("x" * 151)}],
    "header in mrkdwn": [{"type": "header", "text": mrkdwn("x")}],
    "11 in a context": [context(*[mrkdwn("x")] * 11)],
    "empty context": [context()],
    "button in a context": [context(button())],
    "26 actions": [actions(*[button(str(n)) for n in range(26)])],
    "no actions": [actions()],
    "actions that are no list": [{"type": "actions", "elements": button()}],
    "text among actions": [actions(mrkdwn("x"))],
    "button label of 76": [actions(button(text=plain("x" * 76)))],
    "button label in mrkdwn": [actions(button(text=mrkdwn("x")))],
    "button without label": [actions({"type": "button", "action_id": "a"})],
    "button value of 2001": [actions(button(value="x" * 2_001))],
    "button value that is a number": [actions(button(value=1))],
    "button url of 3001": [actions(button(url="https://example.com/" + "x" * 2_981))],
    "button style": [actions(button(style="warning"))],
    "accessibility label of 76": [actions(button(accessibility_label="x" * 76))],
    "confirm title of 101": [actions(button(confirm=confirm(title=plain("x" * 101))))],
    "confirm text of 301": [actions(button(confirm=confirm(text=mrkdwn("x" * 301))))],
    "confirm button of 31": [actions(button(confirm=confirm(confirm=plain("x" * 31))))],
    "confirm without deny": [actions(button(confirm={k: v for k, v in confirm().items() if k != "deny"}))],
    "option label of 76": [actions(select(options=[option(text=plain("x" * 76))]))],
    "option value of 151": [actions(select(options=[option("x" * 151)]))],
    "option description of 76": [actions(select(options=[option(description=plain("x" * 76))]))],
    "101 options": [actions(select(options=options(101)))],
    "no options": [actions(select(options=[]))],
    "options with one value": [actions(select(options=[option("a"), option("a")]))],
    "options and groups": [actions(select(option_groups=[{"label": plain("G"), "options": options(1)}]))],
    "neither options nor groups": [actions({"type": "static_select", "action_id": "a"})],
    "first option that is none": [actions(select(initial_option=option("elsewhere")))],
    "placeholder of 151": [actions(select(placeholder=plain("x" * 151)))],
    "11 radio buttons": [actions(radios(11))],
    "6 in an overflow menu": [actions(overflow(6))],
    "input label of 2001": [{**typed(), "label": plain("x" * 2_001)}],
    "input label in mrkdwn": [{**typed(), "label": mrkdwn("x")}],
    "input hint of 2001": [{**typed(), "hint": plain("x" * 2_001)}],
    "input without element": [{"type": "input", "label": plain("x")}],
    "input with a button": [{"type": "input", "label": plain("x"), "element": button()}],
    "input max_length of 3001": [typed(max_length=3_001)],
    "input min_length above max_length": [typed(min_length=9, max_length=8)],
    "image without alt_text": [{"type": "image", "image_url": URL}],
    "image_url of 3001": [{**IMAGE, "image_url": "https://example.com/" + "x" * 2_981}],
    "alt_text of 2001": [{**IMAGE, "alt_text": "x" * 2_001}],
    "image title of 2001": [{**IMAGE, "title": plain("x" * 2_001)}],
    "markdown of 12001": [{"type": "markdown", "text": "x" * 12_001}],
    "markdown of 12001 in two": [{"type": "markdown", "text": "x" * 6_000}, {"type": "markdown", "text": "x" * 6_001}],
    "table of 101 rows": [table(*[[cell()]] * 101)],
    "table of 21 cells": [table([cell()] * 21)],
    "table with an empty cell": [table([cell("")])],
    "table with uneven rows": [table([cell(), cell()], [cell()])],
    "table with 21 column settings": [table([cell()], column_settings=[{"align": "left"}] * 21)],
    "two tables": [table([cell()]), table([cell()])],
    "rich text with a bare text": [rich(said())],
    "rich text with an unknown element": [rich(of_section({"type": "blink", "text": "x"}))],
    "rich text with an unknown style": [rich(of_section(said(style={"loud": True})))],
    "rich text list of texts": [rich(listed(said()))],
    "rich text list style": [rich(listed(of_section(said()), style="dash"))],
    "empty rich text": [rich(of_section(said("")))],
    "card title of 151": [card(title=mrkdwn("x" * 151))],
    "card body of 201": [card(body=mrkdwn("x" * 201))],
    "card with 4 actions": [card(actions=[button(str(n)) for n in range(4)])],
    "carousel of 11": [{"type": "carousel", "elements": [card()] * 11}],
    "empty carousel": [{"type": "carousel", "elements": []}],
    "container of 11": [container(*[section()] * 11)],
    "container title of 151": [container(section(), title=plain("x" * 151))],
    "container in a container": [container(container(section()))],
    "task status": [task("sleeping")],
    "task of its own that is pending": [task("pending")],
    "plan of 51 tasks": [{"type": "plan", "title": "x", "tasks": [{**task(), "task_id": str(n)} for n in range(51)]}],
    "6 context actions": [{"type": "context_actions", "elements": [feedback(str(n)) for n in range(6)]}],
    "video title of 200": [video(title=plain("x" * 200))],
    "two with focus": [actions({**select(), "focus_on_load": True}), actions({**select(), "focus_on_load": True})],
    "block that is none": ["hello"],  # type: ignore[list-item]  # on purpose
}


def test_every_bad_payload_is_refused_and_every_good_one_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    passed = [name for name, blocks in BAD.items() if not faults(blocks, "message")]
    wronged = {name: found for name, blocks in GOOD.items() if (found := faults(blocks, "message"))}

    with capsys.disabled():
        print(
            f"\nbad blocks: {len(BAD) - len(passed)} of {len(BAD)} refused; good: {len(GOOD)}, {len(wronged)} refused"
        )
    assert passed == []
    assert wronged == {}
    assert len(BAD) >= 37


def test_a_refusal_names_every_place_that_is_wrong(desk: Desk) -> None:
    blocks = [section(), section("x" * 3_001), actions(button(style="warning", text=plain("x" * 76)))]

    told = refused(desk.app.chat_postMessage, channel=CHANNEL, text="x", blocks=blocks)

    assert told["error"] == "invalid_blocks"
    assert sorted(messages_of(told)) == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]",
        "[ERROR] must be less than 76 characters [json-pointer:/blocks/2/elements/0/text/text]",
        "[ERROR] must be one of primary, danger [json-pointer:/blocks/2/elements/0/style]",
    ]
    assert desk.workspace.messages(CHANNEL) == ()


def test_all_ways_to_say_something_look_at_the_blocks(desk: Desk, line: Line) -> None:
    bad, ts = [{"type": "header", "text": mrkdwn("x")}], desk.post()
    desk.type("list")
    url = line.next()["payload"]["response_url"].removeprefix(desk.url)

    told: Any = {"channel": CHANNEL, "text": "x", "blocks": bad}
    for call in (
        partial(desk.app.chat_postMessage, **told),
        partial(desk.app.chat_update, ts=ts, **told),
        partial(desk.app.chat_postEphemeral, user=ADA, **told),
    ):
        assert refused(call)["error"] == "invalid_blocks"
    heard = desk.ask("POST", url, json.dumps(told).encode(), {"Content-Type": "application/json"})
    assert (heard.status, heard.raw) == (400, b"invalid_blocks")


def where(surface: Surface) -> set[str]:
    """The kinds of blocks, each by a good example, that this surface takes."""
    every = [block for blocks in GOOD.values() for block in blocks]
    every.append({"type": "alert", "text": plain("hello")})
    return {each["type"] for each in every if not faults([each], surface)}


def test_each_surface_takes_its_own_blocks() -> None:
    everywhere = {"actions", "context", "divider", "header", "image", "input", "rich_text", "section", "video"}

    assert where("modal") == everywhere | {"alert"}
    assert where("home") == everywhere | {"card", "carousel", "container"}
    assert where("message") == everywhere | {
        *("card", "carousel", "container", "context_actions", "markdown", "plan", "table", "task_card")
    }


@pytest.mark.parametrize(("surface", "most"), [("message", 50), ("modal", 100), ("home", 100)])
def test_how_many_blocks_a_surface_takes(surface: Surface, most: int) -> None:
    assert faults([{"type": "divider"}] * most, surface) == ()
    assert faults([{"type": "divider"}] * (most + 1), surface) != ()


def test_the_models_of_slacks_own_library_are_asked_as_well() -> None:
    """They see about half of it by themselves, and what they drop without a word counts as refused."""

    def seen(name: str) -> bool:
        try:
            return any(_models(BAD[name], "/blocks"))
        except (TypeError, AttributeError):  # what is not shaped like a block at all never comes this far
            return False

    by_models = {name for name in BAD if seen(name)}

    assert {"unknown key", "header of 151", "button style", "confirm title of 101", "11 fields"} <= by_models
    assert len(by_models) >= 37


@settings(max_examples=30)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_length_is_counted_in_code_points(letters: str) -> None:
    fits = (letters * 3_000)[:3_000]

    assert faults([section(fits)], "message") == ()
    assert faults([section(fits + letters[0])], "message") != ()
    assert characters([section(letters), {"type": "header", "text": plain(letters)}]) == 2 * len(letters)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "elements", "element", "options", "value", "rows"]), inside)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([block for blocks in GOOD.values() for block in blocks[:1]]), st.data())
def test_whatever_takes_the_place_of_a_part_is_judged_and_never_breaks_the_judge(
    other: object, block: Json, data: st.DataObject
) -> None:
    damaged = copy.deepcopy(block)
    place = data.draw(st.sampled_from(sorted(damaged)))
    damaged[place] = other

    for each in faults([damaged], "message"):
        assert each.startswith("[ERROR] ")
        assert "[json-pointer:/blocks" in each
