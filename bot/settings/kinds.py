"""The kinds of values that people write in these files, each refused with an example of what is meant."""

import re
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from bot.settings.documents import no_such

_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_PORT = re.compile(r"\d{1,5}", re.ASCII)
_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgresql+psycopg://")
_PORT_MAX = 65_535


def duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError('expected a duration like "60s", "5m" or "1h30m"')
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def between(least: str, most: str) -> BeforeValidator:
    """A duration within these two, both allowed."""
    lower, upper = duration(least), duration(most)

    def within(value: object) -> timedelta:
        span = duration(value)
        if not lower <= span <= upper:
            raise ValueError(f'expected a duration from "{least}" to "{most}"')
        return span

    return BeforeValidator(within)


def placed(path: Path, info: ValidationInfo) -> Path:
    """A path as the file means it: `~` is the user's home, and what is relative starts from the file's folder."""
    return at_home(path) if info.context is None else info.context / at_home(path)


def at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("its ~ names nobody's home; expected a path like /a/b or ~/b") from error


def address(value: object) -> tuple[str, int]:
    """Of this machine, by number: a name may be several addresses, or another machine's."""
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    try:
        number = ip_address(host.removeprefix("[").removesuffix("]") if host.startswith("[") else host)
    except ValueError:
        number = None
    if number is None or not _PORT.fullmatch(port) or not 1 <= int(port) <= _PORT_MAX:
        raise ValueError('expected an address and a port, like "127.0.0.1:3000"')
    return str(number), int(port)


def one_or_more(value: object) -> object:
    return value if value is None or isinstance(value, list) else [value]


def _minutes(value: object) -> int:
    """Unquoted, YAML reads 22:00 as 1320."""
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('expected a time of day in quotes, like "22:00"')
    return int(match[1]) * 60 + int(match[2])


def _zone(value: object) -> ZoneInfo:
    if not isinstance(value, str):
        raise ValueError('expected a time zone like "Europe/Berlin"')  # noqa: TRY004  # pydantic's own way to say so
    try:
        return ZoneInfo(value)
    except (LookupError, ValueError, OSError) as error:  # OSError: the name of a folder of zones
        raise ValueError(no_such("time zone", value, available_timezones())) from error


def _database(value: str, info: ValidationInfo) -> str:
    if value.startswith(_SQLITE) and len(value) > len(_SQLITE):
        return f"{_SQLITE}{placed(Path(value.removeprefix(_SQLITE)), info)}"
    if not value.startswith(_POSTGRES):
        raise ValueError('expected "sqlite:///PATH" or "postgresql://USER@HOST/NAME"')
    return value


Duration = Annotated[timedelta, BeforeValidator(duration)]
File = Annotated[Path, AfterValidator(placed)]
Port = Annotated[int, Field(strict=True, ge=1, le=_PORT_MAX)]
Clock = Annotated[int, BeforeValidator(_minutes)]  # since midnight
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Database = Annotated[str, AfterValidator(_database)]
