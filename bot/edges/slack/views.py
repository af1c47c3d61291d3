"""Modals and the App Home: what people fill in, and what waits for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from slack_sdk.models.blocks import (
    Block,
    ButtonElement,
    DividerBlock,
    InputBlock,
    PlainTextInputElement,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.core.cards import lasting
from bot.core.consent import Person
from bot.core.facts import Unknown
from bot.core.findings import Offer
from bot.core.guards import Pause
from bot.core.hostile import plain
from bot.core.phases import Incident, Proposed
from bot.core.plan_cards import asks, clock, deed, plan_parts
from bot.core.plans import Plan
from bot.core.weeks import Week
from bot.edges.slack.cards import line, plan_blocks
from bot.edges.slack.rich import Blocks, buttons, headed, labelled, option, plain_text, said
from bot.ports import Watched

MOST_PLANS, MOST_SHOWN = 3, 20  # on the home tab: plans that wait, and incidents
_MOST_COUNTED = 5  # causes, and places
REASON, TYPED, CHOICE = "reason", "typed", "choice"  # block ids of what is filled in
_LONGEST_REASON, _LONGEST_NAME = 500, 260
_MOST_CHOICES = 100

Modal = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What a modal is about: `about` comes back with what was filled in, as it was."""

    callback: str
    title: str
    submit: str
    about: str


def reason(asking: Asking, says: Sequence[Block], *, needed: bool, choices: Sequence[str] = ()) -> Modal:
    """What it is about, and a reason in writing; with `choices`, also one of them."""
    blocks: list[Block] = list(says)
    if choices:
        options = [option(str(n), each) for n, each in enumerate(choices[:_MOST_CHOICES])]
        blocks.append(
            InputBlock(
                block_id=CHOICE, label="Which one", element=StaticSelectElement(action_id=CHOICE, options=options)
            )
        )
    element = PlainTextInputElement(action_id=REASON, multiline=True, max_length=_LONGEST_REASON)
    label = "Why" if needed else "Why (may stay empty)"
    blocks.append(InputBlock(block_id=REASON, label=label, element=element, optional=not needed))
    return _modal(asking, blocks)


def wanted(offer: Offer, place: str, now: datetime) -> list[Block]:
    """What somebody is about to ask for."""
    lines = [("Touches", (f"{offer.touches}.",)), *([("Note", offer.notes)] if offer.notes else [])]
    return [headed(f"You ask to {deed(offer.repair)} · {place} · {offer.risk} risk"), *labelled(lines, now)]


def typed(asking: Asking, plan: Plan, now: datetime) -> Modal:
    """The name of the place, typed: for what is dangerous."""
    touches: tuple[str, ...] = next(each.lines for each in plan_parts(plan, {}) if each.label == "Touches")
    element = PlainTextInputElement(action_id=TYPED, max_length=_LONGEST_NAME)
    return _modal(
        asking,
        [
            headed(asks(plan)),
            *labelled([("Touches", touches)], now),
            InputBlock(
                block_id=TYPED,
                label=plain_text("Name"),
                hint=plain_text(f'Type the name "{plan.to_type}" to approve.'),
                element=element,
            ),
        ],
    )


def _modal(asking: Asking, blocks: Sequence[Block]) -> Modal:
    view = View(
        type="modal",
        callback_id=asking.callback,
        title=asking.title,
        submit=asking.submit,
        close="Cancel",
        private_metadata=asking.about,
        blocks=list(blocks),
    )
    return view.to_dict()


def filled(view: Mapping[str, Any], block: str) -> str:
    """What stands in a field of a submitted modal, as one clean line; empty where nothing does."""
    for field in _inside(view, "state", "values", block).values():
        chosen = _inside(field, "selected_option").get("value")
        given = field.get("value") if isinstance(field, Mapping) else None
        return plain(str(chosen or given or ""), _LONGEST_REASON)
    return ""


