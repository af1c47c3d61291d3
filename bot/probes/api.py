"""
What the API server says about one stuck pod: bytes in, a `Pod`, a node and `api.*` facts out.

Any bytes may come. A part that is missing or of the wrong kind is an unknown fact with its reason; only an answer that
is no pod at all is an error, since nothing can be asked about it.
"""

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.core.facts import ContainerId, Fact, Facts, NodeName, PodUid, Value, known, unknown
from bot.core.hostile import plain
from bot.core.pods import Container, Pod, Runtime, overdue, stuck

NODE_FACTS = (
    "api.node.exists",
    "api.node.ready",
    "api.node.ready_reason",
    "api.node.ready_for_s",
    "api.node.kubelet_version",
    "api.node.runtime",
    "api.node.runtime_version",
)
EVENT_FACTS = ("api.events.failed_kills", "api.events.last")

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/, "DNS Subdomain Names"
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NAME_LIMIT = 253  # characters; the same page
_UID = re.compile(r"[A-Za-z0-9-]{1,64}")
_MACHINE = re.compile(r"[0-9a-f]{32}")
_CONTAINER = re.compile(r"(?:([a-z0-9.-]{1,40})://)?([0-9a-f]{64})")
_RUNTIME = re.compile(r"([a-z0-9.-]{1,40})://(\S{1,100})")
_FIRST_YEAR, _LAST_YEAR = 1970, 9000  # outside, a time is nonsense, and adding to it would overflow
_MOST_SECONDS = 2**31
_MIRROR = "kubernetes.io/config.mirror"  # k8s.io/kubernetes pkg/kubelet/types/pod_update.go
_MANIFEST_HASH = "kubernetes.io/config.hash"  # the same file: the UID that the kubelet gives a static pod
_NO_DISK_BEHIND = frozenset(
    {"configMap", "downwardAPI", "emptyDir", "gitRepo", "hostPath", "image", "projected", "secret"}
)
_NOT_DELETED = "nobody asked to delete it"

Json = Mapping[str, object]


