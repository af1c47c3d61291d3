"""
An incident as the messages it should have: the alert, and in its thread the evidence, the plan and the file.

Pure: the same incident gives the same messages, whoever asks and however often. Buttons carry ids and a digest, and no
authority: who clicks is asked for again, and so is everything else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement, ConfirmObject, StaticSelectElement

from bot.core.alerts import alert, doable
from bot.core.cards import SHORT_ID, together
from bot.core.consent import RULES, Person
from bot.core.findings import Finding, Offer
from bot.core.incident_cards import Status, finding, headline, progress, result, status
from bot.core.phases import Acting, Checking, Diagnosed, Incident, Open, Proposed, Unsettled, Verifying
from bot.core.plan_cards import Part, asks, deed, plan_parts
from bot.core.plans import Plan
from bot.edges.slack.rich import (
    LONGEST_LABEL,
    LONGEST_VALUE,
    Blocks,
    buttons,
    cut,
    escaped,
    fitting,
    foot,
    headed,
    labelled,
    option,
    plain_text,
    quoted,
    small,
)

ALERT, EVIDENCE, PLAN = "alert", "evidence", "plan"
LOCKED = "locked"  # the block that stands where buttons would

SIGNS: Mapping[Status, str] = {
    "STUCK": "🔴",
    "WAITING FOR APPROVAL": "🟡",
    "CHECKING": "🔵",
    "FIXING": "🔵",
    "VERIFYING": "🔵",
    "RESOLVED": "🟢",
    "RESOLVED BY ITSELF": "🟢",
    "FIX FAILED": "🔴",
    "OUTCOME UNKNOWN": "⚠️",
}
RESULTS: Mapping[str, str] = {"DONE": "🟢", "FIX FAILED": "🔴", "NOTHING DONE": "⚪", "OVER": "⚪"}
_HEAD, _STATE = "head", "state"  # blocks of a plan that change
_LONGEST_CONFIRM = 300
_KILO = 1_000


def line(incident: Incident, now: datetime) -> str:
    """One of a list."""
    return f"{SIGNS[status(incident)]} {headline(incident, now)} · incident {incident.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`part` is its name within the incident; `file` the sha256 of an evidence bundle that goes with it, or nothing."""

    part: str
    text: str
    blocks: Blocks
    file: str = ""

    @property
    def threaded(self) -> bool:
        return self.part != ALERT


def messages(incident: Incident, people: Mapping[str, Person], now: datetime) -> tuple[Message, ...]:
    """Those that should be there now, the alert first: the others answer to it."""
    made = [_alert(incident, people, now)]
    found = finding(incident)
    if found is not None:
        made.append(_evidence(incident, found, now))
    if (plan := _plan_of(incident)) is not None:
        made.append(_plan(incident, plan, people, now))
    return tuple(made)


def ended(incident: Incident, part: str, blocks: Blocks, now: datetime) -> tuple[str, Blocks]:
    """A plan's message once it is over: what was asked stays, and what became of it stands where the buttons were."""
    word, lines = result(incident, part.rpartition(" ")[2])
    kept = [each for each in blocks if each["type"] != "actions" and not _passing(each)]
    head = headed(f"{RESULTS[word]} {word}  plan {part.rpartition(' ')[2]} of incident {incident.id}")
    return escaped(f"{RESULTS[word]} {word}: {' '.join(lines)}"), (
        head.to_dict(),
        *kept,
        *(each.to_dict() for each in labelled([("Result", lines)], now)),
    )


def over(blocks: Blocks) -> bool:
    """Whether that was done already."""
    return not any(_passing(each) for each in blocks)


def _passing(block: Mapping[str, Any]) -> bool:
    return str(block.get("block_id", "")).partition(" ")[0] in (_HEAD, _STATE, LOCKED)


def locked(blocks: Blocks, why: str) -> Blocks:
    """Without anything to click, and why; a message that had nothing stays as it was."""
    kept = tuple(each for each in blocks if each["type"] != "actions")
    says = f"No buttons here: {why}. Fixes are approved in a channel of this team alone."
    return (*kept, {**small(says).to_dict(), "block_id": LOCKED}) if len(kept) < len(blocks) else blocks


