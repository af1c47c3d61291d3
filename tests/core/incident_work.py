"""What workers, sweeps and people do with incidents, one step or several: the natural ways through, and ways aside."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.acts import Outcome
from bot.core.consent import Vote
from bot.core.facts import PodUid
from bot.core.phases import (
    Acting,
    Asked,
    Checking,
    Diagnosed,
    Event,
    Incident,
    Judged,
    Looked,
    Lost,
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
from bot.core.plans import Plan, again
from bot.core.refusals import Refusal, refusal
from bot.core.repairs import BY_ID
from tests.core.incident_checks import Checked
from tests.core.incident_model import NAMES, PLACES, Hand, Job, Pod
from tests.core.incident_samples import CLUSTER, finding, member, request, vote

FINDING = finding()


class Worked(Checked):
    def later(self, seconds: int) -> None:
        self.model.now += timedelta(seconds=seconds)

    def here(self, place: int) -> list[Pod]:
        return [pod for pod in self.model.pods if pod.hold == place and pod.here]

    def all_go(self, place: int) -> None:
        for pod in self.here(place):
            pod.here = False

    def another_pod(self, place: int) -> None:
        uid = PodUid(f"{len(self.model.pods):08}-6f0a-4b8e-9d57-2f1f3c9d4a10")
        self.model.pods.append(Pod(hold=place, member=replace(member(uid), node=PLACES[place][2])))

    def sweep(self, place: int) -> None:
        """What a sweep would find now; a new incident where the last one is over."""
        cluster, hold, _, _ = PLACES[place]
        members = tuple(pod.member for pod in self.here(place))
        gone = frozenset(pod.member.uid for pod in self.model.pods if pod.hold == place and not pod.here)
        self.model.gone |= gone
        before = self.incidents.get(self.newest[place])
        if before is not None and self.core.takes(before, self.model.now):
            self.deliver(before.id, Seen(members=members, gone=gone))
        elif members:
            answer = self.core.opened(cluster, hold, Seen(members=members, gone=gone), 0, self.model.now)
            id_ = len(self.incidents) + 1
            self.incidents[id_] = replace(answer.incident, id=id_)
            self.newest[place], self.place_of[id_] = id_, place
            self.enqueue(id_, answer)

    def ask(self, place: int, repair: str, who: str) -> None:
        incident, (verb, _, option) = self.incidents[self.newest[place]], repair.partition(" ")
        pods = [pod for pod in self.here(place) if pod.member in incident.members]
        if not pods:
            return
        wanted = request(
            verb,
            incident=incident.id,
            option="without-live-restore" if option else "",
            requester=who,
            at=self.model.now,
        )
        drawn = self.core.draw(self.model.look_at(pods[0]), wanted)
        assert isinstance(drawn, Plan), drawn
        self.plans.append(drawn)
        self.deliver(incident.id, Asked(finding=replace(FINDING, pod_uid=pods[0].member.uid), plan=drawn))

    def cast(self, id_: int, ballot: Vote) -> None:
        self.model.cast.append(ballot)
        self.deliver(id_, Voted(vote=ballot))

    def is_struck(self, incident: Incident) -> bool:
        young = self.model.now - incident.opened < timedelta(minutes=10)
        return incident.cluster == CLUSTER and incident.hold.kind == "node" and young

    def is_busy(self, place: int) -> bool:
        return isinstance(self.incidents[self.newest[place]].phase, Checking | Acting | Verifying | Unsettled)

    def moment_of(self, place: int) -> str:
        match self.incidents[self.newest[place]].phase:
            case Proposed(votes=votes) if votes:
                return "voted"
            case Acting(sent=datetime()):
                return "sent"
            case phase:
                return name_of(phase)

    def go_to(self, moment: str, place: int, repair: str, who: str) -> None:
        for _ in range(16):
            now = self.moment_of(place)
            if now == moment:
                return
            if (moment, now) == ("diagnosed", "open"):
                self.next_job(place, "diagnose")
            elif (moment, now) == ("unsettled", "sent"):
                self.finish_all(place, "no reply")
            else:
                self.next_step(place, repair, who)

    def next_job(self, place: int, *effects: str, found: str = "clear") -> None:
        id_ = self.newest[place]
        for job in [job for job in self.jobs if job.incident == id_ and job.effect in effects]:
            self.work(job, found, well=True)

    def finish_all(self, place: int, fate: str) -> None:
        for hand in [hand for hand in self.hands if hand.incident == self.newest[place]]:
            self.finish(hand, fate)

    def look_after(self, place: int, *looks: tuple[int, str]) -> None:
        for seconds, found in looks:
            self.later(seconds)
            self.next_job(place, "look", found=found)

    def again(self, place: int, kind: type[Event]) -> None:
        """Every event of this kind that its incident ever had, the newest first."""
        id_ = self.newest[place]
        for _, event in [each for each in self.history if each[0] == id_ and isinstance(each[1], kind)][::-1]:
            self.deliver(id_, event)

    def vote_so(self, place: int, *people: str, **changes: str) -> None:
        for who in people:
            phase = self.incidents[self.newest[place]].phase
            if isinstance(phase, Proposed):
                self.cast(self.newest[place], vote(phase.plan, who, at=self.model.now, **changes))

    def try_again(self, place: int) -> None:
        """The first attempt came to nothing; and while the second is looked over, the first look comes again."""
        phase = self.incidents[self.newest[place]].phase
        if not isinstance(phase, Acting) or phase.sent is not None:
            return
        self.deliver(self.newest[place], Lost(op=phase.plan.op))
        self.later(1)
        option = " without" if phase.plan.option else ""
        for _ in range(3):
            if self.moment_of(place) != "checking":
                self.next_step(place, f"{phase.plan.repair}{option}", phase.plan.requester)
        self.again(place, Rechecked)

    def vote_for_another(self, place: int) -> None:
        if len(self.plans) > 1:
            self.vote_so(place, *NAMES, digest=self.plans[-2].digest)

    def next_step(self, place: int, repair: str, who: str) -> None:
        incident = self.incidents[self.newest[place]]
        match incident.phase:
            case Open() | Diagnosed() if self.here(place):
                self.ask(place, repair or "container.stop", who)
            case Proposed(plan=plan) if self.model.now >= plan.expires:
                self.deliver(incident.id, Tick())
            case Proposed(plan=plan, votes=votes):
                others = set(NAMES) - {plan.requester} - {each.person for each in votes}
                self.cast(incident.id, vote(plan, min(others, default="ada"), at=self.model.now))
            case Acting(plan=plan, sent=datetime()):
                self.finish_all(place, "well")
                if (incident.id, plan.op) in self.orphans:
                    self.orphans.remove((incident.id, plan.op))
                    self.deliver(incident.id, Lost(op=plan.op))
            case Checking() | Acting():
                self.next_job(place, "recheck", "act")
            case Verifying():
                self.look_after(place, (11, "clear"))
            case Unsettled(asking=True):
                self.next_job(place, "ask")
            case Unsettled():
                self.deliver(incident.id, Settled(person="ben", done=False, reason="I looked"))
            case _:
                self.another_pod(place)
                self.sweep(place)

    def work(self, job: Job, found: str, *, well: bool) -> None:
        """One job, done or put back; an act that nobody does belongs to a process that died."""
        self.jobs.remove(job)
        incident = self.incidents[job.incident]
        phase = incident.phase
        if job.effect == "act":
            self.deliver(incident.id, Sending(op=job.op) if well else Lost(op=job.op))
        elif not well:
            self.jobs.append(job)
        elif job.effect == "diagnose" and incident.members:
            pod = next(pod for pod in self.model.pods if pod.member.uid == incident.members[0].uid)
            if pod.here:
                self.deliver(incident.id, Judged(finding=replace(FINDING, pod_uid=pod.member.uid)))
        elif job.effect == "recheck" and isinstance(phase, Checking):
            self.deliver(incident.id, Rechecked(now=self.look_again(phase.plan)))
        elif job.effect == "ask" and isinstance(phase, Unsettled):
            self.deliver(incident.id, self.evidence(phase.plan))
        elif job.effect == "look" and isinstance(phase, Verifying):
            self.deliver(incident.id, Looked(op=phase.plan.op, found=found, says=found))  # type: ignore[arg-type]

    def look_again(self, plan: Plan) -> Plan | Refusal:
        """As the engine does: the pod of that name, whichever it is."""
        place = self.place_of[plan.incident]
        same = next(pod for pod in self.model.pods if pod.member.uid == plan.target.pod_uid)
        pod = same if same.here else next(iter(self.here(place)), None)
        if pod is None:
            return refusal("healed", what=plan.target.pod)
        return self.core.draw(self.model.look_at(pod), again(plan))

    def evidence(self, plan: Plan) -> Reported:
        if BY_ID[plan.repair].by == "node":
            found = self.model.ledgers.setdefault(plan.op, "burnt")
            return Reported(op=plan.op, outcome="done" if found == "done" else "not-done", why=found)
        return Reported(op=plan.op, outcome="done" if self.model.effects[plan.op] else "unknown", why="by the API")

    def finish(self, hand: Hand, fate: str) -> None:
        op, ledgers = hand.plan.op, self.model.ledgers
        if fate not in ("dies", "refused") and not hand.acted:
            hand.acted = True
            hand.result = "not-done" if ledgers.get(op) == "burnt" else "done"
            if hand.result == "done" and ledgers.get(op) != "done":
                self.model.effects[op] += 1
                if BY_ID[hand.plan.repair].by == "node":
                    ledgers[op] = "done"
        elif fate == "refused" and not hand.acted:
            hand.acted, hand.result = True, "not-done"
            if BY_ID[hand.plan.repair].by == "node":
                ledgers[op] = "burnt"
        if fate == "acts":
            return
        self.hands.remove(hand)
        if fate in ("dies", "dies after"):
            self.orphans.append((hand.incident, op))
        else:
            outcome: Outcome = "unknown" if fate == "no reply" else hand.result
            self.deliver(hand.incident, Reported(op=op, outcome=outcome, why="so it was"))

    def is_stale(self, id_: int, event: Reported) -> bool:
        """A report that is no news of what is on its way here: it may say anything."""
        phase = self.incidents[id_].phase
        return not isinstance(phase, Acting | Unsettled) or phase.plan.op != event.op
