"""Slack's side of HTTP mode: requests as bytes, signed as Slack signs them, and what comes back."""

import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bot.demo.workspace import Workspace
from bot.demo.workspace.sockets import Line
from bot.edges.slack.http_mode import PATH

SECRET = "8f742231b10e8888abcd99badc0de85a"  # noqa: S105  # of no app's
FORM, EVENT = b"application/x-www-form-urlencoded", b"application/json"
_WAIT_S = 10
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Answer:
    """`status` is 0 where the connection ended without one."""

    status: int
    body: bytes


def seal(stamp: bytes, body: bytes, secret: str = SECRET) -> bytes:
    return b"v0=" + hmac.new(secret.encode(), b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest().encode()


def now() -> bytes:
    return str(int(time.time())).encode()


def stamped(stamp: bytes, signature: bytes) -> list[Header]:
    return [(b"X-Slack-Request-Timestamp", stamp), (b"X-Slack-Signature", signature)]


def request(
    body: bytes,
    seals: Sequence[Header] | None = None,
    *,
    kind: bytes = FORM,
    first: bytes = b"POST " + PATH.encode() + b" HTTP/1.1",
    headers: Sequence[Header] | None = None,
) -> bytes:
    """As Slack sends it, but for what is given. `headers`: all of them but those that sign."""
    if seals is None:
        stamp = now()
        seals = stamped(stamp, seal(stamp, body))
    if headers is None:
        headers = [(b"Host", b"bot"), (b"Content-Type", kind), (b"Content-Length", str(len(body)).encode())]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in (*headers, *seals))
    return first + b"\r\n" + lines + b"\r\n" + body


def sent(port: int, raw: bytes, *, half_close: bool = False) -> Answer:
    """What comes back until the other side ends it."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=_WAIT_S) as connection:
        try:
            connection.sendall(raw)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it had read enough; its answer may still be there
        try:
            while part := connection.recv(65_536):
                got += part
        except ConnectionResetError:
            pass
    assert got.count(b"HTTP/1.1 ") <= 1
    match = _STATUS.match(got)
    return Answer(int(match[1]) if match else 0, got.partition(b"\r\n\r\n")[2])


def interaction(payload: Mapping[str, Any]) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


@contextmanager
def delivered_to(workspace: Workspace, port: int) -> Iterator[None]:
    """The workspace sends its envelopes there, as requests: what it knows as one of its sockets is this."""
    with ThreadPoolExecutor(8) as hands:

        def deliver(envelope: Mapping[str, Any]) -> None:
            payload, kind = envelope["payload"], FORM
            if envelope["type"] == "events_api":
                raw, kind = json.dumps(payload).encode(), EVENT
            elif envelope["type"] == "interactive":
                raw = interaction(payload)
            else:
                raw = urlencode(payload).encode()
            if sent(port, request(raw, kind=kind)).status == 200:
                with workspace.lock:
                    workspace.sockets.heard(json.dumps({"envelope_id": envelope["envelope_id"]}))

        def send(frame: str) -> None:
            envelope = json.loads(frame)
            if "envelope_id" in envelope:
                hands.submit(deliver, envelope)

        line = Line(send=send, close=lambda: None, cut=lambda: None)
        with workspace.lock:
            workspace.sockets.connect(line)
        try:
            yield
        finally:
            with workspace.lock:
                workspace.sockets.gone(line)