class NotAPodError(ValueError):
    """The bytes are not a pod as the API server writes one; the text says why, in clean words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    group: str  # "apps" of apiVersion apps/v1; empty for the core group
    kind: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodAnswer:
    """One pod as the API server has it at `at`, its own time."""

    pod: Pod
    uid_on_node: PodUid  # a static pod's is its manifest's hash there; else the pod's own
    runtime: Runtime | None  # by the prefix of the container ids; None: no id yet, or another runtime
    owner: Owner | None
    claims: tuple[str, ...]  # names of the PersistentVolumeClaims it uses
    facts: Facts  # of the pod's scope
    containers: Mapping[ContainerId, Facts]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAnswer:
    """
    The Node object, or why it could not be read.

    `exists` is None when the API server did not say. `address` is the InternalIP, else the Hostname.
    """

    name: NodeName | None
    exists: bool | None
    address: str | None = None
    runtime: Runtime | None = None
    uid: str | None = None
    boot_id: str | None = None
    machine_id: str | None = None  # 32 hex digits, as in /etc/machine-id
    unschedulable: bool | None = None
    facts: Facts


def is_name(text: str) -> bool:
    """Is it a name that Kubernetes gives to pods, namespaces and nodes: safe in a path and in a selector."""
    return len(text) <= _NAME_LIMIT and _NAME.fullmatch(text) is not None


def silence(names: Iterable[str], why: str, source: str) -> dict[str, Fact]:
    return {name: unknown(name, why, source) for name in names}


def read_pod(raw: bytes, cluster: str, now: datetime, allowed: timedelta) -> PodAnswer:
    """
    The pod and its facts; `now` is the API server's own time, `allowed` how far past its deadline a pod may be.

    Raises `NotAPodError`.
    """
    content = _loaded(raw)
    pod = _pod(content, cluster)
    source = f"kubectl -n {pod.namespace} get pod {pod.name} -o json"
    answers = {**_times(_map(content, "metadata"), pod, now, allowed), **_body(content, pod)}
    uid_on_node = _text(_map(content, "metadata", "annotations"), _MANIFEST_HASH)
    return PodAnswer(
        pod=pod,
        uid_on_node=PodUid(uid_on_node) if pod.mirror and _UID.fullmatch(uid_on_node) else pod.uid,
        runtime=_runtime_of_ids(content),
        owner=_owner(_map(content, "metadata")),
        claims=_claims(content, pod.name),
        facts=_facts(answers, source),
        containers={
            container.id: {"api.container.state": known("api.container.state", container.state, source)}
            for container in pod.containers
            if container.id is not None
        },
        at=now,
    )


def read_node(raw: bytes, name: NodeName, now: datetime) -> NodeAnswer:
    """The node's address, runtime and facts; every fact unknown where the bytes are no Node of that name."""
    content = _loaded(raw)
    source = f"kubectl get node {name} -o json"
    if content.get("kind") != "Node" or _text(_map(content, "metadata"), "name") != name:
        return unread_node(name, "the API server's answer is no Node of that name")
    status = _map(content, "status")
    ready = next((each for each in _maps(status, "conditions") if each.get("type") == "Ready"), None)
    changed = _time(ready, "lastTransitionTime") if ready is not None else None
    runtime = _RUNTIME.fullmatch(_text(_map(status, "nodeInfo"), "containerRuntimeVersion"))
    unschedulable = _map(content, "spec").get("unschedulable", False)
    no_condition = "the Node has no condition Ready"
    answers: dict[str, Value | _Why] = {
        "api.node.exists": True,
        "api.node.ready": ready.get("status") == "True" if ready is not None else _Why(no_condition),
        "api.node.ready_reason": _text(ready or {}, "reason")
        or _Why(no_condition if ready is None else "it gives no reason"),
        "api.node.ready_for_s": _seconds(now - changed) if changed is not None else _Why("no time of its last change"),
        "api.node.kubelet_version": _text(_map(status, "nodeInfo"), "kubeletVersion") or _Why("the Node does not say"),
        "api.node.runtime": runtime[1] if runtime else _Why("the Node names no container runtime"),
        "api.node.runtime_version": runtime[2] if runtime else _Why("the Node names no container runtime"),
    }
    return NodeAnswer(
        name=name,
        exists=True,
        address=_address(status),
        runtime=_runtime(runtime[1]) if runtime else None,
        uid=_identity(_text(_map(content, "metadata"), "uid")),
        boot_id=_identity(_text(_map(status, "nodeInfo"), "bootID")),
        machine_id=_machine(_text(_map(status, "nodeInfo"), "machineID")),
        unschedulable=unschedulable if isinstance(unschedulable, bool) else None,
        facts=_facts(answers, source),
    )


def _identity(text: str) -> str | None:
    return text if _UID.fullmatch(text) else None


def _machine(text: str) -> str | None:
    """Some platforms write it as a UUID."""
    plain_id = text.replace("-", "").lower()
    return plain_id if _MACHINE.fullmatch(plain_id) else None


def lost_node(name: NodeName) -> NodeAnswer:
    source = f"kubectl get node {name}"
    others = silence(NODE_FACTS[1:], f"there is no Node {name}", source)
    return NodeAnswer(
        name=name, exists=False, facts={"api.node.exists": known("api.node.exists", False, source), **others}
    )


def unread_node(name: NodeName | None, why: str) -> NodeAnswer:
    source = "kubectl get node" if name is None else f"kubectl get node {name}"
    return NodeAnswer(name=name, exists=None, facts=silence(NODE_FACTS, why, source))


def read_events(raw: bytes, source: str) -> Facts:
    """How often the kubelet failed to kill the pod, and the newest event about it; events live for an hour or so."""
    content = _loaded(raw)
    if not isinstance(content.get("items"), list):
        return silence(EVENT_FACTS, "the API server's answer is no list of events", source)
    events = _maps(content, "items")
    failed = sum(_times_seen(event) for event in events if event.get("reason") == "FailedKillPod")
    newest = max(events, key=_seen_last, default=None)
    answers: dict[str, Value | _Why] = {
        "api.events.failed_kills": failed,
        "api.events.last": _Why("no event of it is kept any more")
        if newest is None
        else plain(f"{_text(newest, 'reason')}: {_text(newest, 'message', 300)}"),
    }
    return _facts(answers, source)


def owner(raw: bytes) -> Owner | None:
    """The controlling owner of the object, of whatever kind it is."""
    return _owner(_map(_loaded(raw), "metadata"))


