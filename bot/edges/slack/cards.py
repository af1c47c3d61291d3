"""
An incident as the messages it should have: the alert, and in its thread the evidence, the plan and the file.

Pure: the same incident gives the same messages, whoever asks and however often. Buttons carry ids and a digest, and no
authority: who clicks is asked for again, and so is everything else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import Block, ButtonElement, ConfirmObject, Option, PlainTextObject, StaticSelectElement

from bot.core.cards import SHORT_ID
from bot.core.consent import RULES, Person
from bot.core.findings import Finding, Offer
from bot.core.incident_cards import Card, Status, card, finding, status
from bot.core.phases import Acting, Checking, Diagnosed, Incident, Open, Proposed, Unsettled, Verifying
from bot.core.plan_cards import Part, plan_parts, spoken
from bot.core.plans import Plan
from bot.edges.slack.rich import (
    LONGEST_LABEL,
    Blocks,
    buttons,
    cut,
    escaped,
    fitting,
    foot,
    headed,
    labelled,
    quoted,
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
_LONGEST_VALUE = 150  # of an option
_IN_ALERT = frozenset({"Asked", "Needs"})  # of a plan: the rest stands in the thread


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


def ended(blocks: Blocks, last: str, now: datetime) -> Blocks:
    """A plan's message once nothing can be clicked there any more, and why."""
    kept = tuple(each for each in blocks if each["type"] != "actions" and each.get("block_id") != LOCKED)
    return (*kept, labelled([("Ended", (last or "It is over.",))], now).to_dict())


def locked(blocks: Blocks, why: str) -> Blocks:
    """Without anything to click, and why; a message that had nothing stays as it was."""
    kept = tuple(each for each in blocks if each["type"] != "actions")
    says = f"No buttons here: {why}. Fixes are approved in a channel of this team alone."
    return (*kept, {**foot(says).to_dict(), "block_id": LOCKED}) if len(kept) < len(blocks) else blocks


# ---- the alert


def _alert(incident: Incident, people: Mapping[str, Person], now: datetime) -> Message:
    shown = card(incident, people, now)
    head = f"{SIGNS[shown.status]} {shown.headline}"
    blocks = [headed(head)]
    if shown.members:
        rows = _columns([(each.pod, each.overdue, each.owner) for each in shown.members])
        blocks.append(quoted([*rows, shown.more] if shown.more else rows))
    if parts := tuple(_alerted(incident, shown)):
        blocks.append(labelled(parts, now))
    blocks.append(foot(shown.foot))
    if actions := _actions(incident):
        blocks.append(actions)
    return Message(part=ALERT, text=escaped(head), blocks=fitting(blocks))


def _alerted(incident: Incident, shown: Card) -> Iterator[tuple[str, Sequence[str]]]:
    """What is in the thread anyway is not said here a second time."""
    phase = incident.phase
    offers = 0
    for part in shown.parts:
        if isinstance(phase, Diagnosed) and part.label in ("Else", "Not offered"):
            offers += part.label == "Else"
            continue
        if isinstance(phase, Proposed) and part.label not in {"Cause", "Last", "Before", *_IN_ALERT}:
            continue
        yield part.label, part.lines
    if offers:
        yield "Else", (f"{offers} other {'fix' if offers == 1 else 'fixes'}: see the menu",)


def _actions(incident: Incident) -> Block | None:
    phase = incident.phase
    match phase:
        case Open():
            return buttons("open", _again(incident))
        case Diagnosed(finding=found):
            first = [_request(incident, found, each) for each in found.offers[:1]]
            menu = [_others(incident, found, found.offers[1:])] if len(found.offers) > 1 else []
            return buttons("diagnosed", *first, *menu, _again(incident))
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
    text = cut(f"Request: {spoken(offer.repair)}", LONGEST_LABEL)
    return ButtonElement(text=text, action_id="request", value=_wanted(incident, found, offer), style="primary")


