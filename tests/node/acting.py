"""A node to repair: real processes, in a /proc that has no others, and imitated tools that write down what they did."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.node.imitation import CONTAINER, POD, PROGRAM, Node, listen, made

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
MACHINE = "0123456789abcdef0123456789abcdef"
OP = "00c0ffee" * 4
OTHER_OP = "0decade0" * 4
SANDBOX = "63f7c4cafa3b4c4ca957b5806b587f60b17aaca737e221a8b5d2229d802e4629"
CGROUP = f"sys/fs/cgroup/pids/kubepods/burstable/pod{POD}/{CONTAINER}"
V2 = ("-namespace", "moby", "-id", CONTAINER, "-address", "/run/containerd.sock")
V1 = ("-namespace", "moby", "-workdir", f"/var/lib/docker/io.containerd.runtime.v1.linux/moby/{CONTAINER}")
WAITS = "read -r forever"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What `do` and `status` print, its form checked line by line."""

    op: str
    words: str
    began: int
    ended: int | None
    result: str
    why: str
    said: tuple[str, ...]
    kept: tuple[int, int] | None  # of those that were there before
    left: tuple[str, ...]


def record(out: bytes) -> Record:
    """Raises on anything that is not exactly one record."""
    lines = out.decode("ascii").splitlines()
    assert lines[0] == "terminating-node-op 1", out
    assert lines[-1] == "end", out
    pairs = [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines[1:-1]]
    said, kept, left = ([pair[1] for pair in pairs if pair[0] == key] for key in ("said", "kept", "left"))
    first = dict(pair for pair in pairs if pair[0] not in {"said", "kept", "left"})
    over = first["result"] not in {"running", "unknown"}
    assert list(first) == ["op", "words", "began", *(["ended"] if over else []), "result", "why"], out
    counted = [*["kept"] * len(kept), *["left"] * len(left)]
    assert [pair[0] for pair in pairs] == [*first, *["said"] * len(said), *counted], out
    assert (len(said) <= 40, len(kept) <= 1, len(left) <= 20) == (True, True, True)
    assert all(line.isprintable() and len(line) <= 200 for line in (first["why"], *said, *left))
    return Record(
        op=first["op"],
        words=first["words"],
        began=int(first["began"]),
        ended=int(first["ended"]) if over else None,
        result=first["result"],
        why=first["why"],
        said=tuple(said),
        kept=next(((int(each.split()[0]), int(each.split()[1])) for each in kept), None),
        left=tuple(left),
    )


