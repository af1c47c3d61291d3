"""
A captured state, told again in the frames that the node program would have sent from that node at that moment.

The words are the captures'. What they leave out and every node has is filled in here, and nowhere else: the node's
boot time and ids, the parts of /proc that `ps` had already summed up, the kubelet where only its log was kept, the
freezer of a container that docker says is paused, and a sibling's process that `ctr task ps` named. What was not
captured and cannot be told from the rest (systemd, disks, mounts, a log) is not in the frames: not asked.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.core.facts import ContainerId, PodUid
from bot.core.pods import Asked, Question, Runtime
from bot.probes.frames import Frame, Frames

CAPTURES = Path(__file__).parent / "data" / "captures"
STATES = tuple(sorted(folder for folder in CAPTURES.glob("*/*") if folder.is_dir()))

NO_POD = PodUid("00000000-0000-4000-8000-000000000000")  # for stacks that ran without a kubelet
BOOT_ID = "5f2bd0c1-6a0b-4d70-93b4-5d7be3d0a001"
MACHINE_ID = "3d1219c7c4c5404aaa1f6d2a48adfda4"  # as its Node says

_HEAD = re.compile(r"# .*?, (?P<state>[\w-]+): (?P<command>.*) \(exit (?P<code>\d+), (?P<ms>\d+) ms\)")
_ID = re.compile(r"\b[0-9a-f]{64}\b")
_PS = re.compile(
    r" *(?P<pid>\d+) +(?P<parent>\d+) (?P<stat>\S+) +"
    r"(?:(?P<wchan>\S+) +\w{3} (?P<began>\w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) )?(?P<args>.*)"
)
_KLOG = re.compile(r"(?m)^[IWEF](\d{4} \d\d:\d\d:\d\d)\.\d+ +(\d+) ")
_LOGRUS = re.compile(r'(?m)^time="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')
_KERNEL = re.compile(r"oom-kill|[Oo]ut of memory|Kill(ed)? process|killed as a result of limit|blocked for more than")
_BOOTED = datetime(2026, 11, 23, 18, 49, 6, tzinfo=UTC)  # dmesg and dmesg -T of one line, side by side
_DAEMONS = ("containerd-shim", "dockerd", "containerd", "kubelet", "runc")
_NO_KUBELET = 4  # a pid for the kubelet that stacks without pods lack, and every node has
_NO_PS_LINE = 3  # a pid for a containerd that answered, but whose ps line was not kept


@dataclass(frozen=True, slots=True)
class Captured:
    """One file: the command, how it ended and what it printed."""

    command: str
    code: int
    ms: int
    out: str
    err: str


def frames_of(folder: Path) -> tuple[Frames, Question]:
    """The answer of that node in that state, and the question it answers."""
    question = question_of(folder)
    frames = {frame.name: frame for frame in _frames(folder, question)}
    return frames, question


def moment_of(folder: Path) -> datetime:
    """The newest time that anything in the folder was written at: about when it was captured."""
    times = [_BOOTED]
    for path in folder.glob("*-log.txt"):
        text = path.read_text()
        times += [datetime.fromisoformat(stamp).replace(tzinfo=UTC) for stamp in _LOGRUS.findall(text)]
        stamps = (stamp for stamp, _ in _KLOG.findall(text))
        times += [datetime.strptime(f"2026{stamp}", "%Y%m%d %H:%M:%S").replace(tzinfo=UTC) for stamp in stamps]
    return max(times)


def question_of(folder: Path) -> Question:
    runtime: Runtime = "containerd" if folder.parent.name.startswith("k8s-") else "docker"
    return Question(runtime=runtime, pods=(_asked(folder),))


def _asked(folder: Path) -> Asked:
    pod = captured(folder, "pod-json") or captured(folder.with_name(_BEFORE.get(folder.name, folder.name)), "pod-json")
    if pod is None:
        id_ = _ID.findall((captured(folder, "docker-inspect") or _nothing()).command)[0]
        return Asked(uid=NO_POD, namespace="default", name=folder.name, containers=(ContainerId(id_),))
    document = json.loads(pod.out)
    ids = [status.get("containerID", "") for status in document["status"].get("containerStatuses", [])]
    return Asked(
        uid=PodUid(document["metadata"]["uid"]),
        namespace=document["metadata"]["namespace"],
        name=document["metadata"]["name"],
        containers=tuple(ContainerId(found[0]) for id_ in ids if (found := _ID.findall(id_))),
    )


_BEFORE = {"after-shim-kill": "stuck", "hung-shim-after-kill": "hung-shim-stuck"}  # the pod object is gone by then


def captured(folder: Path, name: str) -> Captured | None:
    path = folder / f"{name}.txt"
    if not path.exists():
        return None
    head, _, body = path.read_text().partition("\n")
    match = _HEAD.fullmatch(head)
    assert match is not None, path
    out, _, err = body.partition("# stderr\n")
    return Captured(match["command"], int(match["code"]), int(match["ms"]), out, err)


def _nothing() -> Captured:
    return Captured("", 0, 0, "", "")


def _frame(name: str, found: Captured) -> Frame:
    return Frame(name, found.code, found.ms, found.out.encode(), found.err.encode())


def _frames(folder: Path, question: Question) -> Iterator[Frame]:
    yield _node(folder)
    for name, file in (
        ("docker.version", "docker-version"),
        ("docker.info", "docker-info"),
        ("docker.ps", "docker-ps"),
        ("containerd.version", "ctr-version"),
        ("containerd.tasks", "ctr-task-ls"),
        ("containerd.tasks", "ctr-task-list"),
    ):
        if found := captured(folder, file):
            yield _frame(name, found)
    for file in ("ctr-task-ps", "ctr-task-ps-sibling"):
        if found := captured(folder, file):
            yield _frame(f"containerd.task/{_ID.findall(found.command)[0]}", found)
    if found := captured(folder, "docker-inspect"):
        yield _inspect(found)
        yield from _recorded(folder, question, found)
    if found := captured(folder, "ctr-containers-ls"):
        yield _containers(folder, question, found)
    if found := captured(folder, "ps"):
        yield _records("processes", [_told(process) for process in _processes(folder, question, found)])
        yield _records("cgroup", _cgroup(folder))
    if found := captured(folder, "dmesg-T") or captured(folder, "dmesg"):
        kept = "".join(f"{line}\n" for line in found.out.split("\n") if _KERNEL.search(line))
        yield Frame("kernel", 0, found.ms, kept.encode(), b"")
    if found := captured(folder, "kubelet-log"):
        yield _kubelet_log(question, found)


def _node(folder: Path) -> Frame:
    now = int(moment_of(folder).timestamp())
    booted = int(_BOOTED.timestamp())
    values = {"boot_id": BOOT_ID, "machine_id": MACHINE_ID, "btime": booted, "kernel": "6.18.44", "epoch": now}
    return _records("node", ["".join(f"{key}={value}\n" for key, value in values.items())])


def _inspect(found: Captured) -> Frame:
    """As the node program's --format prints it: what else docker tells of a container can hold secrets."""
    name = f"docker.inspect/{_ID.findall(found.command)[0]}"
    if found.code:
        return _frame(name, found)
    whole = json.loads(found.out)[0]
    kept = json.dumps({key: whole[key] for key in ("Id", "Name", "State")}) + "\n"
    return Frame(name, found.code, found.ms, kept.encode(), b"")


