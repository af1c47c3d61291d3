"""
Nodes, asked by SSH: one kept connection per node, one exec per ask, one wall deadline over all of it.

A host key is pinned or refused. What a node sends is counted as it comes, capped, and cleaned before anyone sees it.
"""

import base64
import binascii
import hashlib
import hmac
import logging
import re
import select
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal, NoReturn, Self

import paramiko

from bot.core.facts import NodeName
from bot.core.hostile import plain
from bot.ports import Garbled, Outage, Refused, TimedOut, Unreachable

OUT_CAP_BYTES = 8 << 20
ERR_CAP_BYTES = 64 << 10

_HANDSHAKE_CAP_BYTES = 1 << 20  # a real handshake and login take about 10 kB
_STALE_S = 3.0  # a kept connection that opens no channel within this is dead
_STALL_S = 5.0  # a socket that takes no byte for this long is dead
_STATUS_S = 2.0  # how long the exit status may come after the end of the output
_GRACE_S = 0.5  # past the deadline, before the connection is cut under a call that paramiko does not time
_TICK_S = 0.1
_KEEPALIVE_S = 30
_WORDS = 600  # characters of a message: two fingerprints and two paths fit
_LOG = "bot.edges.ssh.wire"  # paramiko's own log; silent unless someone sets its level
_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}  # RFC 8332: one key type, two signatures
_BROKEN = (paramiko.SSHException, EOFError, OSError)

_SETUP = "`terminating node-setup` prints what the node needs."
_NETWORK = "Check that its sshd runs and that the address and the port are right."
_PATIENCE = "Is the node overloaded, or the limit too short?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where and as whom a node is asked; its host key is looked up under `host`, then under `name`."""

    name: NodeName
    host: str
    port: int
    user: str
    key: Path | None
    known_hosts: tuple[Path, ...]
    become: Literal["sudo", "none"]
    program: Literal["piped", "installed"]
    agent: bool = False
    jump: "Target | None" = None


