"""
What people read of an incident and of its plan: neutral parts, without a terminal or a chat in them. Times are UTC.

Here is wording only. Every surface shows the same parts; what it adds are its own buttons or words to type.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from bot.core.cards import SHORT_ID, Row, lasting
from bot.core.consent import Person, Vote
from bot.core.findings import Finding
from bot.core.guards import Execution, State
from bot.core.phases import (
    Acting,
    Checking,
    Closed,
    Diagnosed,
    Incident,
    Member,
    Open,
    Proposed,
    Unsettled,
    Verifying,
)
from bot.core.plan_cards import Part, clock, place_of, plan_parts, spoken, voted
from bot.core.pods import Hold
from bot.core.repairs import BY_ID

MOST_MEMBERS = 5

Status = Literal[
    "STUCK",
    "WAITING FOR APPROVAL",
    "CHECKING",
    "FIXING",
    "VERIFYING",
    "RESOLVED",
    "RESOLVED BY ITSELF",
    "FIX FAILED",
    "OUTCOME UNKNOWN",
]
_WORDS: Mapping[State, str] = {"done": "DONE", "failed": "FIX FAILED", "not-done": "NOTHING DONE"}
_ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth")


@dataclass(frozen=True, slots=True)
class Late:
    """One stuck pod."""

    pod: str
    overdue: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`more` says how many pods are not shown; `rows` are the layers side by side, while that is the news."""

    status: Status
    headline: str
    members: tuple[Late, ...]
    more: str
    parts: tuple[Part, ...]
    rows: tuple[Row, ...]
    foot: str


def card(incident: Incident, people: Mapping[str, Person], now: datetime, *, whole: bool = False) -> Card:
    """
    What is news of this incident now, or all that is known of it. `people`: who can approve, by name.

    Where the evidence and the plan stand beside it, `alerts.alert` says it in fewer words.
    """
    found = finding(incident)
    news = whole or isinstance(incident.phase, Diagnosed)
    return Card(
        status=status(incident),
        headline=headline(incident, now),
        members=members(incident, now),
        more=f"and {left} more" if (left := len(incident.members) - MOST_MEMBERS) > 0 else "",
        parts=(
            *_cause(incident, whole=news),
            *_course(incident, people),
            *_past(incident),
            *(_beside(found) if found is not None and whole else ()),
        ),
        rows=found.rows if found is not None and news else (),
        foot=_foot(incident, found),
    )


def status(incident: Incident) -> Status:
    phase = incident.phase
    match phase:
        case Open() | Diagnosed():
            failed = bool(incident.executions) and incident.executions[-1].state == "failed"
            return "FIX FAILED" if failed else "STUCK"
        case Proposed():
            return "WAITING FOR APPROVAL"
        case Checking():
            return "CHECKING"
        case Acting():
            return "FIXING"
        case Verifying():
            return "VERIFYING"
        case Unsettled():
            return "OUTCOME UNKNOWN"
        case Closed(outcome="resolved" | "resolved late"):
            return "RESOLVED"
        case Closed():
            return "RESOLVED BY ITSELF"
        case _:
            assert_never(phase)


def headline(incident: Incident, now: datetime) -> str:
    """What, how many, where, since when: the one line that everybody reads."""
    phase, where = incident.phase, f"{held(incident.hold)} · {incident.cluster}"
    if isinstance(phase, Closed):
        words = [f"{status(incident)}  in {lasting(phase.at - incident.opened)}", where]
        fixes = [each for each in incident.executions if each.state == "done"]
        if phase.outcome == "resolved" and fixes:
            words.append(f"fixed by {spoken(fixes[-1].repair)}")
            words.extend(_by(fixes[-1]))
        if phase.outcome == "resolved late":
            late = next(each for each in reversed(incident.executions) if each.state == "failed")
            words.append(f"after {spoken(late.repair)} had not helped in its time")
        return " · ".join(words)
    if not incident.members:
        return f"{status(incident)}  no pod of it is left · {where}"
    pods = "1 pod" if len(incident.members) == 1 else f"{len(incident.members)} pods"
    oldest = max(now - each.deadline for each in incident.members)
    return f"{status(incident)}  {pods} {where} · {lasting(oldest)} past the deadline"


def members(incident: Incident, now: datetime) -> tuple[Late, ...]:
    """Those that matter most: of StatefulSets, then those that nothing starts again, then the oldest."""
    ranked = sorted(incident.members, key=lambda each: (_rank(each), each.deadline, each.full_name))
    return tuple(
        Late(each.full_name, f"{lasting(now - each.deadline)} past its deadline", each.owner or "no owner")
        for each in ranked[:MOST_MEMBERS]
    )


