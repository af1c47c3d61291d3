"""
The invariants, held against what is left when everything is over. One checker for every test that kills or races.

It believes no single source: what was done is told by what it was done to, what was agreed by the people, what was
written by the database, and the order of things by the audit log.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from bot.core.audit import Broken, verified
from bot.core.consent import RULES
from bot.core.guards import RUNNING, until_open
from bot.core.phases import Unsettled, name_of
from tests.crash.history import Effect, History, Promised

Invariant = Literal["truth", "I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10"]
APPROVED = ("checking", "acting", "verifying", "unsettled")
BREAKS_AFTER = {"low": 2, "medium": 2, "high": 1, "critical": 1}
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: Invariant
    says: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.says}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the audit log, that was no refusal."""

    seq: int
    at: datetime
    kind: str
    who: str
    incident: int
    before: str
    after: str
    plan: str  # of the phase after it
    ballot: str
    sealed: bool
    where: str  # of a person's look at what failed


@dataclass(slots=True, kw_only=True)
class Lock:
    """One execution as the audit log has it: from its last vote until the row that ended it."""

    plan: str
    incident: int
    began: int
    claimed: datetime
    ended: int | None = None
    unknown: list[int] = field(default_factory=list)  # rows with which its outcome became unknown
    settled: int | None = None  # the row with which a person settled it
    intent: int | None = None

    def holds(self, seq: int) -> bool:
        return self.began < seq and (self.ended is None or seq < self.ended)


@dataclass(frozen=True, slots=True)
class Told:
    """The audit log, read: rows, and executions."""

    rows: tuple[Row, ...]
    locks: tuple[Lock, ...]


def check(history: History) -> tuple[Violation, ...]:
    told = _told(history)
    return tuple(Violation(invariant, says) for invariant, holds in _INVARIANTS for says in holds(history, told))


# ---- the audit log


def _told(history: History) -> Told:
    rows = tuple(_rows(history))
    locks: list[Lock] = []
    running: dict[int, Lock] = {}
    for row in rows:
        lock = running.get(row.incident)
        if row.after == "checking" and lock is None:
            lock = running[row.incident] = Lock(plan=row.plan, incident=row.incident, began=row.seq, claimed=row.at)
            locks.append(lock)
        if lock is None:
            continue
        if row.before == "checking" and row.after == "acting":
            lock.intent = row.seq
        if row.after == "unsettled" and row.before != "unsettled":
            lock.unknown.append(row.seq)
        if row.kind == "settled":
            lock.settled = row.seq
        if row.after and row.after not in APPROVED:
            lock.ended = row.seq
            del running[row.incident]
    return Told(rows, tuple(locks))


def _rows(history: History) -> Iterator[Row]:
    for link in history.links:
        entry = json.loads(link.body)
        says = entry["says"]
        if entry["kind"] not in ("refused", "too-late"):
            yield Row(
                seq=link.seq,
                at=datetime.fromisoformat(entry["at"]),
                kind=entry["kind"],
                who=entry["who"],
                incident=entry["incident"],
                before=says.get("from", ""),
                after=says.get("to", ""),
                plan=says.get("plan", ""),
                ballot=says.get("ballot", ""),
                sealed=bool(says.get("seal")),
                where=says.get("cluster", ""),
            )


# ---- the invariants


def _truth(history: History, told: Told) -> Iterator[str]:
    """What is called done was done, what is called not done was not."""
    del told
    done = Counter(each.op for each in history.effects)
    for each in history.executions:
        if each.state == "done" and not done[each.op]:
            yield f"{each.op} is called done, and nothing was done"
        if each.state == "not-done" and done[each.op]:
            yield f"{each.op} is called not done, and it was"


def _once(history: History, told: Told) -> Iterator[str]:
    for op, count in Counter(each.op for each in history.effects).items():
        if count > 1:
            yield f"{op} had {count} effects"
    for op, count in Counter(each.op for each in history.sent).items():
        if count > 1:
            yield f"{op} was sent {count} times"
    for plan, count in Counter(each.plan for each in history.executions).items():
        if count > 1:
            yield f"plan {plan[:8]} was executed {count} times"
    for plan, count in Counter(each.plan for each in told.locks).items():
        if count > 1:
            yield f"plan {plan[:8]} was claimed {count} times"


