"""
Words from a cluster, a node or a chat are hostile bytes: cleaned once, at the edge that reads them.

What is left is one line of printable text: no terminal sequences, no bidirectional overrides, no line breaks, no
invisible characters. Evidence kept for the file is the raw bytes; this is for what people see.
"""

import re
import unicodedata

ELLIPSIS = "…"

# CSI, OSC and the other escape sequences of ECMA-48, whole, so that no "[31m" is left behind.
_SEQUENCE = re.compile(
    r"""
    \x1b\[ [0-?]* [ -/]* [@-~]? |            # CSI
    \x1b[\]PX^_] .*? (?:\x1b\\|\x07|\x9c|$) | # OSC, DCS, SOS, PM, APC up to their end
    \x1b [ -/]* [0-~]? |                     # two- and three-character sequences
    \x9b [0-?]* [ -/]* [@-~]?                # CSI as one C1 byte
    """,
    re.VERBOSE | re.DOTALL,
)
_MARKS_IN_A_ROW = 4  # more combining marks on one letter than any script writes: "zalgo"
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that show nothing: fillers, empty braille


def plain(raw: bytes | str, limit: int = 300) -> str:
    """One line of printable text, at most `limit` characters, the last an ellipsis where it was cut."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    read = limit * 8  # a megabyte of marks costs no more than a line
    out: list[str] = []
    marks = 0
    for character in _SEQUENCE.sub("", text[:read]):
        category = unicodedata.category(character)
        if category in ("Cf", "Cs", "Co", "Cn") or character in _BLANK:
            continue  # bidi overrides, zero-width, surrogates, private, unassigned
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= _MARKS_IN_A_ROW:
            out.append(" " if category in ("Cc", "Zl", "Zp", "Zs") else character)
    line = " ".join("".join(out).split())
    if len(line) > limit or len(text) > read:
        return line[: limit - 1].rstrip() + ELLIPSIS
    return line
