"""What is left when a case is over: the database, what people saw and said, and what was really done to the world."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bot.core.audit import Head, Link
from bot.core.guards import Execution, Policy
from bot.core.phases import Incident
from bot.edges.store import Sql, tables
from bot.edges.store.codec import decoded
from bot.edges.store.connect import connected
from bot.edges.store.transaction import _execution
from tests.crash.world import KEY, Kept
from tests.edges.fake_apiserver import TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What people read, and how far the audit log was then."""

    incident: int
    phase: str
    last: str
    seq: int
    asking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    person: str
    ballot: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """A plan as people were shown it."""

    digest: str
    repair: str
    risk: str
    cause: str
    requester: str
    expires: datetime
    cluster: str
    place: str
    hits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An act on its way, and how far the audit log was then."""

    op: str
    digest: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Ground truth: kept by what was acted on."""

    op: str
    hit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that is not finished."""

    effect: str
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """`texts`: all that was kept but the evidence; `secrets` may be nowhere, the `canary` in the evidence only."""

    links: tuple[Link, ...]
    head: Head
    incidents: tuple[Incident, ...]
    executions: tuple[Execution, ...]
    waiting: tuple[Waiting, ...]
    shown: tuple[Shown, ...]
    cast: tuple[Cast, ...]
    promised: Mapping[str, Promised]
    sent: tuple[Sent, ...]
    effects: tuple[Effect, ...]
    texts: Mapping[str, bytes]
    evidence: bytes
    secrets: tuple[bytes, ...]
    canary: bytes
    policy: Policy


def read(url: str, kept: Kept, policy: Policy, canary: str) -> History:
    store = Sql(connected(url, create=False))
    try:
        with store.turn() as connection:
            incidents = tuple(
                decoded(row.body, row.id)
                for row in connection.execute(sa.select(tables.incidents).order_by(tables.incidents.c.id))
            )
            executions = tuple(_execution(row) for row in connection.execute(sa.select(tables.executions)))
            unfinished = connection.execute(sa.select(tables.jobs).where(tables.jobs.c.finished.is_(None)))
            waiting = tuple(Waiting(effect=row.effect, owner=row.owner) for row in unfinished)
            evidence = b"".join(bytes(row.raw) for row in connection.execute(sa.select(tables.evidence)))
            rows = {
                table.name: repr(connection.execute(sa.select(table)).all()).encode()
                for table in tables.metadata.sorted_tables
                if table is not tables.evidence
            }
        files = {name: "\n".join(kept.lines(name)).encode() for name in ("chat", "diary", "plans", "log", "points")}
        return History(
            links=tuple(store.links()),
            head=store.head(),
            incidents=incidents,
            executions=executions,
            waiting=waiting,
            shown=tuple(_shown(json.loads(line)) for line in kept.lines("chat")),
            cast=tuple(Cast(**json.loads(line)) for line in kept.lines("votes")),
            promised={each.digest: each for each in map(_promised, kept.lines("plans"))},
            sent=tuple(_sent(json.loads(line)) for line in kept.lines("sent")),
            effects=tuple(_effect(line) for line in kept.lines("effects")),
            texts={**rows, **files},
            evidence=evidence,
            secrets=(KEY, TOKEN.encode()),
            canary=canary.encode(),
            policy=policy,
        )
    finally:
        store.close()


def _shown(line: Mapping[str, object]) -> Shown:
    return Shown(
        incident=int(str(line["incident"])),
        phase=str(line["phase"]),
        last=str(line["last"]),
        seq=int(str(line["seq"])),
        asking=bool(line.get("asking")),
    )


def _promised(line: str) -> Promised:
    found = json.loads(line)
    return Promised(**{**found, "expires": datetime.fromisoformat(found["expires"]), "hits": tuple(found["hits"])})


def _sent(line: Mapping[str, object]) -> Sent:
    return Sent(op=str(line["op"]), digest=str(line["digest"]), seq=int(str(line["seq"])))


def _effect(line: str) -> Effect:
    op, _, hit = line.split(" ")
    return Effect(op=op, hit=hit)