def _agreed(history: History, told: Told) -> Iterator[str]:
    cast: dict[str, set[str]] = defaultdict(set)
    for each in history.cast:
        if each.ballot == "approve":
            cast[each.digest].add(each.person)
    written: dict[str, set[str]] = defaultdict(set)
    for row in told.rows:
        if row.kind == "voted" and row.ballot == "approve" and row.sealed:
            written[row.plan].add(row.who)
    sending = {row.plan: row for row in told.rows if row.kind == "sending"}
    for effect in _distinct(history.effects):
        plan = _plan(history, effect)
        if plan is None:
            yield f"{effect.op} was done, and nobody was shown such a plan"
            continue
        need = RULES[plan.risk].votes  # type: ignore[index]  # a risk by its name
        for source, voters in (("people", cast[plan.digest]), ("the audit log", written[plan.digest])):
            if plan.requester in voters and source == "the audit log":
                yield f"{effect.op} was done with the vote of {plan.requester}, who asked for it"
            if len(voters - {plan.requester}) < need:
                yield f"{effect.op} was done with {len(voters - {plan.requester})} of {need} votes, say {source}"
        if not written[plan.digest] <= cast[plan.digest]:
            yield f"{effect.op} was done with votes that nobody cast"
        if plan.digest in sending and sending[plan.digest].at >= plan.expires:
            yield f"{effect.op} was sent after its plan had expired"


def _intended(history: History, told: Told) -> Iterator[str]:
    intents = {lock.plan: lock.intent for lock in told.locks if lock.intent is not None}
    sending = {row.plan: row.seq for row in told.rows if row.kind == "sending"}
    for sent in history.sent:
        for what, rows in (("intent", intents), ("sending", sending)):
            if rows.get(sent.digest, sent.seq + 1) > sent.seq:
                yield f"{sent.op} was sent before its {what} was on record"
    known = {sent.op for sent in history.sent}
    for effect in _distinct(history.effects):
        if effect.op not in known:
            yield f"{effect.op} was done, and never sent"


def _ended(history: History, told: Told) -> Iterator[str]:
    del told
    asked = {each.incident for each in history.shown if each.phase == "unsettled" and not each.asking}
    for each in history.executions:
        if each.state in RUNNING:
            yield f"{each.op} is {each.state} for ever: nobody is at it"
        if each.state == "unsettled" and each.incident not in asked:
            yield f"{each.op} is unsettled, and nobody was asked"
    for job in history.waiting:
        if job.owner is not None:
            yield f"a job ({job.effect}) is still {job.owner}'s, who is no more"


def _known_unknowns(history: History, told: Told) -> Iterator[str]:
    shown = defaultdict(list)
    for each in history.shown:
        shown[each.incident].append(each)
    for lock in told.locks:
        after = [each for each in shown[lock.incident] if lock.unknown and each.seq >= lock.unknown[0]]
        if lock.unknown and not after:
            yield f"{lock.plan[:8]} became unknown, and nobody was told"
        if lock.settled and not any(each.phase == "unsettled" and each.seq < lock.settled for each in after):
            yield f"{lock.plan[:8]} was settled by somebody who had not been told that it is unknown"
        for other in told.locks if lock.unknown else ():
            if other is not lock and _place(history, other) == _place(history, lock) and lock.holds(other.began):
                yield f"{other.plan[:8]} began while {lock.plan[:8]} was unknown and held the place"
    states = {each.op: each.state for each in history.executions}
    for incident in history.incidents:
        phase, lines = incident.phase, shown[incident.id]
        if isinstance(phase, Unsettled) and states.get(phase.plan.op) != "unsettled":
            yield f"incident {incident.id} is unknown, and its lock is gone"
        if not lines or (lines[-1].phase, lines[-1].last) != (name_of(phase), incident.last):
            yield f"incident {incident.id} is {name_of(phase)}, and people were told something else last"


def _one_at_a_time(history: History, told: Told) -> Iterator[str]:
    by_cluster: dict[str, list[Lock]] = defaultdict(list)
    for lock in told.locks:
        by_cluster[_place(history, lock)[0]].append(lock)
    for locks in by_cluster.values():
        for lock, after in pairwise(locks):
            free = min((*lock.unknown, lock.ended or 1 << 62))  # unknown locks its place and leaves the cluster
            if after.began < free:
                yield f"{after.plan[:8]} began while {lock.plan[:8]} ran in the same cluster"
    active = Counter((each.cluster, each.place) for each in history.executions if each.locks)
    for (cluster, place), count in active.items():
        if count > 1:
            yield f"{count} executions hold {place} of {cluster}"


