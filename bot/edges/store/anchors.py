"""The anchor file: heads of the audit chain, kept where whoever cuts the log's tail does not reach."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from bot.core.audit import Head
from bot.core.hostile import plain
from bot.ports import Garbled, Refused

_LINE = re.compile(r"([1-9]\d{0,17}) ([0-9a-f]{64})")


def write(path: Path, head: Head) -> None:
    """Appends this head. Raises `Refused` when it cannot be written."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), "w", encoding="ascii") as file:
            file.write(f"{head.seq} {head.hash}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _refused("writing", path, error) from error


def read(path: Path) -> Mapping[int, str]:
    """Hashes by row. Raises an Outage for a file that cannot be read, or that holds anything else."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise _refused("reading", path, error) from error
    except UnicodeDecodeError as error:
        raise _garbled(path, 1) from error
    found: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or found.get(int(match[1]), match[2]) != match[2]:
            raise _garbled(path, number)
        found[int(match[1])] = match[2]
    return found


def _refused(doing: str, path: Path, error: OSError) -> Refused:
    return Refused(f"{doing} the anchors", plain(str(path)), error.strerror or "it failed", "Name another file.")


def _garbled(path: Path, line: int) -> Garbled:
    why = f"line {line} is no anchor (a row's number and its hash, each row once)"
    return Garbled("reading the anchors", plain(str(path)), why, "Use the file that `audit verify --anchors` wrote.")
