"""A stand-in for the workspace: the paths of the page over real HTTP, with a state that a test writes by hand."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = Path(__file__).parents[3] / "bot" / "demo" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
PATIENCE_S = 10.0  # on a machine that does much else
HEARTBEAT_S = 0.5

Json = dict[str, Any]


@dataclass
class StandIn:
    """What the page is told, and what it said. A user's own things stand under their id in `own`."""

    shared: Json
    own: dict[str, Json] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    suggestions: list[Json] = field(default_factory=list)
    answers: dict[str, Json] = field(default_factory=dict)
    said: list[tuple[str, Json]] = field(default_factory=list)
    down: bool = False
    url: str = ""
    _told: list[tuple[str | None, Json]] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _era: int = 0

    def tell(self, kind: str, *, to: str | None = None, **event: object) -> None:
        """An event for everybody, or for one user; what it changes is in the state from now on."""
        with self._news:
            self._keep(kind, to, event)
            self._told.append((to, {"seq": len(self._told) + 1, "type": kind, **event}))
            self._news.notify_all()

    def hang_up(self) -> None:
        """Every stream ends now."""
        with self._news:
            self._era += 1
            self._news.notify_all()

    def heard(self, path: str, count: int = 1) -> Json:
        """The body of the latest post to that path, once there are so many."""
        with self._news:
            enough = self._news.wait_for(lambda: len(self._bodies(path)) >= count, PATIENCE_S)
            assert enough, f"{path} was posted {len(self._bodies(path))} times, not {count}: {self.said}"
            return self._bodies(path)[-1]

    def state(self, user: str) -> Json:
        with self._news:
            me = next(each for each in self.shared["users"] if each["id"] == user)
            mine = {"ephemeral": {}, "home": None, "view": None, **self.own.get(user, {})}
            return {**self.shared, **mine, "me": me, "seq": len(self._told)}

    def note(self, path: str, body: Json) -> Json:
        with self._news:
            self.said.append((path, body))
            self._news.notify_all()
            return self.answers.get(path, {"ok": True})

    def stream(self, user: str, after: int) -> Iterator[Json | None]:
        """Events in their order; None where for a moment there was none."""
        with self._news:
            era, at = self._era, after
        while True:
            with self._news:
                self._news.wait_for(lambda: self._era != era or len(self._told) > at, HEARTBEAT_S)  # noqa: B023  # at once
                if self._era != era:
                    return
                fresh, at = self._told[at:], len(self._told)
            news = [event for to, event in fresh if to in (None, user)]
            yield from news
            if not news:
                yield None

    def _bodies(self, path: str) -> list[Json]:
        return [body for each, body in self.said if each == path]

    def _keep(self, kind: str, to: str | None, event: Mapping[str, Any]) -> None:
        own = self.own.setdefault(to, {}) if to else {}
        match kind:
            case "message":
                _put(self.shared["messages"], event)
            case "ephemeral":
                _put(own.setdefault("ephemeral", {}), event)
            case "message_deleted":
                for place in (self.shared["messages"], own.get("ephemeral", {})):
                    place[event["channel"]] = [
                        each for each in place.get(event["channel"], []) if each["ts"] != event["ts"]
                    ]
            case "view_opened" | "view_updated":
                own["view"] = event["view"]
            case "view_closed":
                own["view"] = event.get("view")
            case "home":
                own["home"] = event["view"]
            case _:
                pass


def _put(place: Json, event: Mapping[str, Any]) -> None:
    message = event["message"]
    left = [each for each in place.get(event["channel"], []) if each["ts"] != message["ts"]]
    place[event["channel"]] = sorted([*left, message], key=lambda each: float(each["ts"]))


@contextmanager
def served(stand_in: StandIn) -> Iterator[StandIn]:
    """On loopback, on a port that the kernel chose."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stand_in = stand_in
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.hang_up()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stand_in: StandIn


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        at = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(at.query).items()}
        stand_in = self.server.stand_in
        if stand_in.down:
            self.send_error(503)
        elif at.path == "/page/state":
            self._json(stand_in.state(asked["user"]))
        elif at.path == "/page/events":
            self._events(asked["user"], int(asked["after"]))
        elif at.path == "/page/suggest":
            self._json(
                {"suggestions": [each for each in stand_in.suggestions if each["text"].startswith(asked["text"])]}
            )
        elif at.path.startswith("/files/"):
            self._bytes(stand_in.files[at.path].encode(), "text/plain; charset=utf-8")
        else:
            self._static(at.path)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.stand_in.down:
            self.send_error(503)
        else:
            self._json(self.server.stand_in.note(self.path.removeprefix("/page/"), body))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        pass

    def _static(self, path: str) -> None:
        file = PAGE / (path.lstrip("/") or "index.html")
        if file.parent != PAGE or not file.is_file():
            self.send_error(404)
            return
        self._bytes(file.read_bytes(), f"{KINDS[file.suffix]}; charset=utf-8")

    def _events(self, user: str, after: int) -> None:
        self._head("text/event-stream; charset=utf-8")
        try:
            for event in self.server.stand_in.stream(user, after):
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode() if event else b": here\n\n")
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the page went elsewhere

    def _json(self, value: Json) -> None:
        self._bytes(json.dumps(value).encode(), "application/json; charset=utf-8")

    def _bytes(self, body: bytes, kind: str) -> None:
        self._head(kind)
        self.wfile.write(body)

    def _head(self, kind: str) -> None:
        self.send_response(200)
        for name, value in {
            "Content-Type": kind,
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }.items():
            self.send_header(name, value)
        self.end_headers()