def _recorded(history: History, told: Told) -> Iterator[str]:
    found = verified(history.links, {}, history.head)
    if isinstance(found, Broken):
        yield found.why
        return
    phases: dict[int, str] = {}
    for row in told.rows:
        if not row.incident or not row.after:
            continue
        if phases.get(row.incident, row.before) != row.before:
            yield f"row {row.seq} starts from {row.before}, but incident {row.incident} was {phases[row.incident]}"
        phases[row.incident] = row.after
    for incident in history.incidents:
        if phases.get(incident.id) != name_of(incident.phase):
            yield f"incident {incident.id} is {name_of(incident.phase)}, and no row says so"
    claimed = {lock.plan for lock in told.locks}
    for each in history.executions:
        if each.plan not in claimed:
            yield f"{each.op} was executed, and no row says so"


def _free_to_act(history: History, told: Told) -> Iterator[str]:
    paused = False
    looked: dict[str, datetime] = {}
    blamed = {each.plan for each in history.executions if each.state == "failed"}
    blamed |= {lock.plan for lock in told.locks if lock.unknown}
    for row in told.rows:
        if row.kind in ("paused", "resumed"):
            paused = row.kind == "paused"
        if row.kind == "resumed":
            looked[row.where] = row.at
        if row.kind != "sending" or row.after != "acting":
            continue
        if paused:
            yield f"{row.plan[:8]} was sent while fixes were paused"
        plan = history.promised.get(row.plan)
        if plan is None:
            continue
        if any(until_open(each, row.at) for each in history.policy.windows if plan.cluster in each.clusters):
            yield f"{row.plan[:8]} was sent in a blackout"
        since = max(looked.get(plan.cluster, row.at - DAY), looked.get("", row.at - DAY))
        past = [
            lock
            for lock in told.locks
            if lock.plan in blamed and lock.claimed > since and lock.began < row.seq and _same(history, lock, plan)
        ]
        if len(past) >= BREAKS_AFTER[plan.risk]:
            yield f"{row.plan[:8]} was sent though its like had failed {len(past)} times"


def _silent(history: History, told: Told) -> Iterator[str]:
    del told
    for name, text in history.texts.items():
        for secret in (*history.secrets, history.canary):
            if secret in text:
                yield f"{secret.decode()} stands in {name}"
    for secret in history.secrets:
        if secret in history.evidence:
            yield f"{secret.decode()} stands in the evidence"


def _who_was_meant(history: History, told: Told) -> Iterator[str]:
    del told
    for effect in history.effects:
        plan = _plan(history, effect)
        if plan is not None and effect.hit not in plan.hits:
            yield f"{effect.op} hit {effect.hit}, and was approved for {', '.join(plan.hits)}"


# ---- helpers


def _distinct(effects: Sequence[Effect]) -> Sequence[Effect]:
    return tuple({each.op: each for each in effects}.values())


def _plan(history: History, effect: Effect) -> Promised | None:
    return next((plan for digest, plan in history.promised.items() if digest.startswith(effect.op)), None)


def _place(history: History, lock: Lock) -> tuple[str, str]:
    plan = history.promised.get(lock.plan)
    return (plan.cluster, plan.place) if plan is not None else ("", "")


def _same(history: History, lock: Lock, plan: Promised) -> bool:
    other = history.promised.get(lock.plan)
    same = other is not None and (other.cluster, other.cause, other.repair) == (plan.cluster, plan.cause, plan.repair)
    return same and lock.plan != plan.digest


_INVARIANTS: tuple[tuple[Invariant, Callable[[History, Told], Iterator[str]]], ...] = (
    ("truth", _truth),
    ("I1", _once),
    ("I2", _agreed),
    ("I3", _intended),
    ("I4", _ended),
    ("I5", _known_unknowns),
    ("I6", _one_at_a_time),
    ("I7", _recorded),
    ("I8", _free_to_act),
    ("I9", _silent),
    ("I10", _who_was_meant),
)
