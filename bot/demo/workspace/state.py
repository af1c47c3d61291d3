"""The workspace: all that it holds, under one lock. Its rules stand beside it, each family in a module of its own."""

import time
from collections import Counter
from collections.abc import Callable
from threading import RLock

from bot.demo.workspace.board import Board
from bot.demo.workspace.calls import NotOk
from bot.demo.workspace.cast import APP, CHANNELS, GROUPS, USERS, User
from bot.demo.workspace.faults import Fault, Faults
from bot.demo.workspace.files import Files
from bot.demo.workspace.hooks import Hooks
from bot.demo.workspace.ids import Clock, Stamps, secret
from bot.demo.workspace.messages import Message
from bot.demo.workspace.news import News
from bot.demo.workspace.rates import Rates
from bot.demo.workspace.sockets import Delivery, Farewell, Sockets
from bot.demo.workspace.stage import Stage
from bot.demo.workspace.triggers import Triggers
from bot.demo.workspace.views import Views

SCOPES = frozenset(
    {
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:write",
        "groups:history",
        "groups:read",
        "usergroups:read",
        "users:read",
    }
)


class Workspace:
    """
    Any thread may call. `clock` gives Unix seconds; `scopes` are those of the bot token.

    Tokens are of chance, new for each workspace. Whoever uses the parts themselves holds `lock`.
    """

    def __init__(
        self, *, stage: Stage | None = None, clock: Clock = time.time, scopes: frozenset[str] = SCOPES
    ) -> None:
        self.lock = RLock()
        self.clock = clock
        self.stage = stage or Stage()
        self.scopes = scopes
        self.bot_token = secret("xoxb-")
        self.app_token = secret(f"xapp-1-{APP}-")
        self.base = ""  # the address, once it is served
        self.asked: Counter[str] = Counter()  # calls of each Web API method that came, answered or not
        self.is_down = False
        self.is_revoked = False
        self.is_free = False  # on the plan without user groups
        self.users = dict(USERS)
        self.groups = dict(GROUPS)
        self.news = News()
        self.board = Board(CHANNELS, Stamps(clock), self.news)
        self.views = Views(self.news)
        self.files = Files()
        self.hooks = Hooks(clock)
        self.triggers = Triggers(clock)
        self.rates = Rates(clock)
        self.faults = Faults()
        self.sockets = Sockets(clock)

    # ---- what a test or a story may ask for

    def fail(self, method: str, fault: Fault, times: int = 1) -> None:
        """The next calls of that Web API method go wrong in this way."""
        with self.lock:
            self.faults.add(method, fault, times)

    def down(self, is_down: bool) -> None:  # noqa: FBT001  # `workspace.down(True)` reads as it is meant
        """All that the app asks for breaks off unanswered, and so do its sockets; the page goes on."""
        with self.lock:
            self.is_down = is_down
            if is_down:
                self.sockets.cut()

    def revoke(self) -> None:
        """Both tokens are good for nothing from now on."""
        with self.lock:
            self.is_revoked = True

    def archive(self, channel: str) -> None:
        with self.lock:
            self.board.archive(channel)

    def say_goodbye(self, reason: Farewell = "refresh_requested") -> None:
        """One connection is asked to go before its hour is over. See `Sockets.say_goodbye`."""
        with self.lock:
            self.sockets.say_goodbye(reason)

    def cut(self) -> None:
        """Every socket breaks, and no side says goodbye."""
        with self.lock:
            self.sockets.cut()

    def send_again(self, envelope: str) -> None:
        """An envelope once more, under the same id."""
        with self.lock:
            self.sockets.again(envelope)

    def announce(self, story: str, text: str) -> None:
        """What a story says of itself, on everybody's page; with an empty story it is over."""
        with self.lock:
            self.news.tell("story", self.users, story=story, text=text)

    # ---- what can be looked at

    def messages(self, channel: str) -> tuple[Message, ...]:
        """Oldest first, threads among them."""
        with self.lock:
            return self.board.messages(channel)

    def whispers(self, channel: str, user: str) -> tuple[Message, ...]:
        """What only this person sees there."""
        with self.lock:
            return self.board.whispers(channel, user)

    def deliveries(self) -> tuple[Delivery, ...]:
        """The last thousands of what the app was sent over its sockets, oldest first, and when it was acknowledged."""
        with self.lock:
            return self.sockets.deliveries()

    def connected(self) -> int:
        """Sockets that are sent to."""
        with self.lock:
            return self.sockets.connected()

    # ---- for whoever serves it

    def tick(self) -> None:
        """What is due by the clock. Without it no deadline passes."""
        with self.lock:
            self.sockets.tick()

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        with self.lock:
            return self.news.listen(wake)

    def user(self, user_id: object) -> User:
        """One who acts on the page."""
        found = self.users.get(user_id) if isinstance(user_id, str) else None
        if found is None:
            raise NotOk("user_not_found")
        if found.role == "gone":
            raise NotOk("account_inactive")
        return found
