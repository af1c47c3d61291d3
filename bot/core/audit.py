"""
The audit chain: each row's hash covers the row before it and its own exact bytes, so that no row can be changed unseen.

What a chain alone cannot show is a cut tail: for that its head is kept elsewhere, as an anchor.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

GENESIS = "0" * 64
_DOMAIN = b"terminating audit 1"
_ABOUT = re.compile(rb'\{"at":"[^"]*","incident":(\d+),')  # how a body begins: its keys are sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened, or was refused. `says` holds plain values only."""

    at: datetime
    kind: str  # the event's name in lower case; "refused", "too-late", "started", "paused", "resumed"
    who: str = ""  # a person's id; empty for the bot itself
    incident: int = 0
    says: Mapping[str, object] = field(default_factory=dict)

    def about(self, incident: int) -> "Entry":
        """The same, of an incident whose id was not known before."""
        return replace(self, incident=incident)

    def also(self, says: Mapping[str, object]) -> "Entry":
        return replace(self, says={**self.says, **says})

    def body(self) -> bytes:
        """The bytes that are stored and hashed: JSON with sorted keys."""
        value = {
            "at": self.at.astimezone(UTC).isoformat(),
            "kind": self.kind,
            "who": self.who,
            "incident": self.incident,
            "says": dict(self.says),
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str).encode()


@dataclass(frozen=True, slots=True)
class Link:
    """One stored row."""

    seq: int
    body: bytes
    prev: str
    hash: str
    incident: int = 0  # as it is filed, for search: what counts is in the bytes


@dataclass(frozen=True, slots=True)
class Head:
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that does not fit, and why."""

    seq: int
    why: str


def chained(seq: int, prev: str, body: bytes) -> str:
    """SHA-256 over length-prefixed parts: 64 hex digits."""
    digest = hashlib.sha256()
    for part in (_DOMAIN, str(seq).encode(), prev.encode(), body):
        digest.update(str(len(part)).encode() + b":" + part)
    return digest.hexdigest()


def verified(links: Iterable[Link], anchors: Mapping[int, str], head: Head) -> Head | Broken:
    """
    The head of a whole chain, or its first broken row.

    `anchors`: hashes kept elsewhere, by seq; `head`: as it is stored, read together with the rows.
    Rows are numbered from 1 without a gap.
    """
    last = Head(0, GENESIS)
    for link in links:
        if why := _broken(link, last, anchors.get(link.seq, link.hash)):
            return Broken(min(link.seq, last.seq + 1), why)
        last = Head(link.seq, link.hash)
    if last.seq < head.seq:
        return Broken(last.seq + 1, f"the log ends at row {last.seq}; its head says {head.seq}: the tail was cut")
    if last.seq > head.seq:
        return Broken(head.seq + 1, f"row {head.seq + 1} was added by another hand: the head says {head.seq}")
    if last != head:
        return Broken(last.seq, f"row {last.seq} is not the one that the head knows")
    beyond = [seq for seq in anchors if seq > last.seq]
    if beyond:
        return Broken(last.seq + 1, f"the log ends at row {last.seq}; row {max(beyond)} is kept in the anchor file")
    return last


def _broken(link: Link, last: Head, anchor: str) -> str:
    """Why this row does not fit; empty where it does."""
    if link.seq != last.seq + 1:
        return f"row {last.seq + 1} is missing: row {link.seq} follows row {last.seq}"
    if link.prev != last.hash:
        return f"row {link.seq} does not follow from the row before it"
    if chained(link.seq, link.prev, link.body) != link.hash:
        return f"row {link.seq} is not what was written: its hash does not fit its bytes"
    if anchor != link.hash:
        return f"row {link.seq} is not the one whose hash is kept in the anchor file"
    about = _ABOUT.match(link.body)
    if about is None or int(about[1]) != link.incident:
        return f"row {link.seq} is filed under incident {link.incident}, and its bytes say otherwise"
    return ""
