"""The process table and the cgroup directories of a node, as its program listed them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.core.facts import ContainerId
from bot.core.hostile import plain
from bot.probes.frames import Frame
from bot.probes.reading import ID, OUTPUT_CAP, PID_MAX, lines, number, trouble

_STAT = re.compile(r"(\d{1,10}) \((.*)\) ([A-Za-z]) (\d{1,10})((?: -?\d{1,20}){18})(?: .*)?")
_STARTED = 17  # of the fields after ppid: starttime, field 22 of proc(5)
_HEX = re.compile(r"[0-9a-fA-F]{1,16}")
_ID_WORD = re.compile(rf"(?<![0-9a-f]){ID.pattern}(?![0-9a-f])")
_SHIMS = ("containerd-shim", "docker-containerd-shim")
_PASSING = (("start",), ("delete",))  # the last word of a v2 shim that containerd calls for a moment, not the server
_SIGKILL = 1 << 8  # signal 9 is bit 8 of SigPnd and ShdPnd, proc(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    pid: int
    name: str
    state: str
    parent: int
    started: int  # clock ticks since boot
    wchan: str = ""
    kill_pending: bool | None = None  # None: not read
    cgroups: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()  # a state letter each
    arguments: tuple[str, ...] = ()

    @property
    def alive(self) -> bool:
        return self.state not in "ZXx"

    @property
    def program(self) -> str:
        """The name of its executable as it was started, else its short name, which ends after 15 characters."""
        return self.arguments[0].rpartition("/")[2] if self.arguments else self.name

    @property
    def in_a_pod(self) -> bool:
        """A workload can call itself a shim or a kubelet; only a privileged one can leave its pod's cgroup."""
        return any("kubepods" in path for path in self.cgroups)

    def within(self, container: str) -> bool:
        return any(owner(path) == container for path in self.cgroups)

    def of_pod(self, uid: str) -> bool:
        return any(uid in path or uid.replace("-", "_") in path for path in self.cgroups)

    @property
    def in_a_container(self) -> bool:
        return any(owner(path) for path in self.cgroups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shim:
    """A living process that serves as a shim, by its own words. `id`: the container's; through CRI, the sandbox's."""

    process: Process
    id: ContainerId
    namespace: str
    generation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    The processes that were listed, by pid. `missing` is empty when the list is whole, else says why it is not.

    `gone` are pids that the node looked at and did not find: nothing but the pid is told of them.
    """

    processes: Mapping[int, Process] = field(default_factory=dict)
    shims: tuple[Shim, ...] = ()
    gone: frozenset[int] = frozenset()
    missing: str = ""

    def children(self, pid: int) -> tuple[Process, ...]:
        return tuple(process for process in self.processes.values() if process.parent == pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One cgroup directory; `frozen` is None where neither freezer.state nor cgroup.events was read."""

    path: str
    pids: tuple[int, ...] = ()
    frozen: bool | None = None

    @property
    def name(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2]


def owner(path: str) -> str:
    """
    The id of the container that a cgroup path is of; empty when it is of none.

    The outermost below the pods counts: a container may make folders of any name below its own, even another's id.
    """
    match = _ID_WORD.search(path, max(0, path.find("kubepods")))
    return match[0] if match else ""


def table(frame: Frame, asked: str = "ps") -> Table:
    missing = trouble(frame, asked)
    if not missing and len(frame.out) >= OUTPUT_CAP:
        missing = "the list of processes was cut: it is too long"
    processes: dict[int, Process] = {}
    gone: set[int] = set()
    for first, record in _records(frame.out, "pid"):
        pid = number(first, PID_MAX)
        if pid is None or pid in processes:
            continue
        process = _process(pid, record)
        if process is not None:
            processes[pid] = process
        elif not record:
            gone.add(pid)
    found = (_shim(process) for process in processes.values())
    return Table(
        processes=processes,
        shims=tuple(shim for shim in found if shim is not None),
        gone=frozenset(gone - processes.keys()),
        missing=missing,
    )


def directories(frame: Frame) -> tuple[Directory, ...]:
    return tuple(_directory(path, record) for path, record in _records(frame.out, "dir"))


def _records(out: bytes, opens: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each record: the value of the line that opens it, and its other lines as key and value."""
    first: str | None = None
    record: list[tuple[str, str]] = []
    for line in lines(out):
        key, _, value = line.partition(" ")
        if key == opens:
            if first is not None:
                yield first, record
            first, record = value, []
        elif first is not None and key:
            record.append((key, value))
    if first is not None:
        yield first, record


def _process(pid: int, record: list[tuple[str, str]]) -> Process | None:
    """None when it ended before its stat was read."""
    values = dict(reversed(record))  # the first of each key counts
    match = _STAT.fullmatch(values.get("stat", ""))
    if match is None or int(match[1]) != pid:
        return None
    return Process(
        pid=pid,
        name=plain(match[2], 40),
        state=match[3],
        parent=int(match[4]),
        started=int(match[5].split()[_STARTED]),
        wchan=plain(values.get("wchan", ""), 80),
        kill_pending=_kill_pending(values.get("pending", "")),
        cgroups=tuple(value for key, value in record if key == "cgroup"),
        threads=tuple(values.get("threads", "").split()),
        arguments=tuple(values.get("cmdline", "").split()),
    )


def _shim(process: Process) -> Shim | None:
    """A v1 shim names its container in -workdir, a v2 shim its container or sandbox in -id."""
    words = process.arguments
    if not process.alive or not process.program.startswith(_SHIMS) or words[-1:] in _PASSING:
        return None
    values = dict(zip((word.lstrip("-") for word in words), words[1:], strict=False))
    workdir = values.get("workdir", "").rstrip("/").rpartition("/")[2]
    for id_, generation in ((workdir, "v1"), (values.get("id", ""), "v2")):
        if ID.fullmatch(id_):
            namespace = values.get("namespace", "")
            return Shim(process=process, id=ContainerId(id_), namespace=namespace, generation=generation)
    return None


def _kill_pending(text: str) -> bool | None:
    masks = text.split()
    if not masks or not all(_HEX.fullmatch(mask) for mask in masks):
        return None
    return any(int(mask, 16) & _SIGKILL for mask in masks)


def _directory(path: str, record: list[tuple[str, str]]) -> Directory:
    values = dict(reversed(record))
    frozen: bool | None = None
    if "freezer" in values:
        frozen = values["freezer"].strip() in ("FROZEN", "FREEZING")
    elif "frozen" in (events := values.get("events", "").split()):
        frozen = events[events.index("frozen") + 1 :][:1] == ["1"]
    pids = (number(word, PID_MAX) for word in values.get("procs", "").split())
    return Directory(path=path, pids=tuple(pid for pid in pids if pid is not None), frozen=frozen)
