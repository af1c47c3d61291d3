"""The playbooks of a folder as causes: every fact, repair and cause that they name exists."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field

from bot.core import repairs
from bot.core.causes import Cause, Compared, Condition, OneOf, Operator
from bot.core.facts import BY_NAME
from bot.core.pods import Runtime
from bot.settings.documents import Document, Fault, Model, SettingsError, no_such, suggestion
from bot.settings.kinds import between
from bot.settings.machine import shipped

_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)\s*(-?\d{1,12})")


class _Playbook(Model):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    title: Annotated[str, Field(max_length=80)]
    runtimes: tuple[Runtime, ...]
    when: Annotated[dict[str, Any], Field(min_length=1)]
    supported_by: dict[str, Any] = Field(default_factory=dict)
    shown: tuple[str, ...] = ()
    because: str
    repairs: tuple[str, ...]
    clear_for: Annotated[timedelta, between("0s", "10m")] = timedelta(seconds=20)
    explains: tuple[str, ...] = ()
    prevent: str
    sources: Annotated[tuple[str, ...], Field(min_length=1)]


def playbooks(folder: Path | None = None) -> tuple[Cause, ...]:
    """Every cause of a folder, by id. Raises `SettingsError` with all faults of all files."""
    where = folder if folder is not None else shipped("playbooks")
    if not where.is_dir():
        raise SettingsError((Fault(where, 1, "is no folder: name the one that the playbooks are in"),))
    paths = sorted(where.glob("*.yaml"))
    faults = [Fault(path, 1, "would not be read: name it .yaml") for path in sorted(where.glob("*.yml"))]
    if not paths and not faults:
        raise SettingsError((Fault(where, 1, "no playbooks here (*.yaml)"),))
    causes: list[tuple[Cause, Document]] = []
    for path in paths:
        try:
            document = Document(path)
            causes.append((_cause(document), document))
        except SettingsError as error:
            faults.extend(error.faults)
    names = [path.stem for path in paths]
    for cause, document in causes:
        for n, other in enumerate(cause.explains):
            if other not in names:
                faults.append(document.fault(("explains", n), no_such("cause", other, names)))
    if faults:
        raise SettingsError(tuple(faults))
    return tuple(cause for cause, _ in causes)


def _cause(document: Document) -> Cause:
    model = document.validated(_Playbook)
    faults: list[Fault] = []
    if model.id != document.path.stem:
        faults.append(document.fault(("id",), f'id "{model.id}" is not the file\'s name'))
    when = _conditions(document, "when", model.when, faults)
    supported_by = _conditions(document, "supported_by", model.supported_by, faults)
    for n, name in enumerate(model.shown):
        if name not in BY_NAME:
            faults.append(document.fault(("shown", n), no_such("fact", name, BY_NAME)))
    for n, name in enumerate(model.repairs):
        if name not in repairs.BY_ID:
            faults.append(document.fault(("repairs", n), no_such("repair", name, repairs.BY_ID)))
    if faults:
        raise SettingsError(tuple(faults))
    return Cause(
        id=model.id,
        title=model.title,
        runtimes=model.runtimes,
        when=when,
        supported_by=supported_by,
        shown=model.shown,
        because=" ".join(model.because.split()),
        repairs=model.repairs,
        prevent=" ".join(model.prevent.split()),
        sources=model.sources,
        explains=model.explains,
        clear_for=model.clear_for,
        digest=document.digest,
    )


def _conditions(document: Document, key: str, lines: Mapping[str, Any], faults: list[Fault]) -> tuple[Condition, ...]:
    conditions = []
    for name, wanted in lines.items():
        try:
            conditions.append(_condition(name, wanted))
        except ValueError as error:
            faults.append(document.fault((key, name), f"{name}: {error}"))
    return tuple(conditions)


def _condition(name: str, wanted: object) -> Condition:
    """A fact and a literal: a value, a list of values, or a quoted comparison. Raises ValueError with what is wrong."""
    kind = BY_NAME.get(name)
    if kind is None:
        raise ValueError(no_such("fact", name, BY_NAME))
    if kind.type is int and isinstance(wanted, str):
        match = _COMPARISON.fullmatch(wanted.strip())
        if match is None:
            raise ValueError(f'is a number: expected a number or a comparison like ">= 1", got "{wanted}"')
        operator: Operator = next(op for op in get_args(Operator) if op == match[1])
        return Condition(name, Compared(operator, int(match[2])))
    values: list[Any] = wanted if isinstance(wanted, list) else [wanted]
    if not values:
        raise ValueError("expected at least one value")
    for value in values:
        if type(value) is not kind.type or kind.type not in (bool, int, str):
            expected = {bool: "yes or no", int: "a number", str: "text"}.get(kind.type, "nothing: a time is only shown")
            raise ValueError(f"expected {expected}, got {value!r}")
        if kind.values and value not in kind.values:
            raise ValueError(f'it is never "{value}"{suggestion(str(value), kind.values)}')
    return Condition(name, OneOf(tuple(values)))
