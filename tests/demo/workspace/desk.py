"""A workspace that is served, with a clock that a test turns: the app's ends of it, and the page's."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bot.demo.workspace import Workspace, serve

Json = dict[str, Any]
T = TypeVar("T")

CHANNEL, SHARED, ELSEWHERE, PRIVATE, OLD = "C0ONCALL", "C0SHARED", "C0ELSEWHERE", "C0PRIVATE", "C0OLD"
ADA, BEN, GUEST, OUTSIDE, GONE, GRID = "U0ADA", "U0BEN", "U0GUEST", "U0OUTSIDE", "U0GONE", "W0GRID"
PATIENCE_S = 20


def eventually(what: str, look: Callable[[], T | None]) -> T:
    end = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while time.monotonic() < end:
        if found := look():
            return found
        pause.wait(0.01)
    raise AssertionError(f"{what} did not come about in {PATIENCE_S} s")


@dataclass
class Clock:
    now: float = 1_795_521_790.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Heard:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Json:
        return dict(json.loads(self.raw))


@dataclass
class Desk:
    clock: Clock = field(default_factory=Clock)
    workspace: Workspace = field(init=False)
    url: str = ""

    @contextmanager
    def opened(self, **how: Any) -> Iterator["Desk"]:
        self.workspace = Workspace(clock=self.clock, **how)
        with serve(self.workspace) as self.url:
            yield self

    def later(self, seconds: float) -> None:
        """What is due by then is done when this returns."""
        self.clock.now += seconds
        self.workspace.tick()

    # ---- the app

    @property
    def app(self) -> WebClient:
        return WebClient(self.workspace.bot_token, base_url=f"{self.url}/api/", retry_handlers=[], timeout=PATIENCE_S)

    def post(self, text: str = "hello", channel: str = CHANNEL, **also: Any) -> str:
        """Its ts. A minute goes by first: how often one may post is no matter here."""
        self.later(60)
        return str(self.app.chat_postMessage(channel=channel, text=text, **also)["ts"])

    @contextmanager
    def line(self) -> Iterator["Line"]:
        """One more socket of the app's."""
        with connect(self.way_in(), open_timeout=PATIENCE_S) as socket:
            yield Line(socket)

    def way_in(self) -> str:
        return str(self.app.apps_connections_open(app_token=self.workspace.app_token)["url"])

    # ---- the page

    def act(self, act: str, **given: Any) -> Json:
        headers = {"Content-Type": "application/json"}
        return self.ask("POST", f"/page/{act}", json.dumps(given).encode(), headers).json

    def seen(self, user: str) -> Json:
        return self.ask("GET", f"/page/state?user={user}").json

    def click(self, ts: str, action: str, user: str = ADA, channel: str = CHANNEL, block: str = "buttons") -> Json:
        return self.act("click", user=user, channel=channel, ts=ts, block_id=block, action_id=action)

    def type(self, text: str, user: str = ADA, channel: str = CHANNEL) -> Json:
        return self.act("command", user=user, channel=channel, command="/terminating", text=text)

    # ---- the wire

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Heard:
        host = self.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(host, timeout=PATIENCE_S)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Heard(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


class Line:
    """A socket of the app's, frame by frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.hello = self.next()

    def next(self) -> Json:
        return dict(json.loads(self.socket.recv(timeout=PATIENCE_S)))

    def quiet(self) -> bool:
        """Whether nothing more comes. What is sent is sent at once: a pong, and then a moment, are long enough."""
        self.socket.ping().wait(PATIENCE_S)
        try:
            self.socket.recv(timeout=0.1)
        except TimeoutError:
            return True
        return False

    def ack(self, envelope: Json, payload: object = None) -> None:
        told = {"envelope_id": envelope["envelope_id"]}
        self.socket.send(json.dumps(told if payload is None else {**told, "payload": payload}))

    def ended(self) -> bool:
        """Waits for it."""
        try:
            while True:
                self.socket.recv(timeout=PATIENCE_S)
        except ConnectionClosed:
            return True


def refused(call: Callable[..., Any], **given: Any) -> Json:
    """What a call is refused with: HTTP 200, and `ok` is false."""
    with pytest.raises(SlackApiError) as caught:
        call(**given)
    answer = caught.value.response
    assert answer.status_code == 200
    assert answer["ok"] is False
    return dict(answer.data)


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "hello", **also: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **also}


def button(action: str = "go", **also: Any) -> Json:
    return {"type": "button", "text": plain("Go"), "action_id": action, "value": "1", **also}


def buttons(*actions: str) -> Json:
    return {"type": "actions", "block_id": "buttons", "elements": [button(each) for each in actions or ("go",)]}


def field_of(block: str = "reason", **also: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "text", **also}
    return {"type": "input", "block_id": block, "label": plain("Why"), "element": element}


def modal(*blocks: Json, **also: Any) -> Json:
    return {"type": "modal", "title": plain("Title"), "blocks": list(blocks or (section(),)), **also}


def home(*blocks: Json, **also: Any) -> Json:
    return {"type": "home", "blocks": list(blocks or (section(),)), **also}


def messages_of(told: Json) -> Sequence[str]:
    return list(told["response_metadata"]["messages"])
