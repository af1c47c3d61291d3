"""
The cluster of the demo as it is on a quiet day: four nodes, what runs on them, and who looks after it.

On node-12 and node-17 the containers are those of an imitated docker behind a real sshd; node-23 and node-31 are paper:
their pods come and go as asked, and nobody answers at their address.
"""

import contextlib
import secrets
import tempfile
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.demo.cluster.cluster import Cluster
from bot.demo.cluster.controllers import Controllers
from bot.demo.cluster.deletes import stamp
from bot.demo.cluster.kinds import BUDGETS, CLAIMS, DEPLOYMENTS, NODES, PODS, REPLICASETS, STATEFULSETS
from bot.demo.cluster.kubelets import Kubelet, sandboxed
from bot.demo.cluster.shapes import claim, container, node, owned_by, pod, running, suffix, with_claim
from bot.demo.cluster.store import Clock, Object, key_of
from bot.demo.node import Absent, Login, Node

NAME = "prod-eu"
STUCK_NODE, CI_NODE, SILENT_NODE, SPARE_NODE = "node-17", "node-12", "node-23", "node-31"
SINCE = timedelta(days=3)  # for so long everything has been running
_ROOM = {STUCK_NODE: 110, CI_NODE: 110, SILENT_NODE: 110, SPARE_NODE: 250}
_ADDRESS = "192.0.2.{}"  # TEST-NET-1, RFC 5737: nobody's; the settings name the ports of this machine

# Deployment, image, and on which node how many of its pods are.
_DEPLOYMENTS: tuple[tuple[str, str, Mapping[str, int]], ...] = (
    ("billing", "registry.example.com/billing:4.2", {STUCK_NODE: 1, CI_NODE: 1, SILENT_NODE: 2, SPARE_NODE: 2}),
    ("checkout", "registry.example.com/checkout:7.0", {STUCK_NODE: 2, SILENT_NODE: 9, SPARE_NODE: 3}),
    ("search", "registry.example.com/search:2.9", {STUCK_NODE: 1, CI_NODE: 1, SILENT_NODE: 14}),
    ("images", "registry.example.com/images:1.3", {STUCK_NODE: 1, SILENT_NODE: 13, SPARE_NODE: 2}),
    ("payments", "registry.example.com/payments:5.5", {STUCK_NODE: 1, SILENT_NODE: 1}),
)
# StatefulSet, image, memory, and the node of each of its pods.
_STATEFULSETS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("zookeeper0", "registry.example.com/zookeeper:3.4", "512Mi", (STUCK_NODE, SPARE_NODE, CI_NODE)),
    ("kafka", "registry.example.com/kafka:2.3", "2048Mi", (STUCK_NODE, SILENT_NODE, SPARE_NODE)),
)