def _others(incident: Incident, found: Finding, offers: Sequence[Offer]) -> StaticSelectElement:
    options = [
        Option(
            value=_wanted(incident, found, each),
            text=cut(f"{spoken(each.repair)} · {each.risk} risk", LONGEST_LABEL),
        )
        for each in offers
    ]
    return StaticSelectElement(placeholder="Other fixes", action_id="request_other", options=options)


def _wanted(incident: Incident, found: Finding, offer: Offer) -> str:
    """Whose pod it is shows its UID alone: a name may be another's by the time of the click."""
    return f"{incident.id} {offer.repair} {found.pod_uid}"[:_LONGEST_VALUE]


# ---- in its thread


def evidence_blocks(found: Finding, now: datetime) -> tuple[Block, ...]:
    """Who says what, side by side, and what was ruled out."""
    about = f"Who says what about {found.pod}, times in UTC"
    rows = _columns([(each.layer, f"{each.says}{'   ◀ disagrees' if each.disagrees else ''}") for each in found.rows])
    parts: list[tuple[str, Sequence[str]]] = [("Cause", found.sentences)]
    if found.ruled_out:
        parts.append(("Ruled out", tuple(f"{cause}: {why}" for cause, why in found.ruled_out)))
    if found.withheld:
        parts.append(("Not offered", tuple(f"{repair}: {why}" for repair, why in found.withheld)))
    if found.prevent:
        parts.append(("Prevent it", (found.prevent,)))
    return headed(about), quoted(rows), labelled(parts, now)


def _evidence(incident: Incident, found: Finding, now: datetime) -> Message:
    blocks = [*evidence_blocks(found, now), foot(f"evidence {found.evidence[:SHORT_ID]}")]
    return Message(
        part=f"{EVIDENCE} {found.evidence[:SHORT_ID]} {found.pod_uid}",
        text=escaped(f"Evidence of incident {incident.id}: {' '.join(found.sentences[:1])}"),
        blocks=fitting(blocks),
        file=found.evidence,
    )


def _plan_of(incident: Incident) -> Plan | None:
    match incident.phase:
        case Proposed() | Checking() | Acting() | Verifying() | Unsettled() as planned:
            return planned.plan
        case _:
            return None


def _plan(incident: Incident, plan: Plan, people: Mapping[str, Person], now: datetime) -> Message:
    phase = incident.phase
    said = status(incident)
    head = f"{SIGNS[said]} {plan.requester} asks for {spoken(plan.repair)} · {plan.risk} risk"
    votes = phase.votes if isinstance(phase, Proposed) else ()
    parts: Sequence[Part] = plan_parts(plan, people, votes=votes, finding=finding(incident))
    if not isinstance(phase, Proposed):
        parts = [each for each in parts if each.label != "Needs"]
    blocks = [headed(head), labelled([(each.label, each.lines) for each in parts], now)]
    if isinstance(phase, Proposed):
        blocks.append(_ballot(incident, plan))
    return Message(part=f"{PLAN} {plan.digest[:SHORT_ID]}", text=escaped(head), blocks=fitting(blocks))


def _ballot(incident: Incident, plan: Plan) -> Block:
    value = f"{incident.id} {plan.digest}"
    sure = ConfirmObject(
        title="Approve this fix?",
        text=PlainTextObject(text=cut(f"{spoken(plan.repair)}: {plan.touches.says}", 300)),
        confirm="Approve",
        deny="Not yet",
    )
    typed = RULES[plan.risk].typed
    return buttons(
        "ballot",
        ButtonElement(
            text="Approve",
            action_id="approve_typed" if typed else "approve",
            value=value,
            style="primary",
            confirm=None if typed else sure,
        ),
        ButtonElement(text="Reject", action_id="reject", value=value, style="danger"),
    )


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Padded for a font in which all letters are as wide; a name longer than a phone is not padded for."""
    widest = 40
    widths = [min(widest, max(len(row[n]) for row in rows)) for n in range(len(rows[0]) - 1)] if rows else []
    padded = ((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]) for row in rows)
    return ["  ".join(row) for row in padded]
