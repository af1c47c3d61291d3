"""An incident in as few words as will do: for who reads nothing else, with the evidence and the plan beside it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bot.core.consent import Person
from bot.core.findings import Finding, Offer
from bot.core.incident_cards import Card, card, past, repeated
from bot.core.phases import Diagnosed, Incident, Proposed
from bot.core.plan_cards import Part, agreement, asks, deed, plan_parts
from bot.core.repairs import BY_ID


def alert(incident: Incident, people: Mapping[str, Person], now: datetime) -> Card:
    """The cause and its signs, what to do next, who must agree and until when."""
    shown, phase = card(incident, people, now), incident.phase
    cause = tuple(each for each in shown.parts if each.label == "Cause")
    match phase:
        case Diagnosed(finding=found):
            parts = (_signed(incident, found), *_proposal(found))
        case Proposed(plan=plan):
            because = (f"“{plan.reason}”",) if plan.reason else ()
            whole = plan_parts(plan, people, votes=phase.votes)
            needs = tuple(each for each in whole if each.label == "Needs")
            parts = (*cause, Part("Asked", (f"{asks(plan)}.", *because)), *needs)
        case _:
            parts = tuple(each for each in shown.parts if each.label not in ("Last", "Before"))
    return replace(shown, parts=(*parts, *_ended(incident)), rows=())


def doable(found: Finding) -> tuple[Offer, ...]:
    """What can be asked of the bot; the rest a person does."""
    return tuple(each for each in found.offers if BY_ID[each.repair].by != "person")


def _signed(incident: Incident, found: Finding) -> Part:
    """Without a cause, the nearest one stands in its place, and what is missing of it."""
    told = (*found.sentences[:1], *found.signs) if found.cause else found.sentences
    which = (f"Seen at {found.pod}.",) if len(incident.members) > 1 else ()
    return Part("Cause", (*told, *which, *repeated(incident)))


def _proposal(found: Finding) -> tuple[Part, ...]:
    """The least destructive fix in plain words, and what only a person can do."""
    offers = doable(found)
    by_hand = tuple(f"{_sentence(deed(each.repair))}." for each in found.offers if each not in offers)
    if offers:
        first = offers[0]
        agreed = agreement(first.risk, "the requester's")
        lines: tuple[str, ...] = (
            f"{_sentence(deed(first.repair))}. {_sentence(first.risk)} risk: {agreed}.",
            f"Touches: {first.touches}.",
            *(f"{_sentence(note)}." for note in first.notes),
        )
    else:
        lines = ("Nothing that the bot could do. Why not stands beside the evidence.",)
    return (Part("Next", lines), *((Part("By hand", by_hand),) if by_hand else ()))


def _ended(incident: Incident) -> tuple[Part, ...]:
    """What ended last, and the attempts that it does not tell."""
    over = [each for each in incident.executions if not each.locks]
    last = (Part("Last", (incident.last,)),) if incident.last else ()
    told = 1 if last else 0
    return (*last, *((Part("Before", tuple(past(each) for each in over)),) if len(over) > told else ()))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
