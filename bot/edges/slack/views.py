"""Modals and the App Home: what people fill in, and what waits for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from slack_sdk.models.blocks import Block, ButtonElement, InputBlock, Option, PlainTextInputElement, StaticSelectElement
from slack_sdk.models.views import View

from bot.core.consent import Right
from bot.core.facts import Unknown
from bot.core.guards import Pause
from bot.core.hostile import plain
from bot.core.incident_cards import headline, status
from bot.core.phases import Incident, Proposed
from bot.core.plan_cards import spoken
from bot.core.plans import Plan
from bot.edges.slack.cards import SIGNS
from bot.edges.slack.rich import LONGEST_LABEL, buttons, cut, foot, headed, labelled
from bot.ports import Watched

MOST_SHOWN = 20  # incidents on the home tab
REASON, TYPED, CHOICE = "reason", "typed", "choice"  # block ids of what is filled in
_LONGEST_REASON = 500

Modal = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What a modal is about: `about` comes back with what was filled in, as it was."""

    callback: str
    title: str
    submit: str
    about: str


def reason(asking: Asking, says: str, *, needed: bool, choices: Sequence[str] = ()) -> Modal:
    """A reason in writing; with `choices`, also one of them."""
    blocks: list[Block] = [headed(says)]
    if choices:
        options = [Option(value=str(n), text=cut(each, LONGEST_LABEL)) for n, each in enumerate(choices)]
        blocks.append(
            InputBlock(
                block_id=CHOICE, label="Which one", element=StaticSelectElement(action_id=CHOICE, options=options)
            )
        )
    element = PlainTextInputElement(action_id=REASON, multiline=True, max_length=_LONGEST_REASON)
    label = "Why" if needed else "Why (may stay empty)"
    blocks.append(InputBlock(block_id=REASON, label=label, element=element, optional=not needed))
    return _modal(asking, blocks)


def typed(asking: Asking, plan: Plan, now: datetime) -> Modal:
    """The name of the place, typed: for what is dangerous."""
    what = f"{plan.requester} asks for {spoken(plan.repair)}: {plan.risk} risk"
    hint = f'Type the name "{plan.to_type}" to approve.'
    element = PlainTextInputElement(action_id=TYPED, max_length=260)
    return _modal(
        asking,
        [
            headed(what),
            labelled([("Touches", (plan.touches.says,))], now),
            InputBlock(block_id=TYPED, label="Name", hint=cut(hint), element=element),
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
    """What stands in a field of a submitted modal; empty where nothing does."""
    for field in _inside(view, "state", "values", block).values():
        chosen = _inside(field, "selected_option").get("value")
        said = field.get("value") if isinstance(field, Mapping) else None
        return plain(str(chosen or said or ""), _LONGEST_REASON)
    return ""


def _inside(tree: object, *names: str) -> Mapping[str, Any]:
    """What Slack sends is JSON, and not always as its documents say."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree if isinstance(tree, Mapping) else {}


# ---- the App Home


def notice(says: str) -> dict[str, Any]:
    """One sentence and nothing else: also for who may not see the rest."""
    return View(type="home", blocks=[headed(says)]).to_dict()


def home(
    incidents: Sequence[Incident],
    pause: Pause | Unknown | None,
    watched: Sequence[Watched],
    rights: Mapping[str, frozenset[Right]],
    now: datetime,
    notice: str = "",
) -> dict[str, Any]:
    """For one person: what waits for their word comes first."""
    waits = [
        each for each in incidents if isinstance(each.phase, Proposed) and "approve" in rights.get(each.cluster, ())
    ]
    blocks: list[Block] = [headed(notice)] if notice else []
    blocks.extend(_switch(pause, now))
    blocks.extend(_listed("Waits for your approval", waits, now))
    blocks.extend(_listed("Open incidents", [each for each in incidents if each not in waits], now))
    lines = [
        f"{each.cluster}: cannot be read: {each.blind}"
        if each.blind
        else f"{each.cluster}: read at {_clock(each.swept)}"
        for each in watched
    ]
    if lines:
        blocks.append(labelled([("Clusters", lines)], now))
    view = View(type="home", blocks=blocks)
    return view.to_dict()


def _switch(pause: Pause | Unknown | None, now: datetime) -> list[Block]:
    match pause:
        case None:
            says = "Fixes may be approved."
            button = ButtonElement(text="Pause all fixes", action_id="pause", value="home", style="danger")
        case Pause():
            says = f"Paused since {_clock(pause.since)} by {pause.who}: {pause.reason or 'no reason given'}."
            button = ButtonElement(text="Resume fixes", action_id="resume", value="home")
        case Unknown(why):
            says = f"Paused: the pause switch cannot be read ({why})."
            button = ButtonElement(text="Resume fixes", action_id="resume", value="home")
        case _:
            assert_never(pause)
    return [labelled([("Fixes", (says,))], now), buttons("switch", button)]


def _listed(label: str, incidents: Sequence[Incident], now: datetime) -> list[Block]:
    if not incidents:
        return [labelled([(label, ("none",))], now)]
    lines = [f"{SIGNS[status(each)]} {headline(each, now)} · incident {each.id}" for each in incidents[:MOST_SHOWN]]
    left = len(incidents) - MOST_SHOWN
    return [labelled([(label, lines)], now), *([foot(f"and {left} more")] if left > 0 else [])]


def _clock(at: datetime | None) -> str:
    return at.strftime("%d %b %H:%M:%S UTC").lstrip("0") if at else "no time yet"
