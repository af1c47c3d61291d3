"""
What keeps the number of pods: StatefulSets, ReplicaSets and the scheduler, in their shortest form.

A StatefulSet's next pod of a name comes only when the last one's object is gone; a ReplicaSet does not count a pod that
is being deleted. Sources: k8s.io/kubernetes, pkg/controller/statefulset/stateful_set_control.go,
pkg/controller/controller_utils.go (IsPodActive).
"""

from collections import Counter

from bot.demo.cluster.kinds import CLAIMS, NODES, PODS, REPLICASETS, STATEFULSETS
from bot.demo.cluster.registry import Registry
from bot.demo.cluster.shapes import SELECTED_NODE, owned_by, pod, suffix, with_claim
from bot.demo.cluster.store import Object


class Controllers:
    """An actor."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def __call__(self) -> None:
        with self._registry.store.turn:
            for each in self._registry.store.all(STATEFULSETS).values():
                self._stateful(each)
            for each in self._registry.store.all(REPLICASETS).values():
                self._replicas(each)
            self._schedule()

    def _stateful(self, of: Object) -> None:
        metadata = of["metadata"]
        for ordinal in range(of["spec"]["replicas"]):
            key = (metadata["namespace"], f"{metadata['name']}-{ordinal}")
            if self._registry.store.get(PODS, key) is None:
                self._make(of, key[1])

    def _replicas(self, of: Object) -> None:
        uid = of["metadata"]["uid"]
        active = [
            each
            for each in self._registry.store.all(PODS).values()
            if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences", ()))
            and "deletionTimestamp" not in each["metadata"]
            and each["status"]["phase"] not in ("Succeeded", "Failed")
        ]
        for _ in range(of["spec"]["replicas"] - len(active)):
            self._make(of, f"{of['metadata']['name']}-{suffix(5)}")

    def _make(self, of: Object, name: str) -> None:
        metadata = of["metadata"]
        owner = owned_by(of["kind"], of["apiVersion"], metadata["name"], metadata["uid"])
        made = pod(metadata["namespace"], name, of["spec"]["template"], owner)
        self._registry.place(PODS, with_claim(made) if of["kind"] == STATEFULSETS.kind else made)

    def _schedule(self) -> None:
        """Where most room is left; nowhere while no node fits."""
        pods = self._registry.store.all(PODS).values()
        taken = Counter(each["spec"].get("nodeName") for each in pods)
        nodes = [each for each in self._registry.store.all(NODES).values() if _takes(each)]
        for each in pods:
            if each["spec"].get("nodeName"):
                continue
            bound = self._bound(each)
            fit = [node for node in nodes if bound in ("", node["metadata"]["name"])]
            if not fit:
                continue
            best = max(fit, key=lambda node: _room(node) - taken[node["metadata"]["name"]])["metadata"]["name"]
            taken[best] += 1
            self._registry.store.put(PODS, {**each, "spec": {**each["spec"], "nodeName": best}})

    def _bound(self, pod_: Object) -> str:
        """The node that its local volume is on; empty where it has none."""
        for volume in pod_["spec"].get("volumes", ()):
            name = volume.get("persistentVolumeClaim", {}).get("claimName", "")
            claim = self._registry.store.get(CLAIMS, (pod_["metadata"]["namespace"], name))
            if claim is not None:
                return str(claim["metadata"]["annotations"][SELECTED_NODE])
        return ""


def _takes(node: Object) -> bool:
    ready = next(each["status"] for each in node["status"]["conditions"] if each["type"] == "Ready")
    return ready == "True" and not node["spec"].get("unschedulable")


def _room(node: Object) -> int:
    return int(node["status"]["allocatable"]["pods"])
