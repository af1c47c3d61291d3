"""A call of the Web API: its arguments, and how it is refused."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bot.demo.workspace.cast import Json


def parsed(raw: str | bytes) -> Any:
    """JSON that can be told on. Raises ValueError where it is none, or holds what JSON has no words for."""
    try:
        told = json.loads(raw)
        json.dumps(told, ensure_ascii=False, allow_nan=False).encode()  # an infinite number, half a character
    except RecursionError:
        raise ValueError("too deep") from None
    return told


class NotOk(Exception):  # noqa: N818  # Slack calls it that: `"ok": false`
    """Answered with HTTP 200 all the same, as every refusal of Slack's."""

    def __init__(self, error: str, *messages: str, **also: Any) -> None:
        super().__init__(error)
        self.error = error
        self.told: Json = {"ok": False, "error": error, **also}
        if messages:
            self.told["response_metadata"] = {"messages": list(messages)}


class Args:
    """Arguments as they came: of a form, where everything is text, or of a JSON body. Null counts as not given."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def word(self, name: str, default: str | None = None) -> str:
        """Without a default it is required."""
        value = self._given.get(name, default)
        if value is None:
            raise NotOk("invalid_arguments", f"[ERROR] missing required field: {name}")
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise NotOk("invalid_arguments", f"[ERROR] must provide a string [json-pointer:/{name}]")
        return str(value)

    def number(self, name: str, default: int) -> int:
        word = self.word(name, str(default))
        if word.isascii() and word.isdecimal():
            with suppress(ValueError):  # Python reads no more than some thousand digits
                return int(word)
        raise NotOk("invalid_arguments", f"[ERROR] must be a number [json-pointer:/{name}]")

    def flag(self, name: str) -> bool:
        return self._given.get(name) in (True, 1, "true", "1")

    def tree(self, name: str, error: str) -> Any:
        """A JSON value, which a form carries as text. Refused with `error` where it is none."""
        value = self._given.get(name)
        if not isinstance(value, str):
            return value
        try:
            return parsed(value)
        except ValueError:
            raise NotOk(error) from None
