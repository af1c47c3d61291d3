"""An incident as JSON text and back, equal to the last field. What does not fit is refused, never guessed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from bot.core import phases
from bot.core.phases import Approved, Incident, Phase, name_of
from bot.ports import Garbled

_FORMAT = 1
_PHASES: Mapping[str, type[Phase]] = {each.__name__.lower(): each for each in get_args(Phase)}
_PLACEHOLDER = to_jsonable_python(phases.Open())


def encoded(incident: Incident) -> str:
    return json.dumps(_document(incident))


def decoded(text: str, id_: int) -> Incident:
    """Raises `Garbled` naming the incident."""
    try:
        document = json.loads(text)
        if document["format"] != _FORMAT:
            raise garbled(id_, f"it is written in format {document['format']!r}, this program reads {_FORMAT}")
        kind: Any = _PHASES[document["phase"]]
        phase = _adapter(kind).validate_json(json.dumps(document["state"]), strict=True)
        whole = json.dumps({**document["incident"], "phase": _PLACEHOLDER})
        found: Incident = replace(_adapter(Incident).validate_json(whole, strict=True), phase=phase)
        same = _names(document) == _names(_document(found))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        count = error.error_count() if isinstance(error, ValidationError) else 0
        raise garbled(id_, f"{count} of its fields do not fit" if count else "it is damaged") from error
    if found.id != id_:
        raise garbled(id_, f"it is that of incident {found.id}")
    if not same:
        raise garbled(id_, "its fields are not those that this program writes")
    if any(each.tzinfo is None for each in _times(found)):
        raise garbled(id_, "a time in it has no zone")
    if why := _contradiction(found):
        raise garbled(id_, why)
    return found


def garbled(id_: int, why: str) -> Garbled:
    return Garbled(
        "reading incident", str(id_), f"its row cannot be used: {why}", "Restore the database from a backup."
    )


def _document(incident: Incident) -> dict[str, Any]:
    whole: dict[str, Any] = to_jsonable_python(incident)
    state = whole.pop("phase")
    return {"format": _FORMAT, "phase": name_of(incident.phase), "state": state, "incident": whole}


def _contradiction(incident: Incident) -> str:
    """A phase in which something runs is that of its newest execution, and in no other one does anything run."""
    phase, current = incident.phase, incident.executions[-1] if incident.executions else None
    if not isinstance(phase, Approved):
        return f"an execution still runs in it, and it is {name_of(phase)}" if current and current.locks else ""
    if current is None or (current.plan, current.op) != (phase.plan.digest, phase.plan.op):
        return "its plan is not the one that is carried out"
    return "" if current.state == name_of(phase) else f"it is {name_of(phase)}, and its execution {current.state}"


def _names(tree: object) -> object:
    """Every key, without the values: a field too many, or one that would get its default, shows."""
    if isinstance(tree, dict):
        return {name: _names(value) for name, value in tree.items()}
    return [_names(each) for each in tree] if isinstance(tree, list) else None


def _times(value: object) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _times(each)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _times(getattr(value, field.name))


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
