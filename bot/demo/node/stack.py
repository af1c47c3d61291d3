"""
What dockerd 18.09.9 and containerd 1.2.6 know of their containers, and how each comes to know it. Pure; time is given.

Measured on those versions: after a lost exit event dockerd says Up for good; `docker stop` changes nothing; when the v1
shim is killed containerd publishes the exit and dockerd has it within 5 s, always as 137; a restarted dockerd reads
every container's state anew, and without live-restore stops all that run.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

EXIT_KILLED = 137
NOTICED = timedelta(seconds=1)  # from the end of a shim to what docker says; up to 5 s were measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandboxed:
    """A pod as the kubelet hands it to docker."""

    namespace: str
    name: str
    uid: str
    containers: tuple[str, ...]
    memory: int  # bytes, the limit of each container
    image: str


@dataclass(slots=True, kw_only=True)
class Container:
    """
    `docker` is what dockerd believes, `task` what containerd knows, `pid` the number both were given at the start.

    Of these three only `alive` is the truth about the process.
    """

    id: str
    pod: Sandboxed
    container: str  # POD: the sandbox
    pid: int
    started: datetime
    docker: Literal["running", "exited"] = "running"
    task: Literal["RUNNING", "STOPPED", "absent"] = "RUNNING"
    alive: bool = True
    exit_code: int = 0
    finished: datetime | None = None
    shim_gone: datetime | None = None  # since when nobody serves it

    @property
    def name(self) -> str:
        return f"k8s_{self.container}_{self.pod.name}_{self.pod.namespace}_{self.pod.uid}_0"

    @property
    def cgroup(self) -> str:
        return f"/kubepods/burstable/pod{self.pod.uid}/{self.id}"

    @property
    def is_sandbox(self) -> bool:
        return self.container == "POD"


@dataclass(slots=True)
class Stack:
    """`containers` by id, in the order in which they were made."""

    containers: dict[str, Container] = field(default_factory=dict)
    live_restore: bool = False

    def of(self, uid: str) -> tuple[Container, ...]:
        return tuple(each for each in self.containers.values() if each.pod.uid == uid)

    def lose_exit(self, container: Container) -> None:
        """Its process is dead and reaped by its shim; the event got lost on its way to dockerd."""
        container.alive, container.task, container.exit_code = False, "STOPPED", EXIT_KILLED

    def stop(self, container: Container, at: datetime) -> None:
        """As it should be: the process ends, its shim with it, and dockerd hears of it."""
        container.alive, container.task = False, "absent"
        container.docker, container.exit_code, container.finished = "exited", EXIT_KILLED, at

    def shim_ended(self, container: Container, at: datetime) -> None:
        """SIGKILL of a v1 shim: containerd cleans up at once and publishes an exit for it (cleanupAfterDeadShim)."""
        container.shim_gone = container.shim_gone or at
        container.alive, container.task = False, "absent"

    def settle(self, now: datetime) -> bool:
        """Whether dockerd has learned something new by now."""
        news = [
            each
            for each in self.containers.values()
            if each.docker == "running" and each.shim_gone is not None and now - each.shim_gone >= NOTICED
        ]
        for each in news:
            each.docker, each.exit_code, each.finished = "exited", EXIT_KILLED, each.shim_gone
        return bool(news)

    def restart(self, now: datetime) -> tuple[Container, ...]:
        """
        Dockerd ends and comes back; whose processes ended with it.

        What containerd has as STOPPED it takes over then (moby 18.09, daemon.go restore). Without live-restore it stops
        every container before it ends.
        """
        running = [each for each in self.containers.values() if each.docker == "running"]
        hit = [] if self.live_restore else [each for each in running if each.alive]
        for each in running:
            if each in hit or not each.alive:
                self.stop(each, now)
        return tuple(hit)