def uid(raw: bytes) -> str:
    """The object's, of whatever kind it is; empty where there is none."""
    return _identity(_text(_map(_loaded(raw), "metadata"), "uid")) or ""


def volume_of_claim(raw: bytes) -> str | None:
    return _text(_map(_loaded(raw), "spec"), "volumeName") or None


def attached(raw: bytes, node: NodeName) -> frozenset[str]:
    """Names of the volumes attached to `node`, by this page of VolumeAttachments."""
    specs = [_map(item, "spec") for item in _maps(_loaded(raw), "items")]
    on_node = (_map(spec, "source") for spec in specs if spec.get("nodeName") == node)
    return frozenset(_text(source, "persistentVolumeName") for source in on_node)


@dataclass(frozen=True, slots=True)
class _Why:
    text: str


def _facts(answers: Mapping[str, Value | _Why], source: str) -> dict[str, Fact]:
    return {
        name: unknown(name, answer.text, source) if isinstance(answer, _Why) else known(name, answer, source)
        for name, answer in answers.items()
    }


def _pod(content: Json, cluster: str) -> Pod:
    metadata, spec = _map(content, "metadata"), _map(content, "spec")
    name, namespace, uid_ = (_text(metadata, key) for key in ("name", "namespace", "uid"))
    if content.get("kind") != "Pod" or not is_name(name) or not is_name(namespace) or not _UID.fullmatch(uid_):
        raise NotAPodError("it is no Pod with a name, a namespace and a UID")
    deadline = _time(metadata, "deletionTimestamp")
    if deadline is None and metadata.get("deletionTimestamp") is not None:
        raise NotAPodError("its deletionTimestamp is no time")
    controller = _owner(metadata)
    node = _text(spec, "nodeName")
    return Pod(
        cluster=cluster,
        namespace=namespace,
        name=name,
        uid=PodUid(uid_),
        deadline=deadline,
        grace=timedelta(seconds=_number(metadata, "deletionGracePeriodSeconds") or 0),
        finalizers=_texts(metadata, "finalizers"),
        owner=str(controller) if controller is not None else None,
        node=NodeName(node) if is_name(node) else None,
        containers=tuple(_container(status) for status in _statuses(content)),
        mirror=_MIRROR in _map(metadata, "annotations"),
    )


def _owner(metadata: Json) -> Owner | None:
    for reference in _maps(metadata, "ownerReferences"):
        if reference.get("controller") is True:
            return Owner(
                group=_text(reference, "apiVersion").rpartition("/")[0],
                kind=_text(reference, "kind", 63),
                name=_text(reference, "name"),
                uid=_text(reference, "uid", 64),
            )
    return None


def _statuses(content: Json) -> list[Json]:
    status = _map(content, "status")
    kinds = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    return [entry for kind in kinds for entry in _maps(status, kind)]


def _container(entry: Json) -> Container:
    state = _map(entry, "state")
    match = _CONTAINER.fullmatch(_text(entry, "containerID"))
    return Container(
        name=_text(entry, "name", 63),
        id=ContainerId(match[2]) if match else None,
        state="running" if "running" in state else "terminated" if "terminated" in state else "waiting",
    )


def _times(metadata: Json, pod: Pod, now: datetime, allowed: timedelta) -> dict[str, Value | _Why]:
    grace = _number(metadata, "deletionGracePeriodSeconds")
    no_grace = _Why(_NOT_DELETED if pod.deadline is None else "the pod does not say")
    return {
        "api.pod.deleting": pod.deadline is not None,
        "api.pod.stuck": stuck(pod, now, allowed),
        "api.pod.deadline": pod.deadline or _Why(_NOT_DELETED),
        "api.pod.overdue_s": _seconds(overdue(pod, now)) if pod.deadline else _Why(_NOT_DELETED),
        "api.pod.grace_s": no_grace if pod.deadline is None or grace is None else grace,
        "api.pod.asked": no_grace if pod.deadline is None or grace is None else pod.deadline - pod.grace,
    }


