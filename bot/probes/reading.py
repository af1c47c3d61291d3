"""From hostile bytes to bounded words: nothing here raises, whatever a node printed."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

from bot.core.hostile import plain
from bot.probes.frames import Frame

OUTPUT_CAP = 256 * 1024  # bytes; what the node program keeps of one probe's output
LOG_CAP = 512 * 1024  # bytes; what it keeps of a log
PID_MAX = 1 << 22  # Linux, PID_MAX_LIMIT on 64 bits
NOT_ASKED = -1  # the exit code of a frame that the node program did not send
NOT_INSTALLED = 127  # sh, "command not found"

ID = re.compile(r"[0-9a-f]{64}")
UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")  # 32: a static pod's

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))")
_DIGITS = re.compile(r"[0-9]{1,19}")


def trouble(frame: Frame, asked: str) -> str:
    """Why there is no good answer, for a person; empty when the program ended well. `asked`: as one would type it."""
    if frame.exit_code == NOT_ASKED:
        return f"{asked} was not asked"
    if frame.timed_out:
        return f"{asked} did not answer in {max(1, round(frame.ms / 1000))} s"
    if frame.exit_code == NOT_INSTALLED:
        return f"{asked.split(maxsplit=1)[0]} is not installed on this node"
    if frame.exit_code != 0:
        return f"{asked} failed: {plain(frame.err, 160) or f'exit code {frame.exit_code}'}"
    return ""


def words(frame: Frame) -> str:
    """What went wrong, as the program said it."""
    return frame.err.decode("utf-8", "replace")


def lines(data: bytes, cap: int = OUTPUT_CAP) -> list[str]:
    """Lines end at a newline only: other line breaks of Unicode stay inside, and cannot forge a line."""
    return data[:cap].decode("utf-8", "replace").split("\n")


def number(text: str, most: int = (1 << 63) - 1) -> int | None:
    """A plain decimal number from 0 to `most`; None for anything else."""
    if _DIGITS.fullmatch(text) is None:
        return None
    value = int(text)
    return value if value <= most else None


def document(data: bytes) -> dict[str, object]:
    """A JSON object; an empty one for anything else, be it too deep, too long, or with a number of too many digits."""
    try:
        value = json.loads(data[:OUTPUT_CAP].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def whole_number(value: object, most: int) -> int | None:
    """A JSON number from 0 to `most`; a yes or no is none."""
    return value if type(value) is int and 0 <= value <= most else None


def moment(value: object) -> datetime | None:
    """RFC 3339, to the microsecond, in UTC. Go's zero time (the year 1) is None: nothing happened yet."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    stamp, fraction, sign, hours, minutes = match.groups()
    try:
        offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
        zone = timezone(-offset if sign == "-" else offset)
        local = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone)
        result = local.astimezone(UTC) + timedelta(microseconds=int((fraction or "0").ljust(9, "0")[:6]))
    except (ValueError, OverflowError):
        return None
    return None if result.year == 1 else result
