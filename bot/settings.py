"""
Files and the environment, read once, into frozen values; all faults at once, each with file, line and a suggestion.

The only module that reads YAML, settings or the environment. Not here: what a setting leads to.
"""

import difflib
import getpass
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.core import repairs
from bot.core.causes import Cause, Compared, Condition, OneOf, Operator
from bot.core.facts import BY_NAME, NodeName
from bot.core.hostile import plain
from bot.core.pods import Runtime

_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")
_JUMP = re.compile(r"(?:([^@\s:]+)@)?([^@\s:]+)(?::(\d{1,5}))?")
_CLUSTER = re.compile(r"[\w.:@-]{1,100}", re.ASCII)
_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)\s*(-?\d{1,12})")
_CORRECTIONS = 0.6  # how alike a suggestion must be; difflib's own default
_PORT_MAX = 65_535
_LIMITS = (timedelta(seconds=1), timedelta(minutes=3))  # of `ssh.limit`; its share of 3 min is below the program's 60 s
_PATH_MAX = 4_096  # Linux, PATH_MAX
# By pydantic's error types: https://docs.pydantic.dev/latest/errors/validation_errors/
_EXPECTED: Mapping[str, str] = {
    "bool_type": "expected yes or no",
    "dict_type": "expected keys with their values",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "model_type": "expected keys with their values",
    "path_type": "expected a path",
    "string_type": "expected text",
    "too_short": "expected at least one entry",
}


@dataclass(frozen=True, slots=True)
class Fault:
    file: Path
    line: int  # from 1
    what: str

    def __str__(self) -> str:
        return f"{plain(str(self.file), _PATH_MAX)}:{self.line}: {plain(self.what)}"


class SettingsError(Exception):
    """The files cannot be used as they are: `faults` has every reason, one line each."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    user: str | None
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """How nodes are reached; what is None here, `~/.ssh/config` says, for the host of the node's name."""

    user: str | None
    port: int | None
    key: Path | None
    known_hosts: tuple[Path, ...]
    become: Literal["sudo", "none"] | None
    program: Literal["piped", "installed"]
    agent: bool
    jump: Jump | None
    limit: timedelta  # connecting, logging in, asking, reading


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAddress:
    address: str | None
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    name: str
    kubeconfig: Path | None
    context: str | None
    overdue: timedelta
    ssh: Ssh
    nodes: Mapping[NodeName, NodeAddress]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    clusters: tuple[ClusterSettings, ...]
    user: str  # the person's own login name: what ssh falls back to
    home: Path
    ssh_config: Path


def _duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError('expected a duration like "60s", "5m" or "1h30m"')
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _limit(value: object) -> timedelta:
    limit = _duration(value)
    if not _LIMITS[0] <= limit <= _LIMITS[1]:
        raise ValueError('expected a duration from "1s" to "3m"')
    return limit


def _cluster_name(name: str) -> str:
    if not _CLUSTER.fullmatch(name):
        raise ValueError("expected a name of letters, digits, and . _ : @ - alone: people type CLUSTER/NAMESPACE/POD")
    return name


def _jump(value: object) -> Jump | None:
    if value is None:
        return None
    match = _JUMP.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[3] or 22) <= _PORT_MAX:
        raise ValueError('expected a jump host like "user@host:port"')
    return Jump(user=match[1], host=match[2], port=int(match[3] or 22))


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("its ~ names nobody's home; expected a path like /a/b or ~/b") from error


def _one_or_more(value: object) -> object:
    return value if value is None or isinstance(value, list) else [value]


Duration = Annotated[timedelta, BeforeValidator(_duration)]
File = Annotated[Path, AfterValidator(_expanded)]
Port = Annotated[int, Field(strict=True, ge=1, le=_PORT_MAX)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=_Model)


class _Ssh(_Model):
    user: str | None = None
    port: Port | None = None
    key: File | None = None
    known_hosts: Annotated[list[File] | None, BeforeValidator(_one_or_more)] = None
    become: Literal["sudo", "none"] | None = None
    program: Literal["piped", "installed"] = "piped"
    agent: Annotated[bool, Field(strict=True)] = False
    jump: Annotated[Jump | None, BeforeValidator(_jump)] = None
    limit: Annotated[timedelta, BeforeValidator(_limit)] = timedelta(seconds=20)


