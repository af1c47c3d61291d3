"""The root folder of a node: its /proc, its cgroups, its settings, and the tools that speak for its daemons."""

import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from bot.demo.node.standins import told

TOOLS = Path(__file__).with_name("tools")
CONTAINERD_SOCKET = "/var/run/docker/containerd/containerd.sock"
_FOLDERS = (
    "etc/docker",
    "etc/init.d",
    "proc/sys/kernel/random",
    "run",
    "sys/fs/cgroup",
    "var/lib/docker",
    "var/lib/kubelet",
    "var/log",
    "var/run/docker/containerd",
)
_CONTROLLERS = ("freezer", "memory", "pids")
_SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HIGHEST_PID = 4190000  # below PID_MAX_LIMIT of 64-bit Linux, with room for those that are only told of


class Root:
    """Lives in `folder`, beside what the tools need; whoever made that removes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "root"
        self.proc = self.path / "proc"
        self._next_pid = min(_HIGHEST_PID, int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii")))
        for each in _FOLDERS:
            (self.path / each).mkdir(parents=True)
        for each in ("asked", "says/inspect", "says/shortly", "says/tasks", "tmp"):
            (folder / each).mkdir(parents=True)

    def furnish(self, boot_id: str, machine_id: str, booted: datetime) -> None:
        shutil.copytree(TOOLS, self.folder / "bin")
        for tool in (self.folder / "bin").iterdir():
            tool.chmod(0o700)
        for daemon in ("docker", "kubelet"):
            script = self.path / "etc/init.d" / daemon
            shutil.copy2(self.folder / "bin/init", script)
            script.chmod(0o700)
        self.write("etc/machine-id", f"{machine_id}\n")
        self.write("etc/docker/daemon.json", '{\n  "log-driver": "json-file"\n}\n')
        self.write("proc/sys/kernel/random/boot_id", f"{boot_id}\n")
        self.write("proc/stat", f"cpu  1 0 1 1 0 0 0 0 0 0\nbtime {int(booted.timestamp())}\n")
        (self.proc / "self").symlink_to("/proc/self")
        os.mknod(self.path / CONTAINERD_SOCKET[1:], stat.S_IFSOCK | 0o600)  # nobody is behind it: ctr is imitated too
        self.process(1, "systemd", ("/sbin/init",), started=1)
        self.write("proc/1/mountinfo", "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n")

    def environment(self) -> Mapping[str, str]:
        """As sshd here gives it to a login: the tools of this node come first."""
        return {
            "PATH": f"{self.folder / 'bin'}:{_SYSTEM}",
            "HOME": str(self.folder / "tmp"),
            "TMPDIR": str(self.folder / "tmp"),
            "TERMINATING_ROOT": str(self.path),
        }

    def write(self, path: str, content: str) -> None:
        """Whole or not at all: it may be read at this moment."""
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        _put(target, content)

    def append(self, path: str, content: str) -> None:
        with (self.path / path).open("a", encoding="utf-8") as file:
            file.write(content)

    def say(self, name: str, content: str) -> None:
        """What a tool prints from now on."""
        _put(self.folder / "says" / name, content)

    def say_only(self, name: str, contents: Mapping[str, str]) -> None:
        """The same of a folder of answers; what is not among them is answered no more."""
        for each in (self.folder / "says" / name).iterdir():
            if each.name not in contents:
                each.unlink()
        for each_name, content in contents.items():
            self.say(f"{name}/{each_name}", content)

    def unsay(self, name: str) -> None:
        (self.folder / "says" / name).unlink(missing_ok=True)

    # ---- processes and cgroups that are only told of

    def free_pid(self) -> int:
        """One that the kernel of this machine does not give out, or not before long."""
        self._next_pid += 1
        return self._next_pid

    def process(
        self, pid: int, name: str, arguments: Iterable[str], *, started: int, parent: int = 1, cgroup: str = "/"
    ) -> None:
        """As /proc has a process that sleeps; no signal can reach it. `started`: clock ticks since boot."""
        place = self.proc / str(pid)
        own = place / "task" / str(pid)
        own.mkdir(parents=True)
        line = f"{pid} ({name[:15]}) S {parent} {pid} {pid} 0 -1 4194304 {'0 ' * 12}{started} 10485760 200 0\n"
        status = (
            f"Name:\t{name[:15]}\nState:\tS (sleeping)\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{parent}\nNSpid:\t{pid}\n"
        )
        status += "Threads:\t1\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n"
        for folder in (place, own):
            (folder / "stat").write_text(line, encoding="ascii")
            (folder / "status").write_text(status, encoding="ascii")
        (place / "wchan").write_text("futex_wait_queue_me", encoding="ascii")
        told(place, name, arguments, cgroup)

    def process_ended(self, pid: int) -> None:
        shutil.rmtree(self.proc / str(pid), ignore_errors=True)

    def cgroup(self, path: str, pids: Iterable[int]) -> None:
        """A container's, in every hierarchy; made where it is not there yet."""
        for controller in _CONTROLLERS:
            place = f"sys/fs/cgroup/{controller}{path}"
            self.write(f"{place}/cgroup.procs", "".join(f"{pid}\n" for pid in pids))
            if controller == "freezer":
                self.write(f"{place}/freezer.state", "THAWED\n")

    def cgroup_removed(self, path: str) -> None:
        for controller in _CONTROLLERS:
            shutil.rmtree(self.path / f"sys/fs/cgroup/{controller}{path}", ignore_errors=True)


def _put(target: Path, content: str) -> None:
    draft = target.with_name(f".{target.name}.new")
    draft.write_text(content, encoding="utf-8")
    draft.replace(target)
