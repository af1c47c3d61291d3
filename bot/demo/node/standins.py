"""
Processes of this machine that stand for those of the node: they do nothing, and end when nobody holds them any more.

Their pid and start time are real, so a signal that is meant for them arrives. Name, arguments and cgroup are those of
what they stand for, in the node's own /proc. Their input is a pipe: should this program be killed, they see its end.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

_SHIM = ("/bin/sh", "-c", "read -r forever")
# Tells of each SIGHUP, as dockerd takes it: read your settings again.
_DAEMON = (
    "import signal, sys; signal.signal(signal.SIGHUP, lambda *_: (sys.stdout.write('h'), sys.stdout.flush())); "
    "sys.stdout.write('r'); sys.stdout.flush(); sys.stdin.read()"
)
_OWN = ("stat", "status", "wchan", "task", "ns")  # what is told of a stand-in as the kernel tells it
_END_S = 5.0


class StandIn:
    """`heeds`: it outlives a SIGHUP, which `hangups` then counts; the others die of it, as a shim does."""

    def __init__(self, proc: Path, name: str, arguments: Iterable[str], *, heeds: bool = False) -> None:
        command = (sys.executable, "-I", "-S", "-c", _DAEMON) if heeds else _SHIM
        self._process = subprocess.Popen(  # noqa: S603  # a shell that reads, or this Python
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
            start_new_session=True,  # ^C in the terminal is not for them
        )
        self.pid = self._process.pid
        if heeds and self._process.stdout is not None:
            self._process.stdout.read(1)  # from here on it heeds
            os.set_blocking(self._process.stdout.fileno(), False)
        self._place = proc / str(self.pid)
        self._place.mkdir()
        for each in _OWN:
            (self._place / each).symlink_to(f"/proc/{self.pid}/{each}")
        told(self._place, name, arguments, "/")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def hangups(self) -> int:
        """How many came since it was last asked."""
        out = self._process.stdout
        return len((out.read() or b"") if out is not None else b"")

    def end(self) -> None:
        """Gone, and its place in the node's /proc too, when this returns."""
        if self.alive:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(_END_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        for each in (*_OWN, "comm", "cmdline", "cgroup"):
            (self._place / each).unlink(missing_ok=True)
        self._place.rmdir()


def told(place: Path, name: str, arguments: Iterable[str], cgroup: str) -> None:
    """What a process in the node's /proc says of itself: name, arguments and cgroup."""
    (place / "comm").write_text(f"{name[:15]}\n", encoding="ascii")  # characters; the kernel's TASK_COMM_LEN
    (place / "cmdline").write_text("".join(f"{each}\0" for each in arguments), encoding="ascii")
    (place / "cgroup").write_text(f"8:pids:{cgroup}\n6:freezer:{cgroup}\n4:memory:{cgroup}\n0::/\n", encoding="ascii")