# ---- the alert


def _alert(incident: Incident, people: Mapping[str, Person], now: datetime) -> Message:
    shown = alert(incident, people, now)
    head = f"{SIGNS[shown.status]} {shown.headline}"
    blocks = [headed(head)]
    if shown.members:
        rows = columns([(each.pod, each.overdue, each.owner) for each in shown.members])
        blocks.append(quoted([*rows, shown.more] if shown.more else rows))
    parts = [(each.label, each.lines) for each in (*shown.parts, *_pointer(incident))]
    blocks.extend(labelled(parts, now))
    blocks.append(foot(shown.foot, now))
    if actions := _actions(incident):
        blocks.append(actions)
    return Message(part=ALERT, text=escaped(head), blocks=fitting(blocks))


def _pointer(incident: Incident) -> Iterator[Part]:
    """What stands in the thread, where one has to go there."""
    phase = incident.phase
    if isinstance(phase, Diagnosed) and len(doable(phase.finding)) > 1:
        others = len(doable(phase.finding)) - 1
        yield Part("Else", (f"{others} other {'fix' if others == 1 else 'fixes'}: see the menu.",))
    if isinstance(phase, Proposed):
        yield Part("Vote", ("Read the plan and approve or reject it in the thread of this message.",))


def _actions(incident: Incident) -> Block | None:
    phase = incident.phase
    match phase:
        case Open():
            return buttons("open", _again(incident))
        case Diagnosed(finding=found):
            first, *more = doable(found) or (None,)
            asked = [_request(incident, found, first)] if first else []
            menu = [_others(incident, found, more)] if more else []
            return buttons("diagnosed", *asked, *menu, _again(incident))
        case Unsettled():
            return buttons(
                "unsettled",
                ButtonElement(text="It happened", action_id="settle_done", value=str(incident.id)),
                ButtonElement(text="It did not", action_id="settle_not_done", value=str(incident.id)),
            )
        case _:
            return None


def _again(incident: Incident) -> ButtonElement:
    return ButtonElement(text="Diagnose again", action_id="diagnose", value=str(incident.id))


def _request(incident: Incident, found: Finding, offer: Offer) -> ButtonElement:
    text = cut(f"Ask to {deed(offer.repair)}", LONGEST_LABEL)
    return ButtonElement(text=text, action_id="request", value=_wanted(incident, found, offer), style="primary")


def _others(incident: Incident, found: Finding, offers: Sequence[Offer]) -> StaticSelectElement:
    options = [option(_wanted(incident, found, each), f"{deed(each.repair)} · {each.risk} risk") for each in offers]
    return StaticSelectElement(placeholder="Other fixes", action_id="request_other", options=options)


def _wanted(incident: Incident, found: Finding, offer: Offer) -> str:
    """Whose pod it is shows its UID alone: a name may be another's by the time of the click."""
    return f"{incident.id} {offer.repair} {found.pod_uid}"[:LONGEST_VALUE]


# ---- in its thread


def evidence_blocks(found: Finding, now: datetime, file: str = "") -> tuple[Block, ...]:
    """Who says what, side by side, and what was ruled out. `file`: the name of the whole of it."""
    rows = together(found.rows)
    legend = ", ◀ disagrees" if any(each.disagrees for each in rows) else ""
    pod = f" of {found.pod}" if found.pod not in found.about else ""
    about = f"Who says what about {found.about}{pod}, times in UTC{legend}"
    table = columns([(f"{each.layer} ◀" if each.disagrees else each.layer, each.says) for each in rows])
    parts: list[tuple[str, Sequence[str]]] = [("Cause", found.sentences)]
    if found.ruled_out:
        parts.append(("Ruled out\n", _list(found.ruled_out)))
    parts.append(("Could not ask", _list(found.not_asked) or ("nothing",)))
    if found.withheld:
        parts.append(("Not offered\n", _list((deed(repair), why) for repair, why in found.withheld)))
    if found.prevent:
        parts.append(("Prevent it", (found.prevent,)))
    if file:
        parts.append(("In full", (f"{file}: everything asked and answered, {_size(found.size)}", found.evidence)))
    return headed(about), quoted(table), *labelled(parts, now)