def held(hold: Hold) -> str:
    match hold.kind:
        case "node":
            return f"on {hold.name}"
        case "lost-node":
            return f"on {hold.name}, which is gone"
        case "finalizer":
            return f"held by finalizer {hold.name}"
        case "none":
            return "that no node ever had"
        case _:
            assert_never(hold.kind)


def progress(incident: Incident) -> tuple[Part, ...]:
    """Of an approved plan: who agreed, and how far it is."""
    phase = incident.phase
    match phase:
        case Checking() | Acting() | Verifying():
            return (Part("Agreed", voted(phase.votes)), Part("Now", (_now(phase),)))
        case Unsettled():
            return (Part("Agreed", voted(phase.votes)), *unknown(incident, phase))
        case _:
            return ()


def result(incident: Incident, digest: str) -> tuple[str, tuple[str, ...]]:
    """
    What became of a plan that is over, in a word, and the lines that tell it.

    One without an execution was rejected, expired or overtaken by events: nothing was done.
    """
    made = next((each for each in incident.executions if each.plan.startswith(digest)), None)
    last = (incident.last,) if incident.last else ()
    if made is None:
        return "NOTHING DONE", last or ("It is over.",)
    newest = made is incident.executions[-1]
    told = last if newest and last else (f"{made.why}.",) if made.why else ()
    return _WORDS.get(made.state, "OVER"), (*told, *_times(made))


def cause_of(incident: Incident) -> str:
    """Of a closed one: what its last fix was for; empty where none is known."""
    found = finding(incident)
    if found is not None:
        return found.cause
    return incident.executions[-1].cause if incident.executions else ""


def finding(incident: Incident) -> Finding | None:
    phase = incident.phase
    return None if isinstance(phase, Open | Closed) else phase.finding


def again(incident: Incident) -> str:
    """What a force delete would only hide; empty for the first time."""
    if incident.nth < 2:  # noqa: PLR2004  # the first time is no news
        return ""
    nth = _ORDINALS[incident.nth - 1] if incident.nth <= len(_ORDINALS) else f"{incident.nth}th"
    if incident.hold.kind != "node":
        return f"{nth} time in 7 days."
    return f"{nth} time on this node in 7 days. A force delete would hide it, not end it."


def repeated(incident: Incident) -> tuple[str, ...]:
    """That it is not the first time."""
    words = (nth,) if (nth := again(incident)) else ()
    if not incident.returned:
        return words
    times = "once" if incident.returned == 1 else f"{incident.returned} times"
    return (*words, f"It was gone and came back: {times}.")


def past(execution: Execution) -> str:
    """One attempt that is over, or whose outcome is unknown."""
    took = lasting(execution.ended - execution.claimed) if execution.ended else ""
    match execution.state:
        case "done":
            ended = f"done in {took}"
        case "failed":
            ended = f"failed after {took}"
        case "not-done":
            ended = "not done"
        case "unsettled":
            ended = "outcome unknown"
        case _:
            ended = f"{execution.state} now"
    why = f": {execution.why}" if execution.why else ""
    because = f", because {execution.reason}" if execution.reason else ""
    who = f" ({', '.join(_by(execution))}{because})" if execution.requester else ""
    return f"{clock(execution.claimed)} {execution.repair}{who}: {ended}{why}"


def _times(made: Execution) -> tuple[str, ...]:
    steps = [f"last vote {clock(made.claimed)}"]
    if made.intent:
        steps.append(f"sent {clock(made.intent)}")
    if made.ended:
        steps.append(f"over {clock(made.ended)}, after {lasting(made.ended - made.claimed)}")
    who = f"Asked by {made.requester}, approved by {' and '.join(made.approvers)}: " if made.requester else ""
    said = f"{who}{', '.join(steps)}."
    return (said[:1].upper() + said[1:],)


def _rank(member: Member) -> int:
    if member.owner is None:
        return 1
    return 0 if member.owner.startswith("StatefulSet/") else 2


def _by(execution: Execution) -> tuple[str, ...]:
    if not execution.requester:
        return ()
    return (f"asked by {execution.requester}, approved by {' and '.join(execution.approvers)}",)


def _cause(incident: Incident, *, whole: bool) -> tuple[Part, ...]:
    """Its name alone once something is done about it."""
    phase = incident.phase
    if isinstance(phase, Closed):
        return ()
    if isinstance(phase, Open):
        why = f"Not known yet: {phase.why}" if phase.why else "Not known yet: the node is being asked."
        lines: tuple[str, ...] = (why,)
    else:
        lines = phase.finding.sentences if whole else phase.finding.sentences[:1]
        if len(incident.members) > 1:
            lines = (*lines, f"Seen at {phase.finding.pod}.")
    return (Part("Cause", (*lines, *repeated(incident))),)


