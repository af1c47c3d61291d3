"""The JSON that programs read: exactly the shapes of the documentation, nothing more."""

import json
from datetime import datetime

from bot.core.causes import Verdict
from bot.core.diagnoses import Diagnosed
from bot.core.facts import Fact, Unknown, Value
from bot.core.scans import Scan, Stuck

Json = dict[str, object]


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
