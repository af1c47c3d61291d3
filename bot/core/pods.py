"""The narrow view of a cluster at one instant, and the one rule: is this pod overdue, and what holds it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.core.facts import ContainerId, NodeName, PodUid

Runtime = Literal["docker", "containerd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One entry of status.containerStatuses (init and ephemeral ones too); `id` is None before it was created."""

    name: str
    id: ContainerId | None
    state: Literal["running", "waiting", "terminated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    cluster: str
    namespace: str
    name: str
    uid: PodUid
    deadline: datetime | None  # None: nobody asked to delete it
    grace: timedelta
    finalizers: tuple[str, ...]
    owner: str | None  # "StatefulSet/zookeeper0": the controlling owner, kind and name
    node: NodeName | None = None  # None: never scheduled, or not read yet (metadata alone does not hold it)
    containers: tuple[Container, ...] = ()
    mirror: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Where a pod is held. `name` is the node's, the finalizer's, or empty."""

    kind: Literal["node", "finalizer", "lost-node", "none"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One pod to ask a node about."""

    uid: PodUid
    namespace: str
    name: str
    containers: tuple[ContainerId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that is asked of one node at once: several pods share one probe."""

    runtime: Runtime
    pods: tuple[Asked, ...]


def overdue(pod: Pod, now: datetime) -> timedelta:
    """
    Now - deadline: negative within the grace, which the deadline already contains.

    A pod that nobody asked to delete is overdue by minus forever.
    """
    return timedelta.min if pod.deadline is None else now - pod.deadline


def stuck(pod: Pod, now: datetime, allowed: timedelta) -> bool:
    return overdue(pod, now) > allowed


def hold(pod: Pod, *, node_exists: bool) -> Hold:
    """
    What holds a pod that is past its deadline.

    A finalizer holds it only once the node has let go: every container that was created has ended, or there is no node.
    """
    ended = all(container.state != "running" for container in pod.containers)
    on_a_node = pod.node is not None and node_exists
    if pod.finalizers and (ended or not on_a_node):
        return Hold(kind="finalizer", name=pod.finalizers[0])
    if pod.node is None:
        return Hold(kind="none", name="")
    return Hold(kind="node" if node_exists else "lost-node", name=pod.node)
