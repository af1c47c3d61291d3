"""The socket: asked to go, cut, sent away, silent or refused. The bot hears again, or says clearly why it does not."""

import base64
import hashlib
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.demo.workspace.sockets import Farewell
from bot.edges.slack import Directory, Ears, Hears, Socket
from bot.edges.slack.web import Web
from bot.ports import Outage
from tests.clicking import eventually
from tests.edges.slack.office import Office, Sights
from tests.edges.slack.test_web import answered, slack


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).opened() as office:
        yield office


def heard(office: Office, text: str) -> None:
    """What was typed is answered, whichever socket it comes by."""
    eventually("a socket", lambda: office.workspace.connected() or None)
    office.type("ben", text)
    office.whispered("ben", text)


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
def test_whoever_is_asked_to_go_leaves_no_gap(office: Office, reason: Farewell) -> None:
    before = _newest(office)
    office.workspace.say_goodbye(reason)
    eventually("another socket", lambda: _newest(office) > before or None)
    heard(office, "dance")


@pytest.mark.crash
def test_a_socket_that_breaks_is_replaced(office: Office) -> None:
    office.workspace.cut()
    heard(office, "dance")
    office.workspace.cut()
    heard(office, "sing")


@pytest.mark.parametrize(
    ("reason", "says"), [("too_many_websockets", "More than ten"), ("link_disabled", "Socket Mode is switched off")]
)
def test_whoever_is_sent_away_says_why_and_comes_back_later(
    office: Office, caplog: pytest.LogCaptureFixture, reason: Farewell, says: str
) -> None:
    before = _newest(office)
    office.workspace.say_goodbye(reason)
    eventually("the reason in the log", lambda: says in caplog.text or None)
    assert _newest(office) <= before  # not at once
    heard(office, "dance")
    assert _newest(office) == before + 1


@pytest.mark.crash
def test_nothing_heard_is_said_once_in_ten_minutes_and_so_is_its_end(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "terminating")
    office.workspace.down(True)
    now = office.now()
    eventually("the socket to be gone", lambda: not office.socket.client.is_connected() or None)
    eventually("another to be tried", lambda: "apps.connections.open" in office.socket.client.why or None)
    for minutes in (0.1, 1, 2, 9, 12, 13):
        office.socket.look(now + timedelta(minutes=minutes))
    said = [each.getMessage() for each in caplog.records if "nothing is heard" in each.getMessage()]
    office.workspace.down(False)
    eventually("a socket", lambda: office.socket.client.is_connected() or None)
    office.socket.look(now + timedelta(minutes=14))
    office.socket.look(now + timedelta(minutes=15))

    assert len(said) == 2
    assert "apps.connections.open on Slack failed" in said[0]
    assert [each.getMessage() for each in caplog.records if "heard again" in each.getMessage()] == [
        "Slack is heard again, after 14 min"
    ]


def test_a_socket_on_which_no_ping_is_ever_answered_is_given_up(office: Office) -> None:
    with closing(_Deaf()) as deaf, slack(answered(_opening(deaf.port))) as web, _ears(office, web) as ears:
        now = datetime.now(office.now().tzinfo)
        ears.look(now)
        assert ears.client.is_connected()
        ears.look(now + timedelta(seconds=39))
        assert ears.client.is_connected()
        ears.look(now + timedelta(seconds=41))
        assert not ears.client.is_connected() or ears.client.session_id() != ears._session[0]


def test_where_there_is_no_way_in_it_does_not_start(office: Office) -> None:
    """And leaves nothing behind that goes on."""
    refusals = {
        "no token": answered(b'{"ok": false, "error": "invalid_auth"}'),
        "no socket": answered(_opening(1)),
        "no address": answered(b'{"ok": true, "team_id": "T0DEMO", "url": 7}'),
    }
    heard(office, "dance")  # the office's own socket has all its threads then
    before = {each.name for each in threading.enumerate()}
    for name, says in refusals.items():
        with slack(says) as web, pytest.raises(Outage), _ears(office, web):
            raise AssertionError(name)
    eventually("no more threads", lambda: {each.name for each in threading.enumerate()} <= before or None)


@contextmanager
def _ears(office: Office, web: Web) -> Iterator[Socket]:
    way, directory = Socket(web, "xapp-of-nobody", office.now), Directory(web, office.roll, office.now)
    with Ears(web, Hears(web, directory, office.engine, Sights(office.town), (office.channel,), office.now), way):
        yield way


def _opening(port: int) -> bytes:
    return b'{"ok": true, "team_id": "T0DEMO", "url": "ws://127.0.0.1:%d/"}' % port


def _newest(office: Office) -> int:
    """The number of the newest connection: they are counted from the first."""
    with office.workspace.lock:
        return max((each.number for each in office.workspace.sockets._lines.values()), default=0)


class _Deaf:
    """Shakes hands as WebSockets do, and never says another word."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._greet, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        for each in self._kept:
            each.close()

    def _greet(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._kept.append(client)
            key = client.recv(65536).split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324  # RFC 6455
            lines = [
                b"HTTP/1.1 101 Switching Protocols",
                b"Upgrade: websocket",
                b"Connection: Upgrade",
                b"Sec-WebSocket-Accept: " + base64.b64encode(digest),
            ]
            client.sendall(b"\r\n".join([*lines, b"", b""]))
