"""What can happen in the town, at a word: each story leaves it as that night left it, some minutes later."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.demo.cluster.deletes import stamp
from bot.demo.cluster.kinds import JOBS, NODES, PODS
from bot.demo.cluster.kubelets import the_one
from bot.demo.cluster.shapes import container, ended, owned_by, pod, ready, running
from bot.demo.cluster.store import Object
from bot.demo.cluster.town import CI_NODE, SILENT_NODE, STUCK_NODE, Town

ZOOKEEPER = ("prod", "zookeeper0-0")
BUILD = ("ci", "build-8812")
FINALIZER = "example.com/cleanup"
_GRACE = timedelta(seconds=30)
_TRY_AGAIN = timedelta(seconds=30)
_OVERDUE = timedelta(minutes=12)
_HELD = timedelta(hours=2, minutes=4)
_SILENT = timedelta(minutes=9)
_TOLERATED = timedelta(seconds=300)  # k8s.io/kubernetes, plugin/pkg/admission/defaulttolerationseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`title` and `tells` are for people; `after` is the story that this one ends."""

    id: str
    title: str
    tells: str
    after: str = ""


STORIES: tuple[Story, ...] = (
    Story(
        id="lost-exit-event",
        title="The container that died unheard",
        tells="zookeeper0-0 on node-17 was killed for memory, and dockerd never heard of it. Its pod cannot end until "
        "somebody reaps the dead container's shim.",
    ),
    Story(
        id="finalizer",
        title="The build that may not leave",
        tells="ci/build-8812 has ended, but a finalizer still holds the object, and the controller that should take it "
        "off is away. To take it off by hand, two must agree who did not ask.",
    ),
    Story(
        id="controller-returns",
        title="The controller comes back",
        tells="It does what it has to do for ci/build-8812, and takes its finalizer off.",
        after="finalizer",
    ),
    Story(
        id="silent-node",
        title="The node that went silent",
        tells="node-23 does not report, and forty pods on it wait to be confirmed dead. There is one problem, not "
        "forty, and nothing to repair from here.",
    ),
    Story(
        id="node-returns",
        title="The node comes back",
        tells="node-23 reports again. Its kubelet ends what was waiting, and the incident resolves itself.",
        after="silent-node",
    ),
)
ENDINGS = frozenset(each.id for each in STORIES if each.after)


