"""What a look found: the pods that are stuck, one pod's diagnosis, one cause. Rows of `core.cards` laid out."""

from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.core import cards
from bot.core.causes import Cause
from bot.core.diagnoses import Diagnosis
from bot.core.repairs import Offered
from bot.core.scans import Scan, Stuck
from bot.edges.console.layout import counted, heading, indented, pairs, printed, seconds

POD_WIDTH = 32  # columns; a pod's name is copied by people, so it is folded only beyond


def show_scan(found: Scan) -> None:
    with printed() as console:
        _scan(console, found)


def _scan(console: Console, found: Scan) -> None:
    if found.stuck:
        table = Table(box=None, pad_edge=False, header_style="bold")
        longest = max(len(each.pod.full_name) for each in found.stuck)
        for column in ("CLUSTER", "POD", "HELD BY", "OVERDUE", "OWNER"):
            whole = column == "OVERDUE" or (column == "POD" and longest <= POD_WIDTH)
            table.add_column(column, overflow="fold", no_wrap=whole)
        for each in found.stuck:
            table.add_row(*(Text(cell) for cell in _row(each)))
        console.print(table)
    pods = sum(cluster.pods or 0 for cluster in found.clusters)
    unread = sum(cluster.error is not None for cluster in found.clusters)
    console.print(
        f"{len(found.stuck)} stuck of {counted(pods, 'pod')} in {counted(len(found.clusters) - unread, 'cluster')}"
        f"{f', {unread} not read' if unread else ''}, {seconds(found.took)}"
    )
    if found.stuck:
        console.print("Why: terminating diagnose POD")


def show_diagnosis(diagnosis: Diagnosis, took: timedelta) -> None:
    with printed() as console:
        _diagnosis(console, diagnosis, took)


def _diagnosis(console: Console, diagnosis: Diagnosis, took: timedelta) -> None:
    console.print(Text(cards.headline(diagnosis), style="bold"))
    console.print(pairs([("Cause", line) for line in cards.cause(diagnosis)], "Cause"))
    rows = cards.together(cards.evidence(diagnosis))
    legend = ", ◀ disagrees" if any(row.disagrees for row in rows) else ""
    heading(console, f"Who says what about {cards.about(diagnosis)}, times in UTC{legend}")
    indented(console, pairs([(f"{row.layer} ◀" if row.disagrees else row.layer, row.says) for row in rows]))
    _repairs(console, diagnosis)
    verdict = diagnosis.verdict
    if verdict.ruled_out and diagnosis.pod.deadline is not None:
        heading(console, "Ruled out")
        indented(console, pairs([(cause.id, cards.ruled_out(failed)) for cause, failed in verdict.ruled_out]))
    if diagnosis.pod.deadline is not None:
        heading(console, "Could not ask")
        indented(console, pairs(cards.not_asked(verdict.unknown) or [("nothing", "")]))
    if verdict.cause is not None:
        heading(console, "Prevent it")
        indented(console, Text(verdict.cause.prevent))
    console.print(Text(f"diagnosed in {seconds(took)}", style="dim"))


def show_cause(cause: Cause) -> None:
    with printed() as console:
        _cause(console, cause)


def _cause(console: Console, cause: Cause) -> None:
    console.print(Text(f"{cause.id}: {cause.title}", style="bold"))
    console.print(Text(cause.because))
    for label, lines in (("When", cause.lines), ("Supported by", cause.supported_by)):
        if lines:
            heading(console, label)
            indented(console, pairs([(line.fact, cards.wanted(line)) for line in lines]))
    for label, words in (("Repairs", cause.repairs), ("Sources", cause.sources)):
        if words:
            heading(console, label)
            indented(console, Text("\n".join(words)))
    heading(console, "Prevent it")
    indented(console, Text(cause.prevent))


def _repairs(console: Console, diagnosis: Diagnosis) -> None:
    for n, offered in enumerate(diagnosis.offered):
        label = "Next" if n == 0 else "Else"
        console.print(pairs([(label, line) for line in _offer(offered)], label))
    if diagnosis.withheld:
        heading(console, "Not offered")
        indented(console, pairs([(each.repair.id, each.why) for each in diagnosis.withheld]))


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
