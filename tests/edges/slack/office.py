"""An engine with its people in Slack: a workspace on this machine, the bot's own socket to it, and people who click."""

import gc
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

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
from tests.core import samples
from tests.edges.slack.signing import SECRET, delivered_to
from tests.town import CLUSTER, Clock, Town, policy

T = TypeVar("T")

CHANNEL, POD = "C0ONCALL", "zookeeper0-0"
PEOPLE = {"ada": "U0ADA", "ben": "U0BEN", "mallory": "U0MALLORY", "grid": "W0GRID"}
LISTED = {("U0ADA", "T0DEMO"): "ada", ("U0BEN", "T0DEMO"): "ben"}
PATIENCE_S = 20


def eventually(what: str, look: Callable[[], T | None]) -> T:
    end = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while time.monotonic() < end:
        if (found := look()) is not None and found is not False:
            return found
        pause.wait(0.02)
    raise AssertionError(f"{what} did not come about in {PATIENCE_S} s")


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
class Office:
    """
    `later` lets time pass for the engine, and does what is due in this thread.

    `over_http`: Slack posts to the bot, at its request URL, instead of the bot's socket.
    """

    folder: Path
    over_http: bool = False
    workspace: Workspace = field(default_factory=Workspace)
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
            self.hears = Counted(self.web, directory, self.engine, Sights(self.town), self.now)
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

    # ---- people

    def state(self, who: str) -> dict[str, Any]:
        return dict(self._asked(f"state?user={PEOPLE[who]}", None))

    def post(self, act: str, **given: Any) -> Mapping[str, Any]:
        return self._asked(act, json.dumps(given))

    def _asked(self, what: str, body: str | None) -> Mapping[str, Any]:
        host, headers = self.url.removeprefix("http://"), {"Content-Type": "application/json"}
        with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
            connection.request("POST" if body else "GET", f"/page/{what}", body, headers)
            return dict(json.load(connection.getresponse()))

    def button(self, action: str) -> tuple[str, dict[str, Any], str]:
        """The newest message with it, the element, and its block."""
        for message in reversed(self.workspace.messages(CHANNEL)):
            for block in message.blocks:
                for element in block.get("elements", ()) if block["type"] == "actions" else ():
                    if element["action_id"] == action:
                        return message.ts, element, block["block_id"]
        raise AssertionError(f"nobody can click {action}")

    def click(self, who: str, action: str) -> None:
        ts, element, block = self.button(action)
        given = {"user": PEOPLE[who], "channel": CHANNEL, "ts": ts, "block_id": block, "action_id": action}
        assert self.post("click", **given, **({"value": element["value"]} if "value" in element else {}))["ok"]

    def click_home(self, who: str) -> None:
        assert self.post("home", user=PEOPLE[who])["ok"]

    def fill(self, who: str, **values: str) -> None:
        """The modal that is open for this person: block id -> text."""
        view = eventually("a modal", lambda: self.state(who)["view"])
        given = {
            each["block_id"]: {each["element"]["action_id"]: _answer(each["element"], values[each["block_id"]])}
            for each in view["blocks"]
            if each["type"] == "input" and each["block_id"] in values
        }
        assert self.post("submit", user=PEOPLE[who], view_id=view["id"], values=given)["ok"]

    def type(self, who: str, text: str) -> None:
        assert self.post("command", user=PEOPLE[who], channel=CHANNEL, command="/terminating", text=text)["ok"]

    def whispered(self, who: str, words: str) -> str:
        """What only this person sees that has these words in it."""

        def look() -> str | None:
            for each in self.workspace.whispers(CHANNEL, PEOPLE[who]):
                said = f"{each.text}\n{json.dumps(each.blocks, ensure_ascii=False)}"
                if words in said:
                    return said
            return None

        return eventually(f"{who} to read {words!r}", look)

    def phase(self, name: str) -> Incident:
        def look() -> Incident | None:
            found = self.incident()
            return found if type(found.phase).__name__ == name else None

        return eventually(f"the incident to be {name}", look)


def _answer(element: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    if element["type"] == "static_select":
        option = next(each for each in element["options"] if each["text"]["text"] == text)
        return {"type": "static_select", "selected_option": option}
    return {"type": element["type"], "value": text}