class Stories:
    def __init__(self, town: Town) -> None:
        self._town = town
        self._registry = town.cluster.registry
        self._begin: Mapping[str, Callable[[datetime], bool]] = {
            "lost-exit-event": self._lost_exit_event,
            "finalizer": self._finalizer,
            "controller-returns": self._controller_returns,
            "silent-node": self._silent_node,
            "node-returns": self._node_returns,
        }

    def begin(self, story: str) -> bool:
        """Whether it begins now: not while it is going on already. Raises `KeyError` for one that is not told here."""
        begin = self._begin[story]
        with self._registry.store.turn:
            return begin(self._town.clock())

    def _lost_exit_event(self, now: datetime) -> bool:
        found = self._registry.store.get(PODS, ZOOKEEPER)
        if found is None or "deletionTimestamp" in found["metadata"] or found["status"]["phase"] != "Running":
            return False
        machine, kubelet = self._town.nodes[STUCK_NODE], self._town.kubelets[STUCK_NODE]
        if found["spec"]["nodeName"] != STUCK_NODE:
            return False
        deadline = now - _OVERDUE
        asked = deadline - _GRACE
        dead = the_one(machine, found["metadata"]["uid"])
        machine.lose_exit(dead, asked - timedelta(seconds=23), "java")
        marked = _deleting(found, deadline, _GRACE)
        if _created(found) > asked:  # its next pod, the second time that this is told: it ran for a day
            marked["metadata"]["creationTimestamp"] = stamp(asked - timedelta(days=1))
        kept = self._registry.store.put(PODS, marked)
        tries = (now - asked) // _TRY_AGAIN
        kubelet.failed_before(kept, tuple(asked + count * _TRY_AGAIN for count in range(1, tries)))
        return True

    def _finalizer(self, now: datetime) -> bool:
        if self._registry.store.get(PODS, BUILD) is not None:
            return False
        deadline = now - _HELD
        job = self._registry.store.get(JOBS, BUILD) or self._registry.place(JOBS, _job(deadline))
        owner = owned_by(JOBS.kind, JOBS.api_version, BUILD[1], job["metadata"]["uid"])
        made = pod(*BUILD, job["spec"]["template"], owner, CI_NODE)
        made["metadata"] |= {"finalizers": [FINALIZER], "creationTimestamp": stamp(deadline - timedelta(hours=1))}
        made["status"] = running(made, {"build": secrets.token_hex(32)}, deadline - timedelta(minutes=59))
        made["status"] = ended(made, deadline)
        # Its kubelet has let go of it, with grace 0: now it waits for the finalizer alone.
        self._registry.place(PODS, _deleting(made, deadline, timedelta(0)))
        return True

    def _controller_returns(self, now: datetime) -> bool:
        del now
        if self._registry.store.get(PODS, BUILD) is None:
            return False
        self._registry.change(PODS, BUILD, _let_go)
        return True

    def _silent_node(self, now: datetime) -> bool:
        kubelet, since = self._town.kubelets[SILENT_NODE], now - _SILENT
        if not kubelet.up:
            return False
        self._town.spread()
        kubelet.up = False
        said = ready("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", since)
        self._node_says(said, [_taint("NoSchedule", since), _taint("NoExecute", since)])
        for found in self._registry.store.all(PODS).values():
            if found["spec"].get("nodeName") == SILENT_NODE and "deletionTimestamp" not in found["metadata"]:
                self._registry.store.put(PODS, _deleting(found, since + _TOLERATED + _GRACE, _GRACE))
        return True

    def _node_returns(self, now: datetime) -> bool:
        kubelet = self._town.kubelets[SILENT_NODE]
        if kubelet.up:
            return False
        self._node_says(ready("True", "KubeletReady", "kubelet is posting ready status", now), [])
        kubelet.up = True
        return True

    def _node_says(self, condition: Object, taints: list[Object]) -> None:
        found = self._registry.store.get(NODES, ("", SILENT_NODE))
        if found is None:
            return
        others = {key: value for key, value in found["spec"].items() if key != "taints"}
        spec = {**others, **({"taints": taints} if taints else {})}
        self._registry.store.put(
            NODES, {**found, "spec": spec, "status": {**found["status"], "conditions": [condition]}}
        )


def _job(since: datetime) -> Object:
    template = {
        "metadata": {"labels": {"job-name": BUILD[1]}},
        "spec": {"containers": [_build()], "restartPolicy": "Never"},
    }
    metadata = {"name": BUILD[1], "namespace": BUILD[0], "creationTimestamp": stamp(since - timedelta(hours=1))}
    return {"metadata": metadata, "spec": {"template": template}}


def _build() -> Object:
    return container("build", "registry.example.com/build:1", "1024Mi")


def _let_go(found: Object) -> Object:
    left = [each for each in found["metadata"].get("finalizers", ()) if each != FINALIZER]
    return {**found, "metadata": {**found["metadata"], "finalizers": left}}


def _deleting(found: Object, deadline: datetime, grace: timedelta) -> Object:
    marks = {"deletionTimestamp": stamp(deadline), "deletionGracePeriodSeconds": int(grace.total_seconds())}
    return {**found, "metadata": {**found["metadata"], **marks}}


def _taint(effect: str, since: datetime) -> Object:
    return {"key": "node.kubernetes.io/unreachable", "effect": effect, "timeAdded": stamp(since)}


def _created(found: Object) -> datetime:
    return datetime.fromisoformat(found["metadata"]["creationTimestamp"])
