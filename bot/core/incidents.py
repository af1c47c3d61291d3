"""An incident, from first sight to closed: `advance` is the only code that moves one, and it only decides."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from bot.core.cards import lasting
from bot.core.consent import RULES, Vote, able, genuine, may
from bot.core.facts import PodUid
from bot.core.guards import Around, Execution, Policy, State, stopped
from bot.core.phases import (
    Accepted,
    Acting,
    Asked,
    Blind,
    Checking,
    Closed,
    Diagnosed,
    Effect,
    Event,
    Incident,
    Judged,
    Looked,
    Lost,
    Member,
    Open,
    Proposed,
    Rechecked,
    Reported,
    Seen,
    Sending,
    Settled,
    Tick,
    Unsettled,
    Verifying,
    Voted,
    name_of,
)
from bot.core.plan_cards import place_of
from bot.core.plans import ALWAYS, Plan, again, differences
from bot.core.pods import Hold
from bot.core.refusals import Refusal, refusal

REOPENS = timedelta(minutes=10)  # a pod that comes back so soon never went
COUNTED = timedelta(days=7)  # over which an incident of the same hold is "again"

_NAMED = 5  # pods of one that resolved by itself


def opened(cluster: str, hold: Hold, seen: Seen, before: int, now: datetime) -> Accepted:
    """The first sight of a hold; `before` counts its incidents of the last 7 days."""
    incident = Incident(
        id=0, cluster=cluster, hold=hold, members=seen.members, phase=Open(), opened=now, nth=before + 1
    )
    return Accepted(incident, ("tell", "diagnose"))


def takes(incident: Incident, now: datetime) -> bool:
    """Whether pods seen now in its hold are its own: it is open, or closed a moment ago."""
    return not isinstance(incident.phase, Closed) or now - incident.phase.at <= REOPENS


def advance(  # noqa: C901, PLR0912  # one match over the closed union of events, the one place that moves an incident
    incident: Incident, event: Event, policy: Policy, around: Around, now: datetime
) -> Accepted | Refusal:
    """Total: every event in every phase is accepted or refused with a reason. No clock, no I/O."""
    phase = incident.phase
    match event:
        case Seen():
            return _seen(incident, event, now)
        case Judged(finding=finding):
            if not isinstance(phase, Open | Diagnosed):
                return _stale(incident)
            if finding.pod_uid not in _uids(incident):
                return Accepted(incident, ("diagnose",))  # it is about a pod that has gone meanwhile
            return Accepted(replace(incident, phase=Diagnosed(finding=finding)), ("tell",))
        case Blind(why=why):
            if isinstance(phase, Open):
                return Accepted(replace(incident, phase=Open(why=why)), ("tell",))
            return _stale(incident)
        case Asked():
            return _asked(incident, event, policy, around, now)
        case Voted(vote=vote):
            return _voted(incident, vote, policy, around, now)
        case Rechecked(now=fresh):
            if isinstance(phase, Checking) and (isinstance(fresh, Refusal) or again(fresh) == again(phase.plan)):
                return _rechecked(incident, phase, fresh, policy, around, now)
            return _stale(incident)  # or it was a look for an earlier plan
        case Sending(op=op):
            if isinstance(phase, Acting) and phase.plan.op == op and phase.sent is None:
                return _sending(incident, phase, policy, around, now)
            return _stale(incident)
        case Reported():
            if isinstance(phase, Acting | Unsettled) and phase.plan.op == event.op:
                return _reported(incident, phase, event, around, now)
            return _stale(incident)
        case Lost(op=op):
            if isinstance(phase, Acting) and phase.plan.op == op:
                return _lost(incident, phase, now)
            return _stale(incident)
        case Looked():
            if isinstance(phase, Verifying) and phase.plan.op == event.op:
                return _looked(incident, phase, event, policy, now)
            return _stale(incident)
        case Settled():
            return _settled(incident, event, policy, now)
        case Tick():
            if isinstance(phase, Proposed) and now >= phase.plan.expires:
                return _dropped(incident, phase, refusal("expired", at=_clock(phase.plan.expires)).says, now)
            return Accepted(incident)
        case _:
            assert_never(event)


def _seen(incident: Incident, event: Seen, now: datetime) -> Accepted | Refusal:
    phase = incident.phase
    kept = tuple(each for each in incident.members if each.uid not in event.gone)
    known = {each.uid for each in kept}
    joined = tuple(each for each in event.members if each.uid not in known and each.uid not in event.gone)
    members = (*kept, *joined)
    if isinstance(phase, Closed):
        if not joined:
            return Accepted(incident)
        if now - phase.at > REOPENS:
            return _stale(incident)
        again = replace(incident, members=joined, phase=Open(), returned=incident.returned + 1)
        return Accepted(again, ("tell", "diagnose"))
    moved = replace(incident, members=members)
    if not members and isinstance(phase, Open | Diagnosed | Proposed):
        went = moved.last or _went(incident.members)
        return Accepted(replace(moved, phase=_closed(moved, now), last=went), ("tell",))
    if members == incident.members:
        return Accepted(incident)
    match phase:
        case Open():
            about = incident.members[0].uid
        case Diagnosed(finding=finding):
            about = finding.pod_uid
        case _:
            return Accepted(moved, ("tell",))
    return Accepted(moved, ("tell",) if about in _uids(moved) else ("tell", "diagnose"))


def _closed(incident: Incident, now: datetime) -> Closed:
    mended = any(each.state == "done" and each.repair not in ALWAYS for each in incident.executions)
    if mended:
        return Closed(outcome="resolved", at=now)
    failed = any(each.state == "failed" and each.repair not in ALWAYS for each in incident.executions)
    return Closed(outcome="resolved late" if failed else "resolved itself", at=now)


def _asked(incident: Incident, event: Asked, policy: Policy, around: Around, now: datetime) -> Accepted | Refusal:
    plan, phase = event.plan, incident.phase
    if no := may(policy.people, plan.requester, "request", incident.cluster):
        return no
    if RULES[plan.risk].reason and not plan.reason.strip():
        return refusal("reason-needed", repair=plan.repair)
    match phase:
        case Open() | Diagnosed():
            pass
        case Proposed(plan=other) if now < other.expires:
            return refusal("plan-open", repair=other.repair, who=other.requester)
        case Proposed():
            pass
        case Checking() | Acting() | Verifying() | Unsettled() | Closed():
            return _stale(incident)
        case _:
            assert_never(phase)
    if no := stopped(plan, policy, around, now):
        return no
    if (plan.incident, plan.target.cluster) != (incident.id, incident.cluster):
        return _stale(incident)
    if plan.target.pod_uid not in _uids(incident) or any(each.op == plan.op for each in incident.executions):
        return _stale(incident)
    if now >= plan.expires:
        return refusal("expired", at=_clock(plan.expires))
    return Accepted(replace(incident, phase=Proposed(finding=event.finding, plan=plan, votes=()), last=""), ("tell",))


def _voted(incident: Incident, vote: Vote, policy: Policy, around: Around, now: datetime) -> Accepted | Refusal:
    phase = incident.phase
    if not isinstance(phase, Proposed):
        return refusal("no-plan", incident=incident.id)
    plan = phase.plan
    if vote.digest != plan.digest:
        return refusal("old-digest", incident=incident.id)
    if now >= plan.expires:
        return refusal("expired", at=_clock(plan.expires))
    if no := _may_vote(phase, vote, policy):
        return no
    if vote.ballot == "reject":
        reason = f": {vote.reason}" if vote.reason else ""
        return _dropped(incident, phase, f"{vote.person} rejected {plan.repair}{reason}.", now)
    rule = RULES[plan.risk]
    if rule.typed and vote.typed != plan.to_type:
        return refusal("typed-wrong", name=plan.to_type, repair=plan.repair, risk=plan.risk)
    if no := stopped(plan, policy, around, now):
        return no
    votes = (*phase.votes, vote)
    if len(votes) < rule.votes:
        return Accepted(replace(incident, phase=replace(phase, votes=votes)), ("tell",))
    checking = Checking(finding=phase.finding, plan=plan, votes=votes, approved=now)
    return Accepted(
        replace(incident, phase=checking, executions=(*incident.executions, _claimed(incident, plan, votes, now))),
        ("recheck", "tell"),
    )


def _may_vote(phase: Proposed, vote: Vote, policy: Policy) -> Refusal | None:
    """Rejecting is the safe direction: whoever may ask may reject, the requester too."""
    plan, where = phase.plan, phase.plan.target.cluster
    if vote.ballot == "reject":
        if may(policy.people, vote.person, "request", where) is None:
            return None
        return may(policy.people, vote.person, "approve", where)
    if vote.person == plan.requester:
        can = able(policy.people, "approve", where, but=(plan.requester,))
        return refusal("own-request", who=vote.person, can=can)
    if no := may(policy.people, vote.person, "approve", where):
        return no
    if any(each.person == vote.person for each in phase.votes):
        return refusal("voted-already", who=vote.person)
    return None


def _claimed(incident: Incident, plan: Plan, votes: Sequence[Vote], now: datetime) -> Execution:
    return Execution(
        op=plan.op,
        plan=plan.digest,
        incident=incident.id,
        repair=plan.repair,
        cause=plan.cause,
        cluster=incident.cluster,
        place=plan.place,
        node=plan.target.node,
        state="checking",
        claimed=now,
        requester=plan.requester,
        reason=plan.reason,
        approvers=tuple(vote.person for vote in votes),
    )


def _rechecked(
    incident: Incident, phase: Checking, fresh: Plan | Refusal, policy: Policy, around: Around, now: datetime
) -> Accepted:
    plan = phase.plan
    if isinstance(fresh, Refusal):
        return _dropped(incident, phase, fresh.says, now)
    if changed := differences(plan, fresh):
        return _dropped(incident, phase, refusal("superseded", what="; ".join(changed)).says, now)
    if no := _unfit(phase, policy, around, now):
        return _dropped(incident, phase, no.says, now)
    acting = Acting(finding=phase.finding, plan=plan, votes=phase.votes, approved=phase.approved, intent=now, sent=None)
    return Accepted(_with(replace(incident, phase=acting), "acting", intent=now), ("act", "tell"))


def _sending(incident: Incident, phase: Acting, policy: Policy, around: Around, now: datetime) -> Accepted:
    if no := _unfit(phase, policy, around, now):
        return _dropped(incident, phase, no.says, now)
    return Accepted(replace(incident, phase=replace(phase, sent=now)))


def _unfit(phase: Checking | Acting, policy: Policy, around: Around, now: datetime) -> Refusal | None:
    """Everything that was true when people agreed, and that only this bot can know, once more."""
    plan = phase.plan
    if now >= plan.expires:
        return refusal("expired", at=_clock(plan.expires))
    if plan.cause and around.playbooks.get(plan.cause) != plan.playbook:
        return refusal("playbook-changed", cause=plan.cause)
    if no := _consented(plan, phase.votes, policy):
        return no
    return stopped(plan, policy, around, now)


def _consented(plan: Plan, votes: Sequence[Vote], policy: Policy) -> Refusal | None:
    """Rights are those of this moment, not of the click."""
    where, rule = plan.target.cluster, RULES[plan.risk]
    if no := may(policy.people, plan.requester, "request", where):
        return no
    for vote in votes:
        if not genuine(vote, policy.seal_key) or vote.digest != plan.digest:
            return refusal("bad-seal")
        if no := may(policy.people, vote.person, "approve", where):
            return no
    agreed = [each for each in votes if each.ballot == "approve" and (not rule.typed or each.typed == plan.to_type)]
    people = {each.person for each in agreed} - {plan.requester}
    if len(people) < rule.votes:
        return refusal("votes-missing", have=len(people), need=rule.votes)
    return None


def _lost(incident: Incident, phase: Acting, now: datetime) -> Accepted:
    if phase.sent is None:
        return _dropped(incident, phase, "The bot stopped before anything was sent. Nothing was done.", now)
    return _unsettled(incident, phase, "the bot stopped before the result was on record", now, asking=True)


def _reported(
    incident: Incident, phase: Acting | Unsettled, event: Reported, around: Around, now: datetime
) -> Accepted:
    match event.outcome:
        case "done" if isinstance(phase, Unsettled) and _elsewhere(incident, phase.plan, around):
            return Accepted(incident, ("ask",))  # the cluster is not free to verify it now: the evidence can wait
        case "done":
            verifying = Verifying(
                finding=phase.finding,
                plan=phase.plan,
                votes=phase.votes,
                approved=phase.approved,
                acted=now,
                said=event.said,
                clear_since=None,
                last=event.why,
            )
            return Accepted(_with(replace(incident, phase=verifying), "verifying", why=event.why), ("look", "tell"))
        case "not-done":
            return _dropped(incident, phase, refusal("not-done", why=event.why).says, now)
        case "unknown":
            if isinstance(phase, Unsettled):
                changed = event.why != phase.why
                still = replace(incident, phase=replace(phase, why=event.why, asking=False))
                return Accepted(still, ("tell",) if changed or phase.asking else ())
            return _unsettled(incident, phase, event.why, now, asking=True)
        case _:
            assert_never(event.outcome)


def _elsewhere(incident: Incident, plan: Plan, around: Around) -> bool:
    """Whether another repair runs in its cluster."""
    return any(each.runs and each.cluster == incident.cluster and each.op != plan.op for each in around.executions)


def _unsettled(incident: Incident, phase: Acting | Verifying, why: str, now: datetime, *, asking: bool) -> Accepted:
    unsettled = Unsettled(
        finding=phase.finding,
        plan=phase.plan,
        votes=phase.votes,
        approved=phase.approved,
        since=now,
        why=why,
        asking=asking,
    )
    moved = _with(replace(incident, phase=unsettled), "unsettled", why=why, blamed=True)
    return Accepted(moved, ("ask", "tell") if asking else ("tell",))


def _looked(incident: Incident, phase: Verifying, event: Looked, policy: Policy, now: datetime) -> Accepted:
    over = now - phase.acted >= policy.verify_within
    if event.found == "clear":
        since = phase.clear_since or now
        if now - since >= phase.plan.clear_for:
            return _mended(incident, phase, event, now)
        still = replace(phase, clear_since=since, last=event.says)
    elif over and event.found == "held":
        text = f"{phase.plan.repair} did not help: {event.says}."
        failed = _with(replace(incident, last=text), "failed", why=event.says, ended=now, blamed=True)
        return _onwards(failed, now)
    elif over:
        return _unsettled(incident, phase, event.says, now, asking=False)
    else:
        still = replace(phase, clear_since=None, last=event.says)
    told: tuple[Effect, ...] = ("tell",) if event.says != phase.last else ()
    return Accepted(replace(incident, phase=still), (*told, "look"))


def _mended(incident: Incident, phase: Verifying, event: Looked, now: datetime) -> Accepted:
    took = lasting((phase.clear_since or now) - phase.approved)
    worked = f"{phase.plan.repair} for {place_of(phase.plan)} worked: {event.says}, {took} after the last vote."
    moved = _with(replace(incident, last=f"{worked} {event.beside}".rstrip()), "done", why=event.says, ended=now)
    if phase.plan.repair in ALWAYS:
        if phase.finding.pod_uid not in _uids(moved):
            return _onwards(moved, now)
        return Accepted(replace(moved, phase=Diagnosed(finding=phase.finding)), ("tell",))
    left = tuple(each for each in moved.members if each.uid != phase.plan.target.pod_uid)
    return _onwards(replace(moved, members=left), now)


def _settled(incident: Incident, event: Settled, policy: Policy, now: datetime) -> Accepted | Refusal:
    phase = incident.phase
    if no := may(policy.people, event.person, "approve", incident.cluster):
        return no
    if not isinstance(phase, Unsettled):
        return refusal("not-unknown", incident=incident.id, phase=name_of(phase))
    if not event.reason.strip():
        return refusal("reason-needed", repair="settling")
    text = f"{event.person} settled it: {phase.plan.repair} {'was' if event.done else 'was not'} done. {event.reason}"
    state: State = "done" if event.done else "not-done"
    return _onwards(_with(replace(incident, last=text), state, why=text, ended=now), now)


def _dropped(incident: Incident, phase: Proposed | Checking | Acting | Unsettled, text: str, now: datetime) -> Accepted:
    """Nothing was done: the plan is void, and the hold goes on, if there is still one."""
    moved = replace(incident, last=text)
    if not isinstance(phase, Proposed):
        moved = _with(moved, "not-done", why=text, ended=now)
    return _onwards(moved, now)


def _onwards(incident: Incident, now: datetime) -> Accepted:
    if incident.members:
        return Accepted(replace(incident, phase=Open()), ("tell", "diagnose"))
    return Accepted(replace(incident, phase=_closed(incident, now)), ("tell",))


def _with(incident: Incident, state: State, *, why: str = "", **more: datetime | bool) -> Incident:
    """Its running execution in another state."""
    *before, current = incident.executions
    changed = replace(current, state=state, why=why, **more)  # type: ignore[arg-type]  # each by its own name
    return replace(incident, executions=(*before, changed))


def _went(members: Sequence[Member]) -> str:
    more = f" and {len(members) - _NAMED} more" if len(members) > _NAMED else ""
    return f"Gone: {', '.join(each.full_name for each in members[:_NAMED])}{more}."


def _uids(incident: Incident) -> frozenset[PodUid]:
    return frozenset(each.uid for each in incident.members)


def _stale(incident: Incident) -> Refusal:
    return refusal("stale", incident=incident.id, phase=name_of(incident.phase))


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