def _body(content: Json, pod: Pod) -> dict[str, Value | _Why]:
    spec, status = _map(content, "spec"), _map(content, "status")
    declared = [*_maps(spec, "containers"), *_maps(spec, "initContainers")]
    running = sum(container.state == "running" for container in pod.containers)
    untold = _untold(content, pod)
    return {
        "api.pod.finalizers": len(pod.finalizers),
        "api.pod.finalizer_names": ", ".join(pod.finalizers),
        "api.pod.owner": pod.owner or "none",
        "api.pod.phase": _text(status, "phase") or _Why("the pod does not say"),
        "api.pod.qos": _text(status, "qosClass") or _Why("the pod does not say"),
        "api.pod.mirror": pod.mirror,
        "api.pod.prestop": any(_map(each, "lifecycle", "preStop") for each in declared),
        "api.pod.volumes": sum(not (volume.keys() - {"name"}) <= _NO_DISK_BEHIND for volume in _maps(spec, "volumes")),
        "api.pod.containers_running": _Why(untold) if untold else running,
        "api.pod.containers_ended": _Why(untold) if untold and not running else running == 0,
    }


def _untold(content: Json, pod: Pod) -> str:
    """Why the statuses do not cover the pod's containers; empty when they do, or when none can have started."""
    if not _map(content, "status"):
        return "the pod has no status"
    told = {container.name for container in pod.containers}
    declared = {_text(each, "name", 63) for each in _maps(_map(content, "spec"), "containers")}
    if _text(_map(content, "status"), "phase") == "Pending" or declared <= told:
        return ""
    return "the kubelet has reported no status of " + plain(", ".join(sorted(declared - told)))


def _claims(content: Json, pod_name: str) -> tuple[str, ...]:
    """A generic ephemeral volume's claim is named for the pod and the volume (KEP-1698)."""
    names = []
    for volume in _maps(_map(content, "spec"), "volumes"):
        if "ephemeral" in volume:
            names.append(f"{pod_name}-{_text(volume, 'name', 63)}")
        elif "persistentVolumeClaim" in volume:
            names.append(_text(_map(volume, "persistentVolumeClaim"), "claimName"))
    return tuple(names)


def _runtime_of_ids(content: Json) -> Runtime | None:
    matches = (_CONTAINER.fullmatch(_text(entry, "containerID")) for entry in _statuses(content))
    return next((runtime for match in matches if match and (runtime := _runtime(match[1]))), None)


def _runtime(scheme: str | None) -> Runtime | None:
    return "docker" if scheme == "docker" else "containerd" if scheme == "containerd" else None


def _address(status: Json) -> str | None:
    given = _maps(status, "addresses")
    for kind in ("InternalIP", "Hostname"):
        for address in (_text(each, "address") for each in given if each.get("type") == kind):
            if _is_ip(address) or is_name(address.lower()):
                return address
    return None


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _times_seen(event: Json) -> int:
    return _number(event, "count") or _number(_map(event, "series"), "count") or 1


def _seen_last(event: Json) -> datetime:
    times = (
        _time(_map(event, "series"), "lastObservedTime"),
        _time(event, "lastTimestamp"),
        _time(event, "eventTime"),
        _time(_map(event, "metadata"), "creationTimestamp"),
    )
    return next((time for time in times if time is not None), datetime.min.replace(tzinfo=UTC))


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def _loaded(raw: bytes) -> Json:
    try:
        content: object = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _map(parent: Json, *path: str) -> Json:
    for key in path:
        child = parent.get(key)
        parent = child if isinstance(child, dict) else {}
    return parent


def _maps(parent: Json, key: str) -> list[Json]:
    children = parent.get(key)
    return [child for child in children if isinstance(child, dict)] if isinstance(children, list) else []


def _texts(parent: Json, key: str) -> tuple[str, ...]:
    children = parent.get(key)
    return tuple(plain(child) for child in children if isinstance(child, str)) if isinstance(children, list) else ()


def _text(parent: Json, key: str, limit: int = _NAME_LIMIT) -> str:
    """Clean, and empty for "not there" or "not a text"."""
    value = parent.get(key)
    return plain(value, limit) if isinstance(value, str) else ""


def _number(parent: Json, key: str) -> int | None:
    value = parent.get(key)
    return value if type(value) is int and 0 <= value < _MOST_SECONDS else None


def _time(parent: Json, key: str) -> datetime | None:
    value = parent.get(key)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not _FIRST_YEAR < moment.year < _LAST_YEAR:
        return None
    return moment.astimezone(UTC)
