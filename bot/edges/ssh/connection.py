"""One connection: the socket, the bytes counted on it, the handshake and the login, each until the deadline."""

import socket
import threading
import time
from queue import Empty, SimpleQueue
from typing import cast

import paramiko

from bot.edges.ssh.hostkeys import Pins
from bot.edges.ssh.targets import NETWORK, Errand, Target
from bot.ports import Garbled, Outage, Refused, Unreachable

LOG = "bot.edges.ssh.wire"
BROKEN = (paramiko.SSHException, EOFError, OSError)  # what paramiko raises when the other side or the way fails

_HANDSHAKE_CAP_BYTES = 1 << 17  # a handshake and a login take about 10 kB
_READ_BYTES = 1 << 16
_STALL_S = 5.0  # a socket that takes no byte for this long is dead
_UNACKED_MS = 20_000  # so is one whose bytes nobody acknowledges: a node that lost its power
_KEEPALIVE_S = 30
_TICK_S = 0.1
_SPARE_S = 1.0  # paramiko's own limits end after ours, so that ours decide

_Address = tuple[socket.AddressFamily, socket.SocketKind, int, tuple[str | int | bytes, ...]]


class Wire:
    """
    The socket, or the channel of a jump host, under a connection.

    paramiko reads packets of any length, and more on a channel than its window allows. So bytes are counted here: over
    the allowance the connection ends. It also ends when the other side takes nothing for long.
    """

    def __init__(self, under: socket.socket | paramiko.Channel, over: "Wire | None") -> None:
        self._under = under
        self._over = over
        self._lock = threading.Lock()
        self._grants = 0
        self._stalled: float | None = None
        self._closed = False  # paramiko looks at this name
        self.received = 0
        self.allowance = 0
        self.flooded = False
        self.grant(_HANDSHAKE_CAP_BYTES)

    def grant(self, count: int) -> None:
        """So many bytes more may come, until `settle`. Grants at the same time add up."""
        with self._lock:
            if not self._grants:
                self.allowance = self.received + _HANDSHAKE_CAP_BYTES
            self._grants += 1
            self.allowance += count
        if self._over:
            self._over.grant(2 * count)

    def settle(self) -> None:
        with self._lock:
            self._grants -= 1
        if self._over:
            self._over.settle()

    def recv(self, count: int) -> bytes:
        data = self._under.recv(min(count, _READ_BYTES))
        with self._lock:
            self.received += len(data)
            self.flooded = self.received > self.allowance
        if self.flooded:
            raise EOFError
        return data

    def send(self, data: bytes) -> int:
        try:
            count = self._under.send(data)
        except TimeoutError:
            self._stalled = self._stalled or time.monotonic()
            if time.monotonic() - self._stalled > _STALL_S:
                raise EOFError from None
            raise
        self._stalled = None
        return count

    def settimeout(self, seconds: float | None) -> None:
        self._under.settimeout(seconds)

    def close(self) -> None:
        self._closed = True
        self._under.close()


