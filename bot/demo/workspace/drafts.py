"""What the app wants to say: text, blocks and metadata as Slack takes them, or its refusal."""

import html
from dataclasses import dataclass
from typing import Any

from bot.demo.workspace import blocks as rules
from bot.demo.workspace.calls import Args, NotOk
from bot.demo.workspace.cast import Json

_MOST_TEXT = 40_000  # characters of a post; docs.slack.dev/reference/methods/chat.postMessage
_MOST_UPDATED = 4_000  # bytes of an update, after escaping; docs.slack.dev/reference/methods/chat.update
_MOST_METADATA = 16_000  # bytes; Slack names no number
_MOST_ATTACHMENTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`None`: not given. `truncated`: Slack cut the text, and says so."""

    text: str | None
    blocks: tuple[Json, ...] | None
    truncated: bool = False

    @property
    def warnings(self) -> Json:
        return {"response_metadata": {"warnings": ["message_truncated"]}} if self.truncated else {}


def draft(args: Args) -> Draft:
    attachments = args.tree("attachments", "invalid_attachments")
    if isinstance(attachments, list) and len(attachments) > _MOST_ATTACHMENTS:
        raise NotOk("too_many_attachments")
    blocks = blocks_of(args.tree("blocks", "invalid_blocks_format"))
    text = args.word("text") if "text" in args else None
    if not text and not blocks:
        raise NotOk("no_text")
    long = text is not None and len(text) > _MOST_TEXT
    return Draft(text=text[:_MOST_TEXT] if text and long else text, blocks=blocks, truncated=long)


def blocks_of(given: Any) -> tuple[Json, ...] | None:
    """With ids for all that acts."""
    if given is None:
        return None
    if not isinstance(given, list):
        raise NotOk("invalid_blocks_format")
    if wrong := rules.faults(given, "message"):
        raise NotOk("invalid_blocks", *wrong, errors=[each.removeprefix("[ERROR] ") for each in wrong])
    if rules.characters(given) > rules.MOST_CHARACTERS:
        raise NotOk("msg_blocks_too_long")
    return rules.settled(given)


def too_long_for_update(text: str) -> bool:
    """Escaped once, however it came."""
    return len(html.escape(html.unescape(text), quote=False).encode()) > _MOST_UPDATED


def metadata(args: Args) -> Json | None:
    """None: not given. Empty: to be removed."""
    given = args.tree("metadata", "invalid_metadata_format")
    if given is None or given == {}:
        return None if given is None else {}
    if not isinstance(given, dict) or not isinstance(given.get("event_type"), str):
        raise NotOk("invalid_metadata_format")
    payload = given.get("event_payload")
    if not isinstance(payload, dict) or not all(map(_is_flat, payload.values())):
        raise NotOk("invalid_metadata_format")
    if len(repr(given).encode()) > _MOST_METADATA:
        raise NotOk("metadata_too_large")
    return {"event_type": given["event_type"], "event_payload": payload}


def _is_flat(value: object) -> bool:
    """A word, a number, or a list of such."""
    inside = value if isinstance(value, list) else [value]
    return not any(isinstance(each, dict | list) for each in inside)
