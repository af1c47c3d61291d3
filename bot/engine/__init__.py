"""
Event to `advance` to commit to act: the one way through. It decides nothing and touches nothing but through its ports.

What reads or tells is repeated until it is done. What changes the world is sent at most once, after the commit that
says so, and what came back is an event like any other.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import assert_never

from bot.core import findings
from bot.core.acts import Acted
from bot.core.audit import Entry
from bot.core.consent import Vote, may, may_resume, sealed
from bot.core.guards import Pause, Policy
from bot.core.hostile import plain
from bot.core.incidents import COUNTED, advance, opened, takes
from bot.core.phases import (
    Accepted,
    Acting,
    Asked,
    Blind,
    Checking,
    Diagnosed,
    Effect,
    Event,
    Incident,
    Judged,
    Lost,
    Member,
    Open,
    Proposed,
    Rechecked,
    Reported,
    Seen,
    Sending,
    Settled,
    Tick,
    Unsettled,
    Verifying,
    Voted,
    name_of,
)
from bot.core.plans import Examined, Plan, Request, again, draw
from bot.core.pods import Hold
from bot.core.records import BY_RIGHT, granted, recorded
from bot.core.refusals import Refusal, refusal
from bot.core.spoken import Said, Wanted
from bot.engine.lanes import DOING, TELLING, Lane, lanes, pause
from bot.engine.questions import Questions
from bot.ports import Busy, Chat, Conflict, Job, Missing, Outage, Store, World

log = logging.getLogger("terminating")

_SHORT_DIGEST = 8  # characters of a digest that people type at least


class Engine(Questions):
    """Any thread may call anything. `owner` is this process among others on the same store."""

    def __init__(
        self, store: Store, world: World, chat: Chat, policy: Policy, clock: Callable[[], datetime], owner: str
    ) -> None:
        super().__init__(store, world, chat, policy, clock)
        self._owner = owner
        self._pool = ThreadPoolExecutor(DOING + TELLING, thread_name_prefix="outbox")
        self._lock = Lock()
        self._lanes = lanes()
        self._stopping = False
        self._unsaved: dict[Job, Reported] = {}
        self._stranded: dict[Job, None] = {}

    # ---- what people say

    def request(self, wanted: Wanted) -> Incident | Refusal:
        """Looks at the pod now and opens a plan for it. Raises an Outage when the look fails."""
        now = self._clock()
        with self._store.writing() as tx:
            incident = tx.incident(wanted.incident)
        if incident is None:
            return self._no(refusal("no-incident", incident=wanted.incident), wanted.person, wanted.incident)
        if no := may(self.people(), wanted.person, "request", incident.cluster):
            return self._no(no, wanted.person, incident.id)
        member = _member(incident, wanted.pod)
        if isinstance(member, Refusal):
            return self._no(member, wanted.person, incident.id)
        examined = self._world.examine(incident.cluster, member.namespace, member.name)
        if examined.diagnosis.pod.uid != member.uid:
            return self._no(refusal("healed", what=member.full_name), wanted.person, incident.id)
        request = Request(
            incident=incident.id,
            repair=wanted.repair,
            option=wanted.option,
            requester=wanted.person,
            reason=wanted.reason,
            at=now,
        )
        plan = draw(examined, request)
        if isinstance(plan, Refusal):
            return self._no(plan, wanted.person, incident.id)
        asked = Asked(finding=self._finding(incident.id, examined), plan=plan)
        return self.submit(incident.id, asked, wanted.person, wanted.via)

    def diagnose(self, incident: int) -> Incident | Refusal:
        """Asks the node again, now. Raises an Outage when the look fails."""
        found = self.incident(incident)
        if found is None:
            return refusal("no-incident", incident=incident)
        if not isinstance(found.phase, Open | Diagnosed):
            return refusal("stale", incident=incident, phase=name_of(found.phase))
        self._diagnose(found)
        return self.incident(incident) or found

    def vote(self, said: Said) -> Incident | Refusal:
        """The seal is set here: only what this process heard from a person becomes a vote."""
        with self._store.writing() as tx:
            incident = tx.incident(said.incident)
        if incident is None:
            return self._no(refusal("no-incident", incident=said.incident), said.person, said.incident)
        digest = said.digest
        if isinstance(incident.phase, Proposed) and len(digest) >= _SHORT_DIGEST:
            whole = incident.phase.plan.digest
            digest = whole if whole.startswith(digest) else digest
        vote = Vote(
            person=said.person,
            ballot=said.ballot,
            digest=digest,
            at=self._clock(),
            via=said.via,
            typed=said.typed,
            reason=said.reason,
        )
        vote = replace(vote, seal=sealed(vote, self._policy.seal_key))
        return self.submit(incident.id, Voted(vote=vote), said.person, said.via)

    def settle(self, incident: int, person: str, reason: str, *, done: bool, via: str = "") -> Incident | Refusal:
        return self.submit(incident, Settled(person=person, done=done, reason=reason), person, via)

    def pause(self, person: str, reason: str, via: str = "") -> None:
        """The safe direction needs no rights."""
        now = self._clock()
        entry = Entry(at=now, kind="paused", who=plain(person), says={"reason": reason, "via": via})
        with self._store.writing() as tx:
            tx.pause(Pause(who=person, reason=reason, since=now), entry)

    def resume(self, person: str, reason: str, cluster: str = "", via: str = "") -> Refusal | None:
        """Ends the pause, and says that a person has looked at what failed in this cluster, or in all of them."""
        now = self._clock()
        if no := may_resume(self.people(), person, cluster):
            return self._no(no, person, 0)
        if not reason.strip():
            return self._no(refusal("reason-needed", repair="resuming"), person, 0)
        entry = Entry(at=now, kind="resumed", who=person, says={"reason": reason, "cluster": cluster, "via": via})
        with self._store.writing() as tx:
            tx.resume(cluster, now, entry)
        brake = self._world.brake()
        return refusal("still-paused", why=brake) if brake else None

    # ---- what happens

    def submit(self, incident: int, event: Event, who: str = "", via: str = "") -> Incident | Refusal:
        """One event, decided and committed. Raises an Outage when the database is not to be had."""
        playbooks = self._world.playbooks() if isinstance(event, Rechecked | Sending) else {}
        policy = replace(self._policy, people=self.people()) if isinstance(event, BY_RIGHT) else self._policy
        try:
            with self._store.writing() as tx:
                now = self._clock()
                before = tx.incident(incident)
                if before is None:
                    return refusal("no-incident", incident=incident)
                answer = advance(before, event, policy, self._around(tx, playbooks, now), now)
                entry = recorded(event, before, answer, who, now, via).also(granted(event, before, policy.people))
                if isinstance(answer, Refusal):
                    tx.note(entry)
                    return answer
                if answer.incident == before and not answer.effects:
                    return before
                return tx.save(answer, entry)
        except Conflict:
            return refusal("stale", incident=incident, phase="somebody else was first")

    def sweep(self, cluster: str) -> None:
        """One look at one cluster. Raises no Outage: blindness is told once, and is over when it is over."""
        try:
            with self._store.writing() as tx:
                known = tx.open(cluster)
            for hold, seen in self._world.sweep(cluster, known).items():
                self._sighted(cluster, hold, seen)
            self._swept[cluster] = self._clock()
            if self._blind.pop(cluster, None):
                log.warning("%s can be read again", cluster)
        except Outage as outage:
            if self._blind.get(cluster) is None:
                log.warning("%s is not watched: %s", cluster, outage)
            self._blind[cluster] = str(outage)

    def tick(self) -> None:
        """Signs of life, orphans of the dead, plans whose time is up, results that could not be written."""
        now = self._clock()
        with self._lock, self._store.writing() as tx:
            tx.beat(self._owner, now)
            orphans = tx.orphaned(now, self._policy.owner_patience)
            late = [
                each.id for each in tx.proposed() if isinstance(each.phase, Proposed) and now >= each.phase.plan.expires
            ]
            strays = [job for job in tx.taken(self._owner) if not self._has(job)]
        for job in strays:  # they were taken, and the answer of the database was lost
            self._later(job)
        for job in orphans:
            self.submit(job.incident, Lost(op=job.op))
            with self._store.writing() as tx:
                tx.finish(job)
        for incident in late:
            self.submit(incident, Tick())
        for job, report in list(self._unsaved.items()):
            self._record(job, report)
        for job in list(self._stranded):
            self._later(job)

    def drain(self) -> None:
        """Hands every job that is due to a worker, as far as workers are free."""
        for lane in self._lanes:
            while self._handed(lane):
                pass

    def _handed(self, lane: Lane) -> bool:
        with self._lock:  # also over the commit: a tick never sees a job that is taken and in nobody's hand
            if self._stopping or not lane.is_free(self._clock()):
                return False
            with self._store.writing() as tx:
                job = tx.take(self._owner, self._clock(), lane.effects)
            if job is None:
                return False
            lane.in_hand.add(job.id)
            self._pool.submit(self._worker, job, lane)
            return True

    def stop(self) -> None:
        """No new intents; what runs is finished. Returns when it is."""
        with self._lock:
            self._stopping = True
        self._pool.shutdown(wait=True)

    # ---- the outbox

    def _worker(self, job: Job, lane: Lane) -> None:
        outage: Outage | None = None
        try:
            outage = self.perform(job)
        finally:
            with self._lock:
                lane.in_hand.discard(job.id)
                lane.went(outage, self._clock())
        try:
            self.drain()
        except Outage as failed:  # the metronome tries again
            log.warning("%s", failed)

    def perform(self, job: Job) -> Outage | None:
        """One effect, once. What fails is put back, but for an act: that one is unknown. Why it failed, if it did."""
        try:
            self._perform(job)
        except Outage as outage:
            log.log(logging.INFO if isinstance(outage, Busy) else logging.WARNING, "%s", outage)
            self._later(job, outage.after if isinstance(outage, Busy) else None)
            return outage
        except Exception as error:  # the outbox worker's door: nothing that a job does may end the worker
            log.exception("%s of incident %s failed", job.effect, job.incident)
            if job.effect == "act":
                self._record(job, Reported(op=job.op, outcome="unknown", why=f"the bot failed: {type(error).__name__}"))
            else:
                self._later(job)
        return None

    def _perform(self, job: Job) -> None:
        with self._store.writing() as tx:
            incident = tx.incident(job.incident)
        if incident is None:
            raise LookupError(f"job {job.id} is about incident {job.incident}, which is not there")
        if job.effect == "act":
            self._act(job, incident)
            return
        self._repeatable(job.effect, incident)
        with self._store.writing() as tx:
            tx.finish(job)

    def _repeatable(self, effect: Effect, incident: Incident) -> None:
        phase = incident.phase
        match effect:
            case "tell":
                self._chat.show(incident, self._clock())
            case "diagnose":
                if isinstance(phase, Open | Diagnosed):
                    self._diagnose(incident)
            case "recheck":
                if isinstance(phase, Checking):
                    self._recheck(incident, phase)
            case "ask":
                if isinstance(phase, Unsettled):
                    self._report(incident.id, phase.plan, self._world.ask(phase.plan, phase.since))
            case "look":
                if isinstance(phase, Verifying):
                    self.submit(incident.id, self._world.look(phase.plan))
            case "act":
                raise AssertionError("an act is not repeatable")
            case _:
                assert_never(effect)

    def _diagnose(self, incident: Incident) -> None:
        if not incident.members:
            return
        member = incident.members[0]
        try:
            examined = self._world.examine(incident.cluster, member.namespace, member.name)
        except Missing:
            return  # the next sweep says so
        except Outage as outage:
            self.submit(incident.id, Blind(why=str(outage)))
            raise
        if examined.diagnosis.pod.uid == member.uid:
            self.submit(incident.id, Judged(finding=self._finding(incident.id, examined)))

    def _recheck(self, incident: Incident, phase: Checking) -> None:
        plan = phase.plan
        healed = refusal("healed", what=f"{plan.target.namespace}/{plan.target.pod}")
        fresh: Plan | Refusal
        try:
            examined = self._world.examine(incident.cluster, plan.target.namespace, plan.target.pod)
        except Missing:
            fresh = healed
        except Outage as outage:
            if self._clock() < plan.expires:
                raise
            fresh = refusal("recheck-failed", why=str(outage))
        else:
            self._keep(incident.id, examined)  # what is about to be destroyed is on record before
            same = examined.diagnosis.pod.uid == plan.target.pod_uid
            fresh = draw(examined, again(plan)) if examined.stuck or not same else healed
            if not same and isinstance(fresh, Refusal):
                fresh = refusal("superseded", what="the pod was recreated under the same name")
        if self._stopping:
            raise Outage("the last look before acting", "the bot", "it is shutting down", "It starts over afterwards.")
        self.submit(incident.id, Rechecked(now=fresh))

    def _act(self, job: Job, incident: Incident) -> None:
        try:
            answer = incident if self._stopping else self.submit(incident.id, Sending(op=job.op))
        except Outage as outage:  # whether that was committed or not: nothing was sent, and nothing will be
            why = f"nothing was sent, for want of a record: {outage}"
            self._record(job, Reported(op=job.op, outcome="not-done", why=why))
            return
        phase = None if isinstance(answer, Refusal) else answer.phase
        if not isinstance(phase, Acting) or phase.sent is None or phase.plan.op != job.op:
            with self._store.writing() as tx:
                if self._stopping:
                    tx.again(job, self._clock())
                else:
                    tx.finish(job)
            return
        try:
            acted = self._world.act(phase.plan)
        except Outage as outage:
            acted = Acted("unknown", str(outage))
        self._record(job, Reported(op=job.op, outcome=acted.outcome, why=acted.why, said=acted.said))

    def _record(self, job: Job, report: Reported) -> None:
        """A result is never lost for want of a database: it is kept, and written when it can be."""
        try:
            self.submit(job.incident, report)
            with self._store.writing() as tx:
                tx.finish(job)
            self._unsaved.pop(job, None)
        except Outage as outage:
            self._unsaved[job] = report
            log.warning("the result of %s is not on record yet: %s", report.op, outage)

    def _report(self, incident: int, plan: Plan, acted: Acted) -> None:
        self.submit(incident, Reported(op=plan.op, outcome=acted.outcome, why=acted.why, said=acted.said))

    def _later(self, job: Job, after: timedelta | None = None) -> None:
        wait = pause(job.attempts) if after is None else after
        try:
            with self._store.writing() as tx:
                tx.again(job, self._clock() + wait)
            self._stranded.pop(job, None)
        except Outage as outage:  # it is this owner's still: the next tick tries again
            self._stranded[job] = None
            log.warning("%s", outage)

    # ---- helpers

    def _has(self, job: Job) -> bool:
        in_hand = any(job.id in lane.in_hand for lane in self._lanes)
        return in_hand or job in self._unsaved or job in self._stranded

    def _sighted(self, cluster: str, hold: Hold, seen: Seen) -> None:
        now = self._clock()
        with self._store.writing() as tx:
            incident = tx.at(cluster, hold)
            if incident is None or not takes(incident, now):
                if not seen.members:
                    return
                first = opened(cluster, hold, seen, tx.counted(cluster, hold, now - COUNTED), now)
                tx.save(first, recorded(seen, first.incident, first, "", now))
                return
            answer = advance(incident, seen, self._policy, tx.around({}, now), now)
            if isinstance(answer, Accepted) and (answer.effects or answer.incident != incident):
                tx.save(answer, recorded(seen, incident, answer, "", now))

    def _finding(self, incident: int, examined: Examined) -> findings.Finding:
        kept, size = self._keep(incident, examined), len(examined.raw)
        return findings.of(examined.diagnosis, kept, self._clock(), examined.took, size=size)

    def _keep(self, incident: int, examined: Examined) -> str:
        """Empty where no node said anything."""
        if not examined.raw:
            return ""
        with self._store.writing() as tx:
            return tx.keep(incident, examined.raw, self._clock())

    def _no(self, no: Refusal, who: str, incident: int) -> Refusal:
        entry = Entry(at=self._clock(), kind="refused", who=plain(who), incident=incident, says={"code": no.code})
        with self._store.writing() as tx:
            tx.note(entry)
        return no


def _member(incident: Incident, pod: str) -> Member | Refusal:
    if not incident.members:
        return refusal("stale", incident=incident.id, phase=name_of(incident.phase))
    if not pod and len(incident.members) > 1:
        return refusal("which-pod", incident=incident.id, pods=_names(incident))
    for each in incident.members:
        if pod in ("", each.name, each.full_name):
            return each
    return refusal("no-pod", incident=incident.id, pod=plain(pod, 300), pods=_names(incident))


def _names(incident: Incident) -> str:
    return ", ".join(each.full_name for each in incident.members[:5])
