"""The node program's record of one operation, as `do` and `status` print it: what became of it, provably."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from bot.core.hostile import plain

Result = Literal["done", "refused", "failed", "burnt", "running", "unknown"]

_CAP = 65_536  # bytes; a record is 8 KiB at most
_LINE = re.compile(r"([a-z]+)(?: (.*))?")
_FIRST = "terminating-node-op 1"


class NotARecordError(Exception):
    """What came back is no record of this operation; the text says why, in one clean line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`why` and `said` are the node's own words, cleaned."""

    op: str
    words: tuple[str, ...]  # empty for an id that was burnt before it was seen
    result: Result
    why: str
    said: tuple[str, ...]


def read(raw: bytes, op: str) -> Record:
    """Raises `NotARecordError` for anything but one whole record of exactly this operation."""
    lines = raw[:_CAP].decode("utf-8", "replace").split("\n")
    if len(raw) > _CAP or lines[0] != _FIRST or lines[-2:] != ["end", ""]:
        raise NotARecordError(f'it is no whole record; it begins "{plain(raw[:200], 60)}"')
    found: dict[str, list[str]] = {}
    for line in lines[1:-2]:
        match = _LINE.fullmatch(line)
        if match is None:
            raise NotARecordError(f'it has a line that no record has: "{plain(line, 60)}"')
        found.setdefault(match[1], []).append(match[2] or "")
    if found.get("op") != [op]:
        raise NotARecordError(f"it is about another operation than {op}")
    results = [each for each in get_args(Result) if found.get("result") == [each]]
    if not results:
        raise NotARecordError("it does not say what became of the operation")
    words = " ".join(found.get("words", []))
    return Record(
        op=op,
        words=() if words == "-" else tuple(words.split(" ")),
        result=results[0],
        why=plain(" ".join(found.get("why", []))),
        said=tuple(plain(line) for line in found.get("said", [])),
    )
