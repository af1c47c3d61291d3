"""What a Slack that is slow, broken or no Slack at all does to a call: an Outage within its time, without the token."""

import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bot.edges.slack.web import Web
from bot.edges.slack.wire import LONGEST
from bot.ports import Busy, Garbled, Missing, Outage, Refused, TimedOut, Unreachable

TOKEN = "xoxb-the-secret"  # noqa: S105  # of nobody
LIMIT_S = 2
MOST_S = LIMIT_S + 3  # on a busy machine
Says = Callable[[socket.socket], None]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    says: Says

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hangs up on it is meant to."""


class _Handler(socketserver.BaseRequestHandler):
    def heard(self) -> bytes:
        """The whole request: what is left unread would cut off the answer."""
        head, body = b"", b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(65536)
        head, _, body = head.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(body) < int(length[1]):
            body += self.request.recv(65536)
        return head + body

    def handle(self) -> None:
        self.heard()
        assert isinstance(self.server, _Server)
        self.server.says(self.request)


@contextmanager
def slack(says: Says) -> Iterator[Web]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.says = says
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield Web(TOKEN, f"http://127.0.0.1:{server.server_address[1]}/api/", LIMIT_S)
        server.shutdown()


def answered(body: bytes, status: str = "200 OK", *more: str, length: int | None = None) -> Says:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *more, "", ""]
    return lambda to: to.sendall("\r\n".join(lines).encode() + body)


def dripping(first: bytes) -> Says:
    """A byte now and then, for ever: no single read takes long."""

    def say(to: socket.socket) -> None:
        to.sendall(first)
        pause = threading.Event()
        for _ in range(100):
            to.sendall(b" ")
            pause.wait(0.2)

    return say


def silent(_: socket.socket) -> None:
    threading.Event().wait(MOST_S)


def flooding(to: socket.socket) -> None:
    to.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(LONGEST // 65536 + 2):
        to.sendall(b"x" * 65536)


def reset(to: socket.socket) -> None:
    to.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    to.close()


CASES: dict[str, tuple[Says, type[Outage], str]] = {
    "drips in its headers": (dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "), TimedOut, "timed out"),
    "drips in its body": (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), TimedOut, "timed out"),
    "says nothing": (silent, TimedOut, "timed out"),
    "floods": (flooding, TimedOut, "more than"),
    "breaks off": (reset, TimedOut, "reset"),
    "breaks off in the middle": (answered(b'{"ok": true}', length=1000), TimedOut, "IncompleteRead"),
    "is no HTTP": (lambda to: to.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), TimedOut, "SSH-2.0"),
    "sends us elsewhere": (answered(b"", "302 Found", "Location: http://127.0.0.1:1/"), Garbled, "JSON"),
    "sends us to a file": (answered(b"", "302 Found", "Location: file:///etc/passwd"), Garbled, "JSON"),
    "is a proxy's page": (answered(b"<html>Please log in</html>"), Garbled, "Please log in"),
    "is a proxy that fails": (answered(b"<html>Bad gateway</html>", "502 Bad Gateway"), TimedOut, "Bad gateway"),
    "answers with a list": (answered(b"[1]"), Garbled, "no object"),
    "answers with depths": (answered(b"[" * 100_000), Garbled, "no object"),
    "answers with nothing": (answered(b""), Garbled, "JSON"),
    "answers without a ts": (answered(b'{"ok": true}'), Garbled, "no ts"),
    "answers with another ts": (answered(b'{"ok": true, "ts": {}}'), Garbled, "no ts"),
    "says the token": (answered(b'{"ok": false, "error": "' + TOKEN.encode() + b'"}'), Refused, "(the token)"),
    "says the token as its status": (lambda to: to.sendall(TOKEN.encode() + b"\r\n"), TimedOut, "(the token)"),
    "refuses": (answered(b'{"ok": false, "error": "not_in_channel"}'), Refused, "/invite"),
    "misses": (answered(b'{"ok": false, "error": "message_not_found"}'), Missing, "message_not_found"),
    "fails": (answered(b'{"ok": false, "error": "fatal_error"}'), TimedOut, "fatal_error"),
    "asks for rest": (answered(b"slow down", "429 Too Many", "retry-after: 7"), Busy, "7 s"),
    "asks for rest for ever": (answered(b"{}", "429 Too Many", "Retry-After: " + "9" * 60_000), Busy, "600 s"),
    "asks for rest in words": (answered(b"{}", "429 Too Many", "Retry-After: -1"), Busy, "30 s"),
}


def test_whatever_answers_a_call_is_an_outage_in_time() -> None:
    wrong = [found for name in CASES if (found := _wrong(name))]
    print(f"{len(CASES) - len(wrong)} of {len(CASES)} answers")
    assert wrong == []


def _wrong(name: str) -> str:
    says, kind, words = CASES[name]
    with slack(says) as web:
        began = time.monotonic()
        try:
            web.post("C1", "text", (), thread="", mark="1 alert")
        except Outage as outage:
            took, said = time.monotonic() - began, str(outage)
            good = type(outage) is kind and words in said and took < MOST_S and TOKEN not in said
            return "" if good else f"{name}: {type(outage).__name__} {said} after {took:.1f} s"
    return f"{name}: it was believed"


def test_where_nobody_listens_nothing_was_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        Web(TOKEN, f"http://127.0.0.1:{port}/api/").team()
    with pytest.raises(Unreachable):
        Web(TOKEN, "http://no-such-host.invalid/api/").team()


def test_an_answer_to_a_click_goes_to_an_address_and_without_the_token() -> None:
    heard: list[bytes] = []

    class Hearing(_Handler):
        def handle(self) -> None:
            heard.append(self.heard())
            self.request.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nused_url")

    with _Server(("127.0.0.1", 0), Hearing) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        web = Web(TOKEN)
        with pytest.raises(Refused, match="used_url"):
            web.respond(f"http://127.0.0.1:{server.server_address[1]}/hook/1", "text", (), "")
        server.shutdown()
    assert b"text" in heard[0]
    assert TOKEN.encode() not in heard[0]
    for address in ("file:///etc/passwd", "ftp://127.0.0.1/", "nothing", "http://[::1"):
        with pytest.raises((Unreachable, Garbled)):
            web.respond(address, "text", (), "")
