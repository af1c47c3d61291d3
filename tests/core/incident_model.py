"""What really happened to the incidents of a random test, and the rules told a second time, in other words."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from bot.core.acts import Outcome
from bot.core.consent import Right, Vote
from bot.core.facts import NodeName, PodUid, Unknown
from bot.core.guards import Execution, Pause
from bot.core.phases import Effect, Incident, Member
from bot.core.plans import Examined, Plan
from bot.core.pods import Hold
from bot.core.repairs import BY_ID
from tests.core.incident_samples import CLUSTER, FINALIZER, LOAD, NODE, SEEN, SIGHT, cause

NAMES = ("ada", "ben", "mallory")
VOTES = {"low": 1, "medium": 1, "high": 2, "critical": 2}  # the model's own account of the rules
LIVES = {"low": 15, "medium": 15, "high": 10, "critical": 10}
BREAKS = {"low": 2, "medium": 2, "high": 1, "critical": 1}
NARROW = 3
NODE_18, US = NodeName("node-18"), "prod-us"
PLACES = (  # where pods are stuck: cluster, hold, their node, how many
    (CLUSTER, Hold(kind="node", name=NODE), NODE, 2),
    (CLUSTER, Hold(kind="finalizer", name=FINALIZER), NODE, 1),
    (CLUSTER, Hold(kind="node", name=NODE_18), NODE_18, 2),
    (US, Hold(kind="node", name=NODE), NODE, 2),
)
RIGHTS: Mapping[str, frozenset[Right] | None] = {
    "all": frozenset[Right](("request", "approve")),
    "asks": frozenset[Right](("request",)),
    "approves": frozenset[Right](("approve",)),
    "none": frozenset[Right](),
    "not listed": None,
}


@dataclass(slots=True, kw_only=True)
class Pod:
    """As it really is."""

    hold: int
    member: Member
    shim: int = 1
    here: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    incident: int
    effect: Effect
    op: str = ""


@dataclass(slots=True, kw_only=True)
class Hand:
    """A worker that was let go: what it is to do, and how far it is."""

    incident: int
    plan: Plan
    acted: bool = False
    result: Outcome = "unknown"


class Model:
    """What really happened, and what the rules are, told a second time."""

    def __init__(self) -> None:
        self.now = SEEN
        self.pods: list[Pod] = []
        self.boots = dict.fromkeys([(CLUSTER, NODE), (CLUSTER, NODE_18), (US, NODE)], 0)
        self.ledgers: dict[str, str] = {}  # on the nodes: done or burnt, by op
        self.effects: Counter[str] = Counter()
        self.cast: list[Vote] = []
        self.intents: dict[str, tuple[Plan, datetime]] = {}
        self.sent: set[str] = set()
        self.blamed: set[str] = set()
        self.looks: dict[str, list[tuple[datetime, str]]] = {}
        self.by_person: set[str] = set()
        self.gone: set[PodUid] = set()
        self.pause: Pause | Unknown | None = None
        self.own: NodeName | Unknown | None = None
        self.blackout: frozenset[str] | None = None
        self.struck: dict[str, list[tuple[str, datetime]]] = {}
        self.resumed: dict[str, datetime] = {}
        self.zero = False
        self.playbook = "d" * 64
        self.people = dict.fromkeys(NAMES, "all")

    def may(self, who: str, right: Right) -> bool:
        return right in (RIGHTS[self.people.get(who, "not listed")] or ())

    def look_at(self, pod: Pod) -> Examined:
        boot = f"boot {self.boots[PLACES[pod.hold][:3:2]]}"
        return _seen(pod.hold, pod.member.uid, boot, pod.shim, (self.playbook, self.zero))

    def stops(self, plan: Plan, executions: list[Execution], open_: list[Incident]) -> str:
        """The guards, in other words than the program's."""
        where, hour = plan.target.cluster, timedelta(hours=1)
        others = [each for each in executions if each.op != plan.op and each.cluster == where]
        nodes = {name for name, since in self.struck.get(where, ()) if self.now - since < timedelta(minutes=10)}
        for each in open_:
            if each.cluster == where and each.hold.kind == "node" and self.now - each.opened < timedelta(minutes=10):
                nodes.add(each.hold.name)
        wide = BY_ID[plan.repair].wide
        felt = [
            self.now - at
            for op, (past, at) in self.intents.items()
            if op != plan.op
            and (past.target.cluster, past.place, BY_ID[past.repair].wide) == (where, plan.place, wide)
            and next(each for each in executions if each.op == op).state != "not-done"
        ]
        looked = max(self.resumed.get(where, SEEN - hour), self.resumed.get("", SEEN - hour))
        failed = [
            each
            for each in others
            if each.op in self.blamed
            and (each.cause, each.repair) == (plan.cause, plan.repair)
            and (each.ended or each.claimed) > max(looked, self.now - 24 * hour)
        ]
        busy = [each for each in others if each.state in ("checking", "acting", "verifying")]
        locked = [each for each in others if each.state == "unsettled" and each.place == plan.place]
        hit = BY_ID[plan.repair].by == "node" and (isinstance(self.own, Unknown) or self.own == plan.target.node)
        often = (
            [each < hour for each in felt].count(True) >= NARROW
            if not wide
            else (any(each < hour / 2 for each in felt) or [each < 24 * hour for each in felt].count(True) >= 2)
        )
        found = {
            "pause": self.pause is not None,
            "storm": len(nodes) >= 3,
            "blackout": self.blackout is not None and (not self.blackout or where in self.blackout),
            "own node": hit,
            "busy": bool(busy),
            "locked": bool(locked),
            "rate": often,
            "breaker": len(failed) >= BREAKS[plan.risk],
            "budget": bool(plan.touches.budgets_at_zero),
        }
        return " ".join(name for name, stops in found.items() if stops)

    def agreed(self, plan: Plan, votes: tuple[Vote, ...]) -> bool:
        """Whether enough people really said so, and still may."""
        real = [each for each in votes if each in self.cast and each.digest == plan.digest and each.ballot == "approve"]
        typed = [each for each in real if plan.risk in ("low", "medium") or each.typed == plan.target.node]
        people = {each.person for each in typed if each.person != plan.requester and self.may(each.person, "approve")}
        return len(people) >= VOTES[plan.risk] and self.may(plan.requester, "request")

    def expired(self, plan: Plan) -> bool:
        return self.now - plan.asked >= timedelta(minutes=LIVES[plan.risk])


@cache
def _seen(place: int, uid: PodUid, boot: str, shim: int, around: tuple[str, bool]) -> Examined:
    cluster, _, node, _ = PLACES[place]
    playbook, zero = around
    return replace(
        SIGHT.but(node__boot_id=boot, shim__started=shim),
        uid=uid,
        node=node,
        cluster=cluster,
        load=replace(LOAD, budgets_at_zero=("prod/web",)) if zero else LOAD,
        cause=cause(digest=playbook),
    ).examined()
