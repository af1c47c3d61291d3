"""
Blocks by the few shapes that cards are made of, each within Slack's limits by construction.

Words of a cluster, a node or a person stand in `rich_text` and `plain_text` only, which Slack does not parse: no
mention, link, formatting or emoji can be made of them. Times are the one exception: of a foot they are markup, and it
is built of our own digits. The numbers are those of docs.slack.dev/reference/block-kit/blocks;
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
    MarkdownTextObject,
    Option,
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
LONGEST_VALUE = 150  # of an option
MOST_IN_CONTEXT = 10  # elements
NOTHING = "-"  # where there is no text: Slack refuses an empty one
FALLBACK = 790  # of the text that notifications and screen readers take: 4,000 bytes once every "&" of it is escaped

_Text = RichTextElementParts.Text
_Style = RichTextElementParts.TextStyle
_BOLD = _Style(bold=True)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = re.compile(
    rf"\b(?P<day>\d{{1,2}}) (?P<month>{'|'.join(_MONTHS)}) (?P<time>\d\d:\d\d:\d\d) UTC\b"
    r"|\b(?P<date>\d{4}-\d\d-\d\d) (?P<minute>\d\d:\d\d) UTC\b",
    re.ASCII,
)
_TO_THE_MINUTE, _TO_THE_SECOND, _AND_HOW_FAR = (
    "{date_short_pretty} {time}",
    "{date_short_pretty} {time_secs}",
    " ({ago})",
)


def headed(text: str, *, block_id: str | None = None) -> Block:
    """The one line that everybody reads."""
    return _rich(RichTextSectionElement(elements=[_Text(text=cut(text), style=_BOLD)]), block_id=block_id)


def labelled(parts: Iterable[tuple[str, Sequence[str]]], now: datetime, *, block_id: str = "") -> list[Block]:
    """
    A bold label before its lines, times in the reader's own zone: a block each, so that too long a card loses its tail.

    `now` gives the year where it is not written; `block_id` begins their names.
    """
    made = []
    for n, (label, lines) in enumerate(parts):
        gap = "" if label.endswith("\n") else "  "  # a list begins on a line of its own
        inside: list[RichTextElement] = [_Text(text=f"{cut(label)}{gap}", style=_BOLD)]
        inside.extend(_timed(cut("\n".join(cut(line) for line in lines), LONGEST_QUOTE), now))
        made.append(_rich(RichTextSectionElement(elements=inside), block_id=f"{block_id} {n}" if block_id else None))
    return made


def said(text: str, now: datetime) -> Block:
    """A sentence or two, as the bot says them."""
    return _rich(RichTextSectionElement(elements=list(_timed(cut(text), now))))


def quoted(lines: Iterable[str]) -> Block:
    """What a cluster or a node said, as it was said."""
    return _rich(RichTextPreformattedElement(elements=[_Text(text=cut("\n".join(map(cut, lines)), LONGEST_QUOTE))]))


def foot(text: str, now: datetime) -> Block:
    """In small print, times as everywhere."""
    elements: list[PlainTextObject | MarkdownTextObject] = []
    for each in _timed(cut(text), now):
        if isinstance(each, RichTextElementParts.Date):
            token = f"<!date^{each.timestamp}^{each.format}|{each.fallback}>"
            elements.append(MarkdownTextObject(text=token, verbatim=True))
        elif each.text.strip():
            elements.append(plain_text(each.text.strip()))
    return ContextBlock(elements=elements[:MOST_IN_CONTEXT])


def small(text: str) -> Block:
    """In small print, without times."""
    return ContextBlock(elements=[plain_text(text)])


def plain_text(text: str, limit: int = LONGEST_TEXT) -> PlainTextObject:
    """As it is: a `:name:` in it is no emoji either."""
    return PlainTextObject(text=cut(text, limit), emoji=False)


def option(value: str, text: str) -> Option:
    """`value` whole, or Slack refuses it: what is longer than that must not be offered."""
    return Option(value=value, text=plain_text(text, LONGEST_LABEL))


def buttons(block_id: str, *elements: InteractiveElement) -> Block:
    return ActionsBlock(block_id=block_id, elements=list(elements))


def cut(text: str, limit: int = LONGEST_TEXT) -> str:
    """Never empty: Slack refuses that."""
    return (text if len(text) <= limit else text[: limit - 1] + ELLIPSIS) if text.strip() else NOTHING


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
    more = small(f"{ELLIPSIS} more of this is in the file").to_dict()
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


def _rich(*elements: RichTextElement, block_id: str | None = None) -> Block:
    return RichTextBlock(elements=list(elements), block_id=block_id)


def _timed(text: str, now: datetime) -> Iterator[RichTextElementParts.Text | RichTextElementParts.Date]:
    """Each time of the text as a date of Slack's, in the zone of whoever reads; one to come is counted down to."""
    last = 0
    for match in _CLOCK.finditer(text):
        at = _moment(match, now)
        if at is None:
            continue
        if match.start() > last:
            yield _Text(text=text[last : match.start()])
        shown = (_TO_THE_MINUTE if match["date"] else _TO_THE_SECOND) + (_AND_HOW_FAR if at > now else "")
        yield RichTextElementParts.Date(timestamp=int(at.timestamp()), format=shown, fallback=match[0])
        last = match.end()
    if last < len(text) or not text:
        yield _Text(text=text[last:] or NOTHING)


def _moment(match: re.Match[str], now: datetime) -> datetime | None:
    """Without a year: the latest such moment that is not more than a day ahead. None for the 31st of February."""
    if match["date"]:
        return _read(f"{match['date']} {match['minute']}:00")
    day, month = int(match["day"]), _MONTHS.index(match["month"]) + 1
    for year in (now.year + 1, now.year, now.year - 1):
        at = _read(f"{year}-{month:02}-{day:02} {match['time']}")
        if at is not None and at <= now + timedelta(days=1):
            return at
    return None


def _read(moment: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    except ValueError:
        return None
    return at if at.timestamp() >= 0 else None  # before it, Slack's dates have no number
