"""
The host keys that known_hosts files pin for a node, and whether the one it offers is among them.

Lines are read one by one: a line that cannot be read, or an @cert-authority line, pins nothing and spoils no other.
Format: OpenSSH, sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bot.edges.ssh.targets import Errand, Target
from bot.ports import Refused

_SSH_PORT = 22
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}  # RFC 8332; of the other types the name is the same
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Pin:
    kind: str
    blob: bytes
    where: str  # file:line

    def __str__(self) -> str:
        return f"{self.kind} {_fingerprint(self.blob)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    accepted: tuple[Pin, ...]
    revoked: tuple[Pin, ...]
    target: Target

    @classmethod
    def of(cls, target: Target, errand: Errand) -> Self:
        """What is pinned for its address, else what is pinned for its name; revoked for either is revoked."""
        if not target.known_hosts:
            why = "no known_hosts file is configured, so no host key can be trusted"
            raise errand.outage(Refused, why, "Name one: `known_hosts` below `ssh` in the settings.")
        lines = [line for path in target.known_hosts for line in _lines(path, errand)]
        names = [_as_written(name.lower(), target.port) for name in (target.host, target.name)]
        by_name = [tuple(pin for marker, hosts, pin in lines if not marker and _matches(hosts, name)) for name in names]
        revoked = (
            pin for marker, hosts, pin in lines if marker == "@revoked" and any(_matches(hosts, name) for name in names)
        )
        return cls(accepted=by_name[0] or by_name[1], revoked=tuple(revoked), target=target)

    def preferred(self, kinds: Sequence[str]) -> tuple[str, ...]:
        """The same host key algorithms, pinned ones first: a server that has several keys shows the one we know."""
        pinned = {name for pin in self.accepted for name in _SIGNATURES.get(pin.kind, (pin.kind,))}
        return tuple(sorted(kinds, key=lambda kind: kind not in pinned))

    def check(self, kind: str, blob: bytes, errand: Errand) -> None:
        """Refused unless exactly this key is pinned and not revoked."""
        offered = f"{kind} {_fingerprint(blob)}"
        for pin in self.revoked:
            if pin.blob == blob:
                why = f"its host key {offered} is revoked by {pin.where}; nothing was sent"
                raise errand.outage(Refused, why, "Treat this node as not to be trusted until someone has looked.")
        if any(pin.blob == blob for pin in self.accepted):
            return
        if not self.accepted:
            why = f"its host key is not known: it offers {offered}; nothing was sent"
            then = f"Compare it with `ssh-keygen -lf` on the node, then add it to {self.target.known_hosts[0]}."
            raise errand.outage(Refused, why, then)
        same = [pin for pin in self.accepted if pin.kind == kind] or self.accepted
        pinned = ", ".join(f"{pin} ({pin.where})" for pin in same[:_SHOWN])
        why = f"its host key has changed: it offers {offered}, pinned is {pinned}; nothing was sent"
        raise errand.outage(Refused, why, "If the node was rebuilt, replace the line; if not, someone is in between.")


def _lines(path: Path, errand: Errand) -> Iterator[tuple[str, str, Pin]]:
    """Marker (often empty), host patterns and pin of each line that can be read. A file that is not there is empty."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as error:
        why = f"{path} cannot be read: {error.strerror}"
        raise errand.outage(Refused, why, "Host keys are pinned there: make it readable.") from error
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#"):  # noqa: PLR2004  # hosts, type, key
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        yield marker, words[0], Pin(words[1], blob, f"{path}:{number}")


def _as_written(host: str, port: int) -> str:
    return host if port == _SSH_PORT else f"[{host}]:{port}"


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        return _hashed(patterns, name)
    found = False
    for pattern in patterns.lower().split(","):
        wanted = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern.removeprefix("!"))
        if re.fullmatch(wanted, name):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _hashed(pattern: str, name: str) -> bool:
    """`|1|salt|HMAC-SHA1 of the name`, both in base64."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in pattern.split("|")[2:])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), "sha1").digest(), digest)


def _fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