def stat(pid: int) -> tuple[str, str]:
    """Its state and its start time, as the kernel tells them."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return fields[0], fields[19]


@dataclass(slots=True)
class Site:
    node: Node
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    strays: list[int] = field(default_factory=list)  # pids of what its tools left running
    cages: set[Path] = field(default_factory=set)  # real cgroups

    @property
    def root(self) -> Path:
        return self.node.root

    @property
    def ledger(self) -> Path:
        return self.root / "var/lib/terminating"

    @property
    def acts(self) -> list[str]:
        """What its tools were asked to change, in order."""
        file = self.node.folder / "acts"
        return file.read_text().splitlines() if file.exists() else []

    def words(self, verb: str, *arguments: object, op: str = OP, boot: str = BOOT) -> tuple[str, ...]:
        return ("do", op, verb, boot, MACHINE, *map(str, arguments))

    def do(self, verb: str, *arguments: object, op: str = OP, boot: str = BOOT) -> Record:
        answer = self.node.run(*self.words(verb, *arguments, op=op, boot=boot))
        assert (answer.exit_code, answer.err) == (0, b""), answer
        done = record(answer.out)
        assert done.op == op
        return done

    def status(self, op: str = OP) -> Record:
        answer = self.node.run("status", op)
        assert (answer.exit_code, answer.err) == (0, b""), answer
        return record(answer.out)

    def process(self, name: str, *arguments: str, script: str = WAITS) -> int:
        """A real process of this name, with these arguments behind the shell's own."""
        program = self.node.folder / "processes" / name
        if not program.exists():
            program.parent.mkdir(exist_ok=True)
            shutil.copy2("/bin/dash", program)
        started = subprocess.Popen([program, "-c", script, name, *arguments], stdin=subprocess.PIPE)
        self.running.append(started)
        self.node.until(lambda: Path(f"/proc/{started.pid}/comm").read_text() == f"{name[:15]}\n")
        return self.shown(started.pid)

    def shown(self, pid: int) -> int:
        """This process is on the node, for as long as it is anywhere."""
        (self.root / f"proc/{pid}").symlink_to(f"/proc/{pid}")
        return pid

    def caged(self, container: str) -> int:
        """A real process in a real cgroup that is named by this container."""
        pid = self.process("workload")
        hierarchy = "unified" if Path("/sys/fs/cgroup/unified").is_dir() else "."
        cage = self.cage(Path("/sys/fs/cgroup") / hierarchy / self.node.folder.name / container)
        (cage / "cgroup.procs").write_text(f"{pid}\n")
        return pid

    def cage(self, path: Path) -> Path:
        """A real cgroup, and those above it, for this test."""
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        try:
            path.mkdir(parents=True)
        except OSError:
            pytest.skip("no such cgroup can be made here")
        self.cages |= set(missing)
        return path

    def impatient(self) -> None:
        """What would be waited for longer is waited for 3 s: on a copy of the program."""
        hasty = re.sub(r"\b(await|heard) [1-6]0 ", r"\1 3 ", PROGRAM.read_text())
        self.node.program = self.node.file("hasty", hasty)

    def successor(self, name: str) -> int:
        """The daemon that an imitated restart began; it ends with the test."""
        file = self.node.folder / f"{name}.pid"
        self.node.until(lambda: file.read_text() != "")
        self.strays.append(int(file.read_text()))
        return self.strays[-1]

    def zombie(self) -> int:
        started = subprocess.Popen(["/bin/true"])
        self.running.append(started)
        self.node.until(lambda: stat(started.pid)[0] == "Z")
        return self.shown(started.pid)

    def alive(self, pid: int) -> bool:
        return stat(pid)[0] not in "ZX"

    def member(self, pid: int) -> None:
        """Of the container's cgroup, as the cgroup says."""
        self.node.file(f"{CGROUP}/cgroup.procs", f"{pid}\n")

    def tool(self, name: str, script: str) -> None:
        self.node.tool(name, f'act() {{ echo "{name} $*" >>"$MARK/acts"; }}\n{script}')

    def init_script(self, name: str, script: str) -> None:
        head = f"#!/bin/sh\nexport MARK={self.node.folder}\n"
        act = f'act() {{ echo "{name} $*" >>"$MARK/acts"; }}\n'
        path = self.node.file(f"etc/init.d/{name}", head + act + script)
        path.chmod(0o755)

    def docker(self, *, state: str, after: str = "", stop: str = "") -> None:
        """Its `inspect` says this; once it was asked to stop, the other."""
        said, then = self.node.file("docker.state", state), self.node.file("docker.after", after or state)
        self.tool(
            "docker",
            f"""case $1 in
  inspect) [ "$2 $3 $6" = "--type container {CONTAINER}" ] && [ -s {said} ] || {{
      echo 'No such container' >&2
      exit 1
    }}
    cat {said} ;;
  stop) act "$@"; {stop or ":"}; cat {then} >{said}; echo "$2" ;;
esac
""",
        )

    def close(self) -> None:
        for pid in self.strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for cage in self.cages:
            for name, warm in (("freezer.state", "THAWED\n"), ("cgroup.freeze", "0\n")):
                if (cage / name).exists():
                    (cage / name).write_text(warm)
        for one in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
            if one.stdin is not None:
                one.stdin.close()
            one.wait()
        for cage in sorted(self.cages, reverse=True):
            self.node.until(lambda cage=cage: (cage / "cgroup.procs").read_text() == "")  # type: ignore[misc]
            cage.rmdir()


def inspected(status: str, pid: int, exit_code: int = 0, container: str = CONTAINER) -> str:
    return f"{container} {status} {pid} {exit_code}\n"


@contextlib.contextmanager
def repairable(shell: str) -> Iterator[Site]:
    """Its daemons answer, the container's cgroup is empty, and /proc is the machine's own."""
    if os.geteuid() != 0:
        pytest.skip("a repair is root's")
    with made(shell) as node:
        shutil.rmtree(node.root / "proc")
        (node.root / "proc").mkdir()
        for name in ("1", "self", "sys"):
            (node.root / "proc" / name).symlink_to(f"/proc/{name}")
        site = Site(node)
        site.tool("ctr", "case $5 in version) echo 1 ;; esac\n")
        node.file(f"{CGROUP}/cgroup.procs", "")
        listen(node.root / "run/other.sock")
        try:
            yield site
        finally:
            site.close()
