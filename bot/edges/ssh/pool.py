"""The connections that are kept, who uses them, and one ask over one of them."""

import logging
import shlex
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Self

import paramiko

from bot.edges.ssh import answers
from bot.edges.ssh.connection import BROKEN, LOG, Connection, Wire, dialled
from bot.edges.ssh.credentials import identities
from bot.edges.ssh.hostkeys import Pins
from bot.edges.ssh.targets import NETWORK, SETUP, Errand, Target
from bot.ports import Refused, Unreachable

OUT_CAP_BYTES = 8 << 20
ERR_CAP_BYTES = 64 << 10

_STALE_S = 3.0  # a kept connection that opens no channel within this is taken for dead
_GRACE_S = 0.5  # past the deadline: then the connection is cut, for calls that paramiko does not time
MOST_IDLE = 64  # connections kept for the next question; each costs a thread, and beyond these the oldest goes
_PROHIBITED = 1  # RFC 4254, 5.1: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED


class Pool:
    """Connections to nodes, kept and reused; any thread may ask any node. `close` ends them all."""

    def __init__(
        self,
        program: bytes,
        *,
        out_cap_bytes: int = OUT_CAP_BYTES,
        err_cap_bytes: int = ERR_CAP_BYTES,
        most_idle: int = MOST_IDLE,
    ) -> None:
        self._program = program
        self._most_idle = most_idle
        self._caps = (out_cap_bytes, err_cap_bytes)
        self._lock = threading.Lock()
        self._lines: dict[Target, _Line] = {}
        self._closed = False
        log = logging.getLogger(LOG)
        if log.level == logging.NOTSET:  # every failure is an Outage with its cause; whoever wants more sets a level
            log.setLevel(logging.CRITICAL + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            connections = [line.connection for line in self._lines.values() if line.connection]
            self._lines.clear()
        for connection in connections:
            connection.close()

    def ask(self, target: Target, words: tuple[str, ...], limit: timedelta) -> bytes:
        """What the node program printed for these words. Raises an Outage, at most a second after `limit`."""
        seconds = limit.total_seconds()
        asked = " ".join(("terminating-node", *words[:1]))
        errand = Errand(asked=asked, whom=str(target), limit_s=seconds, until=time.monotonic() + seconds)
        connection, channel = self._session(target, errand)
        connection.wire.grant(2 * sum(self._caps))
        cut = threading.Timer(errand.left() + _GRACE_S, connection.close)
        cut.start()
        sound = False
        try:
            answer = self._answer(channel, target, words, errand)
            sound = answer.status is not None
        except BROKEN as error:
            raise connection.failure(errand, "it was asked", error) from error
        finally:
            with suppress(*BROKEN):
                channel.close()
            cut.cancel()
            cut.join()
            connection.wire.settle()
            self._release(connection, sound=sound)
        return answers.judged(answer, target, errand)

    def _answer(
        self, channel: paramiko.Channel, target: Target, words: tuple[str, ...], errand: Errand
    ) -> answers.Answer:
        installed = target.program == "installed"
        try:
            channel.exec_command(_command(target, words))
        except paramiko.SSHException as error:
            if errand.left() and channel.get_transport().is_active():
                raise errand.outage(Refused, f"{target.user} may not run programs there", SETUP) from error
            raise
        return answers.read(channel, b"" if installed else self._program, self._caps, errand)

    def _session(self, target: Target, errand: Errand) -> tuple[Connection, paramiko.Channel]:
        """A channel for one exec. A kept connection that proves dead is replaced, once: nothing was asked on it."""
        while True:
            connection, kept = self._lease(target, errand)
            patience = min(errand.left(), _STALE_S) if kept else errand.left()
            try:
                return connection, connection.transport.open_session(timeout=patience)
            except paramiko.ChannelException as error:
                self._release(connection, sound=True)
                why = f"it opens no session: {error.text} ({error.code})"
                raise errand.outage(Refused, why, "See MaxSessions and the logs of its sshd.") from error
            except BROKEN as error:
                self._release(connection, sound=False)
                if not kept or not errand.left():
                    raise connection.failure(errand, "a session was opened", error) from error

    def _lease(self, target: Target, errand: Errand) -> tuple[Connection, bool]:
        """The kept connection (True) or a new one (False), the caller counted as its user."""
        with self._lock:
            line = self._lines.setdefault(target, _Line())
        if not line.turn.acquire(timeout=errand.left()):
            raise errand.late("another call was connecting")
        try:
            with self._lock:
                kept = line.connection
                if kept and kept.usable():
                    kept.users += 1
                    return kept, True
            if kept and not kept.transport.is_active():
                kept.close()
            connection = self._connected(target, errand)
            with self._lock:
                line.connection = connection
                connection.users += 1
                closed = self._closed
        finally:
            line.turn.release()
        if closed:
            connection.close()
            raise errand.outage(Unreachable, "the bot is shutting down", "Ask again when it is back.")
        return connection, False

    def _release(self, connection: Connection, *, sound: bool) -> None:
        with self._lock:
            connection.users -= 1
            connection.sound = connection.sound and sound
            connection.rested = time.monotonic()
            done = [connection] if not connection.users and not connection.usable() else []
            idle = [line for line in self._lines.values() if line.connection and not line.connection.users]
            for line in sorted(idle, key=_rested)[: max(0, len(idle) - self._most_idle)]:
                done += [line.connection] if line.connection else []
                line.connection = None
        for each in done:
            each.close()

    def _connected(self, target: Target, errand: Errand) -> Connection:
        pins = Pins.of(target, errand)
        with identities(target, errand) as keys, ExitStack() as failed:
            connection = Connection(self._wire(target, errand))
            failed.callback(connection.close)
            try:
                connection.shake_hands(pins, errand)
                connection.log_in(target, keys, errand)
            except BROKEN as error:
                raise connection.failure(errand, "connecting", error) from error
            finally:
                connection.wire.settle()
            failed.pop_all()
        return connection

    def _wire(self, target: Target, errand: Errand) -> Wire:
        if target.jump is None:
            return Wire(dialled(target.host, target.port, errand), None)
        while True:
            towards = replace(errand, whom=f"{target.jump}, the way to {target.name},")
            under, kept = self._lease(target.jump, towards)
            try:
                place = (target.host, target.port)
                channel = under.transport.open_channel("direct-tcpip", place, ("127.0.0.1", 0), timeout=errand.left())
                return Wire(channel, under.wire)
            except paramiko.ChannelException as error:
                kind = Refused if error.code == _PROHIBITED else Unreachable
                why = f"{target.jump} opens no way to it: {error.text} ({error.code})"
                raise errand.outage(kind, why, NETWORK) from error
            except BROKEN as error:
                if not kept or not errand.left() or under.usable():
                    why = f"no connection to it through {target.jump} in {errand.limit_s:g} s"
                    raise errand.outage(Unreachable, why, NETWORK) from error
            finally:
                self._release(under, sound=True)


@dataclass(slots=True)
class _Line:
    """The place of one target's connection; who has the turn may connect."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    connection: Connection | None = None


def _rested(line: _Line) -> float:
    return line.connection.rested if line.connection else 0.0


def _command(target: Target, words: tuple[str, ...]) -> str:
    if target.program == "installed":
        return f"terminating-node {shlex.join(words)}"
    become = "sudo -n " if target.become == "sudo" and target.user != "root" else ""
    return f"{become}sh -s -- {shlex.join(words)}"
