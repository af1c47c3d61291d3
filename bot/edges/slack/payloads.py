"""
The body of a request as the payload that Socket Mode would have brought. Pure; what is not shaped as Slack's is none.

An event is JSON. A click or a modal is JSON in the one field of a form, and a command is a form itself.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

EVENT, FORM = "application/json", "application/x-www-form-urlencoded"
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FIELDS = 100  # of a form; a command has some fifteen
_EVENTS = frozenset({"event_callback", "url_verification"})

Payload = dict[str, Any]


class Nonsense(Exception):  # noqa: N818  # an error of theirs, not of ours
    pass


def payload(kind: str, body: bytes) -> Payload:
    """`kind`: the content type, one of the two. Raises `Nonsense`."""
    try:
        text = body.decode("utf-8")
        if kind == EVENT:
            return _typed(json.loads(text), events=True)
        fields = _form(text)
        if fields.keys() == {"payload"}:
            return _typed(json.loads(fields["payload"]), events=False)
    except (ValueError, RecursionError) as error:  # ValueError: of JSON, UTF-8 and forms
        raise Nonsense from error
    if not fields.get("command") or "payload" in fields:
        raise Nonsense
    return dict(fields)


def _typed(found: object, *, events: bool) -> Payload:
    if not isinstance(found, dict):
        raise Nonsense
    kind = found.get("type")
    if not isinstance(kind, str) or (kind in _EVENTS) != events:
        raise Nonsense
    return found


def _form(text: str) -> Mapping[str, str]:
    """Raises ValueError for what a browser would read in one of several ways."""
    if _BROKEN.search(text):
        raise ValueError("a broken escape")
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_FIELDS)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field that is there twice")
    return fields
