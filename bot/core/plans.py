"""
A plan: one repair bound to identities and numbers, frozen. What people approve is its digest.

A name is no identity: pods, nodes and pids are taken over by others. A plan therefore holds UIDs, boot ids and start
times, and is drawn a second time from a fresh look just before acting. Any difference ends it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from bot.core.causes import Cause, Subject, said
from bot.core.consent import RULES
from bot.core.diagnoses import Diagnosis
from bot.core.facts import ContainerId, Known, NodeName, PodUid, Unknown, Value
from bot.core.load import NodeLoad
from bot.core.refusals import Refusal, refusal
from bot.core.repairs import BY_ID, Offered, Repair, Risk, assess, finalizer_touched

WITHOUT_LIVE_RESTORE = "without-live-restore"
ALWAYS = ("node.cordon", "node.uncordon")  # help whatever the cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What exactly is to be hit; None where this repair has no such part, never where it could not be found out."""

    cluster: str
    cluster_uid: str  # of the namespace kube-system
    namespace: str
    pod: str
    pod_uid: PodUid
    node: NodeName | None
    node_uid: str | None
    boot_id: str | None
    machine_id: str | None
    container: ContainerId | None
    container_name: str
    pid: int | None  # of the container's init process, as the runtime recorded it
    shim_pid: int | None
    shim_started: int | None  # clock ticks since boot


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """The blast radius in numbers. `others` changes by the minute and is no part of what is compared."""

    says: str
    stops: int  # running containers that end with it
    others: int | None  # pods on the node that it leaves alone
    stateful: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    budgets_at_zero: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    incident: int
    repair: str
    risk: Risk
    does: str
    words: tuple[str, ...]  # what the verb is given, exactly as it will be sent
    option: str  # what the requester chose, or nothing
    target: Target
    cause: str
    playbook: str  # sha256 of the file
    evidence: str  # sha256 of the facts that decide
    touches: Touched
    notes: tuple[str, ...]
    clear_for: timedelta
    requester: str
    reason: str
    asked: datetime
    expires: datetime

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every field, 64 hex digits."""
        return _sha256(asdict(self))

    @property
    def op(self) -> str:
        """The operation id: one plan, one operation, by construction."""
        return self.digest[:32]

    @property
    def place(self) -> str:
        """What is locked while it runs."""
        return str(self.target.node) if self.target.node else f"pod/{self.target.pod_uid}"

    @property
    def to_type(self) -> str:
        """The name to type where the risk asks for it."""
        return str(self.target.node or self.target.pod)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who wants what; `option` and `reason` may be empty."""

    incident: int
    repair: str
    option: str
    requester: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One fresh, live look at a pod: its diagnosis, and the identities that no fact holds."""

    diagnosis: Diagnosis
    cluster_uid: str
    node: NodeName | None
    node_exists: bool
    node_uid: str | None
    boot_id: str | None  # as the API server has it
    machine_id: str | None  # the same
    load: NodeLoad | None
    raw: bytes  # what the node answered, whole
    stuck: bool  # still past its deadline by more than is allowed
    took: timedelta


def draw(examined: Examined, request: Request) -> Plan | Refusal:
    """The plan for this request on what was just seen. Pure: the same look and request give the same digest."""
    diagnosis = examined.diagnosis
    repair = BY_ID.get(request.repair)
    offered = _offered(diagnosis, repair, request.repair)
    if isinstance(offered, Refusal):
        return offered
    cause = diagnosis.verdict.cause
    subject = diagnosis.verdict.subject or diagnosis.subjects[0]
    target = _target(examined, subject, offered.repair)
    if isinstance(target, Refusal):
        return target
    words = _words(offered.repair, target, subject, request.option, diagnosis)
    if isinstance(words, Refusal):
        return words
    rule = RULES[offered.risk]
    touches, notes = _touches(offered, words, subject, examined.load)
    if offered.repair.id == "finalizer.remove":
        touches = replace(touches, says=finalizer_touched(words[0]))
        others = ", ".join(each for each in diagnosis.pod.finalizers if each != words[0])
        notes = (f"the pod stays until these are gone too: {others}",) if others else ()
    return Plan(
        incident=request.incident,
        repair=offered.repair.id,
        risk=offered.risk,
        does=offered.repair.does,
        words=words,
        option=request.option,
        target=target,
        cause=cause.id if cause else "",
        playbook=cause.digest if cause else "",
        evidence=_evidence(cause, subject),
        touches=touches,
        notes=notes,
        clear_for=cause.clear_for if cause else timedelta(),
        requester=request.requester,
        reason=request.reason,
        asked=request.at,
        expires=request.at + rule.lives,
    )


def again(plan: Plan) -> Request:
    """The request that this plan was drawn for, to draw it a second time."""
    return Request(
        incident=plan.incident,
        repair=plan.repair,
        option=plan.option,
        requester=plan.requester,
        reason=plan.reason,
        at=plan.asked,
    )


_NAMED = {
    "target.cluster_uid": "the cluster is another one",
    "target.pod_uid": "the pod was recreated under the same name",
    "target.node": "the pod is on another node",
    "target.node_uid": "the node was replaced under the same name",
    "target.boot_id": "the node was rebooted",
    "target.machine_id": "the node is another machine",
    "target.container": "the container is another one",
    "target.pid": "the container's recorded pid changed",
    "target.shim_pid": "the shim is another process",
    "target.shim_started": "the shim's pid belongs to a younger process",
    "playbook": "its playbook was changed",
    "evidence": "the evidence changed",
    "risk": "the risk changed",
    "cause": "the cause is another one",
}
_OWN = frozenset({"requester", "reason", "asked", "expires", "incident", "notes", "touches.others", "does"})


def differences(shown: Plan, now: Plan) -> tuple[str, ...]:
    """What is no longer as it was approved, in words, the identities first; empty where nothing that counts changed."""
    before, after = _flat(asdict(shown)), _flat(asdict(now))
    changed = [name for name in before if name not in _OWN and before[name] != after.get(name)]
    order = list(_NAMED)
    changed.sort(key=lambda name: order.index(name) if name in order else len(order))
    return tuple(_NAMED.get(name, f"{name.replace('.', ' ')} changed") for name in changed)


def _offered(diagnosis: Diagnosis, repair: Repair | None, name: str) -> Offered | Refusal:
    cause = diagnosis.verdict.cause
    allowed = (*(cause.repairs if cause else ()), *ALWAYS)
    if repair is None or repair.id not in allowed:
        offered = (*(each.repair.id for each in diagnosis.offered if each.repair.by != "person"), *ALWAYS)
        what = cause.id if cause else "what was found"
        return refusal("not-of-cause", repair=name, cause=what, offered=", ".join(offered))
    if repair.by == "person":
        return refusal("person-only", repair=repair.id)
    subject = diagnosis.verdict.subject or diagnosis.subjects[0]
    assessment = assess(repair, subject, diagnosis.subjects)
    if not isinstance(assessment, Offered):
        return refusal("not-offered", repair=repair.id, why=assessment.why)
    return assessment


def _target(examined: Examined, subject: Subject, repair: Repair) -> Target | Refusal:
    pod = examined.diagnosis.pod
    on_node = repair.by == "node"
    found: dict[str, Value | None] = {}
    for name in repair.needs:
        fact = subject.facts.get(name)
        if fact is None or isinstance(fact.answer, Unknown):
            why = fact.answer.why if fact is not None and isinstance(fact.answer, Unknown) else "not asked"
            return refusal("identity-unknown", what=name, why=why)
        found[name] = fact.answer.value
    if examined.node_uid is None and (repair.id in ALWAYS or (examined.node_exists and examined.node)):
        why = "the API server did not say" if examined.node else "the pod is on none"
        return refusal("identity-unknown", what="the node's UID", why=why)
    if (no := _other_machine(examined, subject)) and on_node:
        return no
    if on_node and subject.container is None and repair.needs != ("node.boot_id",):
        return refusal("identity-unknown", what="the container", why="the pod has none that is known")
    return Target(
        cluster=pod.cluster,
        cluster_uid=examined.cluster_uid,
        namespace=pod.namespace,
        pod=pod.name,
        pod_uid=pod.uid,
        node=examined.node,
        node_uid=examined.node_uid,
        boot_id=_text(subject, "node.boot_id"),
        machine_id=_text(subject, "node.machine_id"),
        container=subject.container,
        container_name=subject.name,
        pid=_number(subject, "docker.container.pid"),
        shim_pid=_number(subject, "shim.pid"),
        shim_started=_number(subject, "shim.started"),
    )


def _other_machine(examined: Examined, subject: Subject) -> Refusal | None:
    """
    Behind an address may be another machine than the one whose kubelet speaks to the API server.

    One of the two ids is enough: a machine that was rebooted has another boot id, and a kubelet in a container may
    have no machine id or its own.
    """
    boots = (_text(subject, "node.boot_id"), examined.boot_id)
    machines = (_text(subject, "node.machine_id"), examined.machine_id)
    if None in boots or None in machines or boots[0] == boots[1] or machines[0] == machines[1]:
        return None
    return refusal("other-machine", node=examined.node, answered=machines[0], registered=machines[1])


def _words(
    repair: Repair, target: Target, subject: Subject, option: str, diagnosis: Diagnosis
) -> tuple[str, ...] | Refusal:
    match repair.id:
        case "docker.restart":
            return _docker_words(subject, option)
        case "finalizer.remove":
            return _finalizer_words(diagnosis, option)
        case _ if option:
            return refusal("option-unknown", repair=repair.id, takes="no option", option=option)
        case "container.stop":
            return (str(target.container), str(target.pid))
        case "shim.reap":
            runtime = _text(subject, "api.node.runtime")
            if runtime is None:
                return refusal("identity-unknown", what="api.node.runtime", why="the API server did not say")
            return (runtime, str(target.container), str(target.shim_pid), str(target.shim_started))
        case "cgroup.thaw":
            return (str(target.container), target.pod_uid)
        case _:
            return ()


def _docker_words(subject: Subject, option: str) -> tuple[str, ...] | Refusal:
    if option not in ("", WITHOUT_LIVE_RESTORE):
        return refusal(
            "option-unknown", repair="docker.restart", takes=f"{WITHOUT_LIVE_RESTORE} or nothing", option=option
        )
    on, running = _fact(subject, "docker.live_restore"), _number(subject, "docker.running")
    if on is True:
        return ("on", "0")
    if option == WITHOUT_LIVE_RESTORE:
        if running is None:
            return refusal("identity-unknown", what="how many containers would stop", why="docker info did not say")
        return ("off", str(running))
    if on is None:
        return refusal("identity-unknown", what="docker.live_restore", why="dockerd did not say")
    return ("switch", "0")


def _finalizer_words(diagnosis: Diagnosis, option: str) -> tuple[str, ...] | Refusal:
    names = diagnosis.pod.finalizers
    if option and option not in names:
        return refusal("option-unknown", repair="finalizer.remove", takes=f"one of {', '.join(names)}", option=option)
    if not option and len(names) != 1:
        return refusal(
            "option-unknown", repair="finalizer.remove", takes=f"one of {', '.join(names)}", option="nothing"
        )
    return (option or names[0],)


def _touches(
    offered: Offered, words: tuple[str, ...], subject: Subject, load: NodeLoad | None
) -> tuple[Touched, tuple[str, ...]]:
    others = max(0, load.pods - 1) if load else None
    if offered.repair.id != "docker.restart" or words[0] == "on":
        return Touched(says=offered.touches, stops=0, others=others), offered.notes
    running = _number(subject, "docker.running")
    if words[0] == "switch":
        count = "an unknown number of" if running is None else str(running)
        says = "dockerd only: live-restore is off, and is switched on first by a reload; containers keep running"
        notes = (f"without live-restore {count} containers would stop", "daemon.json is kept in /var/lib/terminating")
        return Touched(says=says, stops=0, others=others), (*offered.notes, *notes)
    says = f"every container on the node stops: {running}; live-restore is off"
    return (
        Touched(
            says=says,
            stops=running or 0,
            others=0,
            stateful=load.stateful if load else (),
            single=load.single if load else (),
            budgets_at_zero=load.budgets_at_zero if load else (),
        ),
        offered.notes,
    )


def _evidence(cause: Cause | None, subject: Subject) -> str:
    """Only the facts that decide: counts of log lines go on growing, and are no difference."""
    names = sorted({line.fact for line in cause.lines}) if cause else []
    return _sha256({name: _said(subject, name) for name in names})


def _said(subject: Subject, name: str) -> str:
    fact = subject.facts.get(name)
    return said(fact.answer.value) if fact is not None and isinstance(fact.answer, Known) else "unknown"


def _fact(subject: Subject, name: str) -> Value | None:
    fact = subject.facts.get(name)
    return fact.answer.value if fact is not None and isinstance(fact.answer, Known) else None


def _text(subject: Subject, name: str) -> str | None:
    value = _fact(subject, name)
    return value if isinstance(value, str) else None


def _number(subject: Subject, name: str) -> int | None:
    value = _fact(subject, name)
    return value if type(value) is int else None


def _flat(tree: dict[str, object], path: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{path}{name}.")
        else:
            flat[path + name] = value
    return flat


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