def _recorded(folder: Path, question: Question, found: Captured) -> Iterator[Frame]:
    """The process whose pid docker recorded; where no ps of that moment has it, there was none."""
    pid = 0 if found.code else json.loads(found.out)[0]["State"]["Pid"]
    if pid and (ps := captured(folder, "ps")):
        everyone = {process.pid: process for process in _processes(folder, question, ps)}
        record = _told(everyone[pid]) if pid in everyone else f"pid {pid}\n"
        yield _records(f"docker.process/{_ID.findall(found.command)[0]}", [record])


def _containers(folder: Path, question: Question, found: Captured) -> Frame:
    """`ctr containers ls` as its filter for the pod leaves it: the container and the sandbox that it names."""
    info = captured(folder, "ctr-container-info") or _nothing()
    mine = {*_ID.findall(info.out), *question.pods[0].containers} if info.code == 0 else set()
    head, *rows = found.out.split("\n")
    kept = [head, *(row for row in rows if row.split(maxsplit=1)[:1] and row.split(maxsplit=1)[0] in mine)]
    return Frame(f"containerd.containers/{question.pods[0].uid}", 0, found.ms, "\n".join(kept).encode(), b"")


def _kubelet_log(question: Question, found: Captured) -> Frame:
    wanted = (question.pods[0].uid, *question.pods[0].containers, "PLEG is not healthy")
    lines = [line for line in found.out.split("\n") if any(word in line for word in wanted)]
    path = re.findall(r"/var/log/\S+", found.command)[0]
    text = "\n".join([f"# source {path}", *lines])
    return Frame("kubelet.log", found.code, found.ms, text.encode(), found.err.encode())


def _records(name: str, records: list[str]) -> Frame:
    return Frame(name, 0, 20, "".join(records).encode(), b"")


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    letter: str
    args: str
    wchan: str = ""
    ticks: int = 0
    stat: str = ""
    pending: str = "0000000000000000 0000000000000000"
    threads: str = ""
    cgroups: tuple[str, ...] = ("0::/",)

    @property
    def name(self) -> str:
        words = self.args.split()
        return words[0].strip("[]").rpartition("/")[2][:15]