class _Node(_Model):
    address: str | None = None
    port: Port | None = None


class _Cluster(_Model):
    kubeconfig: File | None = None
    context: str | None = None
    overdue: Duration = timedelta(seconds=60)
    ssh: _Ssh = _Ssh()
    nodes: dict[str, _Node] = {}


class _File(_Model):
    clusters: Annotated[dict[Annotated[str, AfterValidator(_cluster_name)], _Cluster], Field(min_length=1)]


class _Playbook(_Model):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    title: Annotated[str, Field(max_length=80)]
    runtimes: list[Runtime]
    when: Annotated[dict[str, Any], Field(min_length=1)]
    supported_by: dict[str, Any] = {}
    shown: list[str] = []
    because: str
    repairs: list[str]
    explains: list[str] = []
    prevent: str
    sources: Annotated[list[str], Field(min_length=1)]


def load(path: Path | None) -> Settings:
    """The settings of a file; without one, the current kubeconfig context and the ways of `~/.ssh/config`."""
    if path is None:
        clusters = {"current": _Cluster()}
    else:
        document = _Document(path)
        clusters = document.validated(_File).clusters
    user, home = _user()
    return Settings(
        clusters=tuple(_cluster(name, model) for name, model in clusters.items()),
        user=user,
        home=home,
        ssh_config=home / ".ssh" / "config",
    )


def _user() -> tuple[str, Path]:
    """Login name and home. In a container the user may be a bare number: then the number, and the root folder."""
    try:
        return getpass.getuser(), Path.home()
    except (KeyError, OSError, RuntimeError):
        return str(os.getuid()), Path(os.sep)


def _cluster(name: str, model: _Cluster) -> ClusterSettings:
    ssh = model.ssh
    return ClusterSettings(
        name=name,
        kubeconfig=model.kubeconfig,
        context=model.context,
        overdue=model.overdue,
        ssh=Ssh(
            user=ssh.user,
            port=ssh.port,
            key=ssh.key,
            known_hosts=tuple(ssh.known_hosts or ()),
            become=ssh.become,
            program=ssh.program,
            agent=ssh.agent,
            jump=ssh.jump,
            limit=ssh.limit,
        ),
        nodes={
            NodeName(node): NodeAddress(address=where.address, port=where.port) for node, where in model.nodes.items()
        },
    )


def shipped(name: str) -> Path:
    """A folder that comes with the program (`playbooks`, `config`, `node`): inside the wheel, or beside `bot/`."""
    inside = Path(str(files("bot"))) / name
    return inside if inside.is_dir() else inside.parent.parent / name


def playbooks(folder: Path | None = None) -> tuple[Cause, ...]:
    """Every cause of a folder, by id. Raises `SettingsError` with all faults of all files."""
    where = folder if folder is not None else shipped("playbooks")
    paths = sorted(where.glob("*.yaml")) if where.is_dir() else []
    if not paths:
        raise SettingsError((Fault(where, 1, "no playbooks here (*.yaml)"),))
    faults: list[Fault] = []
    causes: list[tuple[Cause, _Document]] = []
    for path in paths:
        try:
            document = _Document(path)
            causes.append((_cause(document), document))
        except SettingsError as error:
            faults.extend(error.faults)
    names = [path.stem for path in paths]
    for cause, document in causes:
        for n, other in enumerate(cause.explains):
            if other not in names:
                faults.append(document.fault(("explains", n), _no_such("cause", other, names)))
    if faults:
        raise SettingsError(tuple(faults))
    return tuple(cause for cause, _ in causes)


