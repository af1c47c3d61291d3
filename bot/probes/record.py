"""The node program's record of one operation, as `do` and `status` print it: what became of it, provably."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from bot.core.hostile import plain

Result = Literal["done", "refused", "failed", "burnt", "running", "unknown"]

_CAP = 65_536  # bytes; a record is 8 KiB at most
_KEPT = re.compile(r"(\d{1,6}) (\d{1,6})", re.ASCII)
_LEFT = re.compile(r"(\d{1,7}) (\S{1,64}) (.{0,64})", re.ASCII)
_NAMED = 5
_LINE = re.compile(r"([a-z]+)(?: (.*))?")
_FIRST = "terminating-node-op 1"


class NotARecordError(Exception):
    """What came back is no record of this operation; the text says why, in one clean line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A daemon, or the first process of a container, that was there before the act and is not any more."""

    pid: int
    pod: str  # its UID; "-" for a daemon
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`why`, `said` and the names in `left` are the node's own words, cleaned."""

    op: str
    words: tuple[str, ...]  # empty for an id that was burnt before it was seen
    result: Result
    why: str
    said: tuple[str, ...]
    kept: tuple[int, int] | None = None  # how many of how many that were there before; None where nobody counted
    left: tuple[Left, ...] = ()  # some of the others


def beside(found: Record, pod: str, node: str) -> str:
    """What became of all but that pod's own, as a sentence; empty where nobody counted."""
    if found.kept is None:
        return ""
    others = [each for each in found.left if each.pod != pod]
    kept, total = found.kept[0], found.kept[1] - (len(found.left) - len(others))
    if total == 0:
        return ""
    names = ", ".join(f'"{each.name}" (pid {each.pid})' for each in others[:_NAMED])
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    but = f", but not {names}{more}" if names else ""
    return f"{kept} of {total} other containers and daemons of {node} kept their pid and start time{but}."


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
        kept=_kept(found.get("kept", [])),
        left=tuple(
            Left(pid=int(match[1]), pod=match[2], name=plain(match[3]))
            for match in map(_LEFT.fullmatch, found.get("left", []))
            if match
        ),
    )


def _kept(lines: list[str]) -> tuple[int, int] | None:
    match = _KEPT.fullmatch(lines[0]) if len(lines) == 1 else None
    return (int(match[1]), int(match[2])) if match and int(match[1]) <= int(match[2]) else None
