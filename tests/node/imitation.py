"""A node to run the program on: programs that imitate docker, ctr and their like, and a root folder of files."""

import atexit
import contextlib
import functools
import select
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.probes import frames

FOLDERS = Path("/dev/shm")  # noqa: S108  # where the program makes its own
PROGRAM = Path(__file__).parents[2] / "bot" / "node" / "terminating-node"
DATA = Path(__file__).parent / "data"
POD = "852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111"
CONTAINER = "ebe2ddd9ed5b1fe0a2e775f892ec32926dd83b59804c998475ca9b9986445d1f"
OTHER = "63f7c4cafa3b4c4ca957b5806b587f60b17aaca737e221a8b5d2229d802e4629"
RECORDED = 24724  # the pid that docker has for every container
SHELLS = {"dash": ("dash",), "bash": ("bash",), "busybox": ("busybox", "sh")}
TOOLS = ("docker", "ctr", "systemctl", "journalctl", "dmesg", "df")
HANG = "trap '' TERM\nwhile :; do sleep 97; done\n"  # seconds; a tool that heeds no TERM, with a child


def capture(name: str) -> Path:
    """A recorded output without its first line, which says what ran."""
    return DATA / f"{name}.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    exit_code: int
    out: bytes
    err: bytes
    seconds: float

    @property
    def frames(self) -> frames.Frames:
        return frames.read(self.out)


@dataclass(slots=True)
class Node:
    shell: tuple[str, ...]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    program: Path = PROGRAM
    since: float = field(default_factory=time.time)
    applets: bool = False  # a busybox may prefer its own df and dmesg to those of PATH: they cannot be imitated

    @property
    def tools(self) -> Path:
        return self.folder / "bin"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def tool(self, name: str, script: str) -> None:
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def file(self, path: str, content: str | bytes) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def process(
        self,
        pid: int,
        *,
        name: str,
        parent: int = 1,
        cgroup: str = "/",
        arguments: tuple[str, ...] = (),
        started: int = 22,
    ) -> None:
        """As /proc has it; a name may hold anything."""
        fields = " ".join(str(started if number == 22 else number) for number in range(5, 45))
        stat = f"{pid} ({name}) S {parent} {fields}\n"
        self.file(f"proc/{pid}/comm", name + "\n")
        self.file(f"proc/{pid}/stat", stat)
        self.file(f"proc/{pid}/task/{pid}/stat", stat)
        self.file(f"proc/{pid}/cgroup", f"4:memory:{cgroup}\n0::{cgroup}\n")
        self.file(f"proc/{pid}/wchan", "futex_do_wait")
        self.file(f"proc/{pid}/status", "Name:\tx\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n")
        self.file(f"proc/{pid}/cmdline", "".join(f"{argument}\0" for argument in arguments))

    def variables(self) -> dict[str, str]:
        """PATH has the imitations first; the program puts the system's folders behind."""
        plain = {"PATH": f"{self.tools}:/usr/bin:/bin", "MARK": str(self.folder), "TERMINATING_ROOT": str(self.root)}
        return plain | self.environment

    def start(self, *words: str, piped: bool = False) -> subprocess.Popen[bytes]:
        command = [*self.shell, "-s", "--"] if piped else [*self.shell, str(self.program)]
        with self.program.open("rb") as program:
            return subprocess.Popen(
                [*command, *words],
                stdin=program if piped else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.variables(),
            )

    def run(self, *words: str, piped: bool = False) -> Answer:
        began = time.monotonic()
        started = self.start(*words, piped=piped)
        out, err = started.communicate(timeout=30)
        assert not self.folders(started.pid), "its folder is left"
        return Answer(exit_code=started.returncode, out=out, err=err, seconds=time.monotonic() - began)

    def folders(self, pid: int) -> list[Path]:
        """The private folders of this program; one that was killed long ago may have left some under the same pid."""
        return [path for path in FOLDERS.glob(f"terminating-node.{pid}.*") if path.stat().st_ctime > self.since]

    @staticmethod
    def answered(out: bytes) -> frames.Frames:
        return frames.read(out)

    @property
    def data(self) -> Path:
        return DATA

    @staticmethod
    def until(true: Callable[[], bool]) -> None:
        """Looks again and again, for at most 20 s."""
        end = time.monotonic() + 20
        while not true():
            assert time.monotonic() < end, "it did not come about in 20 s"
            select.select([], [], [], 0.02)

    def left(self) -> list[str]:
        """Living processes that began with this node's environment."""
        return [name for pid, name in _everyone() if _bears(pid, f"MARK={self.folder}")]


