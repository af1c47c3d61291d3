"""Whatever a node or a cluster says, people see one clean line."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.hostile import ELLIPSIS, plain

NASTY = (
    "\x1b[31m",
    "\x1b[2J",
    "\x1b]0;owned\x07",
    "\x1b]8;;http://x\x1b\\",
    "\x1bP1$r\x1b\\",
    "\x1b",
    "\x9b31m",
    "\x9d",
    "\x85",
    "\u202e",
    "\u2066",
    "\u2069",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\u2029",
    "\ud800",
    "\U000e0041",
    "\u3164",
    "\r\n",
    "\0",
    "\u0300" * 5,
)
TEXTS = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=3)), max_size=30).map("".join)


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        # sequences go whole, so that nothing of them is left behind
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("a\x1b[38;5;196;1mb", "ab"),
        ("a\x1b[?25lb", "ab"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0;2;0\x1b\\after", "after"),
        ("\x1b]52;c;never closed", ""),
        ("a\x1b(0b", "ab"),
        ("a\x1bcb", "ab"),
        ("cut\x1b", "cut"),
        ("cut\x1b[", "cut"),
        ("cut\x1b[3", "cut"),
        # eight-bit control characters
        ("a\x9b31mb", "ab"),
        ("a\x90b\x9cc", "a b c"),
        ("a\x85b", "a b"),
        (b"a\x9b31mb", "a\ufffd31mb"),
        # lines
        ("a\nb\r\nc\x0bd\x0ce\u2028f\u2029g", "a b c d e f g"),
        ("a\0b\x07c\x7fd", "a b c d"),
        ("  a \t  b  ", "a b"),
        ("a\u00a0b\u3000c", "a b c"),
        # what turns the text around, or hides in it
        ("gpj\u202eexe.txt", "gpjexe.txt"),
        ("\u2066a\u2067b\u2068c\u2069", "abc"),
        ("\ufeffa\u200bb\u200dc\u2060d\u00ade", "abcde"),
        ("a\u3164b\u2800c\uffa0d\u115fe", "abcde"),
        ("tag\U000e0041\U000e007f", "tag"),
        ("a\ue000b\ufdd0c", "abc"),
        ("a\ud83db", "ab"),
        # marks
        ("z" + "\u0300" * 50 + "algo", "z" + "\u0300" * 4 + "algo"),
        ("z" + "\u0300\u0301\u200b" * 20, "z" + "\u0300\u0301" * 2),
        # bytes that are no text
        (b"caf\xc3\xa9", "café"),
        (b"\xff\xfe\xfa", "\ufffd\ufffd\ufffd"),
        (b"a\xed\xa0\x80b", "a\ufffd\ufffd\ufffdb"),
        (b"", ""),
    ],
)
def test_nasty_words_become_harmless_ones(raw: bytes | str, seen: str) -> None:
    assert plain(raw) == seen


@pytest.mark.parametrize(
    "text",
    [
        'StopContainer "3f9a1c04" failed: rpc error: code = Unknown desc = context deadline exceeded',
        "Ärger mit dem Knoten: naïve façade, Ελλάδα, привет",
        "容器已死, 但 dockerd 不知道。",
        "コンテナ 컨테이너",
        "עברית وعربي",
        "ป้ายหมดอายุ हिन्दी",
        "🔥 ok ✅ 1️⃣",
        "a < b && c > d | `e` $(f) *g* _h_ <!channel>",
        "cafe\u0301",
    ],
)
def test_ordinary_text_survives(text: str) -> None:
    assert plain(text) == text


@given(raw=st.one_of(TEXTS, st.binary(max_size=60)), limit=st.integers(1, 40))
@example(raw="a" + "\u0300\u200b" * 9, limit=40)
@example(raw=" " * 400 + "a", limit=40)
@example(raw="abc def", limit=5)
def test_the_result_is_one_printable_line_within_the_limit(raw: bytes | str, limit: int) -> None:
    line = plain(raw, limit)

    assert len(line) <= limit
    assert line.isprintable()
    assert line == " ".join(line.split())
    assert not {unicodedata.category(character) for character in line} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(raw=st.one_of(TEXTS, st.binary(max_size=60)), limit=st.integers(1, 40))
@example(raw="a" + "\u0300\u200b" * 9, limit=40)
@example(raw="\u0300" * 3 + "\n" + "\u0300" * 3, limit=40)
def test_cleaning_twice_changes_nothing(raw: bytes | str, limit: int) -> None:
    line = plain(raw, limit)

    assert plain(line, limit) == line


@pytest.mark.parametrize("raw", ["word " * 200, "a" + " " * 3000 + "b", "\x1b[0m" * 1000 + "b"])
def test_what_was_cut_ends_with_an_ellipsis(raw: str) -> None:
    assert plain(raw).endswith(ELLIPSIS)


def test_a_text_as_long_as_the_limit_is_not_cut() -> None:
    assert plain("a" * 300) == "a" * 300
    assert plain("a" * 301) == "a" * 299 + ELLIPSIS


@pytest.mark.parametrize("one", ["\u0300", "\x1b[", "\x1b]", "\x1b", " ", "\u202e", "\x9b"])
def test_a_megabyte_costs_no_more_than_a_line(one: str) -> None:
    """Bounded work: past the first few lines' worth nothing is looked at, so the rest cannot change the answer."""
    start = one * 4000

    assert plain(start + one * 1_000_000) == plain(start + "x" * 1_000_000)
