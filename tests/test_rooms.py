"""Budgets and house rules that no tool checks."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = sorted((ROOT / "bot").rglob("*.py"))
MODULE_LINES, FUNCTION_LINES = 450, 40
CATCH_ALLS = 2  # the outbox worker's and the scheduler's doors


def where(path: Path) -> str:
    return str(path.relative_to(ROOT))


each_module = pytest.mark.parametrize("path", PROGRAM, ids=where)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def suppressions(path: Path) -> Iterator[tuple[int, str]]:
    """Each comment that silences a tool, with its line."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT and re.search(r"noqa|type: ignore|pragma", token.string):
            yield token.start[0], token.string


@each_module
def test_no_module_is_longer_than_the_budget(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES


@each_module
def test_no_function_is_longer_than_a_screen_but_advance(path: Path) -> None:
    functions = [each for each in ast.walk(tree(path)) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]

    long = {each.name for each in functions if (each.end_lineno or 0) - each.lineno + 1 > FUNCTION_LINES}

    assert long <= {"advance"}


def test_there_are_two_catch_alls_at_most() -> None:
    found = [
        f"{where(path)}:{each.lineno}"
        for path in PROGRAM
        for each in ast.walk(tree(path))
        if isinstance(each, ast.ExceptHandler)
        and (each.type is None or re.search(r"\b(Base)?Exception\b", ast.unparse(each.type)))
    ]

    assert len(found) <= CATCH_ALLS, found


@each_module
def test_whatever_silences_a_tool_says_why(path: Path) -> None:
    silent = [
        line
        for line, comment in suppressions(path)
        if not re.search(r"(?:noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*|type: ignore\[[a-z, -]+\])\s+(?:#|--) ?\S", comment)
    ]

    assert silent == [], "lines without a reason"


def test_every_requirement_is_pinned_by_hash_and_has_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    requirements = [each for each in re.split(r"\n(?=\S)", lock) if not each.startswith("#")]

    assert "://" not in lock
    assert len(requirements) > 20
    for each in requirements:
        assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+", each), each
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", each), each


def test_nothing_in_the_repository_names_a_path_of_the_machine_it_was_written_on() -> None:
    machine = "/" + "work/"
    kept = [ROOT / name for name in ("README.md", "Makefile", "pyproject.toml", "requirements.lock")]
    for room in ("bot", "playbooks", "config", "docs", "tests", ".ci"):
        kept += [path for path in (ROOT / room).rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    named = [where(path) for path in kept if machine.encode() in path.read_bytes()]

    assert named == []
