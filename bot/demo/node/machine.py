"""One node: its sshd, its root folder, its daemons, and the clock that moves them."""

import contextlib
import json
import secrets
import tempfile
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.demo.node import words
from bot.demo.node.login import Login
from bot.demo.node.programs import Programs
from bot.demo.node.root import CONTAINERD_SOCKET, Root
from bot.demo.node.sshd import Sshd
from bot.demo.node.stack import Container, Sandboxed, Stack
from bot.demo.node.standins import StandIn

Clock = Callable[[], datetime]

KERNEL = "4.9.0-11-amd64"
UP = timedelta(days=40)  # since when the node is, at its start
_TICK_S = 0.1
_RAN = timedelta(days=1)  # at least, before its process was killed
_SAID_AGAIN = timedelta(seconds=10)  # ages in docker ps grow
_DOCKER_AWAY = timedelta(seconds=1.5)
_DOCKERD = ("dockerd", "-H", "unix:///var/run/docker.sock")
_CONTAINERD = ("containerd", "--config", "/var/run/docker/containerd/containerd.toml", "--log-level", "info")
_KUBELET = ("/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml", "--runtime-request-timeout=10s")
_WORKDIR = "/var/lib/docker/containerd/daemon/io.containerd.runtime.v1.linux/moby"
_LOG = "var/log/kubelet.log"


