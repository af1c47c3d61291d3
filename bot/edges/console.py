"""
The terminal: neutral rows and sentences of `core.cards` laid out for 80 columns, with or without colour.

Only what is already clean is printed; nothing is parsed as markup, so no name can colour or link anything.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
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
POD_WIDTH = 32  # columns; a pod's name is copied by people, so it is folded only beyond
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
    with _printed() as console:
        _scan(console, found)


def _scan(console: Console, found: Scan) -> None:
    if found.stuck:
        table = Table(box=None, pad_edge=False, header_style="bold")
        longest = max(len(each.pod.full_name) for each in found.stuck)
        for heading in ("CLUSTER", "POD", "HELD BY", "OVERDUE", "OWNER"):
            whole = heading == "OVERDUE" or (heading == "POD" and longest <= POD_WIDTH)
            table.add_column(heading, overflow="fold", no_wrap=whole)
        for each in found.stuck:
            table.add_row(*(Text(cell) for cell in _row(each)))
        console.print(table)
    pods = sum(cluster.pods or 0 for cluster in found.clusters)
    unread = sum(cluster.error is not None for cluster in found.clusters)
    console.print(
        f"{len(found.stuck)} stuck of {_counted(pods, 'pod')} in {_counted(len(found.clusters) - unread, 'cluster')}"
        f"{f', {unread} not read' if unread else ''}, {_seconds(found.took)}"
    )
    if found.stuck:
        console.print("Why: terminating diagnose POD")


def show_diagnosis(diagnosis: Diagnosis, took: timedelta) -> None:
    with _printed() as console:
        _diagnosis(console, diagnosis, took)


def _diagnosis(console: Console, diagnosis: Diagnosis, took: timedelta) -> None:
    console.print(Text(cards.headline(diagnosis), style="bold"))
    console.print(_pairs([("Cause", line) for line in cards.cause(diagnosis)], "Cause"))
    subject = cards.shown_subject(diagnosis)
    if subject.container is not None:
        about = f"container {subject.name} ({subject.container[: cards.SHORT_ID]})"
    else:
        about = f"pod {diagnosis.pod.full_name}"
    rows = _once(cards.evidence(diagnosis))
    legend = ", ◀ disagrees" if any(row.disagrees for row in rows) else ""
    _heading(console, f"Who says what about {about}, times in UTC{legend}")
    _indented(console, _pairs([(f"{row.layer} ◀" if row.disagrees else row.layer, row.says) for row in rows]))
    _repairs(console, diagnosis)
    verdict = diagnosis.verdict
    if verdict.ruled_out and diagnosis.pod.deadline is not None:
        _heading(console, "Ruled out")
        _indented(console, _pairs([(cause.id, cards.ruled_out(failed)) for cause, failed in verdict.ruled_out]))
    if diagnosis.pod.deadline is not None:
        _heading(console, "Could not ask")
        _indented(console, _pairs(_unknown(verdict.unknown) or [("nothing", "")]))
    if verdict.cause is not None:
        _heading(console, "Prevent it")
        _indented(console, Text(verdict.cause.prevent))
    console.print(Text(f"diagnosed in {_seconds(took)}", style="dim"))


def show_cause(cause: Cause) -> None:
    with _printed() as console:
        _cause(console, cause)


def _cause(console: Console, cause: Cause) -> None:
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
    held = "not known"
    if hold is not None:
        held = hold.name if hold.kind == "node" else f"{hold.kind.replace('-', ' ')} {hold.name}".strip()
    overdue = cards.lasting(each.overdue) if each.overdue is not None else "-"
    return (pod.cluster, pod.full_name, held, overdue, pod.owner or "-")


def _once(rows: Sequence[cards.Row]) -> list[cards.Row]:
    """Layers that are silent for one and the same reason stand in one row: a node that cannot be asked says it once."""
    together: dict[str, list[cards.Row]] = {}
    for row in rows:
        together.setdefault(row.says if row.says.startswith("not known: ") else row.layer, []).append(row)
    return [replace(alike[0], layer="the node" if len(alike) > 1 else alike[0].layer) for alike in together.values()]


def _unknown(facts: Iterable[Fact]) -> list[tuple[str, str]]:
    """By reason: one fact by its name, several by how many there are."""
    by_reason: dict[str, list[str]] = {}
    for fact in facts:
        by_reason.setdefault(_why(fact), []).append(fact.name)
    return [(names[0] if len(names) == 1 else f"{len(names)} facts", why) for why, names in by_reason.items()]


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


@contextmanager
def _printed() -> Iterator[Console]:
    """Written whole, at the end, without the blanks that fill a column: what is copied from it has none either."""
    plain_console = Console(markup=False, highlight=False, emoji=False)
    width = min(plain_console.width, WIDEST) if sys.stdout.isatty() else WIDTH
    console = Console(markup=False, highlight=False, emoji=False, width=width)
    with console.capture() as captured:
        yield console
    sys.stdout.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))
