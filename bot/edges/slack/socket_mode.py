"""Socket Mode: a socket from us to Slack, so that nothing of ours has to be reachable from outside."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Event, Thread

from slack_bolt import App, BoltResponse
from slack_bolt.adapter.socket_mode.internals import run_bolt_app, send_response
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.edges.slack.web import Web
from bot.ports import Outage, Unreachable

log = logging.getLogger("terminating")

_PING_S = 5  # between two looks at the socket; one that broke is replaced then
_LOOK_S = 5
_SILENT = timedelta(seconds=40)  # a socket on which no ping was ever answered
_DEAF = timedelta(seconds=30)  # before it is said; refreshing the socket leaves no gap
_AGAIN = timedelta(minutes=10)  # it is said again
_SENT_AWAY: Mapping[str, str] = {
    "link_disabled": "Socket Mode is switched off for this app. Switch it on: api.slack.com/apps, Socket Mode.",
    "too_many_websockets": "More than ten sockets are open with this app token. Stop other processes that use it.",
}


class Socket:
    """A way for `Ears`. Meanwhile it says when nothing is heard any more, and when it is again."""

    def __init__(self, web: Web, app_token: str, clock: Callable[[], datetime]) -> None:
        self._web = web
        self._app_token = app_token
        self._clock = clock
        self._heard = clock()
        self._said: datetime | None = None  # that nothing is heard
        self._session: tuple[str | None, datetime] = None, self._heard

    @contextmanager
    def __call__(self, app: App) -> Iterator[None]:
        """Raises an Outage where Slack does not let us in."""
        self.client = _Client(self._web, self._app_token, app)
        over = Event()
        watching = Thread(target=self._attend, args=(over,), name="slack-socket", daemon=True)
        try:
            self.client.connect()
            if not self.client.is_connected():  # the library has logged it, and gone on
                raise Unreachable("opening the socket", "Slack", "no connection came about", "Look at the way there.")
            watching.start()
            yield
        finally:
            over.set()
            self.client.close()
            if watching.ident is not None:
                watching.join()

    def _attend(self, over: Event) -> None:
        while not over.wait(_LOOK_S):
            self.look(self._clock())

    def look(self, now: datetime) -> None:
        """The library opens a new socket by itself, for as long as it takes; that it has to is news."""
        if self.client.session_id() != self._session[0]:
            self._session = self.client.session_id(), now
        if self.client.is_silent() and now - self._session[1] > _SILENT:
            self.client.give_up("no ping was answered")
        if self.client.is_connected():
            if self._said is not None:
                log.warning("Slack is heard again, after %s min", (now - self._heard) // timedelta(minutes=1))
            self._heard, self._said = now, None
        elif now - self._heard >= _DEAF and (self._said is None or now - self._said >= _AGAIN):
            self._said = now
            log.error(
                "nothing is heard from Slack since %s UTC: nobody can click or type there; what was approved goes on. "
                "Another socket is tried every %s s; the last time: %s. Meanwhile `terminating` answers in a terminal",
                f"{self._heard:%H:%M:%S}",
                _PING_S,
                self.client.why,
            )


class _Client(SocketModeClient):
    """The library's, which goes on for ever. `why`: what went wrong last, in one line."""

    def __init__(self, web: Web, app_token: str, app: App) -> None:
        self._web = web
        self._bolt = app
        self.why = "it was closed"
        super().__init__(app_token, logger=app.logger, web_client=web.client, ping_interval=_PING_S)
        self.socket_mode_request_listeners.append(self._answer)

    def is_silent(self) -> bool:
        """Of those that were answered once, the library gives up the silent ones itself."""
        session = self.current_session
        return session is not None and session.is_active() and session.last_ping_pong_time is None

    def give_up(self, why: str) -> None:
        """This connection; a new one is opened at the next look at it."""
        self.why = why
        self.disconnect()

    def issue_new_wss_url(self) -> str:
        return self._web.socket(self.app_token)

    def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: FBT001, FBT002  # the library's own
        try:
            super().connect_to_new_endpoint(force)
        except Outage as outage:
            self.why = str(outage)

    def enqueue_message(self, message: str) -> None:
        """The library answers each goodbye with a new connection at once: here that would be one after another."""
        why = _goodbye(message)
        if why in _SENT_AWAY:
            log.error("Slack closes the socket: %s. %s", why, _SENT_AWAY[why])
            self.give_up(why)
        else:
            super().enqueue_message(message)

    def disconnect(self) -> None:
        with suppress(AttributeError):  # its reader was first: the library looks, waits, and does not look again
            super().disconnect()

    def _answer(self, _: BaseSocketModeClient, request: SocketModeRequest) -> None:
        answer: BoltResponse = run_bolt_app(self._bolt, request)
        send_response(self, request, answer, 0.0)


def _goodbye(message: str) -> str:
    """The reason, of a message that is one."""
    if '"disconnect"' not in message[:100]:
        return ""
    try:
        told = json.loads(message)
    except ValueError:
        return ""
    return str(told.get("reason", "")) if isinstance(told, dict) and told.get("type") == "disconnect" else ""
