"""
Whether a request comes from Slack: signed with the secret that only Slack and we know, lately, and not heard before.

`v0=` and the HMAC-SHA256 of `v0:TIMESTAMP:BODY`, over the bytes as they came. A timestamp is believed for five minutes
both ways, so a signature is kept for as long as it could be sent again. What Slack itself repeats is no repetition
here: it signs each attempt anew, with another timestamp, and an event that is told twice is drawn twice. Two attempts
within one second do look alike: the second is refused, and the third comes a minute later.

A repetition is refused and not acknowledged, because nobody can say whether the first one was. What was heard is
forgotten when the process ends, and another replica never knew it. What holds then is what holds for double clicks: one
vote a person and a plan, one execution a plan.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)
_STAMP = re.compile(rb"\d{1,11}")  # Unix seconds
_SEAL = re.compile(rb"v0=[0-9a-f]{64}")


class Forged(Exception):  # noqa: N818  # an error of theirs, not of ours
    """Its only argument says why, in words of ours alone."""


class Repeated(Exception):  # noqa: N818  # the same
    """Signed as it should be, and heard before."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What the two headers say, before the body is read."""

    stamp: bytes
    seal: bytes


@dataclass
class Seals:
    """For one thread."""

    secret: str = field(repr=False)
    clock: Callable[[], datetime]
    _heard: dict[bytes, datetime] = field(default_factory=dict)  # oldest first

    def read(self, stamps: Sequence[bytes], seals: Sequence[bytes]) -> Seal:
        """Each as often as its header was sent. Raises `Forged` where no body could make it right."""
        if len(stamps) != 1 or not _STAMP.fullmatch(stamps[0]):
            raise Forged("no timestamp, or none that can be read")
        if len(seals) != 1 or not _SEAL.fullmatch(seals[0]):
            raise Forged("no signature, or none that can be read")
        if abs(self.clock().timestamp() - int(stamps[0])) > WINDOW.total_seconds():
            raise Forged("a timestamp of another time: is this machine's clock right?")
        return Seal(stamps[0], seals[0])

    def accept(self, seal: Seal, body: bytes) -> None:
        """Raises `Forged` or `Repeated`. What is accepted once is never accepted again."""
        signed = hmac.new(self.secret.encode(), b"v0:%b:%b" % (seal.stamp, body), hashlib.sha256)
        if not hmac.compare_digest(b"v0=" + signed.hexdigest().encode(), seal.seal):
            raise Forged("a signature that is not Slack's: is the signing secret that of this app?")
        now = self.clock()
        while self._heard and now - next(iter(self._heard.values())) > 2 * WINDOW:
            del self._heard[next(iter(self._heard))]
        if seal.seal in self._heard:
            raise Repeated
        self._heard[seal.seal] = now
