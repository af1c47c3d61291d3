"""One transaction: `ports.Writing` on a connection that nobody else writes beside."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.core.audit import Entry, chained
from bot.core.facts import NodeName, Unknown
from bot.core.guards import LOCKING, Around, Execution, Pause
from bot.core.phases import AFTER, EFFECTS, Accepted, Effect, Incident, name_of
from bot.core.pods import Hold
from bot.edges.store.codec import decoded, encoded, garbled
from bot.edges.store.tables import (
    RubbishError,
    audit,
    evidence,
    executions,
    head,
    incidents,
    jobs,
    looked,
    owners,
    switch,
)
from bot.ports import Garbled, Job

_DAY = timedelta(days=1)


class Transaction:
    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._do = connection
        self._name = name

    # ---- incidents

    def incident(self, id_: int) -> Incident | None:
        row = self._do.execute(sa.select(incidents).where(incidents.c.id == id_)).one_or_none()
        return _incident(row) if row else None

    def at(self, cluster: str, hold: Hold) -> Incident | None:
        query = sa.select(incidents).where(*_of_hold(cluster, hold))
        row = self._do.execute(query.order_by(incidents.c.is_open.desc(), incidents.c.id.desc()).limit(1)).one_or_none()
        return _incident(row) if row else None

    def open(self, cluster: str | None = None) -> tuple[Incident, ...]:
        query = sa.select(incidents).where(incidents.c.is_open).order_by(incidents.c.id)
        if cluster is not None:
            query = query.where(incidents.c.cluster == cluster)
        return tuple(_incident(row) for row in self._do.execute(query))

    def proposed(self) -> tuple[Incident, ...]:
        query = sa.select(incidents).where(incidents.c.is_open, incidents.c.phase == "proposed")
        return tuple(_incident(row) for row in self._do.execute(query.order_by(incidents.c.id)))

    def history(self, limit: int) -> tuple[Incident, ...]:
        """The newest first, open or not."""
        query = sa.select(incidents).order_by(incidents.c.id.desc()).limit(limit)
        return tuple(_incident(row) for row in self._do.execute(query))

    def counted(self, cluster: str, hold: Hold, since: datetime) -> int:
        query = sa.select(sa.func.count()).where(*_of_hold(cluster, hold), incidents.c.opened >= since)
        return self._do.execute(query).scalar_one()

    def save(self, accepted: Accepted, entry: Entry) -> Incident:
        incident = accepted.incident
        values = {
            "cluster": incident.cluster,
            "hold_kind": incident.hold.kind,
            "hold_name": incident.hold.name,
            "phase": name_of(incident.phase),
            "is_open": incident.open,
            "opened": incident.opened,
        }
        if not incident.id:
            made = self._do.execute(sa.insert(incidents).values(**values, body="").returning(incidents.c.id))
            incident = incident.with_id(made.scalar_one())
        changed = sa.update(incidents).where(incidents.c.id == incident.id).values(**values, body=encoded(incident))
        if self._do.execute(changed).rowcount != 1:
            raise Garbled("writing", self._name, f"incident {incident.id} is not there", "Restore it from a backup.")
        for execution in incident.executions:
            self._executed(execution)
        for effect in accepted.effects:
            self._job(incident, effect, entry.at)
        self.note(entry.about(incident.id))
        return incident

    def _executed(self, execution: Execution) -> None:
        values = {
            "plan": execution.plan,
            "incident": execution.incident,
            "cluster": execution.cluster,
            "place": execution.place,
            "node": execution.node,
            "repair": execution.repair,
            "cause": execution.cause,
            "state": execution.state,
            "claimed": execution.claimed,
            "intent": execution.intent,
            "ended": execution.ended,
            "why": execution.why,
            "blamed": execution.blamed,
        }
        known = sa.update(executions).where(executions.c.op == execution.op).values(**values)
        if not self._do.execute(known).rowcount:
            self._do.execute(sa.insert(executions).values(op=execution.op, **values))

    def _job(self, incident: Incident, effect: Effect, now: datetime) -> None:
        """One that waits already is the same one, and may be due earlier now; an act is one for ever."""
        op = incident.executions[-1].op if effect == "act" else ""
        due = now + AFTER.get(effect, timedelta())
        waits = (
            jobs.c.incident == incident.id,
            jobs.c.effect == effect,
            jobs.c.finished.is_(None),
            jobs.c.owner.is_(None),
        )
        if effect != "act" and self._do.execute(sa.select(jobs.c.id).where(*waits)).first():
            self._do.execute(sa.update(jobs).where(*waits, jobs.c.due > due).values(due=due))
            return
        self._do.execute(sa.insert(jobs).values(incident=incident.id, effect=effect, op=op, due=due, attempts=0))

    # ---- what goes on around

    def around(self, playbooks: Mapping[str, str], now: datetime) -> Around:
        rows = self._do.execute(
            sa.select(executions).where(sa.or_(executions.c.state.in_(LOCKING), executions.c.claimed > now - _DAY))
        )
        struck: dict[str, list[tuple[str, datetime]]] = {}
        query = sa.select(incidents.c.cluster, incidents.c.hold_name, incidents.c.opened)
        for row in self._do.execute(query.where(incidents.c.is_open, incidents.c.hold_kind.in_(("node", "lost-node")))):
            struck.setdefault(row.cluster, []).append((row.hold_name, row.opened))
        return Around(
            pause=self._paused(),
            executions=tuple(_execution(row) for row in rows),
            struck=struck,
            resumed={row.cluster: row.at for row in self._do.execute(sa.select(looked))},
            playbooks=playbooks,
        )

    def _paused(self) -> Pause | Unknown | None:
        raw = sa.type_coerce(switch.c.paused, sa.types.NullType()).label("paused")  # 0 and 1, or whatever stands there
        try:
            rows = self._do.execute(sa.select(raw, switch.c.who, switch.c.reason, switch.c.since)).all()
        except RubbishError as error:
            return Unknown(f"the pause switch cannot be read: {error}")
        if len(rows) != 1:
            return Unknown(f"the pause switch has {len(rows)} rows, not one")
        row = rows[0]
        if row.paused not in (0, 1) or (row.paused == 1) != (row.since is not None):
            return Unknown("the pause switch was not written by this program")
        return Pause(who=row.who, reason=row.reason, since=row.since) if row.paused else None

    def pause(self, pause: Pause, entry: Entry) -> None:
        self._switch(paused=True, who=pause.who, reason=pause.reason, since=pause.since)
        self.note(entry)

    def _switch(self, **values: str | bool | datetime | None) -> None:
        self._do.execute(sa.delete(switch))
        self._do.execute(sa.insert(switch).values(id=1, **values))

    def resume(self, cluster: str, now: datetime, entry: Entry) -> None:
        self._switch(paused=False, who="", reason="", since=None)
        self._do.execute(sa.delete(looked).where(looked.c.cluster == cluster))
        self._do.execute(sa.insert(looked).values(cluster=cluster, at=now))
        self.note(entry)

    # ---- records

    def note(self, entry: Entry) -> None:
        last = self._do.execute(sa.select(head)).one()
        seq, body = last.seq + 1, entry.body()
        digest = chained(seq, last.hash, body)
        row = {"seq": seq, "incident": entry.incident, "body": body, "prev": last.hash, "hash": digest}
        self._do.execute(sa.insert(audit).values(**row))
        self._do.execute(sa.update(head).values(seq=seq, hash=digest))

    def keep(self, incident: int, raw: bytes, now: datetime) -> str:
        """Seen again, it is kept from then on."""
        sha256 = hashlib.sha256(raw).hexdigest()
        again = sa.update(evidence).where(evidence.c.sha256 == sha256).values(at=now)
        if not self._do.execute(again).rowcount:
            self._do.execute(sa.insert(evidence).values(sha256=sha256, incident=incident, at=now, raw=raw))
        return sha256

    def retire(self, evidence_before: datetime, jobs_before: datetime) -> None:
        self._do.execute(sa.delete(evidence).where(evidence.c.at < evidence_before))
        # An act's row stays: it is what makes a second one of the same operation impossible.
        self._do.execute(sa.delete(jobs).where(jobs.c.finished < jobs_before, jobs.c.effect != "act"))
        self._do.execute(sa.delete(owners).where(owners.c.seen < jobs_before))

    # ---- the outbox

    def take(self, owner: str, now: datetime, effects: Collection[Effect] = EFFECTS) -> Job | None:
        other = jobs.alias()
        same = sa.exists().where(
            other.c.incident == jobs.c.incident,
            other.c.effect == jobs.c.effect,
            other.c.owner.is_not(None),
            other.c.finished.is_(None),
        )
        due = sa.select(jobs).where(jobs.c.finished.is_(None), jobs.c.owner.is_(None), jobs.c.due <= now, ~same)
        due = due.where(jobs.c.effect.in_(effects))
        row = self._do.execute(due.order_by(jobs.c.due, jobs.c.id).limit(1)).one_or_none()
        if row is None:
            return None
        self._do.execute(sa.update(jobs).where(jobs.c.id == row.id).values(owner=owner, attempts=row.attempts + 1))
        self.beat(owner, now)
        return Job(id=row.id, incident=row.incident, effect=row.effect, op=row.op, attempts=row.attempts)

    def taken(self, owner: str) -> tuple[Job, ...]:
        mine = sa.select(jobs).where(jobs.c.finished.is_(None), jobs.c.owner == owner).order_by(jobs.c.id)
        return tuple(_taken(row) for row in self._do.execute(mine))

    def finish(self, job: Job) -> None:
        self._do.execute(_still(job).values(finished=jobs.c.due))

    def again(self, job: Job, after: datetime) -> None:
        self._do.execute(_still(job).values(owner=None, due=after))

    def beat(self, owner: str, now: datetime) -> None:
        if not self._do.execute(sa.update(owners).where(owners.c.owner == owner).values(seen=now)).rowcount:
            self._do.execute(sa.insert(owners).values(owner=owner, seen=now))

    def orphaned(self, now: datetime, patience: timedelta) -> tuple[Job, ...]:
        alive = sa.select(owners.c.owner).where(owners.c.seen >= now - patience)
        query = sa.select(jobs).where(jobs.c.finished.is_(None), jobs.c.owner.is_not(None), jobs.c.owner.not_in(alive))
        lost = []
        for row in self._do.execute(query.order_by(jobs.c.id)).all():
            job = _taken(row)
            if job.effect == "act":
                lost.append(job)
            else:
                self.again(job, now)
        return tuple(lost)


def _of_hold(cluster: str, hold: Hold) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        incidents.c.cluster == cluster,
        incidents.c.hold_kind == hold.kind,
        incidents.c.hold_name == hold.name,
    )


def _incident(row: sa.Row[Any]) -> Incident:
    """Raises `Garbled` where the columns that are searched and promised say another thing than the body."""
    found = decoded(row.body, row.id)
    columns = (row.cluster, row.hold_kind, row.hold_name, row.phase, row.is_open, row.opened)
    hold = found.hold
    if columns != (found.cluster, hold.kind, hold.name, name_of(found.phase), found.open, found.opened):
        raise garbled(row.id, "it is filed as another one")
    return found


def _taken(row: sa.Row[Any]) -> Job:
    return Job(id=row.id, incident=row.incident, effect=row.effect, op=row.op, attempts=row.attempts - 1)


def _still(job: Job) -> sa.Update:
    """Its row, as long as it is in the hands that took it: who slept over its orphaning changes nothing."""
    mine = (jobs.c.id == job.id, jobs.c.attempts == job.attempts + 1, jobs.c.owner.is_not(None))
    return sa.update(jobs).where(*mine, jobs.c.finished.is_(None))


def _execution(row: sa.Row[Any]) -> Execution:
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for a row's columns
    values["node"] = NodeName(row.node) if row.node is not None else None
    return Execution(**values)
