"""What the workspace gives names to: timestamps as Slack writes them, and ids that nobody can guess."""

import secrets
from collections.abc import Callable

Clock = Callable[[], float]  # Unix seconds, as in Slack's own timestamps

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MICRO = 1_000_000


class Stamps:
    """Timestamps with six digits, none twice and each later than the one before, though the clock stood still."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> str:
        self._last = max(int(self._clock() * _MICRO), self._last + 1)
        return f"{self._last // _MICRO}.{self._last % _MICRO:06d}"


def is_stamp(text: str) -> bool:
    whole, dot, part = text.partition(".")
    return text.isascii() and whole.isdecimal() and (not dot or part.isdecimal())


def named(kind: str) -> str:
    """An id such as Slack's: a letter or two for its kind, then ten of chance."""
    return kind + "".join(secrets.choice(_LETTERS) for _ in range(10))


def secret(prefix: str = "") -> str:
    return prefix + secrets.token_hex(16)