def _processes(folder: Path, question: Question, ps: Captured) -> Iterator[_Process]:
    proc = {
        int(stat.out.split()[0]): kind for kind in ("shim", "init") if (stat := captured(folder, f"proc-{kind}-stat"))
    }
    seen: dict[int, _Process] = {}
    for match in (match for line in ps.out.split("\n") if (match := _PS.fullmatch(line))):
        pid, parent = int(match["pid"]), int(match["parent"])
        base = _Process(pid, parent, match["stat"][0], match["args"], (match["wchan"] or "").replace("-", "0"))
        if match["began"]:
            began = datetime.strptime(match["began"], "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
            base = _with(base, ticks=int((began - _BOOTED).total_seconds()) * 100)
        seen.setdefault(pid, _of_proc(folder, base, proc[pid]) if pid in proc else base)
    for process in seen.values():
        server = seen.get(process.parent)
        if process.pid not in proc and server is not None and "-shim" in server.args:
            yield _with(process, cgroups=(_cgroup_of(question, server),))
        else:
            yield process
    yield from _beside(folder, question, seen)


def _beside(folder: Path, question: Question, seen: dict[int, _Process]) -> Iterator[_Process]:
    """What ran for certain, though its ps line was not kept."""
    names = [process.name for process in seen.values()]
    if (captured(folder, "ctr-version") or _nothing()).out and "containerd" not in names:
        yield _Process(_NO_PS_LINE, 1, "S", "containerd --config /var/run/docker/containerd/containerd.toml")
    if "kubelet" not in names:
        log = captured(folder, "kubelet-log") or _nothing()
        pids = [int(pid) for _, pid in _KLOG.findall(log.out)] or [_NO_KUBELET]
        yield _Process(pids[-1], 1, "S", "kubelet")
    if sibling := captured(folder, "ctr-task-ps-sibling"):
        server = next(process for process in seen.values() if _ID.findall(sibling.command)[0] in process.args)
        for pid in re.findall(r"(?m)^(\d+) ", sibling.out):
            yield _Process(int(pid), server.pid, "S", "sleep 100000", cgroups=(_cgroup_of(question, server),))


def _cgroup_of(question: Question, server: _Process) -> str:
    pod = f"kubepods/burstable/pod{question.pods[0].uid}" if question.runtime == "containerd" else "docker"
    return f"0::/{pod}/{_ID.findall(server.args)[0]}"


def _of_proc(folder: Path, process: _Process, kind: str) -> _Process:
    stat, status, wchan, cgroup = (
        (captured(folder, f"proc-{kind}-{file}") or _nothing()).out for file in ("stat", "status", "wchan", "cgroup")
    )
    fields = dict(line.partition(":")[::2] for line in status.split("\n"))
    return _with(
        process,
        stat=stat.strip(),
        wchan=wchan.strip(),
        pending=f"{fields['SigPnd'].strip()} {fields['ShdPnd'].strip()}",
        threads=process.letter if fields["Threads"].strip() == "1" else "",
        cgroups=tuple(cgroup.split()),
    )


def _with(process: _Process, **changes: object) -> _Process:
    values = {name: getattr(process, name) for name in _Process.__slots__}
    return _Process(**{**values, **changes})


def _told(process: _Process) -> str:
    zeros = " ".join(["0"] * 17)
    stat = (
        process.stat or f"{process.pid} ({process.name}) {process.letter} {process.parent} {zeros} {process.ticks} 0 0"
    )
    lines = [f"pid {process.pid}", f"stat {stat}", f"wchan {process.wchan}", f"pending {process.pending}"]
    lines += [f"cgroup {line}" for line in process.cgroups]
    lines += [f"threads {process.threads}"] if process.threads else []
    lines += [f"cmdline {process.args}"] if process.name.startswith(_DAEMONS) else []
    return "".join(f"{line}\n" for line in lines)


def _cgroup(folder: Path) -> list[str]:
    """The container's freezer directory: frozen if docker says paused, with the process that /proc puts there."""
    info = captured(folder, "ctr-container-info") or _nothing()
    path = re.findall(r'"cgroupsPath": "([^"]+)"', info.out)
    if not path:
        return []
    inside = captured(folder, "proc-init-cgroup")
    stat = (captured(folder, "proc-init-stat") or _nothing()).out
    here = inside is not None and f"freezer:{path[0]}" in inside.out
    inspected = (captured(folder, "docker-inspect") or _nothing()).out
    freezer = "FROZEN" if '"Paused": true' in inspected else "THAWED"
    pids = stat.split()[0] if here else ""
    return [f"dir /sys/fs/cgroup/freezer{path[0]}\nprocs {pids}\nfreezer {freezer}\n"]
