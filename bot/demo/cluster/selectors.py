"""Which objects a list or a watch is about. Sources: k8s.io/apimachinery, pkg/fields and pkg/labels, selector.go."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.demo.cluster.denials import bad_request, not_imitated
from bot.demo.cluster.kinds import EVENTS, NAMESPACES, NODES, PODS, Kind
from bot.demo.cluster.store import Object

Fits = Callable[[Object], bool]

_TERM = re.compile(r"([^=!,]+)(==|!=|=)([^=!,]*)")
_OWN_WORDS = (PODS, NODES, EVENTS, NAMESPACES)  # kinds with fields of their own say their no in other words


def selected(kind: Kind, namespace: str, query: Mapping[str, str]) -> Fits:
    """Raises `DeniedError`."""
    fields = _terms(query.get("fieldSelector", ""))
    labels = _labels(query.get("labelSelector", ""))
    known = ("metadata.name", "metadata.namespace", *kind.fields)
    for path, _, _ in fields:
        if path not in known:
            raise bad_request(
                f"field label not supported: {path}"
                if kind in _OWN_WORDS
                else f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            )

    def fits(content: Object) -> bool:
        metadata = content["metadata"]
        has = metadata.get("labels") or {}
        return (
            (not namespace or metadata.get("namespace") == namespace)
            and all((_field(content, path) == value) == equal for path, equal, value in fields)
            and all((has.get(key) == value) == equal for key, equal, value in labels)
        )

    return fits


def _terms(selector: str) -> list[tuple[str, bool, str]]:
    terms = []
    for term in filter(None, selector.split(",")):
        match = _TERM.fullmatch(term)
        if match is None:
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{term}'")
        terms.append((match[1], match[2] != "!=", match[3]))
    return terms


def _labels(selector: str) -> list[tuple[str, bool, str]]:
    if selector and not all(_TERM.fullmatch(term) for term in selector.split(",")):
        raise not_imitated("label selectors of sets")
    return [(key.strip(), equal, value.strip()) for key, equal, value in _terms(selector)]


def _field(content: Object, path: str) -> str:
    """What is not there is the empty text, and a yes or no is written out."""
    found: Any = content
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    if path == "spec.unschedulable":
        return "true" if found else "false"
    if path == "source":
        return str((content.get("source") or {}).get("component", ""))
    return "" if found is None else str(found)
