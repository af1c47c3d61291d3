"""The wire: HTTPS on 127.0.0.1, kept connections, streams in chunks, a date on each answer."""

import contextlib
import json
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from bot.demo.cluster.denials import DeniedError
from bot.demo.cluster.registry import Registry
from bot.demo.cluster.requests import Asked, Watching, answered
from bot.demo.cluster.store import Object
from bot.demo.cluster.users import Users
from bot.demo.cluster.watches import Stream

_BODY_CAP = 3 << 20  # bytes; kube-apiserver, MaxRequestBodyBytes
_IDLE_S = 120.0
_HEALTH = ("/healthz", "/livez", "/readyz")
_LOST = (OSError, ssl.SSLError)


class Server(ThreadingHTTPServer):
    """Listens once it is made, serves until `close`."""

    daemon_threads = False  # so that server_close waits for them
    block_on_close = True

    def __init__(self, registry: Registry, users: Users, files: tuple[Path, Path], port: int) -> None:
        self.registry = registry
        self.users = users
        self.streams: set[Stream] = set()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self.server_address[1])
        self._serving = threading.Thread(target=self.serve_forever, args=(0.05,), name="apiserver", daemon=True)
        self._serving.start()

    def close(self) -> None:
        """No connection and no thread is left when this returns."""
        self.shutdown()
        with self.registry.store.turn:
            for stream in tuple(self.streams):
                stream.over = True
            self.registry.store.turn.notify_all()
        with self._lock:
            connections = tuple(self._connections)
        for each in connections:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # of the socket below: its thread still uses the TLS
        self.server_close()
        self._serving.join()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is no error of the server."""
        if not isinstance(sys.exc_info()[1], _LOST):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:  # the names that http.server calls
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Nobody reads along."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        try:
            body = self._body()
            user = self.server.users.who(self.headers.get("Authorization"))
            asked = Asked(
                verb=self.command,
                path=unquote(parts.path),
                query=query,
                accept=self.headers.get("Accept", ""),
                content_type=self.headers.get("Content-Type", ""),
                body=body,
                user=user,
            )
            if asked.path in _HEALTH:
                self._text(HTTPStatus.OK, "ok")
                return
            said = answered(self.server.registry, asked)
            if isinstance(said, Watching):
                self._stream(Stream(self.server.registry.store, said, query))
            elif said is None:
                self._text(HTTPStatus.NOT_FOUND, "404 page not found\n")
            else:
                self._json(said.code, said.content)
        except DeniedError as denied:
            self._json(denied.code, denied.status)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _BODY_CAP or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            message = f"limit is {_BODY_CAP}"
            raise DeniedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", message)
        return self.rfile.read(int(length))

    def _stream(self, stream: Stream) -> None:
        events = stream.events()
        self._head(HTTPStatus.OK, "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with self._counted(stream):
            for event in events:
                line = _compact(event) + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")

    @contextlib.contextmanager
    def _counted(self, stream: Stream) -> Iterator[None]:
        turn, streams = self.server.registry.store.turn, self.server.streams
        with turn:
            streams.add(stream)
        try:
            yield
        finally:
            with turn:
                streams.discard(stream)

    def _json(self, code: int, content: Object) -> None:
        self._whole(code, "application/json", _compact(content))

    def _text(self, code: int, text: str) -> None:
        self._whole(code, "text/plain; charset=utf-8", text.encode())

    def _whole(self, code: int, kind: str, body: bytes) -> None:
        self._head(code, kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _head(self, code: int, kind: str) -> None:
        now: datetime = self.server.registry.clock()
        self.send_response_only(code)
        self.send_header("Date", format_datetime(now, usegmt=True))
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-cache, private")


def _compact(content: Object) -> bytes:
    """As Go writes it: no blanks between."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