def _course(incident: Incident, people: Mapping[str, Person]) -> tuple[Part, ...]:
    """What can be done, is to be done, or is being done."""
    phase = incident.phase
    match phase:
        case Open():
            return ()
        case Diagnosed():
            return _next(phase.finding)
        case Proposed():
            return plan_parts(phase.plan, people, votes=phase.votes, finding=phase.finding)
        case Checking() | Acting() | Verifying():
            return (Part("Plan", (_agreed(phase),)), Part("Now", (_now(phase),)))
        case Unsettled():
            return (Part("Plan", (_agreed(phase),)), *unknown(incident, phase))
        case Closed():
            return ()
        case _:
            assert_never(phase)


def _next(found: Finding) -> tuple[Part, ...]:
    parts = []
    for n, offer in enumerate(found.offers):
        lines = (f"{offer.repair} · {offer.risk} risk · {offer.does}", f"Touches: {offer.touches}.")
        notes = tuple(f"Note: {note}." for note in offer.notes)
        parts.append(Part("Else" if n else "Next", (*lines, *notes)))
    if not found.offers:
        parts.append(Part("Next", ("Nothing here that the bot could do.",)))
    if found.withheld:
        parts.append(Part("Not offered", tuple(f"{repair}: {why}." for repair, why in found.withheld)))
    return tuple(parts)


def _agreed(phase: Checking | Acting | Verifying | Unsettled) -> str:
    plan, voters = phase.plan, _names(phase.votes)
    which = f" of {plan.words[0]}" if plan.repair == "finalizer.remove" else ""
    return (
        f"{plan.repair}{which} on {place_of(plan)} · asked by {plan.requester}, approved by {voters}, "
        f"{clock(phase.approved)} · plan {plan.digest[:SHORT_ID]}"
    )


def _names(votes: Sequence[Vote]) -> str:
    return " and ".join(vote.person for vote in votes)


def _now(phase: Checking | Acting | Verifying) -> str:
    match phase:
        case Checking():
            return "Everything is looked at once more. Any difference, and nothing is done."
        case Acting():
            if phase.sent is None:
                return "About to be sent."
            return f"Sent {clock(phase.sent)}. It is never sent a second time."
        case Verifying():
            done = f"Done {clock(phase.acted)}."
            if phase.clear_since is None:
                return f"{done} Waiting for it to clear: {phase.last}."
            return f"{done} Clear since {clock(phase.clear_since)}; believed after {lasting(phase.plan.clear_for)}."
        case _:
            assert_never(phase)


def unknown(incident: Incident, phase: Unsettled) -> tuple[Part, ...]:
    """What is not known, how a person can look, and how it ends."""
    plan = phase.plan
    goes_on = "The bot goes on asking." if phase.asking else "The bot cannot find out by itself."
    outcome = (f"{phase.why}.", f"{goes_on} No more fixes on {plan.to_type} until this is settled.")
    target = plan.target
    if BY_ID[plan.repair].by == "node":
        look = (
            f"terminating-node status {plan.op}",
            f"on {target.node}, as root. done, failed: it happened. refused, burnt: it did not.",
        )
    elif plan.repair == "finalizer.remove":
        look = (
            f"kubectl get pod -n {target.namespace} {target.pod} -o yaml",
            f"Gone, of another UID than {target.pod_uid}, or without the finalizer {plan.words[0]}: it happened.",
        )
    elif plan.repair in ("node.cordon", "node.uncordon"):
        look = (f"kubectl get node {target.node} -o yaml", f"of UID {target.node_uid}: spec.unschedulable.")
    else:
        look = (
            f"kubectl get pod -n {target.namespace} {target.pod} -o yaml",
            f"Gone, or of another UID than {target.pod_uid}: it happened.",
        )
    settle = f"Settle incident {incident.id}: done or not done, with a reason. Who may approve in {target.cluster} can."
    return (Part("Unknown", outcome), Part("To look", look), Part("Then", (settle,)))


def _beside(found: Finding) -> tuple[Part, ...]:
    """What is no news, and told to those who ask."""
    parts = []
    if found.ruled_out:
        parts.append(Part("Ruled out", tuple(f"{cause}: {why}" for cause, why in found.ruled_out)))
    if found.prevent:
        parts.append(Part("Prevent it", (found.prevent,)))
    return tuple(parts)


def _past(incident: Incident) -> tuple[Part, ...]:
    over = [each for each in incident.executions if not each.locks]
    parts = [Part("Last", (incident.last,))] if incident.last else []
    if over:
        parts.append(Part("Before", tuple(past(each) for each in over)))
    return tuple(parts)


def _foot(incident: Incident, found: Finding | None) -> str:
    words = [f"incident {incident.id}", f"seen {clock(incident.opened)}"]
    if found is not None:
        words.append(f"diagnosed in {found.took.total_seconds():.1f} s")
    return " · ".join(words)
