"""Every no has one sentence, every sentence somebody who says it, with the names that it wants."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import bot
from bot.core.refusals import SENTENCES, Refusal, refusal

PROGRAM = sorted(Path(bot.__path__[0]).rglob("*.py"))


def said() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Each `refusal("code", name=...)` of the program: where it stands, its code, and the names that it gives."""
    for path in PROGRAM:
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "refusal":
                code = each.args[0]
                assert isinstance(code, ast.Constant), f"{path.name}:{each.lineno}: a code is a literal"
                yield f"{path.name}:{each.lineno}", str(code.value), frozenset(str(k.arg) for k in each.keywords)


def wanted(code: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(SENTENCES[code]) if name)


def test_every_refusal_of_the_program_has_its_sentence_and_all_its_names() -> None:
    wrong = [(where, code) for where, code, names in said() if code not in SENTENCES or names != wanted(code)]

    assert wrong == []


def test_every_sentence_is_said_somewhere() -> None:
    assert set(SENTENCES) - {code for _, code, _ in said()} == set()


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_is_one_clean_line(code: str) -> None:
    says = str(refusal(code, **dict.fromkeys(wanted(code), "X")))

    assert says[0].isupper()
    assert "\n" not in says
    assert "{" not in says


def test_what_is_filled_in_is_not_read_as_a_pattern() -> None:
    assert refusal("not-listed", who="{0.__class__} {what}") == Refusal(
        "not-listed", "{0.__class__} {what} is not among the people of the settings. Nothing was done."
    )