class Town:
    """Entered, all of it is up and moves; left, nothing of it is there."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.cluster = Cluster(NAME, clock)
        self.nodes: dict[str, Node] = {}
        self.kubelets: dict[str, Kubelet] = {}
        self.ports: dict[str, int] = {}  # of each node's sshd on 127.0.0.1; where nobody answers, of nobody
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            folder = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="terminating-login.")))
            self.login = Login(folder)
            for name in (CI_NODE, STUCK_NODE):
                self.nodes[name] = opening.enter_context(Node(name, self.login, self.clock))
                self.ports[name] = self.nodes[name].port
            for name in (SILENT_NODE, SPARE_NODE):
                self.ports[name] = opening.enter_context(Absent()).port
            self._furnish()
            self.cluster.add(*self.kubelets.values(), Controllers(self.cluster.registry))
            opening.enter_context(self.cluster)
            self._open = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def settled(self) -> Object:
        """This cluster's part of a settings file."""
        return {
            "kubeconfig": str(self.cluster.kubeconfig),
            "context": self.cluster.name,
            "ssh": {
                "user": self.login.user,
                "key": str(self.login.key),
                "known_hosts": str(self.login.known_hosts),
                "become": "none",
                "program": "piped",
            },
            "nodes": {name: {"address": "127.0.0.1", "port": port} for name, port in sorted(self.ports.items())},
        }

    def run(self, wanted: Object) -> Object:
        """A pod that has been running all the while, on its node."""
        since, registry = self.clock() - SINCE, self.cluster.registry
        placed = registry.place(PODS, _aged(wanted, stamp(since)))
        machine = self.nodes.get(placed["spec"]["nodeName"])
        made = machine.start(sandboxed(placed), since) if machine else ()
        registry.status(PODS, key_of(placed), running(placed, {each.container: each.id for each in made}, since))
        return placed

    def spread(self) -> None:
        """Pods of Deployments are again where a quiet day has them: those that had to move away move back."""
        registry = self.cluster.registry
        for name, _, places in _DEPLOYMENTS:
            pods = [
                each
                for each in registry.store.all(PODS).values()
                if each["metadata"]["labels"].get("app") == name and "deletionTimestamp" not in each["metadata"]
            ]
            on = {place: [each for each in pods if each["spec"].get("nodeName") == place] for place in _ROOM}
            for away in on[SPARE_NODE][places.get(SPARE_NODE, 0) :]:
                short = next((place for place in places if len(on[place]) < places[place]), None)
                if short is None:
                    break
                metadata = away["metadata"]
                registry.store.remove(PODS, key_of(away))
                owner, template = metadata["ownerReferences"][0], {"metadata": metadata, "spec": away["spec"]}
                made = pod("prod", f"{owner['name']}-{suffix(5)}", template, owner, short)
                on[short].append(self.run(made))

    def _furnish(self) -> None:
        since, registry = self.clock() - SINCE, self.cluster.registry
        for name in ("prod", "ci"):
            self.cluster.namespace(name)
        for name in sorted(_ROOM):
            machine = self.nodes.get(name)
            ids = (machine.boot_id, machine.machine_id) if machine else (str(uuid.uuid4()), secrets.token_hex(16))
            address = _ADDRESS.format(name.removeprefix("node-"))
            registry.place(NODES, node(name, address, ids, _ROOM[name], since - timedelta(days=300)))
            self.kubelets[name] = Kubelet(registry, name, machine)
        for name, image, memory, places in _STATEFULSETS:
            self._stateful(name, image, memory, places)
        for name, image, spread in _DEPLOYMENTS:
            self._deployment(name, image, spread)
        self._budget("payments", 0)
        self._budget("zookeeper0", 1)

    def _stateful(self, name: str, image: str, memory: str, places: tuple[str, ...]) -> None:
        template = _template(name, image, memory)
        spec = {"replicas": len(places), "serviceName": name, "selector": _selector(name), "template": template}
        of = self._controller(STATEFULSETS.kind, name, spec)
        for ordinal, place in enumerate(places):
            made = with_claim(pod("prod", f"{name}-{ordinal}", template, of, place))
            self.cluster.registry.place(CLAIMS, claim(made, place))
            self.run(made)

    def _deployment(self, name: str, image: str, spread: Mapping[str, int]) -> None:
        template, replicas = _template(name, image, "512Mi"), sum(spread.values())
        spec = {"replicas": replicas, "selector": _selector(name), "template": template}
        above = self._controller(DEPLOYMENTS.kind, name, spec)
        set_name = f"{name}-{suffix(6)}"
        of = self._controller(REPLICASETS.kind, set_name, spec, above)
        for place, count in spread.items():
            for _ in range(count):
                self.run(pod("prod", f"{set_name}-{suffix(5)}", template, of, place))

    def _controller(self, kind: str, name: str, spec: Object, above: Object | None = None) -> Object:
        """Placed; and as its pods name it."""
        of = next(each for each in (STATEFULSETS, DEPLOYMENTS, REPLICASETS) if each.kind == kind)
        metadata: Object = {"name": name, "namespace": "prod", "labels": {"app": name}}
        if above is not None:
            metadata["ownerReferences"] = [above]
        placed = self.cluster.registry.place(of, {"metadata": metadata, "spec": spec})
        return owned_by(kind, of.api_version, name, placed["metadata"]["uid"])

    def _budget(self, name: str, allowed: int) -> None:
        metadata = {"name": name, "namespace": "prod"}
        spec = {"minAvailable": 2, "selector": _selector(name)}
        status = {"disruptionsAllowed": allowed, "currentHealthy": 2 + allowed, "desiredHealthy": 2}
        self.cluster.registry.place(BUDGETS, {"metadata": metadata, "spec": spec, "status": status})


def _template(name: str, image: str, memory: str) -> Object:
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container(name.rstrip("0"), image, memory)]}}


def _selector(name: str) -> Object:
    return {"matchLabels": {"app": name}}


def _aged(content: Object, created: str) -> Object:
    return {**content, "metadata": {**content["metadata"], "creationTimestamp": created}}
