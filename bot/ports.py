"""
What the edges promise: callable types for the one who asks, and the one family of outages they raise.

An outage is about the world, not about the request: each names what was asked of whom, why it failed, and what a
person can do. Its text is one clean line.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.acts import Acted
from bot.core.audit import Entry
from bot.core.consent import Person, Right
from bot.core.facts import Unknown
from bot.core.findings import Finding
from bot.core.guards import Around, Pause
from bot.core.phases import EFFECTS, Accepted, Effect, Incident, Looked, Seen
from bot.core.plans import Examined, Plan
from bot.core.pods import Hold
from bot.core.refusals import Refusal
from bot.core.spoken import Said, Wanted


@dataclass(slots=True, eq=False)
class Outage(Exception):  # noqa: N818  # "Outage" is the word; the classes below say what kind
    """`asked` of `whom` failed: `why`; `then` says what to do. All four are clean single lines."""

    asked: str
    whom: str
    why: str
    then: str

    def __str__(self) -> str:
        return f"{self.asked} on {self.whom} failed: {self.why}. {self.then}"


class Unreachable(Outage):
    """No connection: nothing was asked."""


class TimedOut(Outage):
    """It was asked and did not answer in its time."""


class Refused(Outage):
    """It answered no: wrong credentials, no right, an unknown host key."""


class Missing(Outage):
    """It answered: there is no such object."""


@dataclass(slots=True, eq=False)
class Busy(Outage):
    """It asks to be left alone for so long; nothing was done."""

    after: timedelta


class Conflict(Outage):
    """Somebody else was first: a promise of the store would have been broken, and nothing was written."""


class Garbled(Outage):
    """It answered, and the answer cannot be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the outbox: an effect of an incident that is still to be performed. `op` is empty but for an act."""

    id: int
    incident: int
    effect: Effect
    op: str
    attempts: int  # before this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """
    One message of an incident in a chat, as it was last sent.

    `at` names it there, and is empty while it is not known whether it arrived; `body` is the chat's own text of it.
    """

    part: str
    channel: str
    at: str
    body: str


class Posts(Protocol):
    """Which messages an incident has. Raises an Outage when the database is not to be had."""

    def posts(self, incident: int) -> Mapping[str, Post]:
        """By their parts."""

    def posted(self, incident: int, post: Post) -> None: ...

    def bundle(self, sha256: str) -> bytes | None:
        """An evidence bundle, whole; None once it was retired."""


class Writing(Protocol):
    """One transaction. Nobody else writes meanwhile, so what was read is still so when it is committed."""

    def incident(self, id_: int) -> Incident | None: ...

    def history(self, limit: int) -> tuple[Incident, ...]:
        """The newest first, open or not."""

    def at(self, cluster: str, hold: Hold) -> Incident | None:
        """The open incident of this hold, else the one closed last."""

    def open(self, cluster: str | None = None) -> tuple[Incident, ...]:
        """Oldest first."""

    def proposed(self) -> tuple[Incident, ...]:
        """Those with an open plan, oldest first."""

    def counted(self, cluster: str, hold: Hold, since: datetime) -> int:
        """Incidents of this hold opened since then."""

    def around(self, playbooks: Mapping[str, str], now: datetime) -> Around:
        """For the guards; a pause switch that is not as it should be is Unknown."""

    def save(self, accepted: Accepted, entry: Entry) -> Incident:
        """The incident (its new id where it had none), its executions, its effects as jobs, and the audit row."""

    def note(self, entry: Entry) -> None:
        """An audit row alone: a refusal, a start."""

    def keep(self, incident: int, raw: bytes, now: datetime) -> str:
        """Stores an evidence bundle; its sha256."""

    def take(self, owner: str, now: datetime, effects: Collection[Effect] = EFFECTS) -> Job | None:
        """The next job of these that is due, now this owner's; never two of one effect and incident at once."""

    def taken(self, owner: str) -> tuple[Job, ...]:
        """What this owner took and has neither finished nor put back."""

    def finish(self, job: Job) -> None: ...

    def again(self, job: Job, after: datetime) -> None:
        """Puts it back until then."""

    def beat(self, owner: str, now: datetime) -> None:
        """A sign of life."""

    def orphaned(self, now: datetime, patience: timedelta) -> tuple[Job, ...]:
        """Jobs of owners without a sign of life for so long: acts are returned as they are, all others put back."""

    def pause(self, pause: Pause, entry: Entry) -> None: ...

    def resume(self, cluster: str, now: datetime, entry: Entry) -> None:
        """Ends a pause. A person has looked at this cluster's failures ("" for all): the breaker counts from here."""


