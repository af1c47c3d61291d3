"""
How Slack's words reach us, for as long as `Ears` is open. Which of the two ways it is, nothing behind them can tell.

They are `socket_mode` and `http_mode`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Self

from slack_bolt import App
from slack_bolt.error import BoltError
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
            try:
                app = App(
                    client=self._web.client,  # it asks now who the bot is; else the first click would wait for that
                    request_verification_enabled=False,  # the ways do: this one breaks on odd headers, and logs bodies
                    ssl_check_enabled=False,  # it answers whoever asks, signed or not
                    listener_executor=listeners,
                )
            except (OSError, SlackClientError, BoltError) as error:
                raise Refused("starting", "Slack", plain(str(error)), "Start it again.") from error
            self._hears.register(app)
            stack.enter_context(self._way(app))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
