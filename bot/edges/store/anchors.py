"""The anchor file: heads of the audit chain, kept where whoever cuts the log's tail does not reach."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from bot.core.audit import Head
from bot.core.hostile import plain
from bot.ports import Garbled, Refused

_LINE = re.compile(r"([1-9]\d{0,17}) ([0-9a-f]{64})", re.ASCII)


def write(path: Path, head: Head) -> None:
    """Appends this head, durably. Raises an Outage when it cannot, or when the file does not end with an anchor."""
    try:
        new = not path.exists()
        with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644), "rb+") as file:
            before = file.read()
            _parsed(path, before)
            file.write(f"{head.seq} {head.hash}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        if new:
            _sync(path.parent)
    except OSError as error:
        raise _refused("writing", path, error) from error


def read(path: Path) -> Mapping[int, str]:
    """Hashes by row. Raises an Outage for a file that cannot be read, or that holds anything else."""
    try:
        return _parsed(path, path.read_bytes())
    except OSError as error:
        raise _refused("reading", path, error) from error


def _parsed(path: Path, raw: bytes) -> Mapping[int, str]:
    """Each line ends with a line feed, the last one too: one that was half written does not count as a hash."""
    found: dict[int, str] = {}
    *lines, rest = raw.decode("ascii", "replace").split("\n")
    for number, line in enumerate((*lines, rest) if rest else lines, 1):
        match = _LINE.fullmatch(line)
        torn = number > len(lines)
        if torn or match is None or found.get(int(match[1]), match[2]) != match[2]:
            raise _garbled(path, number)
        found[int(match[1])] = match[2]
    return found


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _refused(doing: str, path: Path, error: OSError) -> Refused:
    return Refused(f"{doing} the anchors", plain(str(path)), error.strerror or "it failed", "Name another file.")


def _garbled(path: Path, line: int) -> Garbled:
    why = f"line {line} is no anchor (a row's number and its hash, each row once)"
    return Garbled("reading the anchors", plain(str(path)), why, "Use a file that holds anchors alone.")
