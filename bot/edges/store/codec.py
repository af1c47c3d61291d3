"""An incident as JSON text and back, equal to the last field. What does not fit is refused, never guessed."""

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from bot.core import phases
from bot.core.phases import Incident, Phase, name_of
from bot.ports import Garbled

_FORMAT = 1
_PHASES: dict[str, type[Phase]] = {
    each.__name__.lower(): each
    for each in (
        phases.Open,
        phases.Diagnosed,
        phases.Proposed,
        phases.Checking,
        phases.Acting,
        phases.Verifying,
        phases.Unsettled,
        phases.Closed,
    )
}
_PLACEHOLDER = phases.Open()


def encoded(incident: Incident) -> str:
    whole: dict[str, Any] = to_jsonable_python(incident)
    phase = whole.pop("phase")
    return json.dumps({"format": _FORMAT, "phase": name_of(incident.phase), "state": phase, "incident": whole})


def decoded(text: str, id_: int) -> Incident:
    """Raises `Garbled` naming the incident."""
    try:
        document = json.loads(text)
        if document["format"] != _FORMAT:
            raise _garbled(id_, f"it is written in format {document['format']!r}, this program reads {_FORMAT}")
        kind: Any = _PHASES[document["phase"]]
        phase = _adapter(kind).validate_json(json.dumps(document["state"]), strict=False)
        found: Incident = _adapter(Incident).validate_json(
            json.dumps({**document["incident"], "phase": to_jsonable_python(_PLACEHOLDER)})
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = (
            f"{error.error_count()} of its fields do not fit" if isinstance(error, ValidationError) else "it is damaged"
        )
        raise _garbled(id_, why) from error
    if found.id != id_:
        raise _garbled(id_, f"it is that of incident {found.id}")
    return replace(found, phase=phase)


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _garbled(id_: int, why: str) -> Garbled:
    return Garbled(
        "reading incident", str(id_), f"its row cannot be used: {why}", "Restore the database from a backup."
    )
