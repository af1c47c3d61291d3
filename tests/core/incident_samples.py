"""Looks, plans, votes and incidents that belong together, to be changed one field at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.core import findings
from bot.core.acts import Outcome
from bot.core.causes import Cause, Condition, OneOf, judge
from bot.core.consent import RULES, Person, Right, Vote, sealed
from bot.core.diagnoses import Diagnosis
from bot.core.facts import NodeName, PodUid
from bot.core.findings import Finding
from bot.core.guards import Around, Execution, Policy
from bot.core.incidents import advance, opened
from bot.core.load import NodeLoad
from bot.core.phases import (
    Accepted,
    Acting,
    Asked,
    Blind,
    Checking,
    Event,
    Incident,
    Judged,
    Looked,
    Lost,
    Member,
    Phase,
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
)
from bot.core.plans import Examined, Plan, Request, draw
from bot.core.pods import Container, Hold
from bot.core.refusals import Refusal
from bot.core.repairs import ladder
from tests.core import samples
from tests.core.samples import BOOKWORM, CONTAINER, UID, Answers, lost, subject

SEEN = samples.NOON + timedelta(minutes=14)  # twelve minutes past the pod's deadline
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CLUSTER, NODE = "prod-eu", NodeName("node-17")
HOLD = Hold(kind="node", name=NODE)
OTHER_UID = PodUid("77777777-6f0a-4b8e-9d57-2f1f3c9d4a10")
BOOT, MACHINE = "5a7e6f0e-0d52-4a31-8f0b-6c8ad0a1b2c3", "0123456789abcdef0123456789abcdef"
FINALIZER = "example.com/cleanup"
CLEAR_FOR = timedelta(seconds=20)
KEY = b"k" * 32

EVERY_REPAIR = (
    "container.stop",
    "shim.reap",
    "cgroup.thaw",
    "pod.delete",
    "kubelet.restart",
    "docker.restart",
    "containerd.restart",
    "pod.force_delete",
    "finalizer.remove",
    "node.drain",
)
ANSWERS: Answers = {  # every repair of the list is offered
    **lost(BOOKWORM),
    "api.pod.containers_ended": True,
    "api.pod.finalizer_names": FINALIZER,
    "api.pod.phase": "Failed",
    "cgroup.frozen": True,
    "docker.running": 12,
    "node.boot_id": BOOT,
    "node.machine_id": MACHINE,
}
LOAD = NodeLoad(pods=9, stateful=("StatefulSet/kafka",), alone=(), single=("prod/Deployment/web",), budgets_at_zero=())
EVERYTHING: Mapping[str, frozenset[Right]] = {CLUSTER: frozenset[Right](("request", "approve"))}
PEOPLE = {name: Person(id=name, rights=EVERYTHING) for name in ("ada", "ben", "mallory")}


def cause(*repairs: str, **changes: Any) -> Cause:
    plain = samples.cause(*(repairs or EVERY_REPAIR), id_="docker-lost-exit-event")
    when = (Condition("process.alive", OneOf((False,))), Condition("docker.container.state", OneOf(("running",))))
    return replace(plain, **{"when": when, "clear_for": CLEAR_FOR, "digest": "d" * 64, **changes})


PLAYBOOK = cause()


def rights(*held: Right, cluster: str = CLUSTER) -> Mapping[str, frozenset[Right]]:
    return {cluster: frozenset(held)}


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a live look would find. `uid` and the rest are identities to be changed."""

    answers: Answers = field(default_factory=lambda: ANSWERS)
    cause: Cause | None = PLAYBOOK
    uid: PodUid = UID
    container: str | None = CONTAINER
    finalizers: tuple[str, ...] = (FINALIZER,)
    cluster: str = CLUSTER
    cluster_uid: str = "6f1d2c3b-cluster"
    node: NodeName | None = NODE
    node_exists: bool = True
    node_uid: str | None = "9a8b7c6d-node"
    boot_id: str | None = BOOT
    machine_id: str | None = MACHINE
    load: NodeLoad | None = LOAD
    stuck: bool = True

    def but(self, **answers: Any) -> "Sight":
        """With these answers instead: the dots of their names are written as two underscores."""
        return replace(
            self, answers={**self.answers, **{name.replace("__", "."): each for name, each in answers.items()}}
        )

    def diagnosis(self) -> Diagnosis:
        pod = replace(
            samples.pod(SEEN - 12 * MINUTE, Container(name="zookeeper", id=CONTAINER, state="running")),
            uid=self.uid,
            node=self.node,
            finalizers=self.finalizers,
            cluster=self.cluster,
        )
        at_fault = subject(self.answers, container=self.container)  # type: ignore[arg-type]  # hex digits
        verdict = judge((self.cause,) if self.cause else (), (at_fault,))
        offered = ladder(self.cause, at_fault, (at_fault,)) if verdict.cause and self.cause else ()
        return Diagnosis(pod=pod, verdict=verdict, subjects=(at_fault,), repairs=offered)

    def examined(self) -> Examined:
        return Examined(
            diagnosis=self.diagnosis(),
            cluster_uid=self.cluster_uid,
            node=self.node,
            node_exists=self.node_exists,
            node_uid=self.node_uid,
            boot_id=self.boot_id,
            machine_id=self.machine_id,
            load=self.load,
            raw=b"what the node said",
            stuck=self.stuck,
            took=SECOND,
        )


