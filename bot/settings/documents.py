"""A YAML file as values that can be trusted, and each of its faults with file, line and a suggestion."""

import difflib
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.core.hostile import plain

_CORRECTIONS = 0.6  # how alike a suggestion must be; difflib's own default
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
    "tuple_type": "expected a list",
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


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=Model)


@functools.lru_cache(maxsize=100)  # every diagnosis reads all playbooks: they may have been edited
def _read(text: str) -> tuple[yaml.Node | None, tuple[tuple[str, int], ...], object]:
    """Its nodes, keys that stand twice with their lines, and its plain values. Not to be changed. Raises yaml's."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        twice = tuple(_duplicates(root, set()))  # before its merge keys are made plain
        return root, twice, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


class Document:
    """One YAML file: its plain values, and the line where each of them stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            raw = path.read_bytes()
            self._root, twice, self._values = _read(raw.decode())
        except OSError as error:
            raise SettingsError(
                (Fault(path, 1, f"cannot be read: {error.strerror}; check its path and permissions"),)
            ) from error
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
        if twice:
            raise SettingsError(tuple(Fault(path, line, f'key "{key}" stands twice') for key, line in twice))
        self.digest = hashlib.sha256(raw).hexdigest()

    @property
    def folder(self) -> Path:
        """What relative paths in the file start from."""
        return self.path.absolute().parent

    def validated(self, model: type[M]) -> M:
        try:
            return model.model_validate(self._values, context=self.folder)
        except ValidationError as error:
            faults = tuple(self._translated(each["loc"], each["type"], each["msg"], model) for each in error.errors())
            raise SettingsError(faults) from error

    def fault(self, at: tuple[int | str, ...], what: str) -> Fault:
        return Fault(self.path, self._line(at), what)

    def _translated(self, at: tuple[int | str, ...], kind: str, message: str, model: type[Model]) -> Fault:
        steps = [str(step) for step in at if step != "[key]"]  # which pydantic adds for the key itself
        dotted = ".".join(steps) or "the file"
        if kind == "extra_forbidden":
            return self.fault(at, f"{dotted}: unknown key{suggestion(str(at[-1]), set(_keys(model)))}")
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


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    return f'no such {kind} "{name}"{suggestion(name, known)}'


def suggestion(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=_CORRECTIONS)
    return f' (did you mean "{near[0]}"?)' if near else ""


def _duplicates(node: yaml.Node | None, done: set[int]) -> Iterator[tuple[str, int]]:
    """`done` are ids of nodes: an alias leads to one of them again, even to its own parent."""
    if node is None or id(node) in done:
        return
    done.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield name, key.start_mark.line + 1
            seen.add(name)
            yield from _duplicates(value, done)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _duplicates(value, done)


def _keys(model: type[BaseModel]) -> Iterator[str]:
    """Every key that some place of the file may have: a misplaced one is found too."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        for nested in _models(field.annotation):
            yield from _keys(nested)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