def _inside(tree: object, *names: str) -> Mapping[str, Any]:
    """What Slack sends is JSON, and not always as its documents say."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree if isinstance(tree, Mapping) else {}


# ---- the App Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things are: open incidents, oldest first; the pause switch; each cluster; the week that was."""

    incidents: Sequence[Incident]
    pause: Pause | Unknown | None
    watched: Sequence[Watched]
    past: Week
    people: Mapping[str, Person]


def notice(says: Blocks) -> dict[str, Any]:
    """That and nothing else: also for who may not see the rest."""
    return View(type="home", blocks=list(says)).to_dict()


def home(standing: Standing, who: Person, now: datetime, notice: str = "") -> dict[str, Any]:
    """For one person: what waits for their word comes first, whole, so that it can be given here; a pause before it."""
    waits = [
        (each, each.phase.plan) for each in standing.incidents if isinstance(each.phase, Proposed) and _asked(each, who)
    ]
    switch = _switch(standing.pause, now)
    blocks: list[Block] = [said(notice, now)] if notice else []
    if standing.pause is not None:
        blocks.extend(switch)
    if waits:
        blocks.extend(labelled([("Waits for your approval", (_count(len(waits), "plan"),))], now))
    for incident, plan in waits[:MOST_PLANS]:
        blocks.extend((*plan_blocks(incident, plan, standing.people, now), DividerBlock()))
    if standing.pause is None:
        blocks.extend(switch)
    open_ones = [line(each, now) for each in standing.incidents[:MOST_SHOWN]]
    if (left := len(standing.incidents) - MOST_SHOWN) > 0:
        open_ones.append(f"and {left} more")
    parts: list[tuple[str, Sequence[str]]] = [("Open incidents\n", open_ones or ("Nothing is stuck.",))]
    parts.append(("Clusters\n", [_read(each) for each in standing.watched] or ("None was read yet.",)))
    parts.append(("This week\n", _told(standing.past)))
    blocks.extend(labelled(parts, now))
    view = View(type="home", blocks=blocks)
    return view.to_dict()


def _asked(incident: Incident, who: Person) -> bool:
    """Whether this person's word is still to come: neither was it they who asked, nor have they voted."""
    phase = incident.phase
    if not isinstance(phase, Proposed) or "approve" not in who.rights.get(incident.cluster, ()):
        return False
    return who.id not in (phase.plan.requester, *(vote.person for vote in phase.votes))


def _switch(pause: Pause | Unknown | None, now: datetime) -> list[Block]:
    match pause:
        case None:
            says = "On: what is approved is done."
            button = ButtonElement(text="Pause all fixes", action_id="pause", value="home", style="danger")
        case Pause():
            says = f"Paused since {clock(pause.since)} by {pause.who}: {pause.reason or 'no reason given'}."
            button = ButtonElement(text="Resume fixes", action_id="resume", value="home")
        case Unknown(why):
            says = f"Paused: the switch cannot be read ({why})."
            button = ButtonElement(text="Resume fixes", action_id="resume", value="home")
        case _:
            assert_never(pause)
    return [*labelled([("Fixes", (says,))], now), buttons("switch", button)]


def _read(cluster: Watched) -> str:
    last = clock(cluster.swept) if cluster.swept else "never by this process"
    if cluster.blind:
        return f"⚠️ {cluster.cluster} cannot be read: {cluster.blind} Its alerts are blind. Last read: {last}."
    return f"{cluster.cluster}: last read {last}"


def _told(past: Week) -> tuple[str, ...]:
    if not past.incidents:
        return ("No incident.",)
    lines = [f"{_count(past.incidents, 'incident')}{_gone(past)}"]
    lines.extend(
        f"{cause or 'went without a fix, or no cause found'}: {many}" for cause, many in past.causes[:_MOST_COUNTED]
    )
    lines.extend(f"{place}: {_count(many, 'time')}" for place, many in past.repeats[:_MOST_COUNTED])
    return tuple(lines)


def _gone(past: Week) -> str:
    if past.gone is None:
        return ""
    half = "half of those within" if past.closed > 1 else "within"
    return f", {past.closed} of them gone, {half} {lasting(past.gone)}"


def _count(many: int, what: str) -> str:
    return f"1 {what}" if many == 1 else f"{many} {what}s"
