"""What stands in the audit log for each event: who, from where to where, on which plan, and what was refused."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from bot.core.audit import Entry
from bot.core.consent import Group, Person, Right, held
from bot.core.hostile import plain
from bot.core.phases import (
    Accepted,
    Acting,
    Asked,
    Checking,
    Event,
    Incident,
    Looked,
    Proposed,
    Rechecked,
    Reported,
    Seen,
    Sending,
    Settled,
    Unsettled,
    Verifying,
    Voted,
    name_of,
)
from bot.core.refusals import Refusal

BY_RIGHT = Asked | Voted | Rechecked | Sending | Settled  # what is taken only of those who may


def recorded(
    event: Event, before: Incident, answer: Accepted | Refusal, who: str, now: datetime, via: str = ""
) -> Entry:
    """`via`: the way in of whoever said it."""
    says: dict[str, object] = {"from": name_of(before.phase), **({"via": via} if via else {})}
    if isinstance(answer, Refusal):
        says |= {"code": answer.code, "says": answer.says, "event": _kind(event)}
        if isinstance(event, Reported):  # what a node told is kept, also when nobody waits for it any more
            says |= {"outcome": event.outcome, "why": event.why}
        kind = "refused" if who else "too-late"
        return Entry(at=now, kind=kind, who=plain(who), incident=before.id, says=says)
    says |= {"to": name_of(answer.incident.phase), "effects": list(answer.effects), "last": answer.incident.last}
    phase = answer.incident.phase
    if isinstance(phase, Proposed | Checking | Acting | Verifying | Unsettled):
        says |= {"plan": phase.plan.digest, "repair": phase.plan.repair, "words": list(phase.plan.words)}
    match event:
        case Asked(plan=plan):
            says |= {"reason": plan.reason, "option": plan.option, "pod": plan.target.pod}
        case Voted(vote=vote):
            says |= {"ballot": vote.ballot, "via": vote.via, "seal": vote.seal, "reason": vote.reason}
        case Reported(outcome=outcome, why=why):
            says |= {"outcome": outcome, "why": why}
        case Looked(found=found, says=text):
            says |= {"found": found, "saw": text}
        case Settled(done=done, reason=reason):
            says |= {"done": done, "reason": reason}
        case Seen(members=members):
            says |= {"pods": [each.uid for each in members]}
        case _:
            pass
    return Entry(at=now, kind=_kind(event), who=plain(who), incident=before.id, says=says)


def granted(event: Event, before: Incident, people: Mapping[str, Person]) -> Mapping[str, object]:
    """By which groups those whose rights the event asks for held them: afterwards, nobody else knows."""
    groups = {name: each for name, each in people.items() if isinstance(each, Group)}
    by: dict[str, list[str]] = {}
    for who, right in _asked_of(event, before):
        if found := held(groups, who, right, before.cluster):
            by[who] = sorted({*by.get(who, ()), *found})
    return {"by": by} if by else {}


def _asked_of(event: Event, before: Incident) -> Iterator[tuple[str, Right]]:
    match event, before.phase:
        case Asked(plan=plan), _:
            yield plan.requester, "request"
        case Voted(vote=vote), _:
            yield vote.person, "approve"
            if vote.ballot == "reject":
                yield vote.person, "request"
        case Settled(person=person), _:
            yield person, "approve"
        case Rechecked() | Sending(), Checking() | Acting() as phase:
            yield phase.plan.requester, "request"
            yield from ((vote.person, "approve") for vote in phase.votes)
        case _:
            pass


def _kind(event: Event) -> str:
    return type(event).__name__.lower()
