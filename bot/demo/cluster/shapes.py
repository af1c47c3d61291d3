"""Objects as kubelets, controllers and people write them."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.demo.cluster.deletes import stamp
from bot.demo.cluster.store import Object
from bot.demo.node.machine import KERNEL

VERSION = "v1.20.2"
_GIGA = 1 << 20  # of Ki


SELECTED_NODE = "volume.kubernetes.io/selected-node"  # k8s.io/component-helpers, storage/volume/pv_helpers.go
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # of generated names; k8s.io/apimachinery, pkg/util/rand


def suffix(length: int) -> str:
    """Of a generated name."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def owned_by(kind: str, api_version: str, name: str, uid: str) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def container(name: str, image: str, memory: str = "512Mi") -> Object:
    resources = {"limits": {"memory": memory}, "requests": {"memory": memory}}
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "resources": resources}


def pod(namespace: str, name: str, template: Object, owner: Object | None = None, node: str = "") -> Object:
    """By the template of its controller."""
    spec = {**template["spec"], **({"nodeName": node} if node else {})}
    metadata: Object = {"name": name, "namespace": namespace, "labels": template.get("metadata", {}).get("labels", {})}
    if owner is not None:
        metadata["ownerReferences"] = [owner]
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Pending", "qosClass": "Burstable"}}


def with_claim(pod_: Object) -> Object:
    """As a StatefulSet's volumeClaimTemplates give each of its pods a claim of its own."""
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{pod_['metadata']['name']}"}}
    return {**pod_, "spec": {**pod_["spec"], "volumes": [volume]}}


def claim(pod_: Object, node_name: str) -> Object:
    """Bound to a local volume of this node."""
    name = f"data-{pod_['metadata']['name']}"
    metadata = {
        "name": name,
        "namespace": pod_["metadata"]["namespace"],
        "annotations": {SELECTED_NODE: node_name, "pv.kubernetes.io/bind-completed": "yes"},
    }
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "local", "volumeName": f"local-{node_name}-{name}"}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Bound"}}


def running(pod_: Object, ids: Mapping[str, str], at: datetime, restarts: int = 0) -> Object:
    """The status of a pod all of whose containers run; `ids` by container, none for paper."""
    started = {"running": {"startedAt": stamp(at)}}
    return {
        "phase": "Running",
        "qosClass": "Burstable",
        "startTime": stamp(at),
        "hostIP": "192.0.2.1",
        "conditions": _conditions("True", at),
        "containerStatuses": [
            {**_container(each, ids.get(each["name"], ""), started), "restartCount": restarts}
            for each in _declared(pod_)
        ],
    }


def ended(pod_: Object, at: datetime) -> Object:
    """The same pod's when all of them have ended."""
    status = pod_["status"]
    now_ended = []
    for each in status.get("containerStatuses", []):
        if "terminated" in each["state"]:
            now_ended.append(each)
            continue
        since = each["state"].get("running", {}).get("startedAt", stamp(at))
        terminated: Object = {
            "exitCode": 137,
            "reason": "Error",
            "startedAt": since,
            "finishedAt": stamp(at),
            "containerID": each.get("containerID", ""),
        }
        now_ended.append({**each, "ready": False, "started": False, "state": {"terminated": terminated}})
    return {**status, "conditions": _conditions("False", at), "containerStatuses": now_ended}


def node(name: str, address: str, ids: tuple[str, str], room_for: int, since: datetime) -> Object:
    """Ready, and with room for so many pods; `ids` are its boot's and its machine's."""
    room = {"cpu": "8", "memory": f"{31 * _GIGA}Ki", "pods": str(room_for)}
    info = {
        "architecture": "amd64",
        "bootID": ids[0],
        "containerRuntimeVersion": "docker://18.9.9",
        "kernelVersion": KERNEL,
        "kubeProxyVersion": VERSION,
        "kubeletVersion": VERSION,
        "machineID": ids[1],
        "operatingSystem": "linux",
        "osImage": "Debian GNU/Linux 9 (stretch)",
        "systemUUID": ids[1],
    }
    return {
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
            "creationTimestamp": stamp(since),
        },
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "allocatable": room,
            "capacity": room,
            "conditions": [ready("True", "KubeletReady", "kubelet is posting ready status", since)],
            "nodeInfo": info,
        },
    }


def ready(status: str, reason: str, message: str, since: datetime) -> Object:
    return {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": stamp(since),
        "lastTransitionTime": stamp(since),
    }


def event(pod_: Object, host: str, reason: str, message: str, times: Sequence[datetime]) -> Object:
    """A kubelet's warning about a pod, as often as it was seen."""
    metadata = pod_["metadata"]
    about = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
    }
    return {
        "metadata": {
            "name": f"{metadata['name']}.{int(times[0].timestamp() * 1e9):x}",
            "namespace": metadata["namespace"],
            "creationTimestamp": stamp(times[0]),
        },
        "involvedObject": about,
        "reason": reason,
        "message": message,
        "type": "Warning",
        "count": len(times),
        "firstTimestamp": stamp(times[0]),
        "lastTimestamp": stamp(times[-1]),
        "source": {"component": "kubelet", "host": host},
    }


def _declared(pod_: Object) -> list[Any]:
    found: list[Any] = pod_["spec"]["containers"]
    return found


def _container(declared: Object, id_: str, state: Object) -> Object:
    return {
        "name": declared["name"],
        "image": declared["image"],
        "imageID": "",
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "started": True,
        "state": state,
        **({"containerID": f"docker://{id_}"} if id_ else {}),
    }


def _conditions(status: str, at: datetime) -> list[Object]:
    lasting = [(name, "True") for name in ("Initialized", "PodScheduled")]
    changing = [(name, status) for name in ("Ready", "ContainersReady")]
    return [
        {"type": name, "status": value, "lastProbeTime": None, "lastTransitionTime": stamp(at)}
        for name, value in (*lasting, *changing)
    ]
