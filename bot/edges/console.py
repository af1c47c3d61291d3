"""
The terminal: neutral rows and sentences of `core.cards` laid out for 80 columns, with or without colour.

Only what is already clean is printed; nothing is parsed as markup, so no name can colour or link anything.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bot.core import cards
from bot.core.causes import Cause
from bot.core.diagnoses import Diagnosis
from bot.core.facts import Fact, Unknown
from bot.core.hostile import plain as clean
from bot.core.repairs import Offered
from bot.core.scans import Scan, Stuck

WIDTH = 80  # columns where the output is not a terminal
WIDEST = 120  # beyond, lines are hard to follow with the eye

__all__ = ["clean", "progress", "show_cause", "show_diagnosis", "show_scan"]


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line on stderr that says what is being waited for, where stderr is a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():  # rich would take FORCE_COLOR for a terminal
        yield lambda _: None
        return
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    with console.status(Text("reading"), spinner="line") as status:
        yield lambda words: status.update(Text(clean(words, 70)))


def show_scan(found: Scan) -> None:
    console = _console()
    if found.stuck:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("CLUSTER", "POD", "HELD BY", "OVERDUE", "OWNER", "LIKELY"):
            table.add_column(heading, overflow="fold", no_wrap=heading == "OVERDUE")
        for each in found.stuck:
            table.add_row(*(Text(cell) for cell in _row(each)))
        console.print(table)
    pods = sum(cluster.pods or 0 for cluster in found.clusters)
    unread = sum(cluster.error is not None for cluster in found.clusters)
    console.print(
        f"{len(found.stuck)} stuck of {_counted(pods, 'pod')} in {_counted(len(found.clusters) - unread, 'cluster')}"
        f"{f', {unread} not read' if unread else ''}, {_seconds(found.took)}"
    )


def show_diagnosis(diagnosis: Diagnosis, took: timedelta) -> None:
    console = _console()
    console.print(Text(cards.headline(diagnosis), style="bold"))
    console.print(_pairs([("Cause", line) for line in cards.cause(diagnosis)], "Cause"))
    subject = cards.shown_subject(diagnosis)
    if subject.container is not None:
        about = f"container {subject.name} ({subject.container[: cards.SHORT_ID]}), times in UTC"
    else:
        about = f"pod {diagnosis.pod.full_name}, times in UTC"
    _heading(console, f"Who says what about {about}")
    rows = [(row.layer, row.says, row.disagrees) for row in cards.evidence(diagnosis)]
    _indented(console, _pairs([(layer, f"{says}  ◀ disagrees" if odd else says) for layer, says, odd in rows]))
    _repairs(console, diagnosis)
    verdict = diagnosis.verdict
    if verdict.ruled_out:
        _heading(console, "Ruled out")
        _indented(console, _pairs([(cause.id, cards.ruled_out(failed)) for cause, failed in verdict.ruled_out]))
    _heading(console, "Could not ask")
    _indented(console, _pairs([(fact.name, _why(fact)) for fact in verdict.unknown] or [("nothing", "")]))
    if verdict.cause is not None:
        _heading(console, "Prevent it")
        _indented(console, Text(verdict.cause.prevent))
    console.print(Text(f"diagnosed in {_seconds(took)}", style="dim"))


def show_cause(cause: Cause) -> None:
    console = _console()
    console.print(Text(f"{cause.id}: {cause.title}", style="bold"))
    console.print(Text(cause.because))
    for heading, lines in (("When", cause.lines), ("Supported by", cause.supported_by)):
        if lines:
            _heading(console, heading)
            _indented(console, _pairs([(line.fact, cards.wanted(line)) for line in lines]))
    for heading, words in (("Repairs", cause.repairs), ("Sources", cause.sources)):
        if words:
            _heading(console, heading)
            _indented(console, Text("\n".join(words)))
    _heading(console, "Prevent it")
    _indented(console, Text(cause.prevent))


def _repairs(console: Console, diagnosis: Diagnosis) -> None:
    for n, offered in enumerate(diagnosis.offered):
        heading = "Next" if n == 0 else "Else"
        console.print(_pairs([(heading, line) for line in _offer(offered)], heading))
    if diagnosis.withheld:
        _heading(console, "Not offered")
        _indented(console, _pairs([(each.repair.id, each.why) for each in diagnosis.withheld]))


def _offer(offered: Offered) -> tuple[str, ...]:
    what = f"{offered.repair.id} · {offered.risk} risk · {offered.repair.does}"
    return (what, f"Touches: {offered.touches}.", *(f"Note: {note}." for note in offered.notes))


def _row(each: Stuck) -> tuple[str, ...]:
    pod, hold = each.pod, each.hold
    held, likely = "not known", "ask: diagnose"
    if hold is not None:
        held = hold.name if hold.kind == "node" else f"{hold.kind.replace('-', ' ')} {hold.name}".strip()
        likely = {"finalizer": "finalizer-pending", "lost-node": "node-deleted-orphans"}.get(hold.kind, likely)
    overdue = cards.lasting(each.overdue) if each.overdue is not None else "-"
    return (pod.cluster, pod.full_name, held, overdue, pod.owner or "-", likely)


def _pairs(rows: Iterable[tuple[str, str]], once: str = "") -> Table:
    """Two columns, the second folded; a heading that repeats is written once."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    for n, (left, right) in enumerate(rows):
        grid.add_row(Text("" if n and left == once else left), Text(right))
    return grid


def _heading(console: Console, words: str) -> None:
    console.print(Text(words, style="bold"))


def _indented(console: Console, what: Table | Text) -> None:
    console.print(Padding(what, (0, 0, 0, 2)))


def _why(fact: Fact) -> str:
    return fact.answer.why if isinstance(fact.answer, Unknown) else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"


def _console() -> Console:
    console = Console(markup=False, highlight=False, emoji=False)
    width = min(console.width, WIDEST) if sys.stdout.isatty() else WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)
