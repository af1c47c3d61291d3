"""An SSH server in this process that does whatever it is told to, on loopback; it ends with its `with` block."""

import base64
import io
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

Behaviour = Callable[[paramiko.Channel, threading.Event], None]
Greeting = Callable[[socket.socket, threading.Event], None]


def new_key() -> paramiko.Ed25519Key:
    return paramiko.Ed25519Key.from_private_key(io.StringIO(_private().decode()))


def write_key(path: Path, passphrase: bytes | None = None) -> Path:
    path.write_bytes(_private(passphrase))
    path.chmod(0o600)
    return path


def known_hosts_line(hosts: str, key: paramiko.PKey) -> str:
    return f"{hosts} {key.get_name()} {base64.b64encode(key.asbytes()).decode()}\n"


class HostileSshd:
    """Speaks SSH and gives each exec to `behave`; with `greet`, each TCP connection to that instead."""

    def __init__(  # noqa: PLR0913  # a server has many ways to be wrong
        self,
        behave: Behaviour | None = None,
        *,
        greet: Greeting | None = None,
        host_keys: tuple[paramiko.PKey, ...] = (),
        users: tuple[str, ...] = ("ada",),
        accepts_keys: bool = True,
        runs_programs: Literal["yes", "no", "never says"] = "yes",
        version: str = "SSH-2.0-hostile",
        banner: str = "",
    ) -> None:
        self.host_keys = host_keys or (new_key(),)
        self.connections = 0
        self.commands: list[str] = []
        self.stdin: list[bytes] = []
        self.users, self.accepts_keys, self.runs_programs, self.banner = users, accepts_keys, runs_programs, banner
        self._behave, self._greet, self._version = behave or answering(b"ok"), greet, version
        self.stop = threading.Event()
        self._transports: list[paramiko.Transport] = []
        self._rules: list[_Rules] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self.start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        with socket.create_connection(("127.0.0.1", self.port)):
            pass  # wakes the accept
        self.drop()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def drop(self) -> None:
        """Close every connection there is; new ones are served."""
        for transport in self._transports:
            transport.close()
            transport.packetizer.complete_handshake()
            if transport.is_alive():
                transport.join(5)
        self._transports.clear()

    def freeze(self) -> None:
        """Go on accepting connections, but say nothing more on those there are."""
        for rules in self._rules:
            rules.frozen = True

    def start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def run(self, channel: paramiko.Channel) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):  # the client left
            self._behave(channel, self.stop)
        with suppress(OSError, EOFError, paramiko.SSHException):
            channel.close()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self.stop.is_set():
                sock.close()
                return
            self.connections += 1
            self.start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        if self._greet:
            with sock, suppress(OSError):  # the client left
                self._greet(sock, self.stop)
            return
        transport = paramiko.Transport(sock)
        transport.set_log_channel("tests.hostile_sshd")
        transport.logger.setLevel(100)
        transport.local_version = self._version
        for key in self.host_keys:
            transport.add_server_key(key)
        self._transports.append(transport)
        try:
            self._rules.append(_Rules(self))
            transport.start_server(server=self._rules[-1])
        except (paramiko.SSHException, EOFError, OSError):
            transport.packetizer.complete_handshake()


class _Rules(paramiko.ServerInterface):
    def __init__(self, sshd: HostileSshd) -> None:
        self._sshd = sshd
        self.frozen = False

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def get_banner(self) -> tuple[str | None, str | None]:
        return (self._sshd.banner or None, "en")

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002
        allowed = self._sshd.accepts_keys and username in self._sshd.users
        return AUTH_SUCCESSFUL if allowed else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        if self.frozen:
            self._sshd.stop.wait()
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._sshd.commands.append(command.decode())
        if self._sshd.runs_programs == "yes":
            self._sshd.start(self._sshd.run, channel)
        elif self._sshd.runs_programs == "never says":
            self._sshd.stop.wait()
        return self._sshd.runs_programs == "yes"


def heard(channel: paramiko.Channel) -> bytes:
    """All of stdin, to its end."""
    parts = []
    while part := channel.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def answering(out: bytes, err: bytes = b"", status: int | None = 0) -> Behaviour:
    def behave(channel: paramiko.Channel, stop: threading.Event) -> None:  # noqa: ARG001
        heard(channel)
        channel.sendall(out)
        channel.sendall_stderr(err)
        if status is not None:
            channel.send_exit_status(status)

    return behave


def silent(channel: paramiko.Channel, stop: threading.Event) -> None:
    heard(channel)
    stop.wait()


def dripping(channel: paramiko.Channel, stop: threading.Event) -> None:
    while not stop.wait(0.2):
        channel.sendall(b"x")


def flooding(channel: paramiko.Channel, stop: threading.Event) -> None:
    while not stop.is_set():
        channel.sendall(b"x" * 32_768)


def flooding_stderr(channel: paramiko.Channel, stop: threading.Event) -> None:
    while not stop.is_set():
        channel.sendall_stderr(b"x" * 32_768)


def flooding_past_the_window(channel: paramiko.Channel, stop: threading.Event) -> None:
    channel.out_window_size = 1 << 60
    flooding(channel, stop)


def hanging_up(channel: paramiko.Channel, stop: threading.Event) -> None:  # noqa: ARG001
    heard(channel)
    channel.sendall(b"half an ans")
    channel.get_transport().close()


def says_nothing(sock: socket.socket, stop: threading.Event) -> None:  # noqa: ARG001
    stop.wait()


def _private(passphrase: bytes | None = None) -> bytes:
    how = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, how)
