"""
The crash points: before and after every call through a port, found by wrapping the ports themselves.

Nothing in the product knows of them. A call is named by who was at it and what it was, `recheck examine`; a transaction
by what it wrote, `recheck save rechecked`. A transaction that wrote nothing has no boundary and no point.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar, get_args

from bot.core.acts import Acted
from bot.core.audit import Entry
from bot.core.facts import Unknown
from bot.core.guards import Around, Pause
from bot.core.phases import EFFECTS, Accepted, Effect, Event, Incident, Looked, Seen
from bot.core.plans import Examined, Plan
from bot.core.pods import Hold
from bot.ports import Chat, Job, Store, Unreachable, World, Writing

T = TypeVar("T")

EVENTS = tuple(each.__name__.lower() for each in get_args(Event))

# Of each port, what reads from the database only: it has no boundary of its own.
READS = ("incident", "history", "at", "open", "proposed", "counted", "around", "taken")
CALLS = ("brake", "playbooks", "sweep", "examine", "act", "ask", "look", "show")
NO_BOUNDARY = ("members",)  # who is in a group: asked before a decision, kept by nobody here
WRITES: Mapping[str, tuple[str, ...]] = {
    "save": tuple(f"save {event}" for event in EVENTS),
    "note": ("note refused", "note too-late"),
    "keep": ("keep",),
    "take": tuple(f"take {effect}" for effect in EFFECTS),
    "finish": tuple(f"finish {effect}" for effect in EFFECTS),
    "again": tuple(f"again {effect}" for effect in EFFECTS),
    "beat": ("beat",),
    "orphaned": ("orphaned",),
    "pause": ("pause",),
    "resume": ("resume",),
}
NEVER: Mapping[str, str] = {
    "again act": "an act is put back only by a process that is being stopped, which finishes what it has begun",
    "again look": "a look raises nothing: what it cannot see is an answer",
    "note too-late": "the bot comes too late to its own incident only where two are at it: the races have that",
}

# What was sent when the process died: the wire never took it, it came late, it was being carried out, it was answered.
SENT = ("lost", "late", "at work", "over")

# Each row of the table of crash points, and where it is here: a pattern of point names.
CRASHES: Mapping[str, tuple[str, ...]] = {
    "C0": (r"request heard:after", r"vote heard:after"),
    "C1": (r"vote save voted:before",),
    "C2": (r"vote save voted:during", r"vote save voted:after"),
    "C3": (r"outbox take recheck:before",),
    "C4": (r"outbox take recheck:after",),
    "C5": (r"recheck examine:before", r"recheck examine:after", r"recheck keep:(before|after)"),
    "C6": (r"recheck save rechecked:before",),
    "C7": (r"recheck save rechecked:during",),
    "C8": (r"recheck save rechecked:after", r"act save sending:(before|during|after)", r"act act:before"),
    "C9": tuple(f"act act:sent, {how}" for how in SENT),
    "C10": (r"act act:after", r"act save reported:(before|during)"),
    "C11": (r"act save reported:after", r"act finish act:(before|after)", r"outbox take look:before"),
    "C12": (r"look look:before",),
    "C13": (r"look look:after", r"look save looked:before"),
    "C14": (r"look save looked:after", r"outbox take tell:after", r"tell show:before"),
    "C15": (r"tell show:after", r"tell finish tell:before"),
    # The lock is the execution's own row, so that its last state and its release are one commit: no gap, both sides.
    "C16": (r"look save looked:during",),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Points:
    """Counts what is reached, keeps it in a file, and kills this process at one of them."""

    def __init__(self, log: Path, kill: str) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._kill = kill
        self._seen: Counter[str] = Counter()
        self.doing = "start"

    def reached(self, what: str) -> None:
        if self.passed(what):
            die()

    def passed(self, what: str) -> bool:
        """Whether this is the one: for who dies a little later, by another way."""
        name = f"{self.doing} {what}"
        self._seen[name] += 1
        point = f"{name}#{self._seen[name]}"
        os.write(self._log, f"{point}\n".encode())
        return point == self._kill


class Troubles:
    """Outages that happen once each, whichever process meets them: `recheck examine` fails the first time."""

    def __init__(self, folder: Path, wanted: frozenset[str]) -> None:
        self._folder = folder
        self.wanted = wanted

    def meet(self, doing: str, call: str) -> None:
        if f"{doing} {call}" in self.wanted and self.first(f"{doing} {call}"):
            raise Unreachable(call, "the world", "nobody answers", "It is asked again.")

    def first(self, what: str) -> bool:
        """Whether it was not met before."""
        try:
            os.close(os.open(self._folder / f"met {what}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True


class WatchedWorld:
    """`send` is told how this process is to die while its act is on its way, if it is."""

    def __init__(self, world: World, points: Points, troubles: Troubles, send: Callable[[Plan, str], None]) -> None:
        self._world = world
        self._points = points
        self._troubles = troubles
        self._send = send

    def brake(self) -> str:
        self._points.reached("brake:before")
        return self._world.brake()

    def playbooks(self) -> Mapping[str, str]:
        self._points.reached("playbooks:before")
        return self._world.playbooks()

    def sweep(self, cluster: str, known: Sequence[Incident]) -> Mapping[Hold, Seen]:
        return self._asked("sweep", lambda: self._world.sweep(cluster, known))

    def examine(self, cluster: str, namespace: str, name: str) -> Examined:
        return self._asked("examine", lambda: self._world.examine(cluster, namespace, name))

    def act(self, plan: Plan) -> Acted:
        self._points.reached("act:before")
        hows = [how for how in SENT if self._points.passed(f"act:sent, {how}")]
        self._send(plan, "".join(hows))
        acted = self._world.act(plan)
        if hows == ["over"]:
            die()
        self._points.reached("act:after")
        return acted

    def ask(self, plan: Plan, since: datetime) -> Acted:
        return self._asked("ask", lambda: self._world.ask(plan, since))

    def look(self, plan: Plan) -> Looked:
        return self._asked("look", lambda: self._world.look(plan))

    def _asked(self, what: str, call: Callable[[], T]) -> T:
        self._points.reached(f"{what}:before")
        self._troubles.meet(self._points.doing, what)
        answer = call()
        self._points.reached(f"{what}:after")
        return answer


class WatchedChat:
    def __init__(self, chat: Chat, points: Points, troubles: Troubles) -> None:
        self._chat = chat
        self._points = points
        self._troubles = troubles

    def show(self, incident: Incident, now: datetime) -> None:
        self._points.reached("show:before")
        self._troubles.meet(self._points.doing, "show")
        self._chat.show(incident, now)
        self._points.reached("show:after")

    def members(self, group: str) -> frozenset[str] | Unknown:
        return self._chat.members(group)


class WatchedStore:
    """
    What is on record dies in the middle of its commit as well: what is only taken or put back, before and after.

    `commit` knows what the middle of a commit is on its database.
    """

    def __init__(self, store: Store, points: Points, commit: Callable[[], None]) -> None:
        self._store = store
        self._points = points
        self._commit = commit

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        with self._store.writing() as tx:
            watched = WatchedWriting(tx)
            yield watched
            kind = ", ".join(watched.wrote)
            if not kind:
                return
            self._points.reached(f"{kind}:before")
            dies = watched.recorded and self._points.passed(f"{kind}:during")
            if dies:
                self._commit()
        if dies:
            die()
        self._points.reached(f"{kind}:after")


class WatchedWriting:
    """Keeps what kind of transaction it is, and whether the audit log has a row of it."""

    def __init__(self, tx: Writing) -> None:
        self._tx = tx
        self.wrote: list[str] = []
        self.recorded = False

    def incident(self, id_: int) -> Incident | None:
        return self._tx.incident(id_)

    def history(self, limit: int) -> tuple[Incident, ...]:
        return self._tx.history(limit)

    def at(self, cluster: str, hold: Hold) -> Incident | None:
        return self._tx.at(cluster, hold)

    def open(self, cluster: str | None = None) -> tuple[Incident, ...]:
        return self._tx.open(cluster)

    def proposed(self) -> tuple[Incident, ...]:
        return self._tx.proposed()

    def counted(self, cluster: str, hold: Hold, since: datetime) -> int:
        return self._tx.counted(cluster, hold, since)

    def around(self, playbooks: Mapping[str, str], now: datetime) -> Around:
        return self._tx.around(playbooks, now)

    def taken(self, owner: str) -> tuple[Job, ...]:
        return self._tx.taken(owner)

    def save(self, accepted: Accepted, entry: Entry) -> Incident:
        self.recorded = True
        self.wrote.append(f"save {entry.kind}")
        return self._tx.save(accepted, entry)

    def note(self, entry: Entry) -> None:
        self.recorded = True
        self.wrote.append(f"note {entry.kind}")
        self._tx.note(entry)

    def keep(self, incident: int, raw: bytes, now: datetime) -> str:
        self.wrote.append("keep")
        return self._tx.keep(incident, raw, now)

    def take(self, owner: str, now: datetime, effects: Collection[Effect] = EFFECTS) -> Job | None:
        job = self._tx.take(owner, now, effects)
        if job is not None:
            self.wrote.append(f"take {job.effect}")
        return job

    def finish(self, job: Job) -> None:
        self.wrote.append(f"finish {job.effect}")
        self._tx.finish(job)

    def again(self, job: Job, after: datetime) -> None:
        self.wrote.append(f"again {job.effect}")
        self._tx.again(job, after)

    def beat(self, owner: str, now: datetime) -> None:
        self.wrote.append("beat")
        self._tx.beat(owner, now)

    def orphaned(self, now: datetime, patience: timedelta) -> tuple[Job, ...]:
        found = self._tx.orphaned(now, patience)
        if found:
            self.wrote.append("orphaned")
        return found

    def pause(self, pause: Pause, entry: Entry) -> None:
        self.recorded = True
        self.wrote.append("pause")
        self._tx.pause(pause, entry)

    def resume(self, cluster: str, now: datetime, entry: Entry) -> None:
        self.recorded = True
        self.wrote.append("resume")
        self._tx.resume(cluster, now, entry)
