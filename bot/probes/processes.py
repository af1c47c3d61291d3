"""A container's own process and what is left in its cgroup; and the daemons beside it."""

from collections.abc import Mapping

from bot.core.facts import ContainerId, Fact, Known, Unknown
from bot.probes import docker, shims, tasks
from bot.probes.frames import Frame
from bot.probes.reading import trouble
from bot.probes.table import Directory, Process, Table, directories, owner, table
from bot.probes.visit import NODE, Answer, Findings, Visit

INIT = (
    "process.alive",
    "process.pid",
    "process.state",
    "process.wchan",
    "process.kill_pending",
    "process.recycled",
)
CGROUP = ("cgroup.processes", "cgroup.blocked", "cgroup.frozen")
DAEMONS = ("docker.process", "containerd.process", "kubelet.process", "kubelet.active")

GONE = "gone"
ABSENT = "absent"

_DOCKERD = ("dockerd", "dockerd-current")
_CONTAINERD = ("containerd", "docker-containerd")
_KUBELET = ("kubelet", "hyperkube", "k3s", "k3s-server", "k3s-agent", "rke2")
_RUNTIME = ("runc", "containerd", "docker-containerd", "crun")  # children of a shim that are no container's


def own(visit: Visit) -> Findings:
    for container in visit.containers:
        answers = init(visit, container)
        pid = answers["process.pid"]
        source = f"/proc/{pid.value}/stat" if isinstance(pid, Known) else "ps -eo pid,ppid,stat,args"
        for name in INIT:
            yield container, Fact(name, answers[name], source)


def left(visit: Visit) -> Findings:
    frame = visit.frame("cgroup")
    listed = directories(frame)
    for container in visit.containers:
        directory = tuple(one for one in listed if owner(one.path) == container)
        count = _processes(visit, container, directory)
        yield container, Fact("cgroup.processes", count, "cgroup.procs")
        yield container, Fact("cgroup.blocked", _blocked(visit, container), "/proc/PID/task/*/stat")
        frozen = _frozen(visit, container, listed) or _not_frozen(frame, directory, count)
        yield container, Fact("cgroup.frozen", frozen, "freezer.state, cgroup.events")


def daemons(visit: Visit) -> Findings:
    for name, programs in (("docker", _DOCKERD), ("containerd", _CONTAINERD), ("kubelet", _KUBELET)):
        process = _daemon(visit, programs)
        if process is not None:
            state: Answer = Known(process.state)
            active: Answer = Known(process.alive)
        elif visit.table.missing:
            state = active = Unknown(visit.table.missing)
        else:
            state, active = Known(ABSENT), Known(False)
        yield NODE, Fact(f"{name}.process", state, f"ps -C {programs[0]}")
        if name == "kubelet":
            yield NODE, Fact("kubelet.active", active, "ps -C kubelet")


def init(visit: Visit, container: ContainerId) -> Mapping[str, Answer]:
    """
    Every `process.` fact. Which process: the pid that dockerd recorded, else containerd's, else the one in its cgroup.

    The node lists every process of a wanted container, so one that a whole list does not hold is gone. A pid that is
    not the container's any more is in no such list: the node looks at the one that dockerd recorded by its number.
    """
    recorded = docker.recorded_pid(visit, container) or tasks.init_pid(visit, container)
    answers = _searched(visit, container) if recorded is None else _recorded(visit, container, recorded)
    state = docker.inspect(visit.frame("docker.inspect", container), container)["docker.container.state"]
    unread = visit.question.runtime == "docker" and isinstance(state, Unknown)
    if unread and answers["process.recycled"] == Known(False):
        return {**answers, "process.recycled": state}  # it may be another pid that dockerd recorded
    return answers


def _recorded(visit: Visit, container: ContainerId, pid: int) -> Mapping[str, Answer]:
    looked = table(visit.frame("docker.process", container), f"cat /proc/{pid}/cgroup")
    process = visit.table.processes.get(pid) or looked.processes.get(pid)
    if process is None:
        return _vanished(visit, pid, looked)
    if _belongs(process, container, _servers(visit, container)):
        return _seen(process)
    if not process.alive:  # up to Linux 6.x a zombie loses its v1 cgroups, so whose it was cannot be told
        return {**_seen(process), "process.recycled": Unknown(f"pid {pid} is a zombie; whose, cannot be told")}
    if not process.cgroups:
        return dict.fromkeys(INIT, Unknown(f"the cgroup of process {pid} could not be read"))
    missing = visit.table.missing or (looked.missing if pid in looked.processes else "")
    if missing and not process.in_a_container:  # it may be a child of its shim, which may not be listed
        return dict.fromkeys(INIT, Unknown(missing))
    return {**_dead(f"pid {pid} is not this container's"), "process.pid": Known(pid), "process.recycled": Known(True)}


