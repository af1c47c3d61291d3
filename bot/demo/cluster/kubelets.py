"""
What a kubelet does for its pods: starts them, ends them, and lets go of the object once nothing of it is left.

With a machine it acts on the docker there, and what docker does not do keeps it waiting. Without one its pods are
paper: they start and end as asked. Sources: k8s.io/kubernetes, pkg/kubelet/status/status_manager.go (the delete with
grace 0 and the UID, once the containers have ended), pkg/kubelet/pod_workers.go (backOffPeriod).
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.demo.cluster.deletes import Options
from bot.demo.cluster.denials import DeniedError
from bot.demo.cluster.kinds import EVENTS, PODS
from bot.demo.cluster.registry import Registry
from bot.demo.cluster.shapes import ended, event, running
from bot.demo.cluster.store import Object, key_of
from bot.demo.node import Container, Node, Sandboxed
from bot.demo.node.words import stop_failed

_STARTS = timedelta(seconds=1)
_LETS_GO = timedelta(seconds=1)
_AFTER_FAILURE = timedelta(seconds=9.5)  # it backs off, syncs, and removes; 11 to 13 s were measured from kill to gone
_TRIES_AGAIN = timedelta(seconds=30)
ERROR = "rpc error: code = Unknown desc = operation timeout: context deadline exceeded"


@dataclass(slots=True)
class _Ending:
    failed: datetime | None = None  # when docker last did not stop it
    ended: datetime | None = None
    gone: bool = False  # from here; its object may wait for a finalizer


class Kubelet:
    """An actor. While it is not `up`, nothing happens to its pods."""

    def __init__(self, registry: Registry, node: str, machine: Node | None) -> None:
        self.node = node
        self.machine = machine
        self.up = True
        self._registry = registry
        self._endings: dict[str, _Ending] = {}

    def __call__(self) -> None:
        if not self.up:
            return
        now = self._registry.clock()
        mine = [each for each in self._registry.store.all(PODS).values() if each["spec"].get("nodeName") == self.node]
        for pod in mine:
            if "deletionTimestamp" in pod["metadata"]:
                self._end(pod, now)
            elif pod["status"]["phase"] == "Pending" and now - _time(pod["metadata"]["creationTimestamp"]) >= _STARTS:
                self._start(pod, now)
            elif self.machine is not None and pod["status"]["phase"] == "Running":
                self._start_again(self.machine, pod, now)
        left = {pod["metadata"]["uid"] for pod in mine}
        here = {each.uid for each in self.machine.pods()} if self.machine else set()
        for orphan in here - left:  # its object was taken away, and its containers are still here
            self._stopped(orphan, now)
        for uid in self._endings.keys() - left - here:
            del self._endings[uid]

    def failed_before(self, pod: Object, times: tuple[datetime, ...]) -> None:
        """It has tried at these times, and docker did not stop the container."""
        machine = self.machine
        if machine is None or not times:
            return
        ending = self._endings.setdefault(pod["metadata"]["uid"], _Ending())
        ending.failed = times[-1]
        for at in times:
            self._complain(pod["metadata"]["uid"], at)
        told = event(pod, self.node, "FailedKillPod", f"error killing pod: {ERROR}", times)
        self._registry.place(EVENTS, told)

    def _start(self, pod: Object, now: datetime, restarts: int = 0) -> None:
        made = self.machine.start(sandboxed(pod), now) if self.machine else ()
        ids = {each.container: each.id for each in made}
        self._registry.status(PODS, key_of(pod), running(pod, ids, now, restarts))

    def _start_again(self, machine: Node, pod: Object, now: datetime) -> None:
        """What a restarted dockerd has stopped, with new containers."""
        has = machine.containers(pod["metadata"]["uid"])
        if has and all(each.docker == "exited" and not each.alive for each in has) and machine.docker_answers():
            machine.remove(pod["metadata"]["uid"])
            before = pod["status"]["containerStatuses"][0]["restartCount"]
            self._start(pod, now, before + 1)

    def _end(self, pod: Object, now: datetime) -> None:
        uid = pod["metadata"]["uid"]
        ending = self._endings.setdefault(uid, _Ending())
        if not ending.gone and self._stopped(uid, now):
            ending.gone = True
            self._registry.status(PODS, key_of(pod), ended(pod, now))
            with contextlib.suppress(DeniedError):  # somebody was faster
                self._registry.delete(PODS, key_of(pod), Options(grace_s=0, uid=uid))

    def _stopped(self, uid: str, now: datetime) -> bool:
        """Whether nothing of it is left here."""
        ending = self._endings.setdefault(uid, _Ending())
        if self.machine is not None and not self.machine.stop(uid):
            ending.ended = None
            if ending.failed is None or now - ending.failed >= _TRIES_AGAIN:
                ending.failed = now
                self._complain(uid, now)
            return False
        ending.ended = ending.ended or now
        if now - ending.ended < (_LETS_GO if ending.failed is None else _AFTER_FAILURE):
            return False
        if self.machine is not None:
            self.machine.remove(uid)
        return True

    def _complain(self, uid: str, at: datetime) -> None:
        if self.machine is None:
            return
        for container in self.machine.containers(uid):
            if not container.is_sandbox and container.docker == "running":
                self.machine.log("E", at, stop_failed(container))


def sandboxed(pod: Object) -> Sandboxed:
    metadata, first = pod["metadata"], pod["spec"]["containers"][0]
    limit: str = first.get("resources", {}).get("limits", {}).get("memory", "512Mi")
    return Sandboxed(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        containers=tuple(each["name"] for each in pod["spec"]["containers"]),
        memory=int(limit.removesuffix("Mi")) << 20,
        image=first["image"],
    )


def the_one(machine: Node, uid: str) -> Container:
    """The pod's first container that is not its sandbox."""
    return next(each for each in machine.containers(uid) if not each.is_sandbox)


def _time(text: Any) -> datetime:
    return datetime.fromisoformat(text)
