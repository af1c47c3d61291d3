"""Text on a terminal, 80 columns where it is none, with or without colour: two columns, headings, whole pages."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bot.core.hostile import plain

WIDTH = 80  # columns where the output is not a terminal
WIDEST = 120  # beyond, lines are hard to follow with the eye


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line on stderr that says what is being waited for, where stderr is a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():  # rich would take FORCE_COLOR for a terminal
        yield lambda _: None
        return
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    with console.status(Text("reading"), spinner="line") as status:
        yield lambda words: status.update(Text(plain(words, 70)))


@contextmanager
def printed(stream: TextIO | None = None) -> Iterator[Console]:
    """Written whole, at the end, without the blanks that fill a column: what is copied from it has none either."""
    out = stream or sys.stdout
    usual = Console(file=out, markup=False, highlight=False, emoji=False)
    width = min(usual.width, WIDEST) if out.isatty() else WIDTH
    console = Console(file=out, markup=False, highlight=False, emoji=False, width=width)
    with console.capture() as captured:
        yield console
    out.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def pairs(rows: Iterable[tuple[str, str]], once: str = "") -> Table:
    """Two columns, the second folded; a heading that repeats is written once."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    for n, (left, right) in enumerate(rows):
        grid.add_row(Text("" if n and left == once else left), Text(right))
    return grid


def heading(console: Console, words: str) -> None:
    console.print(Text(words, style="bold"))


def indented(console: Console, what: Table | Text) -> None:
    console.print(Padding(what, (0, 0, 0, 2)))


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"
