"""Socket Mode: Slack's own socket to us, so that nothing of ours has to be reachable from outside."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Self

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackClientError

from bot.core.hostile import plain
from bot.edges.slack.door import Door
from bot.edges.slack.hears import Hears
from bot.edges.slack.web import Web
from bot.ports import Bot, Looks, Refused

_LISTENERS = 32  # threads that acknowledge


class Ears:
    """Hears from `__enter__` to `__exit__`, which waits for what was begun. `listed`: person by user and team id."""

    def __init__(
        self,
        web: Web,
        app_token: str,
        bot: Bot,
        looks: Looks,
        listed: Mapping[tuple[str, str], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._web = web
        self._app_token = app_token
        self._bot = bot
        self._looks = looks
        self._listed = listed
        self._clock = clock
        self._listeners = ThreadPoolExecutor(_LISTENERS, thread_name_prefix="slack")

    def __enter__(self) -> Self:
        """Raises an Outage where Slack does not let us in."""
        door = Door(self._web, self._web.team(), self._listed, self._clock)
        self.hears = Hears(self._web, door, self._bot, self._looks, self._clock)
        app = App(
            client=self._web.client,
            token_verification_enabled=False,  # the line above asked for the team already
            listener_executor=self._listeners,
        )
        self.hears.register(app)
        self._socket = SocketModeHandler(app, self._app_token)
        try:
            self._socket.connect()  # type: ignore[no-untyped-call]  # the library does not say
        except (OSError, SlackClientError) as error:
            why = plain(str(error))
            raise Refused("opening the socket", "Slack", why, "Look at the app token and its scope.") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()  # type: ignore[no-untyped-call]  # the same
        self._listeners.shutdown(wait=True)
        self.hears.close()