class Store(Protocol):
    def writing(self) -> AbstractContextManager[Writing]:
        """Commits at the end, rolls back on an exception. Raises an Outage when the database is not to be had."""


class World(Protocol):
    """
    The clusters and their nodes, as the engine needs them. Only `act` changes anything.

    Every method may be called by several threads, and raises only Outages unless it says otherwise.
    """

    def brake(self) -> str:
        """Why nothing may be repaired now, by means outside the database; empty where nothing says so."""

    def playbooks(self) -> Mapping[str, str]:
        """The digest of each cause's file, read now. Raises none: a file that cannot be used has no digest."""

    def sweep(self, cluster: str, known: Sequence[Incident]) -> Mapping[Hold, Seen]:
        """Every hold with stuck pods, and every one of the known open incidents, with what proved to be gone."""

    def examine(self, cluster: str, namespace: str, name: str) -> Examined:
        """A live look at one pod, whatever a cache says."""

    def act(self, plan: Plan) -> Acted:
        """Once. Raises nothing: an outage after which it may have happened is `unknown`."""

    def ask(self, plan: Plan, since: datetime) -> Acted:
        """What became of an act that was sent at `since`, by evidence alone. Burns the id on the node."""

    def look(self, plan: Plan) -> Looked:
        """Whether what the plan is for is gone, by the API and by the node. Raises nothing: blind is an answer."""


class Chat(Protocol):
    """Where people read and are answered, and where groups of them are kept."""

    def show(self, incident: Incident, now: datetime) -> None:
        """Makes its message match the incident; the same incident twice changes nothing."""

    def members(self, group: str) -> frozenset[str] | Unknown:
        """Who is in a group of the settings, by ids of persons, as of a minute ago at most. Raises nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a pod is."""

    cluster: str
    namespace: str
    pod: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.pod}"


class Looks(Protocol):
    """A look at a pod of which there need be no incident. Raises an Outage."""

    def places(self, words: str) -> tuple[Place, ...]:
        """Every pod that these words fit: POD, NAMESPACE/POD or CLUSTER/NAMESPACE/POD. Raises `Missing` for none."""

    def look(self, place: Place) -> Finding: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One cluster: when it was last read, and why it cannot be, if it cannot."""

    cluster: str
    swept: datetime | None
    blind: str


class Bot(Protocol):
    """As much of the engine as people can reach. Raises an Outage where it had to look, and could not."""

    def incidents(self) -> tuple[Incident, ...]:
        """The open ones, oldest first."""

    def history(self, limit: int) -> tuple[Incident, ...]:
        """The newest first, open or not."""

    def paused(self) -> Pause | Unknown | None: ...

    def rights(self, person: str) -> Mapping[str, frozenset[Right]]:
        """By cluster; nothing for who is not listed."""

    def people(self) -> Mapping[str, Person]:
        """Those of the settings, with who is in a group now."""

    def watched(self) -> tuple[Watched, ...]:
        """By this process, since it began."""

    def incident(self, id_: int) -> Incident | None: ...

    def diagnose(self, incident: int) -> Incident | Refusal:
        """Looks again, now."""

    def request(self, wanted: Wanted) -> Incident | Refusal: ...

    def vote(self, said: Said) -> Incident | Refusal: ...

    def settle(self, incident: int, person: str, reason: str, *, done: bool, via: str = "") -> Incident | Refusal: ...

    def pause(self, person: str, reason: str, via: str = "") -> None: ...

    def resume(self, person: str, reason: str, cluster: str = "", via: str = "") -> Refusal | None: ...