def _cause(document: "_Document") -> Cause:
    model = document.validated(_Playbook)
    faults: list[Fault] = []
    if model.id != document.path.stem:
        faults.append(document.fault(("id",), f'id "{model.id}" is not the file\'s name'))
    when = _conditions(document, "when", model.when, faults)
    supported_by = _conditions(document, "supported_by", model.supported_by, faults)
    for n, name in enumerate(model.shown):
        if name not in BY_NAME:
            faults.append(document.fault(("shown", n), _no_such("fact", name, BY_NAME)))
    for n, name in enumerate(model.repairs):
        if name not in repairs.BY_ID:
            faults.append(document.fault(("repairs", n), _no_such("repair", name, repairs.BY_ID)))
    if faults:
        raise SettingsError(tuple(faults))
    return Cause(
        id=model.id,
        title=model.title,
        runtimes=tuple(model.runtimes),
        when=when,
        supported_by=supported_by,
        shown=tuple(model.shown),
        because=" ".join(model.because.split()),
        repairs=tuple(model.repairs),
        prevent=" ".join(model.prevent.split()),
        sources=tuple(model.sources),
        explains=tuple(model.explains),
    )


def _conditions(
    document: "_Document", key: str, lines: Mapping[str, Any], faults: list[Fault]
) -> tuple[Condition, ...]:
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
        raise ValueError(_no_such("fact", name, BY_NAME))
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
    return Condition(name, OneOf(tuple(values)))


def _no_such(kind: str, name: str, known: "Mapping[str, object] | list[str]") -> str:
    return f'no such {kind} "{name}"{_suggestion(name, list(known))}'


def _suggestion(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=_CORRECTIONS)
    return f' (did you mean "{near[0]}"?)' if near else ""


class _Document:
    """One YAML file: its plain values, and the line where each of them stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            self._values: object = yaml.safe_load(text)
        except OSError as error:
            raise SettingsError((Fault(path, 1, f"cannot be read: {error.strerror}"),)) from error
        except UnicodeDecodeError as error:
            raise SettingsError((Fault(path, 1, "is not UTF-8 text"),)) from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise SettingsError((Fault(path, line, f"not YAML: {error.problem}"),)) from error
        except yaml.YAMLError as error:  # a character that YAML does not allow
            raise SettingsError((Fault(path, 1, "not YAML: it holds a control character"),)) from error
        except ValueError as error:  # a date like 2026-13-45, a number of thousands of digits
            raise SettingsError((Fault(path, 1, f"a value cannot be read: {error}"),)) from error
        except RecursionError as error:
            raise SettingsError((Fault(path, 1, "it is nested too deeply"),)) from error
        if twice := list(_duplicates(self._root, set())):
            raise SettingsError(tuple(Fault(path, line, f'key "{key}" stands twice') for key, line in twice))

    def validated(self, model: type[M]) -> M:
        try:
            return model.model_validate(self._values)
        except ValidationError as error:
            faults = tuple(self._translated(each["loc"], each["type"], each["msg"], model) for each in error.errors())
            raise SettingsError(faults) from error

    def fault(self, at: tuple[int | str, ...], what: str) -> Fault:
        return Fault(self.path, self._line(at), what)

    def _translated(self, at: tuple[int | str, ...], kind: str, message: str, model: type[_Model]) -> Fault:
        steps = [str(step) for step in at if step != "[key]"]  # which pydantic adds for the key itself
        dotted = ".".join(steps) or "the file"
        if kind == "extra_forbidden":
            return self.fault(at, f"{dotted}: unknown key{_suggestion(str(at[-1]), _keys(model))}")
        if kind == "missing":
            return self.fault(at[:-1], f"{dotted}: missing")
        return self.fault(at, f"{dotted}: {_EXPECTED.get(kind, message.removeprefix('Value error, '))}")

    def _line(self, at: tuple[int | str, ...]) -> int:
        node, line = self._root, 1
        for step in at:
            if isinstance(node, yaml.MappingNode):
                pair = next((pair for pair in node.value if pair[0].value == str(step)), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                break
        return line


def _duplicates(node: yaml.Node | None, done: set[int]) -> Iterator[tuple[str, int]]:
    """`done` are ids of nodes: an alias leads to one of them again, even to its own parent."""
    if node is None or id(node) in done:
        return
    done.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield str(key.value), key.start_mark.line + 1
            seen.add(str(key.value))
            yield from _duplicates(value, done)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _duplicates(value, done)


def _keys(model: type[BaseModel]) -> list[str]:
    """Every key that some place of the file may have: a misplaced one is found too."""
    names = list(model.model_fields)
    if model is _File:
        for nested in (_Cluster, _Ssh, _Node):
            names.extend(nested.model_fields)
    return names