class Pool:
    """Connections to nodes, kept and reused; any thread may ask any node. `close` ends them all."""

    def __init__(
        self, program: bytes, *, out_cap_bytes: int = OUT_CAP_BYTES, err_cap_bytes: int = ERR_CAP_BYTES
    ) -> None:
        self._program = program
        self._caps = (out_cap_bytes, err_cap_bytes)
        self._lock = threading.Lock()
        self._lines: dict[Target, _Line] = {}
        self._closed = False
        log = logging.getLogger(_LOG)
        if log.level == logging.NOTSET:
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
        """What the node program printed for these words. Raises an Outage, within `limit` and a second."""
        seconds = limit.total_seconds()
        errand = _Errand(
            asked=" ".join(("terminating-node", *words[:1])),
            whom=f"{target.name} ({target.host}:{target.port})",
            limit_s=seconds,
            until=time.monotonic() + seconds,
        )
        connection, channel = self._open(target, errand, "session")
        connection.wire.grant(2 * sum(self._caps))
        cut = threading.Timer(errand.left() + _GRACE_S, connection.close)
        cut.start()
        sound = False
        try:
            answer = self._answer(channel, target, words, errand)
            sound = answer.status >= 0
        except _BROKEN as error:
            raise errand.broken("it was asked", connection, error) from error
        finally:
            cut.cancel()
            cut.join()
            channel.close()
            connection.wire.settle()
            self._release(connection, keep=sound)
        return answer.judged(target, errand)

    def _answer(
        self, channel: paramiko.Channel, target: Target, words: tuple[str, ...], errand: "_Errand"
    ) -> "_Answer":
        installed = target.program == "installed"
        command = f"terminating-node {shlex.join(words)}" if installed else f"sh -s -- {shlex.join(words)}"
        if not installed and target.become == "sudo" and target.user != "root":
            command = f"sudo -n {command}"
        try:
            channel.exec_command(command)
        except paramiko.SSHException as error:
            if errand.left() and channel.get_transport().is_active():
                raise errand.outage(Refused, "this login may not run programs", _SETUP) from error
            raise
        return _read(channel, b"" if installed else self._program, self._caps, errand)

    def _open(
        self, target: Target, errand: "_Errand", kind: str, to: tuple[str, int] | None = None
    ) -> "tuple[_Connection, paramiko.Channel]":
        """A channel on a leased connection; a kept one that proves dead is replaced, once."""
        for _ in range(2):
            connection, kept = self._lease(target, errand)
            patience = min(errand.left(), _STALE_S) if kept else errand.left()
            source = to and ("127.0.0.1", 0)
            try:
                return connection, connection.transport.open_channel(kind, to, source, timeout=patience)
            except paramiko.ChannelException as error:
                self._release(connection, keep=True)
                raise _closed_door(to, error, errand) from error
            except _BROKEN as error:
                self._release(connection, keep=False)
                if not kept or not errand.left():
                    raise errand.broken("a channel was opened", connection, error) from error
        raise errand.outage(Unreachable, "its connection was lost twice", _NETWORK)

    def _lease(self, target: Target, errand: "_Errand") -> "tuple[_Connection, bool]":
        """The kept connection (True) or a new one (False), with the caller counted as its user."""
        with self._lock:
            line = self._lines.setdefault(target, _Line())
        if not line.turn.acquire(timeout=errand.left()):
            raise errand.late("another call was connecting")
        try:
            with self._lock:
                if line.connection and line.connection.usable():
                    line.connection.users += 1
                    return line.connection, True
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

    def _release(self, connection: "_Connection", *, keep: bool) -> None:
        with self._lock:
            connection.users -= 1
            connection.sound = connection.sound and keep
            done = not connection.users and not connection.usable()
        if done:
            connection.close()

    def _connected(self, target: Target, errand: "_Errand") -> "_Connection":
        pins = _Pins.read(target, errand)
        with _identities(target, errand) as keys:
            connection = _Connection(self._wire(target, errand))
            try:
                connection.shake_hands(pins, errand)
                connection.log_in(target, keys, errand)
            except _BROKEN as error:
                connection.close()
                raise errand.broken("connecting", connection, error) from error
            except BaseException:
                connection.close()
                raise
            finally:
                connection.wire.settle()
        return connection

    def _wire(self, target: Target, errand: "_Errand") -> "_Wire":
        if target.jump is None:
            return _Wire(_dialled(target.host, target.port, errand), None)
        hop = target.jump
        towards = replace(errand, whom=f"{hop.name} ({hop.host}:{hop.port}), the way to {target.name}")
        under, channel = self._open(hop, towards, "direct-tcpip", (target.host, target.port))
        self._release(under, keep=True)
        return _Wire(channel, under.wire)


