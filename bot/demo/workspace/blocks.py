"""
Which blocks Slack takes, and where: its limits, its rules over a whole payload, and the models of its own library.

What is said to be wrong carries the JSON pointer of its place, as `response_metadata.messages` do.
"""

import copy
import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from bot.demo.workspace import elements
from bot.demo.workspace.cast import Json
from bot.demo.workspace.shapes import (
    Check,
    both,
    by_type,
    complaint,
    flag,
    many,
    one_of,
    plain,
    shape,
    text,
    word,
)

Surface = Literal["message", "modal", "home"]

MOST_BLOCKS: Mapping[Surface, int] = {"message": 50, "modal": 100, "home": 100}
MOST_CHARACTERS = 13_200  # of a message in all; undocumented, see slackapi/bolt-js#2509
_MOST_MARKDOWN = 12_000  # of a payload in all

_ID: Mapping[str, Check] = {"block_id": word(elements.LONGEST_ID, 1)}


def _block(needs: Mapping[str, Check], may: Mapping[str, Check] | None = None) -> Check:
    return shape(needs, {**_ID, **(may or {})})


def _says_something(value: object, path: str) -> Iterator[str]:
    assert isinstance(value, dict)  # noqa: S101  # the shape was looked at first
    if "text" not in value and "fields" not in value:
        yield complaint("missing required field: text or fields", path)


def _even_rows(value: object, path: str) -> Iterator[str]:
    assert isinstance(value, dict)  # noqa: S101  # the same
    if len({len(row) for row in value["rows"]}) > 1:
        yield complaint("all rows must have the same number of cells", f"{path}/rows")


_CELL = by_type({"raw_text": shape({"text": word(3_000, 1)}), "rich_text": shape(elements.RICH_TEXT, _ID)})
_COLUMN = shape({}, {"align": one_of("left", "center", "right"), "is_wrapped": flag})
_STATUSES = ("pending", "in_progress", "complete", "error")
_TASK = _block(
    {"task_id": word(255, 1), "title": word(3_000, 1), "status": one_of(*_STATUSES)},
    {
        "details": by_type({"rich_text": shape(elements.RICH_TEXT, _ID)}),
        "output": by_type({"rich_text": shape(elements.RICH_TEXT, _ID)}),
        "sources": many(by_type({"url": shape({"url": elements.URL, "text": word(3_000, 1)})}), 100),
    },
)
_CARD = _block(
    {},
    {
        "hero_image": elements.IMAGE,
        "icon": elements.IMAGE,
        "title": text(150, "mrkdwn"),
        "subtitle": text(150, "mrkdwn"),
        "body": text(200, "mrkdwn"),
        "actions": many(by_type({"button": elements.BUTTON}), 3),
    },
)

_EVERYWHERE: Mapping[str, Check] = {
    "section": both(
        _block(
            {},
            {"text": text(3_000), "fields": many(text(2_000), 10), "accessory": elements.ACCESSORY, "expand": flag},
        ),
        _says_something,
    ),
    "header": _block({"text": plain(150)}),
    "divider": _block({}),
    "context": _block({"elements": many(elements.IN_CONTEXT, 10)}),
    "actions": _block({"elements": many(elements.IN_ACTIONS, 25)}),
    "image": _block({"image_url": elements.URL, "alt_text": word(2_000, 1)}, {"title": plain(2_000)}),
    "input": _block(
        {"label": plain(2_000), "element": elements.IN_INPUT},
        {"hint": plain(2_000), "optional": flag, "dispatch_action": flag},
    ),
    "rich_text": _block(elements.RICH_TEXT),
    "video": _block(
        {
            "alt_text": word(2_000, 1),
            "title": plain(199),
            "thumbnail_url": elements.URL,
            "video_url": elements.URL,
        },
        {
            "title_url": elements.URL,
            "description": plain(200),
            "author_name": word(49),
            "provider_name": word(50),
            "provider_icon_url": elements.URL,
        },
    ),
}
_IN_MESSAGES: Mapping[str, Check] = {
    "markdown": _block({"text": word(_MOST_MARKDOWN, 1)}),
    "table": both(
        _block({"rows": many(many(_CELL, 20), 100)}, {"column_settings": many(_COLUMN, 20)}),
        _even_rows,
    ),
    "context_actions": _block({"elements": many(elements.IN_CONTEXT_ACTIONS, 5)}),
    "task_card": _TASK,
    "plan": _block({"title": word(3_000, 1)}, {"tasks": many(by_type({"task_card": _TASK}), 50)}),
    "card": _CARD,
    "carousel": _block({"elements": many(by_type({"card": _CARD}), 10)}),
    "container": _block(
        {"child_blocks": many(by_type(_EVERYWHERE), 10)},
        {
            "title": plain(150),
            "rich_text_title": by_type({"rich_text": shape(elements.RICH_TEXT, _ID)}),
            "subtitle": plain(150),
            "width": one_of("narrow", "standard", "wide", "full"),
            "icon": elements.IMAGE,
            "is_collapsible": flag,
            "default_collapsed": flag,
            "has_header_divider": flag,
        },
    ),
}
_ALERT = _block({"text": text(200)}, {"level": one_of("default", "info", "warning", "error", "success")})
_KNOWN: Mapping[Surface, Mapping[str, Check]] = {
    "message": {**_EVERYWHERE, **_IN_MESSAGES},
    "modal": {**_EVERYWHERE, "alert": _ALERT},
    "home": {**_EVERYWHERE, **{name: _IN_MESSAGES[name] for name in ("card", "carousel", "container")}},
}