def _list(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{what}: {why}" for what, why in pairs)


def _size(many: int) -> str:
    return f"{many} bytes, sha256" if many < _KILO else f"{round(many / _KILO)} kB, sha256"


def file_name(incident: Incident, sha256: str) -> str:
    return f"evidence-{incident.id}-{sha256[:SHORT_ID]}.txt"


def _evidence(incident: Incident, found: Finding, now: datetime) -> Message:
    """One for each pod, with the newest look at it; the files of earlier ones stay."""
    name = file_name(incident, found.evidence) if found.evidence else ""
    return Message(
        part=f"{EVIDENCE} {found.pod_uid}",
        text=escaped(f"Evidence of incident {incident.id}: {' '.join(found.sentences[:1])}"),
        blocks=fitting(evidence_blocks(found, now, name)),
        file=found.evidence,
    )


def _plan_of(incident: Incident) -> Plan | None:
    match incident.phase:
        case Proposed() | Checking() | Acting() | Verifying() | Unsettled() as planned:
            return planned.plan
        case _:
            return None


def _plan(incident: Incident, plan: Plan, people: Mapping[str, Person], now: datetime) -> Message:
    text = f"{SIGNS[status(incident)]} {status(incident)}: {asks(plan)}"
    blocks = plan_blocks(incident, plan, people, now)
    return Message(part=f"{PLAN} {plan.digest[:SHORT_ID]}", text=escaped(text), blocks=fitting(blocks))


def plan_blocks(incident: Incident, plan: Plan, people: Mapping[str, Person], now: datetime) -> tuple[Block, ...]:
    """All that people agree to, and while it is open the way to say so; afterwards how far it is."""
    phase, said = incident.phase, status(incident)
    which = f"{incident.id} {plan.digest[:SHORT_ID]}"  # several plans may stand in one view
    votes = phase.votes if isinstance(phase, Proposed) else ()
    parts = {each.label: each.lines for each in plan_parts(plan, people, votes=votes, finding=finding(incident))}
    needs = parts.pop("Needs")
    del parts["Asked"]
    because = [("Because", (f"“{plan.reason}”",))] if plan.reason else []
    head = headed(f"{SIGNS[said]} {said}", block_id=f"{_HEAD} {which}")
    agreed = (headed(asks(plan)), *labelled([*because, *parts.items()], now))
    if isinstance(phase, Proposed):
        return head, *agreed, *labelled([("Needs", needs)], now, block_id=f"{_STATE} {which}"), ballot(incident, plan)
    course = [(each.label, each.lines) for each in progress(incident)]
    return head, *agreed, *labelled(course, now, block_id=f"{_STATE} {which}")


def ballot(incident: Incident, plan: Plan) -> Block:
    value = f"{incident.id} {plan.digest}"
    sure = ConfirmObject(
        title="Approve this fix?",
        text=plain_text(f"{asks(plan)}. Touches: {plan.touches.says}.", _LONGEST_CONFIRM),
        confirm="Approve",
        deny="Not yet",
    )
    typed = RULES[plan.risk].typed
    return buttons(
        f"ballot {incident.id} {plan.digest[:SHORT_ID]}",
        ButtonElement(
            text="Approve",
            action_id="approve_typed" if typed else "approve",
            value=value,
            style="primary",
            confirm=None if typed else sure,
        ),
        ButtonElement(text="Reject", action_id="reject", value=value, style="danger"),
    )


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Padded for a font in which all letters are as wide; a name longer than a phone is not padded for."""
    widest = 40
    widths = [min(widest, max(len(row[n]) for row in rows)) for n in range(len(rows[0]) - 1)] if rows else []
    padded = ((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]) for row in rows)
    return ["  ".join(row) for row in padded]
