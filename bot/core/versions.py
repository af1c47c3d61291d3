"""Versions as programs print them (`18.09.9`, `v1.2.6`, `1.7.24~ds1`, `20.10.5+dfsg1`, `v1.34.9`), put in order."""

import re

Version = tuple[int, int, int]

_NUMBERS = re.compile(r"v?(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?(?:$|[^\d.].*)")


def version(text: str) -> Version | None:
    """Its first three numbers, a missing third as 0; None for anything else. A suffix (`~ds1`) is passed over."""
    match = _NUMBERS.fullmatch(text.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None
