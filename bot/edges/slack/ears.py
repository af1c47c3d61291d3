"""
How Slack's words reach us, for as long as `Ears` is open. Which of the two ways it is, nothing behind them can tell.

Socket Mode: a socket from us to Slack, so that nothing of ours has to be reachable from outside. The other way is
`http_mode`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Self

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackClientError

from bot.core.hostile import plain
from bot.edges.slack.hears import Hears
from bot.edges.slack.web import Web
from bot.ports import Refused

_LISTENERS = 32  # threads that acknowledge

Way = Callable[[App], AbstractContextManager[None]]


class Ears:
    """Hears from `__enter__` to `__exit__`, which waits for what was begun, and closes `hears` as well."""

    def __init__(self, web: Web, hears: Hears, way: Way) -> None:
        self._web = web
        self._hears = hears
        self._way = way
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Raises an Outage where the way is barred."""
        with ExitStack() as stack:
            stack.callback(self._hears.close)
            listeners = ThreadPoolExecutor(_LISTENERS, thread_name_prefix="slack")
            stack.callback(listeners.shutdown, wait=True)
            app = App(
                client=self._web.client,
                token_verification_enabled=False,  # whoever made the directory asked for the team already
                request_verification_enabled=False,  # the ways do that: this one breaks on odd headers, and logs bodies
                ssl_check_enabled=False,  # it answers whoever asks, signed or not
                listener_executor=listeners,
            )
            self._hears.register(app)
            stack.enter_context(self._way(app))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def socket_mode(app_token: str) -> Way:
    @contextmanager
    def heard(app: App) -> Iterator[None]:
        """Raises an Outage where Slack does not let us in."""
        socket = SocketModeHandler(app, app_token)
        try:
            socket.connect()  # type: ignore[no-untyped-call]  # the library does not say
        except (OSError, SlackClientError) as error:
            why = plain(str(error))
            raise Refused("opening the socket", "Slack", why, "Look at the app token and its scope.") from error
        try:
            yield
        finally:
            with suppress(AttributeError):  # the library's own, where the connection breaks while it is closed
                socket.close()  # type: ignore[no-untyped-call]  # the same

    return heard