SIGHT = Sight()
ON = SIGHT.but(docker__live_restore=True)  # no container feels a restart of dockerd


def request(repair: str, **changes: Any) -> Request:
    plain: dict[str, Any] = {"incident": 1, "option": "", "requester": "ada", "reason": "it blocks us", "at": SEEN}
    return Request(**{**plain, "repair": repair, **changes})


def drawn(repair: str, sight: Sight = SIGHT, **changes: Any) -> Plan | Refusal:
    return draw(sight.examined(), request(repair, **changes))


def plan(repair: str = "container.stop", sight: Sight = SIGHT, **changes: Any) -> Plan:
    made = drawn(repair, sight, **changes)
    assert isinstance(made, Plan), made
    return made


def finding(sight: Sight = SIGHT) -> Finding:
    return findings.of(sight.diagnosis(), "e" * 64, SEEN, SECOND)


def vote(of: Plan, person: str = "ben", **changes: Any) -> Vote:
    """As the bot would seal it; a `seal` among the changes is kept."""
    typed = of.to_type if RULES[of.risk].typed else ""
    plain: dict[str, Any] = {"ballot": "approve", "digest": of.digest, "at": SEEN, "via": "a test", "typed": typed}
    cast = Vote(**{**plain, "person": person, **changes})
    return cast if cast.seal else replace(cast, seal=sealed(cast, KEY))


def policy(**changes: Any) -> Policy:
    return Policy(**{"people": PEOPLE, "seal_key": KEY, "own_node": None, **changes})


def around(**changes: Any) -> Around:
    plain: dict[str, Any] = {"pause": None, "executions": (), "struck": {}, "resumed": {}}
    return Around(**{**plain, "playbooks": {PLAYBOOK.id: PLAYBOOK.digest}, **changes})


def execution(**changes: Any) -> Execution:
    """Of another incident, and long over."""
    plain: dict[str, Any] = {
        "op": "0" * 32,
        "plan": "0" * 64,
        "incident": 2,
        "repair": "container.stop",
        "cause": PLAYBOOK.id,
        "cluster": CLUSTER,
        "place": NODE,
        "node": NODE,
        "state": "done",
        "claimed": SEEN - 2 * timedelta(hours=1),
    }
    return Execution(**{**plain, **changes})


def member(uid: PodUid = UID, name: str = "zookeeper0-0") -> Member:
    return Member(
        namespace="prod", name=name, uid=uid, owner="StatefulSet/zookeeper0", deadline=SEEN - 12 * MINUTE, node=NODE
    )


SECOND_POD = member(OTHER_UID, "zookeeper0-1")


def seen(*members: Member, gone: Sequence[PodUid] = ()) -> Seen:
    return Seen(members=members, gone=frozenset(gone))


def first(*members: Member, before: int = 0) -> Incident:
    return opened(CLUSTER, HOLD, seen(*(members or (member(),))), before, SEEN).incident.with_id(1)


def step(incident: Incident, event: Event, at: datetime = SEEN, **more: Any) -> Accepted | Refusal:
    """`policy` and `around` may be given; the incident's own executions are always around."""
    nearby: Around = more.get("around", around())
    nearby = replace(nearby, executions=(*incident.executions, *nearby.executions))
    return advance(incident, event, more.get("policy", policy()), nearby, at)


