"""
Blocks by the few shapes that cards are made of, each within Slack's limits by construction.

Words of a cluster, a node or a person stand in `rich_text` and `plain_text` only, which Slack does not parse: no
mention, link or formatting can be made of them. The numbers are those of docs.slack.dev/reference/block-kit/blocks;
that a message is refused beyond 13,200 characters in all was found by others (slackapi/bolt-js#2509).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ContextBlock,
    PlainTextObject,
    RichTextBlock,
    RichTextElement,
    RichTextElementParts,
    RichTextPreformattedElement,
    RichTextSectionElement,
)
from slack_sdk.models.blocks.block_elements import InteractiveElement

from bot.core.hostile import ELLIPSIS

Blocks = tuple[dict[str, Any], ...]

MOST_BLOCKS = 50
MOST_CHARACTERS = 10_000  # of a message in all
LONGEST_TEXT = 2_000  # of one line
LONGEST_QUOTE = 3_000
LONGEST_LABEL = 75  # of a button or an option
FALLBACK = 1_000  # of the text that notifications and screen readers take

_Text = RichTextElementParts.Text
_Style = RichTextElementParts.TextStyle
_BOLD = _Style(bold=True)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d\d):(\d\d):(\d\d) UTC\b", re.ASCII)


def headed(text: str) -> Block:
    """The one line that everybody reads."""
    return _rich(RichTextSectionElement(elements=[_Text(text=cut(text), style=_BOLD)]))


def labelled(parts: Iterable[tuple[str, Sequence[str]]], now: datetime) -> Block:
    """A bold label before its lines, times in the reader's own zone. `now` gives the year that is not written."""
    elements: list[RichTextElement] = []
    for label, lines in parts:
        inside: list[RichTextElement] = [_Text(text=f"{label}  ", style=_BOLD)]
        inside.extend(_timed("\n".join(cut(line) for line in lines), now))
        elements.append(RichTextSectionElement(elements=[*inside, _Text(text="\n")]))
    return _rich(*elements)


def quoted(lines: Iterable[str]) -> Block:
    """What a cluster or a node said, as it was said."""
    return _rich(RichTextPreformattedElement(elements=[_Text(text=cut("\n".join(map(cut, lines)), LONGEST_QUOTE))]))


def foot(text: str) -> Block:
    return ContextBlock(elements=[PlainTextObject(text=cut(text))])


def buttons(block_id: str, *elements: InteractiveElement) -> Block:
    return ActionsBlock(block_id=block_id, elements=list(elements))


def cut(text: str, limit: int = LONGEST_TEXT) -> str:
    """Never empty: Slack refuses that."""
    return (text if len(text) <= limit else text[: limit - 1] + ELLIPSIS) or " "


def escaped(text: str) -> str:
    """For the one place where Slack parses what we send: the fallback text."""
    return cut(text, FALLBACK).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fitting(blocks: Iterable[Block]) -> Blocks:
    """
    As dicts, and no more of them than a message takes. The last block, with the buttons or the foot, stays.

    A piece that does not fit says so: the whole of it is in the file.
    """
    made = [each.to_dict() for each in blocks]
    sizes = [characters(each) for each in made]
    if len(made) <= MOST_BLOCKS and sum(sizes) <= MOST_CHARACTERS:
        return tuple(made)
    more = foot(f"{ELLIPSIS} more of this is in the file").to_dict()
    left = MOST_CHARACTERS - sizes[-1] - characters(more)
    kept: list[dict[str, Any]] = []
    for block, size in zip(made[:-1], sizes[:-1], strict=True):
        if size > left or len(kept) >= MOST_BLOCKS - 2:
            break
        kept.append(block)
        left -= size
    return (*kept, more, made[-1])


def characters(block: object) -> int:
    """Of all its texts."""
    if isinstance(block, dict):
        return sum(
            len(value) if name == "text" and isinstance(value, str) else characters(value)
            for name, value in block.items()
        )
    return sum(characters(each) for each in block) if isinstance(block, list) else 0


def _rich(*elements: RichTextElement) -> Block:
    return RichTextBlock(elements=list(elements))


def _timed(text: str, now: datetime) -> Iterator[RichTextElement]:
    """Each time of the text as a date of Slack's, which shows it in the zone of whoever reads."""
    last = 0
    for match in _CLOCK.finditer(text):
        at = _moment(match, now)
        if at is None:
            continue
        if match.start() > last:
            yield _Text(text=text[last : match.start()])
        yield RichTextElementParts.Date(
            timestamp=int(at.timestamp()), format="{date_short_pretty} {time_secs}", fallback=match[0]
        )
        last = match.end()
    if last < len(text) or not text:
        yield _Text(text=text[last:] or " ")


def _moment(match: re.Match[str], now: datetime) -> datetime | None:
    """The latest such moment that is not more than a day ahead; None for the 31st of February."""
    day, month = int(match[1]), _MONTHS.index(match[2]) + 1
    for year in (now.year + 1, now.year, now.year - 1):
        try:
            at = datetime(year, month, day, int(match[3]), int(match[4]), int(match[5]), tzinfo=UTC)
        except ValueError:
            continue
        if at <= now + timedelta(days=1):
            return at
    return None
