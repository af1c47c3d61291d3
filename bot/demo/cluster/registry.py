"""The one way to change an object, for requests, kubelets and controllers alike; each change is whole or not at all."""

import copy
import uuid
from collections.abc import Callable
from typing import Any

from bot.demo.cluster.deletes import Effect, Options, deleted, lets_go, stamp
from bot.demo.cluster.denials import bad_request, exists, not_found
from bot.demo.cluster.kinds import EVENTS, NAMESPACES, PODS, Kind
from bot.demo.cluster.patches import check
from bot.demo.cluster.store import Clock, Key, Object, Store, key_of

_POD_DEFAULTS: Object = {  # k8s.io/kubernetes, pkg/apis/core/v1/defaults.go, SetDefaults_PodSpec, of these
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
    "securityContext": {},
}
_SYSTEM_FIELDS = ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


class Registry:
    """Raises `DeniedError` for what the API server would refuse; then nothing was changed."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    def create(self, kind: Kind, content: Object, namespace: str = "") -> Object:
        """As somebody asks for it: what only the system may say is dropped, a pod's status too."""
        made = copy.deepcopy(content)
        metadata = made.setdefault("metadata", {})
        if kind.namespaced:
            if namespace and metadata.setdefault("namespace", namespace) != namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            if self.store.get(NAMESPACES, ("", metadata.get("namespace", ""))) is None:
                raise not_found(NAMESPACES, metadata.get("namespace", ""))
        if not metadata.get("name"):
            raise bad_request("the object has no name, and generateName is not imitated")
        for field in _SYSTEM_FIELDS:
            metadata.pop(field, None)
        if kind == PODS:
            made["status"] = {"phase": "Pending", "qosClass": "Burstable"}
        with self.store.turn:
            if self.store.get(kind, key_of(made)) is not None:
                raise exists(kind, metadata["name"])
            return self.place(kind, made)

    def place(self, kind: Kind, content: Object) -> Object:
        """As it is, with a UID and a time of its own where it has none: for what was there before anybody looked."""
        made = copy.deepcopy(content)
        metadata = made["metadata"]
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", stamp(self.clock()))
        if kind != EVENTS:
            made = {"spec": {}, "status": {}, **made}  # structs of Go: never left out
        if kind == PODS:
            made["spec"] = {**_POD_DEFAULTS, **made["spec"]}
        return self.store.put(kind, _written({"apiVersion": kind.api_version, "kind": kind.kind, **made}))

    def change(self, kind: Kind, key: Key, how: Callable[[Object], Object]) -> Object:
        """`how` makes a changed copy. What is no different keeps its version."""
        with self.store.turn:
            before = self.store.get(kind, key)
            if before is None:
                raise not_found(kind, key[1])
            after = how(before)
            check(kind, before, after)
            after = _written(after)
            if after == before:
                return before
            if lets_go(before, after):
                self.store.remove(kind, key)
                return after
            return self.store.put(kind, after)

    def status(self, kind: Kind, key: Key, status: Any) -> None:
        """What a kubelet or a controller reports; nothing where the object is gone."""
        with self.store.turn:
            before = self.store.get(kind, key)
            if before is not None and before.get("status") != status:
                self.store.put(kind, {**before, "status": status})

    def delete(self, kind: Kind, key: Key, options: Options) -> tuple[Effect, Object]:
        with self.store.turn:
            found = self.store.get(kind, key)
            if found is None:
                raise not_found(kind, key[1])
            effect, after = deleted(kind, found, options, self.clock())
            match effect:
                case "removed":
                    if after != found:  # its deadline is written first, for whoever watches, though it is now
                        self.store.put(kind, after)
                    self.store.remove(kind, key)
                case "marked" if after != found:
                    after = self.store.put(kind, after)
                case _:
                    pass
            return effect, after


def _written(content: Object) -> Object:
    """Without what Go leaves out where it is empty (omitempty), of what anybody here takes away."""
    kept = {**content, "metadata": {key: each for key, each in content["metadata"].items() if each not in ([], {})}}
    if kept.get("spec", {}).get("unschedulable") is False:
        kept["spec"] = {key: each for key, each in kept["spec"].items() if key != "unschedulable"}
    return kept