def from_openssh_config(config: Path | str, name: NodeName, *, host: str, user: str) -> Target:
    """
    What `ssh NAME` would use by this client configuration: a path, or its text.

    `host` is the address where the file gives no HostName, `user` the login name where it gives no User. Follows
    ProxyJump. Refuses what would run a program (`Match exec`, ProxyCommand); resolves nothing.
    """
    try:
        text = config.read_text(encoding="utf-8") if isinstance(config, Path) else config
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise _bad_config(name, f"{config} cannot be read: {type(error).__name__}") from error
    return _configured(_without_programs(text, name), name, host, user, depth=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    """One ask: of whom, what and until when (monotonic); it words every outage."""

    asked: str
    whom: str
    limit_s: float
    until: float

    def left(self) -> float:
        return max(self.until - time.monotonic(), 0.0)

    def outage(self, kind: type[Outage], why: str, then: str) -> Outage:
        return kind(plain(self.asked), plain(self.whom), plain(why, _WORDS), plain(then, _WORDS))

    def late(self, while_: str) -> Outage:
        return self.outage(TimedOut, f"no end after {self.limit_s:g} s, while {while_}", _PATIENCE)

    def broken(self, while_: str, connection: "_Connection", error: BaseException) -> Outage:
        """A connection that failed under us: by the clock, by what it sent, then by the kind of error."""
        if connection.wire.flooded:
            why = f"it sent more than {connection.wire.allowance:,} bytes while {while_}"
            return self.outage(Garbled, why, "Do not trust this node before someone has looked at it.")
        if not self.left():
            return self.late(while_)
        if isinstance(error, EOFError | OSError) or not connection.wire.received:
            return self.outage(Unreachable, f"the connection ended while {while_}", _NETWORK)
        return self.outage(Garbled, f"it does not speak SSH as it should while {while_}: {error}", _NETWORK)


class _Wire:
    """
    The socket, or the channel of a jump host, under a connection.

    paramiko reads a packet of any length and a channel beyond its window; so the bytes are counted here, and over the
    allowance the connection ends. It also ends when the other side takes nothing for long.
    """

    def __init__(self, sock: socket.socket | paramiko.Channel, over: "_Wire | None") -> None:
        self._sock = sock
        self._over = over
        self._lock = threading.Lock()
        self._askers = 0
        self._stalled: float | None = None
        self.received = 0
        self.allowance = 0
        self.flooded = False
        self._closed = False  # paramiko looks at this name
        self.grant(_HANDSHAKE_CAP_BYTES)

    def grant(self, count: int) -> None:
        """So many more bytes may come, until `settle`; grants of askers at the same time add up."""
        with self._lock:
            if not self._askers:
                self.allowance = self.received + _HANDSHAKE_CAP_BYTES
            self._askers += 1
            self.allowance += count
        if self._over:
            self._over.grant(2 * count)

    def settle(self) -> None:
        with self._lock:
            self._askers -= 1
        if self._over:
            self._over.settle()

    def recv(self, count: int) -> bytes:
        data = self._sock.recv(min(count, 1 << 16))
        with self._lock:
            self.received += len(data)
            self.flooded = self.received > self.allowance
        if self.flooded:
            raise EOFError
        return data

    def send(self, data: bytes) -> int:
        try:
            count = self._sock.send(data)
        except TimeoutError:
            self._stalled = self._stalled or time.monotonic()
            if time.monotonic() - self._stalled > _STALL_S:
                raise EOFError from None
            raise
        self._stalled = None
        return count

    def settimeout(self, timeout: float | None) -> None:
        self._sock.settimeout(timeout)

    def close(self) -> None:
        self._closed = True
        self._sock.close()


class _Connection:
    """A transport and the wire under it; `users` and `sound` belong to the pool's lock."""

    def __init__(self, wire: _Wire) -> None:
        self.wire = wire
        self.users = 0
        self.sound = True
        self.transport = paramiko.Transport(wire)
        self.transport.set_log_channel(_LOG)
        self.transport.clear_to_send_timeout = _STALL_S

    def usable(self) -> bool:
        return self.sound and self.transport.is_active()

    def close(self) -> None:
        self.transport.close()
        self.transport.packetizer.complete_handshake()  # ends paramiko's timer of a handshake that never was
        self.wire.close()
        if self.transport.is_alive():
            self.transport.join(_STALL_S)

    def shake_hands(self, pins: "_Pins", errand: _Errand) -> None:
        transport = self.transport
        transport.banner_timeout = transport.handshake_timeout = errand.left() + _GRACE_S
        options = transport.get_security_options()
        options.key_types = sorted(options.key_types, key=lambda kind: kind not in pins.algorithms())
        done = threading.Event()
        transport.start_client(event=done)
        self._wait(done, errand, "it shook hands")
        pins.check(transport.get_remote_server_key(), errand)
        transport.set_keepalive(_KEEPALIVE_S)

    def log_in(self, target: Target, keys: tuple[paramiko.PKey, ...], errand: _Errand) -> None:
        for key in keys:
            done = threading.Event()
            self.transport.auth_publickey(target.user, key, done)
            self._wait(done, errand, f"{target.user} logged in")
            if self.transport.is_authenticated():
                return
        tried = ", ".join(f"{key.get_name()} {key.fingerprint}" for key in keys[:3])
        where = f"from {target.key}" if target.key else "of the SSH agent"
        why = f"it does not let {target.user} in with the key {where} ({tried})"
        raise errand.outage(Refused, why, f"Add its public half to the authorized_keys of {target.user} there.")

    def _wait(self, done: threading.Event, errand: _Errand, while_: str) -> None:
        while not done.wait(min(errand.left(), _TICK_S)) and self.transport.is_active():
            if not errand.left():
                raise errand.late(while_)
        if not self.transport.is_active():
            raise self.transport.get_exception() or EOFError


@dataclass(slots=True)
class _Line:
    """A place for one target's connection; whoever has the turn may connect."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    connection: _Connection | None = None
