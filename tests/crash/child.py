"""
The bot's process of one case, and what starts it: a parent that has everything loaded, and forks.

One JSON line in, one process, one JSON line out: how it ended. The process drives the engine in one thread, so that the
same story reaches the same points in the same order.
"""

import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

from bot.edges.store import Sql, open_store
from bot.engine import Engine
from tests.crash.people import STORIES, Crowd, Name
from tests.crash.points import Points, Troubles, WatchedChat, WatchedStore, WatchedWorld, die
from tests.crash.world import CLUSTER, Board, Hand, Here, Kept, Kind, Wired, policy, settings, the_cause
from tests.edges.fake_apiserver import NOW

log = logging.getLogger("crash")

MOST = 300  # steps of a story that ends
STEP, SWEEP = timedelta(seconds=10), timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process: `kill` is the point at which it dies, or nothing."""

    folder: str
    url: str
    kind: Kind
    story: Name
    owner: str
    kill: str


class Clock:
    """Its last time is kept, so that the next process starts after it."""

    def __init__(self, kept: Kept, away: timedelta) -> None:
        self._kept = kept
        lines = kept.lines("clock")
        self.now = datetime.fromisoformat(lines[-1]) + away if lines else NOW
        self.pass_by(timedelta())

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, span: timedelta) -> None:
        self.now += span
        self._kept.add("clock", self.now.isoformat())


class Driver:
    """Due jobs first, then people, then time."""

    def __init__(self, run: Run, store: WatchedStore, engine: Engine, crowd: Crowd, clock: Clock) -> None:
        self._run = run
        self._store = store
        self._engine = engine
        self._crowd = crowd
        self._clock = clock
        self._points = crowd.points
        self._swept = clock.now - SWEEP

    def drive(self) -> bool:
        """Whether the story came to its end."""
        self._watch()
        for _ in range(MOST):
            if self._work() or self._crowd.act():
                continue
            if self._crowd.content():
                return True
            self._clock.pass_by(STEP)
            self._watch()
        return False

    def _watch(self) -> None:
        self._points.doing = "tick"
        self._engine.tick()
        if self._clock.now - self._swept >= SWEEP:
            self._swept = self._clock.now
            self._points.doing = "sweep"
            self._engine.sweep(CLUSTER)

    def _work(self) -> bool:
        self._points.doing = "outbox"
        with self._store.writing() as tx:
            job = tx.take(self._run.owner, self._clock())
        if job is None:
            return False
        self._points.doing = job.effect
        self._engine.perform(job)
        return True


def play(run: Run) -> bool:
    """Whether the story came to its end in this process, if it lived so long."""
    story, kept = STORIES[run.story], Kept(Path(run.folder))
    with ExitStack() as stack:
        points = Points(kept.folder / "points", run.kill)
        troubles = Troubles(kept.folder, story.troubles)
        store = open_store(run.url, migrate=False)
        stack.callback(store.close)
        clock = Clock(kept, story.away)
        hand = Hand(kept, troubles, lambda: store.head().seq)
        here = settings(kept.folder)
        program = stack.enter_context(Wired(here, kept, hand))
        world = WatchedWorld(Here(here, program, clock), points, troubles, hand)
        watched = WatchedStore(store, points, dying(store))
        chat = WatchedChat(Board(kept, lambda: store.head().seq), points, troubles)
        engine = Engine(watched, world, chat, policy(), clock, run.owner)
        stack.callback(engine.stop)
        crowd = Crowd(story, run.kind, engine, kept, points, clock.pass_by)
        return Driver(run, watched, engine, crowd, clock).drive()


def dying(store: Sql) -> Callable[[], None]:
    """
    Makes the next commit the last thing that this process does.

    PostgreSQL gets its COMMIT, and nobody is left to read the answer. SQLite's is cut off somewhere in the middle.
    """

    def arm() -> None:
        @event.listens_for(store._engine, "commit", once=True)
        def cut(connection: sa.Connection) -> None:
            raw = connection.connection.driver_connection
            if connection.dialect.name == "postgresql" and raw is not None:
                raw.pgconn.send_query(b"COMMIT")
                raw.pgconn.flush()
                die()
            begun = threading.Event()
            threading.Thread(target=_die_after, args=(begun,), daemon=True).start()
            begun.set()

    return arm


def _die_after(begun: threading.Event) -> None:
    begun.wait()
    die()


def serve() -> None:
    """Until there are no more lines."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    the_cause()
    print("ready", flush=True)
    for line in sys.stdin:
        run = Run(**json.loads(line))
        child = os.fork()
        if not child:
            _alone(run)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)


def _alone(run: Run) -> None:
    """Never returns."""
    out = os.open(Path(run.folder) / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(0)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    log.info("%s", run)
    code = 1
    try:
        code = 0 if play(run) else 3
    except BaseException:  # noqa: BLE001  # this process ends here, whatever it was
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve()