def faults(blocks: object, surface: Surface, path: str = "/blocks") -> tuple[str, ...]:
    """All that Slack would not take, in its words; none where it would."""
    known = _KNOWN[surface]
    found = list(many(by_type(known), MOST_BLOCKS[surface], 0)(blocks, path))
    if found or not isinstance(blocks, list):
        return tuple(found)
    found = list(_over_all(blocks, path))
    return tuple(found or _models(blocks, path))


def characters(tree: object) -> int:
    """Of all the texts in it."""
    if isinstance(tree, dict):
        return sum(
            len(value) if name == "text" and isinstance(value, str) else characters(value)
            for name, value in tree.items()
        )
    return sum(map(characters, tree)) if isinstance(tree, list | tuple) else 0


def settled(blocks: Iterable[Json]) -> tuple[Json, ...]:
    """A copy as Slack stores it: every block and every element that acts has an id."""
    made = copy.deepcopy(tuple(blocks))
    for _, block in _within(made, ""):
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for element in acting(block):
            element.setdefault("action_id", secrets.token_urlsafe(4))
    return made


def acting(block: Json) -> tuple[Json, ...]:
    """The elements of a block that people can use."""
    inside = [*block.get("elements", ()), *block.get("actions", ()), block.get("accessory"), block.get("element")]
    kinds = ("text", "image", "mrkdwn", "plain_text", "card")
    return tuple(
        each
        for each in inside
        if isinstance(each, dict) and each["type"] not in kinds and not each["type"].startswith("rich_text")
    )


def _within(blocks: Iterable[Json], path: str) -> Iterator[tuple[str, Json]]:
    """The blocks, and those that stand in them, each with its place."""
    for n, block in enumerate(blocks):
        yield f"{path}/{n}", block
        yield from _within(block.get("child_blocks", ()), f"{path}/{n}/child_blocks")
        if block["type"] == "carousel":
            yield from _within(block["elements"], f"{path}/{n}/elements")


def _over_all(blocks: Sequence[Json], path: str) -> Iterator[str]:
    every = dict(_within(blocks, path))
    for twice in _repeated(each["block_id"] for each in every.values() if "block_id" in each):
        yield complaint(f"block_id {twice} already exists", path)
    for place, block in every.items():
        for twice in _repeated(each["action_id"] for each in acting(block) if "action_id" in each):
            yield complaint(f"`action_id` {twice} already exists for this block", f"{place}/elements")
        if block["type"] == "task_card" and block["status"] == "pending":
            yield complaint("a task_card of its own must not be pending", f"{place}/status")
    if sum(len(each["text"]) for each in blocks if each["type"] == "markdown") > _MOST_MARKDOWN:
        yield complaint(f"markdown blocks must have less than {_MOST_MARKDOWN + 1} characters in all", path)
    if sum(each["type"] == "table" for each in blocks) > 1:
        yield complaint("only_one_table_allowed", path)
    if sum(each.get("focus_on_load") is True for block in every.values() for each in acting(block)) > 1:
        yield complaint("only one element may have focus_on_load", path)


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _models(blocks: Sequence[Json], path: str) -> Iterator[str]:
    """The library drops what it does not know without a word: so what it made of a block is held against the block."""
    for n, block in enumerate(blocks):
        try:
            parsed = Block.parse(copy.deepcopy(block))
            made = None if parsed is None else json.loads(json.dumps(parsed.to_dict()))
        except SlackObjectFormationError as error:
            yield complaint(str(error), f"{path}/{n}")
            continue
        yield from _lost(block, made, f"{path}/{n}")


def _lost(given: Any, made: Any, path: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(made, dict):
        for name, value in given.items():
            yield from _lost(value, made.get(name), f"{path}/{name}")
    elif isinstance(given, list) and isinstance(made, list) and len(given) == len(made):
        for n, (value, kept) in enumerate(zip(given, made, strict=True)):
            yield from _lost(value, kept, f"{path}/{n}")
    elif given != made:
        yield complaint("not understood", path)