def _everyone() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                name, _, state = (entry / "stat").read_text(errors="replace").rpartition(") ")
                if state[0] not in "ZX":
                    yield int(entry.name), name


def _bears(pid: int, mark: str) -> bool:
    with contextlib.suppress(OSError):
        return mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def replay(name: str) -> str:
    """Script that prints a recorded output."""
    return f"tail -n +2 {shlex.quote(str(capture(name)))}"


def furnish(node: Node) -> None:
    """The founding incident's node: what its tools said while the pod was stuck."""
    node.tools.mkdir()
    node.tool(
        "docker",
        f"""case $1 in
  version) {replay("docker-version")} ;;
  info) {replay("docker-info")} ;;
  ps) {replay("docker-ps")} ;;
  inspect) echo '{{"Id":"'"$6"'","Name":"/k8s","State":{{"Status":"running","Pid":{RECORDED},"ExitCode":0}}}}' ;;
esac
""",
    )
    node.tool(
        "ctr",
        f"""shift 4
case $1 in
  version) {replay("ctr-version")} ;;
  shim) echo '{{"status":3,"exit_status":137}}' ;;
  containers) echo 'CONTAINER IMAGE RUNTIME'; echo '{OTHER}    pause:3.2    io.containerd.runc.v2' ;;
  *) case $2 in ls) {replay("ctr-task-list")} ;; *) {replay("ctr-task-ps")} ;; esac ;;
esac
""",
    )
    node.tool("systemctl", "echo Id=docker.service\n")
    node.tool("journalctl", "exit 1\n")
    node.tool("dmesg", replay("dmesg") + "\n")
    node.file("proc/uptime", "5800.12 9000.00\n")
    node.file("proc/stat", "cpu 1 2 3\nbtime 1795460000\n")
    node.file("proc/1/mountinfo", f"22 1 8:1 / /var/lib/kubelet/pods/{POD}/volumes/x rw\n23 1 8:1 / / rw\n")
    node.file("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    (node.root / "sys/fs/cgroup").mkdir(parents=True)
    node.process(1, name="init")
    for path in ("var/run/docker/containerd/containerd.sock", "run/containerd/containerd.sock"):
        listen(node.root / path)


def listen(path: Path) -> None:
    """A socket file; nobody is behind it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@functools.cache
def own_programs() -> Path:
    """A folder with every program that busybox has, for the whole run."""
    if shutil.which("busybox") is None:
        pytest.skip("busybox is not installed")
    folder = Path(tempfile.mkdtemp(prefix="busybox."))
    atexit.register(shutil.rmtree, folder)
    for name in subprocess.check_output(["busybox", "--list"], text=True).split():
        (folder / name).symlink_to(str(shutil.which("busybox")))
    return folder


@contextlib.contextmanager
def made(shell: str) -> Iterator[Node]:
    """A furnished node under this shell. With busybox, every program that it has is its own."""
    if shutil.which(SHELLS[shell][0]) is None:
        pytest.skip(f"{shell} is not installed")
    with tempfile.TemporaryDirectory(prefix="node.", dir="/tmp") as folder:  # the path of a socket must be short
        node = Node(SHELLS[shell], Path(folder))
        furnish(node)
        if shell == "busybox":
            applets = own_programs()
            node.environment["PATH"] = f"{node.tools}:{applets}"
            node.shell, node.applets = (str(applets / "sh"),), True
        yield node