class Node:
    """Any thread may use it. Entered, it listens on `port` and moves by itself; left, nothing of it is there."""

    def __init__(self, name: str, login: Login, clock: Clock, port: int = 0) -> None:
        self.name = name
        self.login = login
        self.port = port
        self.boot_id = str(uuid.uuid4())
        self.machine_id = secrets.token_hex(16)
        self.booted = clock() - UP
        self.stack = Stack()
        self._clock = clock
        self._lock = threading.RLock()
        self._open = contextlib.ExitStack()
        self._over = threading.Event()
        self._shims: dict[str, StandIn] = {}
        self._told: dict[str, int] = {}  # pids that are only told of, by container or daemon
        self._kernel_log = f"[    0.000000] Linux version {KERNEL} (debian-kernel@lists.debian.org)\n"
        self._dockerd: StandIn | None = None
        self._back: datetime | None = None  # when dockerd will have come back
        self._said = clock()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            folder = opening.enter_context(tempfile.TemporaryDirectory(prefix=f"terminating-{self.name}."))
            self._root = Root(Path(folder))
            self._root.furnish(self.boot_id, self.machine_id, self.booted)
            opening.callback(self._ended)
            self._start_daemons()
            self._root.append(_LOG, words.klog("I", self.booted, self._told["kubelet"], (words.KUBELET_BEGAN,)))
            self._say()
            sshd = Sshd(self.login, Programs(self._root.environment()), self.port)
            opening.callback(sshd.close)
            self.port = sshd.port
            moving = threading.Thread(target=self._move, name=f"node {self.name}", daemon=True)
            moving.start()
            opening.callback(moving.join)
            opening.callback(self._over.set)
            self._open = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    # ---- what a kubelet asks of it

    def start(self, pod: Sandboxed, at: datetime) -> tuple[Container, ...]:
        """Its sandbox and its containers run; those that docker has are returned, the sandbox first."""
        with self._lock:
            made = tuple(self._created(pod, each, at) for each in ("POD", *pod.containers))
            mount = f"/var/lib/kubelet/pods/{pod.uid}/volumes/kubernetes.io~secret/token"
            self._root.append("proc/1/mountinfo", f"{made[0].pid} 22 0:99 / {mount} rw,relatime - tmpfs tmpfs rw\n")
            self._say()
        return made

    def containers(self, uid: str) -> tuple[Container, ...]:
        """Of this pod, as they are now; none once docker has removed them."""
        with self._lock:
            return self.stack.of(uid)

    def pods(self) -> tuple[Sandboxed, ...]:
        """Whose containers docker has."""
        with self._lock:
            return tuple({each.pod.uid: each.pod for each in self.stack.containers.values()}.values())

    def docker_answers(self) -> bool:
        with self._lock:
            return self._back is None

    def stop(self, uid: str) -> bool:
        """The kubelet's `docker stop` of all that dockerd can stop; whether dockerd says now that nothing runs."""
        with self._lock:
            ends = [each for each in self.stack.of(uid) if each.docker == "running" and each.alive]
            for each in ends if self._back is None else ():
                self._end_process(each)
                self.stack.stop(each, self._clock())
            if ends:
                self._say()
            return self._back is None and all(each.docker == "exited" for each in self.stack.of(uid))

    def remove(self, uid: str) -> None:
        """`docker rm`, and the pod's cgroups and mounts."""
        with self._lock:
            for each in self.stack.of(uid):
                self._end_process(each)
                self._root.cgroup_removed(each.cgroup)
                del self.stack.containers[each.id]
            self._root.cgroup_removed(f"/kubepods/burstable/pod{uid}")
            mounts = (self._root.proc / "1/mountinfo").read_text(encoding="ascii").splitlines(keepends=True)
            self._root.write("proc/1/mountinfo", "".join(line for line in mounts if uid not in line))
            self._say()

    def log(self, severity: str, at: datetime, lines: tuple[str, ...]) -> None:
        """The kubelet's own words."""
        with self._lock:
            self._root.append(_LOG, words.klog(severity, at, self._told["kubelet"], lines))

    # ---- what happens to it

    def lose_exit(self, container: Container, at: datetime, task: str) -> None:
        """At its memory limit the kernel kills its process, at `at`, and dockerd never hears of it."""
        with self._lock:
            container.started = min(container.started, at - _RAN)
            self._kernel_log += words.oom_kill(container, task, at - self.booted)
            self._root.process_ended(container.pid)
            self._root.cgroup(container.cgroup, ())
            self.stack.lose_exit(container)
            self._say()

    # ---- inside

    def _created(self, pod: Sandboxed, name: str, at: datetime) -> Container:
        made = Container(id=secrets.token_hex(32), pod=pod, container=name, pid=self._root.free_pid(), started=at)
        serve = ("-namespace", "moby", "-workdir", f"{_WORKDIR}/{made.id}", "-address", CONTAINERD_SOCKET)
        more = ("-containerd-binary", "/usr/bin/containerd", "-runtime-root", "/var/run/docker/runtime-runc")
        shim = StandIn(self._root.proc, "containerd-shim", ("containerd-shim", *serve, *more))
        self._shims[made.id] = shim
        program = "pause" if made.is_sandbox else "java"
        self._root.process(made.pid, program, (program,), started=self._ticks(at), parent=shim.pid, cgroup=made.cgroup)
        self._root.cgroup(made.cgroup, (made.pid,))
        self.stack.containers[made.id] = made
        return made

    def _end_process(self, container: Container) -> None:
        self._root.process_ended(container.pid)
        self._root.cgroup(container.cgroup, ())
        if shim := self._shims.pop(container.id, None):
            shim.end()

    def _ticks(self, at: datetime) -> int:
        return max(2, int((at - self.booted).total_seconds() * 100))

    def _start_daemons(self) -> None:
        proc = self._root.proc
        self._dockerd = StandIn(proc, "dockerd", _DOCKERD, heeds=True)
        self._daemon("containerd", _CONTAINERD)
        if "kubelet" not in self._told:
            self._daemon("kubelet", _KUBELET)

    def _daemon(self, name: str, arguments: tuple[str, ...]) -> None:
        if name in self._told:
            self._root.process_ended(self._told[name])
        self._told[name] = self._root.free_pid()
        self._root.process(self._told[name], name, arguments, started=self._ticks(self._clock()))

    def _ended(self) -> None:
        for each in (*self._shims.values(), *((self._dockerd,) if self._dockerd else ())):
            each.end()

    def _move(self) -> None:
        while not self._over.wait(_TICK_S):
            with self._lock:
                if self._moved(self._clock()):
                    self._say()

    def _moved(self, now: datetime) -> bool:
        """Whether anything is to be said in other words than before."""
        dead = [id_ for id_, shim in self._shims.items() if not shim.alive]
        for id_ in dead:
            container = self.stack.containers[id_]
            self._end_process(container)
            self.stack.shim_ended(container, now)
        restarted = self._restarts(now)
        settled = self._back is None and self.stack.settle(now)
        return bool(dead) or restarted or settled or now - self._said >= _SAID_AGAIN

    def _restarts(self, now: datetime) -> bool:
        asked = self._root.folder / "asked"
        if (asked / "kubelet").exists():
            self._daemon("kubelet", _KUBELET)
            (asked / "kubelet").unlink()
        if self._dockerd is not None and self._dockerd.alive and self._dockerd.hangups():
            self.stack.live_restore = _live_restore(self._root.path / "etc/docker/daemon.json")
            return True
        if self._back is None and ((asked / "docker").exists() or self._dockerd is None or not self._dockerd.alive):
            return self._docker_goes(now)
        if self._back is not None and now >= self._back and (asked / "docker").exists():
            self._start_daemons()
            self._back = None
            (asked / "docker").unlink()
            return True
        return False

    def _docker_goes(self, now: datetime) -> bool:
        if self._dockerd is not None:
            self._dockerd.end()
            self._dockerd = None
        self._root.process_ended(self._told["containerd"])
        for each in self.stack.restart(now):
            self._end_process(each)
        self._back = now + _DOCKER_AWAY
        return True

    def _say(self) -> None:
        """Every answer of the tools, anew."""
        now, stack, say = self._clock(), self.stack, self._root.say
        self._said = now
        each_of = tuple(stack.containers.values())
        say("docker.version", words.docker_version())
        say("docker.client", words.docker_client())
        say("docker.info", words.docker_info(stack, self.name, KERNEL))
        say("docker.live", words.live_restore(stack))
        say("docker.ps", words.docker_ps(stack, now))
        say("docker.psq", words.docker_ps_quiet(stack))
        say("ctr.version", words.ctr_version())
        say("ctr.tasks", words.ctr_tasks(stack))
        say("dmesg", self._kernel_log)
        self._root.say_only("inspect", {each.id: words.inspected(each) for each in each_of})
        self._root.say_only("shortly", {each.id: words.inspected_shortly(each) for each in each_of})
        tasks = {each.id: words.ctr_processes(each) for each in each_of if each.task != "absent"}
        self._root.say_only("tasks", tasks)
        self._root.write("proc/uptime", f"{(now - self.booted).total_seconds():.2f} 9000.00\n")
        if self._back is None:
            self._root.unsay("docker.away")
        else:
            say("docker.away", "")


def _live_restore(settings: Path) -> bool:
    """By dockerd's settings file, as it reads them on SIGHUP; what is no JSON leaves it off."""
    try:
        found = json.loads(settings.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("live-restore") is True
