"""The JSON that programs read: exactly the shapes of the documentation, nothing more."""

import json
from datetime import datetime

from bot.core import cards
from bot.core.audit import Link
from bot.core.causes import Verdict
from bot.core.consent import RULES, Vote
from bot.core.diagnoses import Diagnosed
from bot.core.facts import Fact, Unknown, Value
from bot.core.findings import Finding
from bot.core.guards import Execution
from bot.core.hostile import plain
from bot.core.incident_cards import cause_of, finding, status
from bot.core.phases import Closed, Incident, Open, name_of
from bot.core.phases import Diagnosed as Found
from bot.core.plans import Plan
from bot.core.scans import Scan, Stuck

Json = dict[str, object]

_WIDEST = 400  # characters of one row of the audit log, for people
_TOLD = (
    "event",
    "repair",
    "ballot",
    "via",
    "outcome",
    "found",
    "saw",
    "why",
    "reason",
    "cluster",
    "code",
    "says",
    "last",
    "version",
)


def text(shape: Json) -> str:
    return json.dumps(shape, indent=2, ensure_ascii=True)


def scan(found: Scan) -> Json:
    return {
        "clusters": [
            {"name": each.name, "pods": each.pods, "took_s": round(each.took.total_seconds(), 3), "error": each.error}
            for each in found.clusters
        ],
        "stuck": [_stuck(each) for each in found.stuck],
    }


def diagnosed(found: Diagnosed) -> Json:
    diagnosis = found.diagnosis
    return {
        "pod": _stuck(found.stuck),
        "verdict": {
            **_verdict(diagnosis.verdict),
            "repairs": [
                {"id": offered.repair.id, "risk": offered.risk, "touches": offered.touches}
                for offered in diagnosis.offered
            ],
        },
        "took_s": round(found.took.total_seconds(), 3),
    }


def listed(each: Incident) -> Json:
    return {
        "id": each.id,
        "cluster": each.cluster,
        "hold": str(each.hold),
        "status": status(each),
        "phase": name_of(each.phase),
        "pods": len(each.members),
        "cause": cause_of(each) or None,
        "opened": _value(each.opened),
        "closed": _value(each.phase.at) if isinstance(each.phase, Closed) else None,
    }


def incident(each: Incident) -> Json:
    phase, found = each.phase, finding(each)
    planned = None if isinstance(phase, Open | Found | Closed) else phase
    return {
        **listed(each),
        "pods": [
            {
                "namespace": member.namespace,
                "name": member.name,
                "uid": member.uid,
                "node": member.node,
                "owner": member.owner,
                "deadline": _value(member.deadline),
            }
            for member in each.members
        ],
        "nth": each.nth,
        "last": each.last or None,
        "finding": _finding(found) if found is not None else None,
        "plan": plan(planned.plan) if planned is not None else None,
        "votes": [_vote(vote) for vote in planned.votes] if planned is not None else [],
        "executions": [_execution(execution) for execution in each.executions],
    }


def plan(drawn: Plan) -> Json:
    """`digest` and `op` are of the plan as people approve it; one that was only drawn for a look is never opened."""
    target, touched, rule = drawn.target, drawn.touches, RULES[drawn.risk]
    return {
        "digest": drawn.digest,
        "op": drawn.op,
        "repair": drawn.repair,
        "risk": drawn.risk,
        "does": drawn.does,
        "words": list(drawn.words),
        "option": drawn.option or None,
        "target": {name: getattr(target, name) for name in target.__dataclass_fields__},
        "cause": drawn.cause or None,
        "playbook": drawn.playbook,
        "evidence": drawn.evidence,
        "touches": {
            "says": touched.says,
            "stops": touched.stops,
            "others": touched.others,
            "stateful": list(touched.stateful),
            "single": list(touched.single),
            "budgets_at_zero": list(touched.budgets_at_zero),
        },
        "notes": list(drawn.notes),
        "needs": {"votes": rule.votes, "typed": drawn.to_type if rule.typed else None, "reason": rule.reason},
        "clear_for_s": int(drawn.clear_for.total_seconds()),
        "requester": drawn.requester,
        "reason": drawn.reason or None,
        "asked": _value(drawn.asked),
        "expires": _value(drawn.expires),
    }


