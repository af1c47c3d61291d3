"""An SSH server on 127.0.0.1: one account, one key, one program; no shell, no terminal, no forwarding."""

import contextlib
import socket
import threading

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from bot.demo.node.login import Login
from bot.demo.node.programs import NOT_RUN, Ended, Programs, words_of

_PIPED_CAP = 1 << 20  # bytes of input; the node program has some sixty thousand
_BROKEN = (paramiko.SSHException, EOFError, OSError)
_PATIENCE_S = 5.0


class Sshd:
    """Listens from the moment it is made until `close`."""

    def __init__(self, login: Login, programs: Programs, port: int = 0) -> None:
        self._host_key = paramiko.ECDSAKey.generate()
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listening.getsockname()[1])
        self._session = _Session(login, programs)
        self._open: set[paramiko.Transport] = set()
        self._lock = threading.Lock()
        self._closed = False
        login.pin(self.port, self._host_key)
        self._accepting = threading.Thread(target=self._accept, name=f"sshd {self.port}", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Nobody is connected and no thread is left when this returns."""
        with self._lock:
            self._closed = True
            left = tuple(self._open)
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listening.close()
        self._accepting.join(_PATIENCE_S)
        for each in left:
            each.close()
            each.join(_PATIENCE_S)
        self._session.end()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(client)
            transport.set_log_channel("bot.demo.node.wire")
            transport.add_server_key(self._host_key)
            with self._lock:
                self._open = {each for each in self._open if each.is_active()} | {transport}
                closed = self._closed
            if closed:
                transport.close()
                return
            with contextlib.suppress(*_BROKEN):
                transport.start_server(event=threading.Event(), server=self._session)


class _Session(paramiko.ServerInterface):
    """What is not overridden here is refused by paramiko: passwords, shells, terminals, subsystems, forwarding."""

    def __init__(self, login: Login, programs: Programs) -> None:
        self._login = login
        self._programs = programs
        self._lock = threading.Lock()
        self._running: set[threading.Thread] = set()

    def end(self) -> None:
        self._programs.end()
        with self._lock:
            left = tuple(self._running)
        for each in left:
            each.join(_PATIENCE_S)

    def get_allowed_auths(self, username: str) -> str:
        del username
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL if self._login.fits(username, key) else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        del chanid
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        line = command.decode("utf-8", "replace")
        thread = threading.Thread(target=self._exec, args=(channel, line), name="exec", daemon=True)
        with self._lock:
            self._running = {each for each in self._running if each.is_alive()} | {thread}
            thread.start()
        return True

    def _exec(self, channel: paramiko.Channel, command: str) -> None:
        with contextlib.suppress(*_BROKEN), contextlib.closing(channel):
            piped, words = _read(channel), words_of(command)  # first its input: so the client knows that it was heard
            if words is None:
                said = Ended(NOT_RUN, b"", b"this account may run the node program and nothing else\n")
            else:
                said = self._programs.run(words, piped, lambda: bool(channel.closed))
            channel.sendall_stderr(said.err)
            channel.sendall(said.out)
            channel.send_exit_status(said.status if said.status >= 0 else 128 - said.status)


def _read(channel: paramiko.Channel) -> bytes:
    """The whole input, up to its cap: what is longer is not the node program."""
    piped = bytearray()
    while len(piped) <= _PIPED_CAP and (chunk := channel.recv(1 << 16)):
        piped += chunk
    return bytes(piped)
