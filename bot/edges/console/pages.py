"""Incidents and plans on a terminal: parts of `core.incident_cards` laid out, and what to type next."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.core.cards import SHORT_ID, together
from bot.core.consent import RULES, Person
from bot.core.incident_cards import Card, Status, card, cause_of, finding, status
from bot.core.phases import Diagnosed, Incident, Proposed, Unsettled
from bot.core.plan_cards import Part, plan_parts
from bot.core.plans import Plan
from bot.edges.console.layout import counted, heading, indented, pairs, printed

_STYLES: Mapping[Status, str] = {
    "STUCK": "bold red",
    "WAITING FOR APPROVAL": "bold yellow",
    "CHECKING": "bold blue",
    "FIXING": "bold blue",
    "VERIFYING": "bold blue",
    "RESOLVED": "bold green",
    "RESOLVED BY ITSELF": "bold green",
    "FIX FAILED": "bold red",
    "OUTCOME UNKNOWN": "bold magenta",
}


def show_incident(
    incident: Incident, people: Mapping[str, Person], now: datetime, stream: TextIO | None = None, *, whole: bool = True
) -> None:
    """`whole`: all that is known, else what is news."""
    with printed(stream) as console:
        _card(console, card(incident, people, now, whole=whole))


def show_news(incident: Incident, people: Mapping[str, Person], now: datetime, stream: TextIO, *, whole: bool) -> None:
    """The card as it appears in a conversation: with what can be typed about it, and an empty line after it."""
    with printed(stream) as console:
        _card(console, card(incident, people, now, whole=whole))
        if typed := to_type(incident):
            console.print(pairs([("Type", line) for line in typed], "Type"))
        console.print()


def show_incidents(incidents: Sequence[Incident], stream: TextIO | None = None) -> None:
    with printed(stream) as console:
        _table(console, incidents)


def show_plan(plan: Plan, people: Mapping[str, Person]) -> None:
    with printed() as console:
        heading(console, "What people would be asked to approve. Nothing was done.")
        _parts(console, plan_parts(plan, people))


def to_type(incident: Incident) -> tuple[str, ...]:
    """The next words, as far as they are known."""
    phase = incident.phase
    match phase:
        case Diagnosed() if phase.finding.offers:
            first = phase.finding.offers[0]
            pod = f" {phase.finding.pod}" if len(incident.members) > 1 else ""
            because = " because REASON" if RULES[first.risk].reason else ""
            choice = f" {'|'.join(first.choices)}" if first.choices else ""
            return (f"NAME> request {incident.id}{pod} {first.repair}{choice}{because}",)
        case Proposed():
            plan = phase.plan
            name = f" {plan.to_type}" if RULES[plan.risk].typed else ""
            words = f"{incident.id} {plan.digest[:SHORT_ID]}"
            return (f"NAME> approve {words}{name}", f"NAME> reject {words} REASON")
        case Unsettled():
            return (f"NAME> settle {incident.id} done REASON", f"NAME> settle {incident.id} not-done REASON")
        case _:
            return ()


def _card(console: Console, shown: Card) -> None:
    console.print(Text(shown.headline, style=_STYLES[shown.status]))
    if shown.members:
        table = Table.grid(padding=(0, 2))
        for _ in range(3):
            table.add_column(overflow="fold")
        for each in shown.members:
            table.add_row(Text(each.pod), Text(each.overdue), Text(each.owner))
        console.print(table)
    if shown.more:
        console.print(Text(shown.more))
    _parts(console, shown.parts)
    if shown.rows:
        rows = together(shown.rows)
        legend = ", ◀ disagrees" if any(row.disagrees for row in rows) else ""
        heading(console, f"Who says what, times in UTC{legend}")
        indented(console, pairs([(f"{row.layer} ◀" if row.disagrees else row.layer, row.says) for row in rows]))
    console.print(Text(shown.foot, style="dim"))


def _parts(console: Console, parts: Sequence[Part]) -> None:
    """All in one grid, so that every heading is as wide as the widest."""
    rows = [("" if n else part.label, line) for part in parts for n, line in enumerate(part.lines)]
    if rows:
        console.print(pairs(rows))


def _table(console: Console, incidents: Sequence[Incident]) -> None:
    if incidents:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("ID", "STATUS", "CLUSTER", "HELD BY", "PODS", "CAUSE"):
            table.add_column(column, overflow="fold", no_wrap=column in ("ID", "STATUS", "PODS"))
        for each in incidents:
            table.add_row(*(Text(cell) for cell in _row(each)))
        console.print(table)
    still = sum(each.open for each in incidents)
    console.print(f"{counted(len(incidents), 'incident')}, {still} open")


def _row(incident: Incident) -> tuple[str, ...]:
    cause = cause_of(incident) or ("none fits" if finding(incident) is not None else "-")
    hold = incident.hold
    held = hold.name if hold.kind == "node" else f"{hold.kind.replace('-', ' ')} {hold.name}".strip()
    return (str(incident.id), status(incident), incident.cluster, held, str(len(incident.members)), cause)
