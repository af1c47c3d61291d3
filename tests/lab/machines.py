"""
A machine of the lab: processes that see only themselves, in namespaces of their own, with a private disk and log.

Its programs are this machine's, or those of another Debian's tree, of which it sees a copy that it may write to.
Its first process ends when this one does, and everything in it ends with its first process.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PRIVATE = (
    "var/lib/docker",
    "var/lib/containerd",
    "var/lib/kubelet",
    "var/lib/cni",
    "var/lib/terminating",
    "var/log",
    "run",
    "etc/docker",
    "etc/cni",
    "etc/init.d",
    "etc/sudoers.d",
    "usr/local/sbin",
    "usr/local/bin",  # empty: whatever this machine has there is none of the node's
    "home/terminating",
)
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C"}  # no proxy, no CA bundle of ours
INIT = """
set -eu
root=$1 name=$2 tree=$3 shared=$4 new=; shift 4
mount --make-rprivate /
if [ -n "$tree" ]; then
  new=$root/tree
  mkdir -p "$new" "$root/changed" "$root/work"
  mount -t overlay -o "lowerdir=$tree,upperdir=$root/changed,workdir=$root/work" overlay "$new"
  for dir in /dev /sys; do mount --rbind "$dir" "$new$dir"; done
  for dir in $shared; do mkdir -p "$new$dir"; mount --bind "$dir" "$new$dir"; done
  touch "$new/etc/machine-id"
fi
for dir; do mkdir -p "$new/$dir"; mount --bind "$root/$dir" "$new/$dir"; done
[ ! -e "$root/machine-id" ] || mount --bind "$root/machine-id" "$new/etc/machine-id"
mount -t proc proc "$new/proc"
if [ -n "$tree" ]; then
  cd "$new"
  mkdir -p before
  pivot_root . before
  umount -l /before
  rmdir /before
fi
hostname "$name"
mkdir -p /run/lock /run/sshd /run/sudo
touch /run/ready
exec tini -s -- cat
"""


class LabError(Exception):
    """The lab could not do what it must; the text says what was waited for and what was seen."""


def eventually(what: str, look: Callable[[], T | None], within: float = 60) -> T:
    """The first answer that is true, asked again and again; `LabError` when time is up."""
    until = time.monotonic() + within
    answer: T | None = None
    while time.monotonic() < until:
        answer = look()
        if answer:
            return answer
        time.sleep(0.2)
    raise LabError(f"{what}: not within {within:g} s; last seen: {answer!r}")


class Machine:
    def __init__(self, name: str, folder: Path, tree: Path | None = None, shared: Sequence[Path] = ()) -> None:
        """With a `tree` its root is that Debian, and of this machine's folders it sees the `shared` ones only."""
        self.name, self.folder = name, folder
        for part in PRIVATE:
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "var/lib/terminating").chmod(0o700)  # as the node program makes it where it is the first
        (folder / "machine-id").write_text(f"{abs(hash(name)):032x}"[:32] + "\n")
        self._own = subprocess.Popen(
            ["unshare", "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child", "sh", "-c", INIT, "init",
             str(folder), name, str(tree or ""), " ".join(map(str, shared)), *PRIVATE],
            env=CLEAN,
            stdin=subprocess.PIPE,  # its end is the machine's: however we go, the kernel closes it
            stderr=subprocess.DEVNULL,  # unshare complains of a signal mask that this kernel lets nobody change
            start_new_session=True,
        )  # fmt: skip
        eventually(f"{name} to be up", (folder / "run/ready").exists, 10)
        children = Path(f"/proc/{self._own.pid}/task/{self._own.pid}/children").read_text().split()
        self.init = int(children[0])

    def close(self) -> None:
        """Ends every process of it: they share its pid namespace."""
        thaw(self.cgroup)
        if self._own.poll() is None:
            os.kill(self.init, signal.SIGKILL)
        self._own.communicate(timeout=30)
        remove_cgroups(self.cgroup)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def cgroup(self) -> str:
        return f"lab-{self.name}"

    @property
    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.init), "--mount", "--pid", "--uts", "--ipc"]

    def run(self, command: str, *, check: bool = True, within: float = 60, given: bytes = b"") -> str:
        """The stdout of a shell command inside; `LabError` with its stderr if it fails or does not end."""
        try:
            done = subprocess.run(
                [*self._enter, "sh", "-c", command],
                env=CLEAN,
                input=given,
                capture_output=True,
                timeout=within,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            if check:
                raise LabError(f"{self.name}: {command}: did not end in {within:g} s") from error
            return ""
        if check and done.returncode != 0:
            raise LabError(f"{self.name}: {command}: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="replace")

    def start(self, argv: Sequence[str], env: Mapping[str, str] | None = None, *, log: str = "") -> None:
        """A daemon inside; what it says goes to the machine's own /var/log/messages by logger, or to a file `log`."""
        words = " ".join(f"'{word}'" for word in argv)
        out = f">>{log} 2>&1" if log else f"2>&1 | logger --socket /run/log.sock -t {Path(argv[0]).name}"
        subprocess.Popen(
            [*self._enter, "setsid", "--fork", "sh", "-c", f"{words} {out}"],
            env={**CLEAN, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).wait(10)

    def pids(self, name: str) -> list[int]:
        """Pids inside, of processes of this name."""
        return [int(pid) for pid in self.run(f"pgrep -x {name}", check=False).split()]

    def signal(self, pid: int, name: str) -> None:
        self.run(f"kill -{name} {pid}")

    def end(self, name: str) -> None:
        """Ends a daemon by SIGTERM and waits until it is gone."""
        for pid in self.pids(name):
            self.signal(pid, "TERM")
        eventually(f"{name} on {self.name} to end", lambda: not self.pids(name), 30)


def controllers() -> list[Path]:
    return [each for each in Path("/sys/fs/cgroup").iterdir() if each.is_dir()]


def make_cgroups(name: str) -> None:
    """A cgroup of this name under every v1 controller, for --cgroup-root; cpuset wants its values copied."""
    for controller in controllers():
        folder = controller / name
        folder.mkdir(exist_ok=True)
        if controller.name == "cpuset":
            for value in ("cpuset.cpus", "cpuset.mems"):
                (folder / value).write_text((controller / value).read_text())


def thaw(name: str) -> None:
    """A frozen process takes no signal, so nothing could end it."""
    for state in Path("/sys/fs/cgroup/freezer", name).rglob("freezer.state"):
        state.write_text("THAWED")


def remove_cgroups(name: str) -> None:
    def left() -> list[Path]:
        roots = [controller / name for controller in controllers() if (controller / name).is_dir()]
        folders = [folder for root in roots for folder in (root, *root.rglob("*")) if folder.is_dir()]
        for folder in sorted(folders, key=lambda path: -len(path.parts)):
            try:
                folder.rmdir()
            except OSError:
                continue
        return [root for root in roots if root.is_dir()]

    eventually(f"the cgroups of {name} to go", lambda: not left(), 20)
