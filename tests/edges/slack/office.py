"""An engine with its people in Slack: a workspace on this machine, the bot's own socket to it, and people who click."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from bot.core.findings import Finding
from bot.core.findings import of as found_of
from bot.core.guards import Policy
from bot.core.phases import Incident
from bot.demo.workspace import Workspace, serve
from bot.edges.slack import Directory, Ears, Hears, RequestUrl, Roll, Seals, Slack, Socket, Way, Web
from bot.edges.slack.hears import Do
from bot.edges.store import Sql, open_store, tables
from bot.engine import Engine
from bot.ports import Missing, Place
from tests.clicking import CHANNEL, Visitors, eventually
from tests.core import samples
from tests.edges.slack.signing import SECRET, delivered_to
from tests.town import CLUSTER, Clock, Town, policy

POD = "zookeeper0-0"
LISTED = {("U0ADA", "T0DEMO"): "ada", ("U0BEN", "T0DEMO"): "ben"}


class Sights:
    """`ports.Looks` on the town's pods."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def places(self, words: str) -> tuple[Place, ...]:
        found = [each for each in self._town.stuck if words in (each, f"prod/{each}", "every")]
        if not found:
            raise Missing("finding the pod", CLUSTER, f"there is no pod {words}", "Check its name and namespace.")
        return tuple(Place(cluster=CLUSTER, namespace="prod", pod=each) for each in found)

    def look(self, place: Place) -> Finding:
        seen = self._town.examine(place.cluster, place.namespace, place.pod)
        return found_of(seen.diagnosis, "", datetime.now(UTC), seen.took)


class Counted(Hears):
    """Counts whatever came in."""

    entered = 0

    def enter(self, does: Do, body: Mapping[str, Any]) -> None:
        self.entered += 1
        super().enter(does, body)


@dataclass
class Office(Visitors):
    """
    `later` lets time pass for the engine, and does what is due in this thread.

    `over_http`: Slack posts to the bot, at its request URL, instead of the bot's socket.
    """

    workspace: Workspace = field(default_factory=Workspace, init=False)
    url: str = field(default="", init=False)
    folder: Path
    over_http: bool = False
    clock: Clock = field(default_factory=Clock)
    policy: Policy = field(default_factory=policy)
    roll: Roll = field(default_factory=lambda: Roll(LISTED))
    channel: str = CHANNEL
    ahead: timedelta = timedelta()

    @contextmanager
    def opened(self) -> Iterator[Self]:
        with ExitStack() as stack:
            stack.callback(gc.collect)
            self.url = stack.enter_context(serve(self.workspace))
            self.town = self.stuck_pods()
            self.store: Sql = open_store(f"sqlite:///{self.folder / 'terminating.db'}", migrate=True)
            stack.callback(self.store.close)
            self.web = Web(self.workspace.bot_token, f"{self.url}/api/")
            directory = Directory(self.web, self.roll, self.now)
            self.chat = Slack(self.web, self.store, self.policy.people, {CLUSTER: self.channel}, self.now, directory)
            self.engine = Engine(self.store, self.town, self.chat, self.policy, self.clock, "office")
            stack.callback(self.engine.stop)
            self.hears = Counted(self.web, directory, self.engine, Sights(self.town), (self.channel,), self.now)
            stack.enter_context(Ears(self.web, self.hears, self._way()))
            if self.over_http:
                stack.enter_context(delivered_to(self.workspace, self.request_url.port))
            stack.callback(
                self.workspace.down, True
            )  # else the library waits for its next ping to hear that it is over
            yield self

    def stuck_pods(self) -> Town:
        return Town(self.clock, stuck={POD: samples.UID})

    def _way(self) -> Way:
        if not self.over_http:
            self.socket = Socket(self.web, self.workspace.app_token, self.now)
            return self.socket
        self.request_url = RequestUrl(Seals(SECRET, self.now), "127.0.0.1", 0)
        return self.request_url

    def now(self) -> datetime:
        """For what knows Slack; the engine's time is another."""
        return datetime.now(UTC) + self.ahead

    # ---- the engine

    def work(self) -> None:
        """Everything that is due; what Slack asks to wait for is waited for."""
        while True:
            with self.store.writing() as tx:
                job = tx.take("office", self.clock())
            if job is None:
                return
            self.engine.perform(job)

    def later(self, **span: float) -> None:
        self.clock.now += timedelta(**span)
        self.work()

    def told(self) -> None:
        """Until what is shown is what is so; Slack's own second between two messages is real."""
        eventually("the outbox to be empty", self._idle)

    def _idle(self) -> bool | None:
        self.later(seconds=2)
        with self.store.turn(reading=True) as connection:
            tells = sa.select(tables.jobs.c.id).where(tables.jobs.c.effect == "tell", tables.jobs.c.finished.is_(None))
            return None if connection.execute(tells).first() else True

    def settled(self) -> None:
        """Until every hand that took a click or a command has let go of it."""
        eventually("the hands to be idle", lambda: not self.hears.hands._waiting)

    def incident(self) -> Incident:
        return self.store.history(1)[0]

    def phase(self, name: str) -> Incident:
        def look() -> Incident | None:
            found = self.incident()
            return found if type(found.phase).__name__ == name else None

        return eventually(f"the incident to be {name}", look)
