"""The node program, run as sshd would run it for a login; and nothing else."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "node" / "terminating-node"
NOT_RUN = 126  # sh: found, and not executable
_PRIVATE = "/dev/shm"  # noqa: S108  # where the node program makes its own folder first; see there, own_folder
_PATIENCE_S = 2.0
_TICK_S = 0.1
_ENVELOPES = (("sudo", "-n", "sh", "-s", "--"), ("sh", "-s", "--"))


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    out: bytes
    err: bytes


def words_of(command: str) -> tuple[str, ...] | None:
    """What a command line of the bot says to the node program; None for any other line."""
    try:
        words = tuple(shlex.split(command))
    except ValueError:
        return None
    for envelope in _ENVELOPES:
        if words[: len(envelope)] == envelope:
            return words[len(envelope) :]
    return None


class Programs:
    """Everything that runs here at this moment; `end` ends all of it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._program = PROGRAM.read_bytes()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()

    def run(self, words: tuple[str, ...], piped: bytes, gone: Callable[[], bool]) -> Ended:
        """
        `sh -s -- WORDS`, given the program on its input, if that is what was piped.

        When `gone` says that nobody listens any more it gets SIGHUP, as from sshd; a repair does not heed that.
        """
        if piped != self._program:
            return Ended(NOT_RUN, b"", b"this node runs its own terminating-node and nothing else\n")
        with self._lock:
            if self._over.is_set():
                return Ended(NOT_RUN, b"", b"this node is shutting down\n")
            process = subprocess.Popen(  # noqa: S603  # the program of this repository, as compared above
                ("/bin/sh", "-s", "--", *words),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                cwd=self._environment["HOME"],
                start_new_session=True,
            )
            self._running.add(process)
        try:
            return self._followed(process, gone)
        finally:
            with self._lock:
                self._running.discard(process)

    def end(self) -> None:
        """Nothing of it runs any more when this returns, and its private folders are gone."""
        with self._lock:
            self._over.set()
            running = tuple(self._running)
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_S)
            _end(process.pid)
            process.wait()
            for left in Path(_PRIVATE).glob(f"terminating-node.{process.pid}.*"):
                shutil.rmtree(left, ignore_errors=True)

    def _followed(self, process: subprocess.Popen[bytes], gone: Callable[[], bool]) -> Ended:
        piped: bytes | None = self._program
        while True:
            try:
                out, err = process.communicate(piped, _TICK_S)
            except subprocess.TimeoutExpired:
                piped = None
                if gone():
                    process.send_signal(signal.SIGHUP)
            else:
                return Ended(process.returncode, out, err)


def _end(pid: int) -> None:
    """A process and all that it started, each in a session of its own: stopped first, or it would start more."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                for child in children.read_text(encoding="ascii").split():
                    _end(int(child))
        os.kill(pid, signal.SIGKILL)
