"""The server on its port: it is driven by its own page only, gives away its folder only, and ends when it is told."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from bot.demo.workspace import Stage, Story, Workspace, serve
from tests.demo.workspace.desk import ADA, CHANNEL, Desk, Json, buttons, eventually, field_of, home, modal, plain

JSON_ONLY = {"Content-Type": "application/json"}
FOREIGN = ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1:1", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "page"
    (made / "inside").mkdir(parents=True)
    (made / "index.html").write_text("<p>page</p>")
    (made / "inside" / "app.js").write_text("run()")
    (tmp_path / "secret").write_text("xoxb")
    (made / "way-out").symlink_to(tmp_path / "secret")
    return made


# ---- who may drive it


def test_a_name_that_is_not_the_one_served_gets_nothing(desk: Desk) -> None:
    paths = ("/page/state", "/page/events?user=U0ADA", "/api/auth.test", "/files/F0", "/hook/x", "/upload/x", "/")
    tried = 0
    for host in FOREIGN:
        for path in paths:
            heard = desk.ask("GET", path, headers={"Host": host, "Authorization": f"Bearer {desk.workspace.bot_token}"})
            assert (heard.status, heard.raw) == (403, b"forbidden")
            tried += 1
    assert tried == len(FOREIGN) * len(paths)


def test_another_pages_script_gets_nothing(desk: Desk) -> None:
    ts = desk.post(blocks=[buttons()])
    click = {"user": ADA, "channel": CHANNEL, "ts": ts, "block_id": "buttons", "action_id": "go"}

    for origin in (
        "http://evil.example",
        "null",
        "https://127.0.0.1",
        "http://127.0.0.1:1",
        f"{desk.url}.evil.example",
    ):
        for path in ("click", "command", "submit", "home", "close", "story"):
            heard = desk.ask("POST", f"/page/{path}", json.dumps(click).encode(), {**JSON_ONLY, "Origin": origin})
            assert heard.status == 403
        assert desk.ask("GET", "/page/state", headers={"Origin": origin}).status == 403
        with pytest.raises(InvalidStatus), connect(desk.way_in(), origin=Origin(origin)):
            pass

    assert desk.workspace.deliveries() == ()
    own = desk.ask("POST", "/page/click", json.dumps(click).encode(), {**JSON_ONLY, "Origin": desk.url})
    assert own.json == {"ok": True}


def test_a_form_of_another_page_cannot_pass_for_json(desk: Desk) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        heard = desk.ask("POST", "/page/home", json.dumps({"user": ADA}).encode(), {"Content-Type": kind})
        assert (heard.status, heard.json["error"]) == (415, "json_only")
    assert desk.workspace.deliveries() == ()


def test_it_listens_on_this_machine_only_and_its_port_is_its_own(desk: Desk) -> None:
    port = int(desk.url.rpartition(":")[2])

    assert desk.url == f"http://127.0.0.1:{port}"
    with pytest.raises(OSError, match="in use"), serve(Workspace(), port):
        pass


# ---- what it takes


def test_a_body_has_an_end(desk: Desk) -> None:
    for path, most in (("/api/auth.test", 1_000_000), ("/hook/x", 1_000_000), ("/page/click", 200_000)):
        assert desk.ask("POST", path, b" " * (most + 1), JSON_ONLY).status == 413
        assert desk.ask("POST", path, b" " * most, JSON_ONLY).status != 413


def test_a_body_that_never_ends_is_not_read_to_its_end(desk: Desk) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 100_000
            yield b"x" * 100_000

    host = desk.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=20)) as connection:
        try:
            connection.request("POST", "/api/auth.test", endless(), encode_chunked=True)
            assert connection.getresponse().status == 413
        except ConnectionError:
            pass  # cut off while it was still talking
    assert desk.ask("GET", "/page/state").status == 200


BYTES = st.binary(max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([ADA, CHANNEL]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=6), inside, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("user", "channel", "ts", "block_id", "action_id", "value", "selected_option", "view_id", "values", "story"),
        *("command", "text", "blocks", "metadata", "attachments", "thread_ts", "limit", "cursor", "view", "hash"),
        *("trigger_id", "files", "filename", "length", "latest", "usergroup", "response_type", "external_id"),
    ]
)
ASKED = st.dictionaries(NAMES, JSON, max_size=5)
METHODS = st.sampled_from(
    [
        *("chat.postMessage", "chat.update", "chat.postEphemeral", "chat.delete", "conversations.info", "views.open"),
        *("conversations.history", "conversations.replies", "users.info", "usergroups.users.list", "views.publish"),
        *("views.update", "views.push", "files.getUploadURLExternal", "files.completeUploadExternal", "auth.test"),
    ]
)
ACTS = st.sampled_from(["click", "command", "submit", "home", "close", "story", "other"])
PATHS = st.sampled_from(["/page/state?user=", "/page/events?user=U0ADA&after=", "/page/suggest?text=", "/files/", "/"])


@pytest.fixture(scope="module")
def battered() -> Iterator[Desk]:
    """With things to hit: a home, a window, a message with buttons."""
    with Desk().opened() as desk:
        desk.app.views_publish(user_id=ADA, view=home(buttons()))
        trigger = desk.workspace.triggers.issue(ADA)
        desk.app.views_open(trigger_id=trigger, view=modal(field_of(), submit=plain("Send")))
        desk.post(blocks=[buttons()])
        yield desk


@settings(max_examples=60)
@given(METHODS, ASKED, st.booleans())
def test_garbage_at_the_web_api_is_refused_and_breaks_nothing(
    battered: Desk, method: str, asked: Json, as_form: bool
) -> None:
    battered.later(60)  # how often one may call is no matter here
    given = {"channel": CHANNEL, "text": "x"} | asked
    headers = {"Authorization": f"Bearer {battered.workspace.bot_token}"}
    if as_form:
        body = "&".join(f"{name}={quote(json.dumps(value))}" for name, value in given.items()).encode()
        heard = battered.ask("POST", f"/api/{method}", body, headers)
    else:
        heard = battered.ask("POST", f"/api/{method}", json.dumps(given).encode(), {**headers, **JSON_ONLY})

    assert heard.status == 200, heard.raw
    assert heard.json["ok"] in (True, False)


@settings(max_examples=60)
@given(ACTS, ASKED)
def test_garbage_from_the_page_is_refused_and_breaks_nothing(battered: Desk, act: str, asked: Json) -> None:
    view = battered.workspace.views.top(ADA)
    told = {"user": ADA, "view_id": view.id if view and act == "submit" else "", **asked}

    heard = battered.ask("POST", f"/page/{act}", json.dumps(told).encode(), JSON_ONLY)

    assert heard.status in (200, 400, 404), heard.raw


@settings(max_examples=40)
@given(st.sampled_from(["/api/auth.test", "/hook/x", "/upload/x", "/page/click", "/page/submit"]), BYTES)
def test_bytes_of_any_kind_are_refused_and_break_nothing(battered: Desk, path: str, raw: bytes) -> None:
    assert battered.ask("POST", path, raw, JSON_ONLY).status < 500


@settings(max_examples=40)
@given(PATHS, st.text(max_size=20) | st.sampled_from(["\0", "9" * 5_000, "x" * 9_000, "1.5", "²"]))
def test_paths_of_any_kind_are_refused_and_break_nothing(battered: Desk, path: str, rest: str) -> None:
    if not path.startswith("/page/events"):
        assert battered.ask("GET", path + quote(rest, errors="replace", safe="")).status < 500
        return
    host = battered.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=20)) as connection:
        connection.request("GET", path + quote(rest, errors="replace", safe=""))
        assert connection.getresponse().status in (200, 400, 404)


def test_numbers_and_letters_that_json_has_no_words_for(battered: Desk) -> None:
    headers = {"Authorization": f"Bearer {battered.workspace.bot_token}", **JSON_ONLY}
    for raw in (b'{"a": NaN}', b'{"a": 1e999}', rb'{"a": "\ud800"}', b"[" * 100_000, b'{"a":' * 30_000, b"\xff"):
        assert battered.ask("POST", "/api/chat.postMessage", raw, headers).json["error"] == "invalid_json"
        assert battered.ask("POST", "/page/click", raw, JSON_ONLY).status == 400
        assert battered.ask("POST", "/hook/x", raw, JSON_ONLY).status == 400


# ---- what it gives away


def test_the_pages_folder_and_nothing_beside_it(folder: Path) -> None:
    with serve(Workspace(), folder=folder) as url:
        desk = Desk(url=url)
        assert desk.ask("GET", "/").raw == b"<p>page</p>"
        assert desk.ask("GET", "/inside/app.js").raw == b"run()"
        for way in (
            *("/../secret", "/inside/../../secret", "/%2e%2e/secret", "/..%2fsecret", "/inside/..%2f..%2fsecret"),
            *("/way-out", "//secret", "/..\\secret", "/%00", "/" + "x" * 9_000, f"/{folder.parent}/secret", "/inside"),
        ):
            heard = desk.ask("GET", way)
            assert heard.status in (400, 404, 405), way
            assert b"xoxb" not in heard.raw
        assert desk.ask("POST", "/index.html", b"x").status == 405


def test_nothing_foreign_runs_on_the_page(folder: Path) -> None:
    with serve(Workspace(), folder=folder) as url:
        for path in ("/", "/inside/app.js", "/nowhere"):
            headers = Desk(url=url).ask("GET", path).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; ")
            for closed in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "connect-src 'self'"):
                assert closed in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers


# ---- news


def test_a_stream_tells_what_is_missed_and_what_comes(desk: Desk) -> None:
    desk.post("one")
    seq = desk.seen(ADA)["seq"]
    desk.app.chat_postEphemeral(channel=CHANNEL, user="U0BEN", text="for Ben only")
    desk.post("two")

    host = desk.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=20)) as connection:
        connection.request("GET", f"/page/events?user={ADA}&after=0", headers={"Last-Event-ID": str(seq)})
        stream = connection.getresponse()
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert [each["message"]["text"] for each in read(stream, 1)] == ["two"]
        desk.post("three")
        assert [each["message"]["text"] for each in read(stream, 1)] == ["three"]
    for user, after in (("U0NOBODY", "0"), (ADA, "1.5"), (ADA, "-1"), (ADA, "9" * 5_000)):
        assert desk.ask("GET", f"/page/events?user={user}&after={after}").status in (400, 404)


def read(stream: http.client.HTTPResponse, count: int) -> list[Json]:
    news: list[Json] = []
    while len(news) < count:
        line = stream.readline().decode()
        assert line, "the stream ended"
        if line.startswith("data: "):
            news.append(json.loads(line.removeprefix("data: ")))
    return news


# ---- its end


def test_it_ends_within_seconds_with_everything_still_open() -> None:
    """Streams, sockets, an idle connection, half a request, a submission without an answer, and a story."""
    told, over = threading.Event(), threading.Event()

    def tell(_story: str) -> None:
        assert threading.current_thread().daemon  # else the program would wait for its end
        told.set()
        over.wait(60)

    stage = Stage(stories=[Story(id="long", title="A long one", about="")], tell=tell)
    opened: list[http.client.HTTPConnection | socket.socket] = []
    with Desk().opened(stage=stage) as desk:
        host = desk.url.removeprefix("http://")
        for _ in range(5):
            opened.append(stream := http.client.HTTPConnection(host, timeout=20))
            stream.request("GET", f"/page/events?user={ADA}&after=0")
            assert stream.getresponse().status == 200
        opened.append(idle := http.client.HTTPConnection(host, timeout=20))
        idle.request("GET", "/page/state")
        idle.getresponse().read()
        opened.append(half := socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2]))))
        half.sendall(f"POST /api/auth.test HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\nx".encode())
        assert desk.act("story", story="long") == {"ok": True}
        assert desk.act("story", story="none")["error"] == "no_such_story"
        assert desk.act("story", story=["long"])["error"] == "no_such_story"
        assert told.wait(20)
        lines = [connect(desk.way_in()) for _ in range(3)]
        with lines[0], lines[1], lines[2]:
            view = desk.workspace.views.open(ADA, modal(field_of(), submit=plain("Send")))
            opened.append(submission := http.client.HTTPConnection(host, timeout=20))
            values = {"reason": {"text": {"value": "x"}}}
            body = json.dumps({"user": ADA, "view_id": view.id, "values": values})
            submission.request("POST", "/page/submit", body, JSON_ONLY)
            eventually("the submission", desk.workspace.deliveries)
            began = time.monotonic()
    took = time.monotonic() - began
    over.set()
    for each in opened:
        each.close()

    assert took < 5