def taken(incident: Incident, event: Event, at: datetime = SEEN, **more: Any) -> Incident:
    answer = step(incident, event, at, **more)
    assert isinstance(answer, Accepted), answer
    return answer.incident


def asked(of: Plan, sight: Sight = SIGHT) -> Asked:
    return Asked(finding=finding(sight), plan=of)


def proposed(of: Plan, *members: Member) -> Incident:
    return taken(first(*members), asked(of))


def approved(of: Plan, *members: Member, at: datetime = SEEN) -> Incident:
    """Checking, with as many votes as it takes."""
    incident = proposed(of, *members)
    for person in ("ben", "mallory")[: RULES[of.risk].votes]:
        incident = taken(incident, Voted(vote=vote(of, person)), at)
    return incident


def acting(of: Plan, *members: Member) -> Incident:
    return taken(approved(of, *members), Rechecked(now=of))


def sent(of: Plan, *members: Member) -> Incident:
    return taken(acting(of, *members), Sending(op=of.op))


def reported(of: Plan, outcome: Outcome, why: str = "it was so") -> Reported:
    return Reported(op=of.op, outcome=outcome, why=why)


def verifying(of: Plan, *members: Member) -> Incident:
    return taken(sent(of, *members), reported(of, "done"))


def unsettled(of: Plan, *members: Member) -> Incident:
    return taken(sent(of, *members), Lost(op=of.op))


def clear(of: Plan) -> Looked:
    return Looked(op=of.op, found="clear", says="the pod is gone")


def held(of: Plan) -> Looked:
    return Looked(op=of.op, found="held", says="the API server still has the pod")


def blind(of: Plan) -> Looked:
    return Looked(op=of.op, found="blind", says="the node does not answer")


def settled(person: str = "ben", *, done: bool, reason: str = "I looked") -> Settled:
    return Settled(person=person, done=done, reason=reason)


def closed(of: Plan) -> Incident:
    """Fixed and verified, at SEEN + 20 s."""
    return taken(taken(verifying(of), clear(of)), clear(of), SEEN + CLEAR_FOR)


def with_plan(phase: Phase) -> Proposed | Checking | Acting | Verifying | Unsettled:
    assert isinstance(phase, Proposed | Checking | Acting | Verifying | Unsettled), phase
    return phase


def in_every_phase(of: Plan) -> Mapping[str, Incident]:
    """By the phase's name; two of some."""
    return {
        "open": first(),
        "open and blind": taken(first(), Blind(why="the node does not answer")),
        "diagnosed": taken(first(), Judged(finding=finding())),
        "proposed": proposed(of),
        "checking": approved(of),
        "acting": acting(of),
        "acting and sent": sent(of),
        "verifying": verifying(of),
        "unsettled": unsettled(of),
        "closed": closed(of),
    }


def every_event(of: Plan) -> Mapping[str, Event]:
    """By what it is; the plan's own, other people's, and of another operation."""
    other = replace(of, requester="ben")
    return {
        "seen": seen(member()),
        "seen with another": seen(member(), SECOND_POD),
        "seen gone": seen(gone=(UID,)),
        "judged": Judged(finding=finding()),
        "blind": Blind(why="nobody answers"),
        "asked": asked(of),
        "asked anew": asked(replace(of, asked=of.asked + SECOND)),
        "approved": Voted(vote=vote(of)),
        "approved by the requester": Voted(vote=vote(of, "ada")),
        "rejected": Voted(vote=vote(of, ballot="reject")),
        "approved another plan": Voted(vote=vote(other)),
        "rechecked the same": Rechecked(now=of),
        "rechecked another": Rechecked(now=replace(of, words=("other",))),
        "rechecked in vain": Rechecked(now=Refusal("healed", "it is gone")),
        "sending": Sending(op=of.op),
        "sending another": Sending(op=other.op),
        **{f"reported {each}": reported(of, each) for each in OUTCOMES},
        **{f"reported another {each}": reported(other, each) for each in OUTCOMES},
        "lost": Lost(op=of.op),
        "lost another": Lost(op=other.op),
        "looked clear": clear(of),
        "looked held": held(of),
        "looked blind": blind(of),
        "looked for another": clear(other),
        "settled done": settled(done=True),
        "settled not done": settled(done=False),
        "tick": Tick(),
    }


OUTCOMES: tuple[Outcome, ...] = ("done", "not-done", "unknown")
