"""A world of one cluster for the engine: pods stuck until something is done about them, and hands that can fail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.core.acts import Acted
from bot.core.causes import Cause, Condition, OneOf, judge
from bot.core.consent import Person, Right
from bot.core.diagnoses import Diagnosis
from bot.core.facts import ContainerId, NodeName, PodUid, Unknown, Value
from bot.core.guards import Policy
from bot.core.phases import Incident, Looked, Member, Seen
from bot.core.plans import Examined, Plan
from bot.core.pods import Container, Hold, Pod
from bot.core.repairs import ladder
from bot.ports import Missing, Unreachable
from tests.core import samples

CLUSTER = "prod-eu"
NODE = NodeName("node-17")
HOLD = Hold(kind="node", name=NODE)
LOST = Cause(
    id="docker-lost-exit-event",
    title="The container is dead, but dockerd never heard",
    runtimes=("docker",),
    when=(Condition("docker.container.state", OneOf(("running",))), Condition("process.alive", OneOf((False,)))),
    supported_by=(),
    shown=(),
    because="",
    repairs=("container.stop", "shim.reap", "docker.restart", "pod.force_delete"),
    prevent="",
    sources=(),
    explains=(),
    digest="d" * 64,
)
KEY = b"k" * 32
EVERYTHING: Mapping[str, frozenset[Right]] = {CLUSTER: frozenset[Right](("request", "approve"))}
PEOPLE = {name: Person(id=name, rights=EVERYTHING) for name in ("ada", "ben")}


def policy(**more: object) -> Policy:
    given = {"people": PEOPLE, "seal_key": KEY, "own_node": None, **more}
    return Policy(**given)  # type: ignore[arg-type]  # each by its own name


class Clock:
    def __init__(self, now: datetime = samples.NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: int) -> None:
        self.now += timedelta(**span)


@dataclass
class Town:
    """`ports.World`. What was done to it stands in `done`: one word for each effect, as the ground truth."""

    clock: Clock
    stuck: dict[str, PodUid] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    braked: str = ""
    digests: dict[str, str] = field(default_factory=lambda: {LOST.id: LOST.digest})
    silent: int = 0  # so many looks fail with an outage
    acts: list[Acted] = field(default_factory=list)  # what the next acts answer, instead of doing anything
    asks: list[Acted] = field(default_factory=list)
    heals: bool = True
    blind: bool = False
    raw: bytes = b"what the node said"
    container: ContainerId = samples.CONTAINER
    node_uid: str = "node-uid"
    more: dict[str, Value | Unknown] = field(default_factory=dict)  # facts beside, or instead of, the sample's
    after_look: Callable[[], None] | None = None  # happens once, when a look has read all it reads

    def brake(self) -> str:
        return self.braked

    def playbooks(self) -> Mapping[str, str]:
        return self.digests

    def sweep(self, cluster: str, known: Sequence[Incident]) -> Mapping[Hold, Seen]:
        if cluster != CLUSTER or self.silent:
            self.silent = max(0, self.silent - 1)
            raise Unreachable("list pods", cluster, "nobody answers", "Look.")
        members = tuple(self._member(name) for name in sorted(self.stuck))
        gone = {each.uid for incident in known for each in incident.members} - {each.uid for each in members}
        return {HOLD: Seen(members=members, gone=frozenset(gone))}

    def examine(self, cluster: str, namespace: str, name: str) -> Examined:
        if self.silent:
            self.silent -= 1
            raise Unreachable("get pods", cluster, "nobody answers", "Look.")
        if name not in self.stuck:
            raise Missing("get pods", cluster, f"there is no pod {namespace}/{name}", "Look.")
        pod = self._pod(name)
        subject = samples.subject({**samples.lost(samples.BOOKWORM), **self.more}, container=self.container)
        verdict = judge((LOST,), (subject,))
        diagnosis = Diagnosis(pod=pod, verdict=verdict, subjects=(subject,), repairs=ladder(LOST, subject, (subject,)))
        node_uid, hook, self.after_look = self.node_uid, self.after_look, None
        if hook is not None:
            hook()
        return Examined(
            diagnosis=diagnosis,
            cluster_uid="cluster-uid",
            node=NODE,
            node_exists=True,
            node_uid=node_uid,
            boot_id=None,
            machine_id=None,
            load=None,
            raw=self.raw,
            stuck=True,
            took=timedelta(seconds=1),
        )

    def act(self, plan: Plan) -> Acted:
        if self.acts:
            return self.acts.pop(0)
        self.done.append(plan.op)
        if self.heals:
            self.stuck.pop(plan.target.pod, None)
        return Acted("done", "it was done")

    def ask(self, plan: Plan, since: datetime) -> Acted:
        assert since <= self.clock()
        if not self.asks:
            raise Unreachable("terminating-node status", plan.place, "nobody answers", "Look.")
        return self.asks.pop(0)

    def look(self, plan: Plan) -> Looked:
        if self.blind:
            return Looked(op=plan.op, found="blind", says="the node does not answer")
        if plan.target.pod in self.stuck:
            return Looked(op=plan.op, found="held", says="the API server still has the pod")
        return Looked(op=plan.op, found="clear", says="the pod is gone")

    def _member(self, name: str) -> Member:
        pod = self._pod(name)
        assert pod.deadline is not None
        return Member(
            namespace=pod.namespace,
            name=pod.name,
            uid=pod.uid,
            owner=pod.owner,
            deadline=pod.deadline,
            node=pod.node,
        )

    def _pod(self, name: str) -> Pod:
        container = Container(name="zookeeper", id=samples.CONTAINER, state="running")
        return replace(samples.pod(samples.NOON - timedelta(minutes=12), container), name=name, uid=self.stuck[name])


class Board:
    """`ports.Chat`: the headlines that people would have seen, the phase's name of each."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, str, str]] = []
        self.groups: dict[str, frozenset[str] | Unknown] = {}  # who is in each of them

    def show(self, incident: Incident, now: datetime) -> None:
        del now
        self.shown.append((incident.id, type(incident.phase).__name__, incident.last))

    def members(self, group: str) -> frozenset[str] | Unknown:
        return self.groups[group]