class Connection:
    """A transport over a wire. `users`, `rested` and `sound` belong to the pool and its lock."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.users = 0
        self.rested = 0.0  # monotonic, when the last user left
        self.sound = True
        self.transport = _Transport(cast("socket.socket", wire))  # "a socket-like object", by its documentation
        self.transport.set_log_channel(LOG)
        self.transport.clear_to_send_timeout = _STALL_S

    def usable(self) -> bool:
        return self.sound and self.transport.is_active()

    def close(self) -> None:
        self.transport.close()
        self.transport.packetizer.complete_handshake()  # ends the timer of a handshake that never was
        self.wire.close()
        if self.transport.is_alive():
            self.transport.join(_STALL_S)

    def shake_hands(self, pins: Pins, errand: Errand) -> None:
        transport = self.transport
        transport.banner_timeout = transport.handshake_timeout = errand.left() + _SPARE_S
        options = transport.get_security_options()
        options.key_types = pins.preferred(options.key_types)
        done = threading.Event()
        transport.start_client(event=done)
        self._wait(done, errand, "it shook hands")
        offered = transport.get_remote_server_key()
        pins.check(offered.get_name(), offered.asbytes(), errand)
        transport.set_keepalive(_KEEPALIVE_S)

    def log_in(self, target: Target, keys: tuple[paramiko.PKey, ...], errand: Errand) -> None:
        for key in keys:
            done = threading.Event()
            self.transport.auth_publickey(target.user, key, done)
            try:
                self._wait(done, errand, f"{target.user} logged in")
            except paramiko.AuthenticationException:
                break  # refused, and hung up
            if self.transport.is_authenticated():
                return
        tried = ", ".join(f"{key.get_name()} {key.fingerprint}" for key in keys[:3])
        where = f"of {target.key}" if target.key else "of the SSH agent"
        why = f"it does not let {target.user} in with the key {where} ({tried})"
        raise errand.outage(Refused, why, f"Put its public half into the authorized_keys of {target.user} there.")

    def failure(self, errand: Errand, doing: str, error: BaseException) -> Outage:
        """What broke: by the bytes that came, then by the clock, then by the class of the error."""
        if self.wire.flooded:
            why = f"it sent more than {self.wire.allowance:,} bytes while {doing}"
            return errand.outage(Garbled, why, "Have someone look at this node before you trust it.")
        if not errand.left():
            return errand.late(doing)
        if isinstance(error, EOFError | OSError) or not self.wire.received:
            return errand.outage(Unreachable, f"the connection ended while {doing}", NETWORK)
        return errand.outage(Garbled, f"it broke the SSH protocol while {doing}: {error}", NETWORK)

    def _wait(self, done: threading.Event, errand: Errand, doing: str) -> None:
        while not done.wait(min(errand.left(), _TICK_S)) and self.transport.is_active():
            if not errand.left():
                raise errand.late(doing)
        if not self.transport.is_active():
            raise self.transport.get_exception() or EOFError


class _Transport(paramiko.Transport):
    """Its thread keeps whatever a hostile packet made it raise, and raises that in ours: here it is one class."""

    def get_exception(self) -> Exception | None:
        error = super().get_exception()
        if error is None or isinstance(error, BROKEN):
            return error
        broken = paramiko.SSHException(type(error).__name__)
        broken.__cause__ = error
        return broken


def dialled(host: str, port: int, errand: Errand) -> socket.socket:
    """A TCP connection to the first of the host's addresses that takes it."""
    addresses = _resolved(host, port, errand)
    last = "it has no address"
    for count, (family, kind, protocol, address) in enumerate(addresses):
        sock = None
        try:
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(errand.left() / (len(addresses) - count) + 0.001)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKED_MS)
        except OSError as error:
            if sock:
                sock.close()
            last = error.strerror or f"nothing answered within {errand.limit_s:g} s"
        else:
            return sock
    raise errand.outage(Unreachable, f"no TCP connection: {last}", NETWORK)


def _resolved(host: str, port: int, errand: Errand) -> list[_Address]:
    """The addresses of a name, asked in a thread of its own because the resolver takes no time limit."""
    found: SimpleQueue[list[_Address] | OSError | ValueError] = SimpleQueue()

    def look() -> None:
        try:
            asked = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put([(family, kind, protocol, address) for family, kind, protocol, _, address in asked])
        except (OSError, ValueError) as error:  # ValueError: a name that no host can have
            found.put(error)

    threading.Thread(target=look, name="resolver", daemon=True).start()
    try:
        answer = found.get(timeout=errand.left())
    except Empty as error:
        raise errand.outage(Unreachable, f"the name {host} was not resolved in time", NETWORK) from error
    if isinstance(answer, OSError | ValueError):
        raise errand.outage(Unreachable, f"the name {host} cannot be resolved", NETWORK) from answer
    return answer