def _searched(visit: Visit, container: ContainerId) -> Mapping[str, Answer]:
    alone = _servers(visit, container)
    mine = [process for process in visit.table.processes.values() if _belongs(process, container, alone)]
    if mine:
        servers = {shim.process.pid for shim in shims.of(visit, container)}
        return _seen(min(mine, key=lambda process: (process.parent not in servers, process.started)))
    if visit.table.missing:
        return dict.fromkeys(INIT, Unknown(visit.table.missing))
    for shim in shims.of(visit, container):
        for child in visit.table.children(shim.process.pid):
            if child.alive and not child.in_a_container and not child.program.startswith(_RUNTIME):
                why = f"process {child.pid} is a child of its shim and in no container's cgroup: whose, cannot be told"
                return dict.fromkeys(INIT, Unknown(why))
    none = Unknown("no pid is recorded for it, and no process of it was found")
    return {**_dead(none.why), "process.pid": none, "process.recycled": Known(False)}


def _vanished(visit: Visit, pid: int, looked: Table) -> Mapping[str, Answer]:
    gone = pid in looked.gone and not looked.missing
    if visit.table.missing and not gone:
        return dict.fromkeys(INIT, Unknown(visit.table.missing))
    why = f"pid {pid} is no process of this container"
    untold = f"whether pid {pid} is one of something else: {looked.missing or 'the node did not say'}"
    recycled = Known(False) if gone else Unknown(untold)
    return {**_dead(why), "process.pid": Known(pid), "process.recycled": recycled}


def _dead(why: str) -> dict[str, Answer]:
    return {
        "process.alive": Known(False),
        "process.state": Known(GONE),
        "process.wchan": Unknown(why),
        "process.kill_pending": Unknown(why),
    }


def _seen(process: Process) -> dict[str, Answer]:
    waits = process.wchan not in ("", "0")
    pending = process.kill_pending
    return {
        "process.alive": Known(process.alive),
        "process.pid": Known(process.pid),
        "process.state": Known(process.state),
        "process.wchan": Known(process.wchan) if waits else Unknown("it waits in no kernel function, or none is told"),
        "process.kill_pending": Unknown("its pending signals were not read") if pending is None else Known(pending),
        "process.recycled": Known(False),
    }


def _belongs(process: Process, container: ContainerId, servers: frozenset[int]) -> bool:
    """By its cgroup, else as a child of a shim that serves this container alone: zombies lose their v1 cgroups."""
    if process.in_a_container:
        return process.within(container)
    return process.parent in servers and not process.program.startswith(_RUNTIME)


def _servers(visit: Visit, container: ContainerId) -> frozenset[int]:
    """The shims that serve this container and no other."""
    found = shims.of(visit, container)
    return frozenset(shim.process.pid for shim in found if not shims.shared(visit, shim, container))


def _processes(visit: Visit, container: ContainerId, directory: tuple[Directory, ...]) -> Answer:
    """Those in /proc and those in cgroup.procs; a pid that only the second names counts, unless it is a zombie."""
    everyone = visit.table.processes
    pids = {pid for one in directory for pid in one.pids if pid not in everyone or everyone[pid].alive}
    pids |= {process.pid for process in everyone.values() if process.alive and process.within(container)}
    if visit.table.missing and not directory:
        return Unknown(visit.table.missing)
    return Known(len(pids))


def _blocked(visit: Visit, container: ContainerId) -> Answer:
    if visit.table.missing:
        return Unknown(visit.table.missing)
    inside = [one for one in visit.table.processes.values() if one.alive and one.within(container)]
    return Known(sum((one.threads or (one.state,)).count("D") for one in inside))


def _frozen(visit: Visit, container: ContainerId, listed: tuple[Directory, ...]) -> Answer | None:
    """Yes or no by its own directory or its pod's, which freezes all below it; None where neither was read."""
    pod = visit.containers[container].pod
    names = (pod, pod.replace("-", "_")) if pod else ()
    mine = [one for one in listed if owner(one.path) == container and container in one.name]
    pods = [one for one in listed if not owner(one.path) and any(name in one.name for name in names)]
    if any(one.frozen for one in (*mine, *pods)):
        return Known(True)
    return Known(False) if any(one.frozen is False for one in mine) else None


def _not_frozen(frame: Frame, directory: tuple[Directory, ...], count: Answer) -> Answer:
    if wrong := trouble(frame, "find /sys/fs/cgroup"):
        return Unknown(wrong)
    if not directory and count == Known(0):
        return Known(False)  # its cgroup is gone and nothing is left of it: there is nothing to freeze
    return Unknown("its cgroup's freezer could not be read")


def _daemon(visit: Visit, programs: tuple[str, ...]) -> Process | None:
    """The one that runs outside any pod; of several the living, of those the one that is stopped or blocked."""
    found = [
        process
        for process in visit.table.processes.values()
        if not process.in_a_pod
        and (process.program in programs or process.name in programs)
        and not any(process.within(container) for container in visit.containers)
    ]
    return min(found, key=lambda process: (not process.alive, process.state not in "TtD", process.pid), default=None)