def row(link: Link) -> str:
    """One row of the audit log on one line; its body as it was hashed, read."""
    return json.dumps({**_body(link), "seq": link.seq, "hash": link.hash, "prev": link.prev}, ensure_ascii=True)


def told(link: Link) -> str:
    """The same for people: when, what, who; from where to where; what was decided and why. The rest is in the JSON."""
    body = _body(link)
    given = body.get("says")
    says: Json = given if isinstance(given, dict) else {}
    head = [str(link.seq), str(body.get("at"))[:19].replace("T", " "), str(body.get("kind"))]
    if body.get("incident"):
        head.append(f"incident {body['incident']}")
    if body.get("who"):
        head.append(f"by {body['who']}")
    before, after = says.get("from"), says.get("to")
    course = f"{before} to {after}" if after and after != before else ""
    plan_ = f"plan {str(says['plan'])[: cards.SHORT_ID]}" if says.get("plan") else ""
    rest = [course, *(str(says.get(name) or "") for name in _TOLD), plan_, str(body.get("unreadable", ""))]
    return plain(" · ".join([" ".join(head), *(word for word in rest if word)]), _WIDEST)


def _body(link: Link) -> Json:
    """A row that is no JSON is shown all the same: it is `audit verify` that judges."""
    try:
        body = json.loads(link.body)
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"unreadable": plain(link.body)}


def _finding(found: Finding) -> Json:
    return {
        "pod": found.pod,
        "pod_uid": found.pod_uid,
        "cause": found.cause or None,
        "says": list(found.sentences),
        "layers": [{"layer": each.layer, "says": each.says, "disagrees": each.disagrees} for each in found.rows],
        "ruled_out": [{"cause": cause, "why": why} for cause, why in found.ruled_out],
        "repairs": [{"id": each.repair, "risk": each.risk, "touches": each.touches} for each in found.offers],
        "withheld": [{"id": repair, "why": why} for repair, why in found.withheld],
        "evidence": found.evidence,
        "at": _value(found.at),
        "took_s": round(found.took.total_seconds(), 3),
    }


def _vote(vote: Vote) -> Json:
    return {"person": vote.person, "ballot": vote.ballot, "at": _value(vote.at), "via": vote.via}


def _execution(each: Execution) -> Json:
    return {
        "op": each.op,
        "plan": each.plan,
        "repair": each.repair,
        "place": each.place,
        "state": each.state,
        "requester": each.requester,
        "approvers": list(each.approvers),
        "claimed": _value(each.claimed),
        "intent": _value(each.intent) if each.intent is not None else None,
        "ended": _value(each.ended) if each.ended is not None else None,
        "why": each.why or None,
    }


def _stuck(each: Stuck) -> Json:
    pod = each.pod
    return {
        "cluster": pod.cluster,
        "namespace": pod.namespace,
        "name": pod.name,
        "uid": pod.uid,
        "node": pod.node,
        "deadline": _value(pod.deadline) if pod.deadline else None,
        "overdue_s": int(each.overdue.total_seconds()) if each.overdue is not None else None,
        "grace_s": int(pod.grace.total_seconds()),
        "finalizers": list(pod.finalizers),
        "owner": pod.owner,
        "hold": str(each.hold) if each.hold is not None else None,
    }


def _verdict(verdict: Verdict) -> Json:
    cause = verdict.cause
    return {
        "cause": cause.id if cause else None,
        "title": cause.title if cause else None,
        "because": cause.because if cause else None,
        "evidence": [{"fact": fact.name, "value": _answer(fact), "source": fact.source} for fact in verdict.evidence],
        "ruled_out": [
            {"cause": other.id, "fact": failed.fact.name, "value": _answer(failed.fact)}
            for other, failed in verdict.ruled_out
        ],
        "unknown": [
            {"fact": fact.name, "why": fact.answer.why} for fact in verdict.unknown if isinstance(fact.answer, Unknown)
        ],
    }


def _answer(fact: Fact) -> object:
    return None if isinstance(fact.answer, Unknown) else _value(fact.answer.value)


def _value(value: Value) -> object:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
