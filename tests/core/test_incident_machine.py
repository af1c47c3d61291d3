"""
Any event at any time, on incidents that share nodes and clusters, against a model that knows what really happened.

The model never asks the program whether something was right: it has its own account of votes, guards, looks and acts.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bot.core.acts import Outcome
from bot.core.consent import Person, Vote
from bot.core.facts import PodUid, Unknown
from bot.core.guards import Around, Execution, Pause, Policy, Rates, Window
from bot.core.phases import (
    Accepted,
    Acting,
    Asked,
    Blind,
    Checking,
    Closed,
    Diagnosed,
    Effect,
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
from bot.core.refusals import SENTENCES, Refusal, refusal
from bot.core.repairs import BY_ID
from tests.core.faults import Fault
from tests.core.incident_faults import INCIDENT_FAULTS, Core, copied, source
from tests.core.incident_model import NAMES, NARROW, PLACES, RIGHTS, US, VOTES, Hand, Job, Model, Pod
from tests.core.incident_samples import CLEAR_FOR, CLUSTER, KEY, NODE, cause, finding, member, request, vote

EXAMPLES, STEPS = 80, 30
FINDING = finding()
HOLDS = st.integers(0, len(PLACES) - 1)
BITES = st.deferred(
    lambda: st.sampled_from([(when, name) for name, it in COMES_BETWEEN.items() for when in it.when.split()])
)
SOME_BITES, MANY_BITES = st.lists(BITES, min_size=1, max_size=4), st.lists(BITES, min_size=20, max_size=40)
PEOPLE = (*NAMES, "stranger")
REPAIRS = (
    "container.stop",
    "container.stop",
    "pod.delete",
    "node.cordon",
    "kubelet.restart",
    "docker.restart",
    "docker.restart without",
    "finalizer.remove",
)
CHANGES = ("node", "shim", "pod", "playbook")
CIRCUMSTANCES = ("pause", "no switch", "own", "no own", "blackout", "storm", "budget")
SPANS = (1, 3, 20, 61, 301, 601, 901, 1801, 7200, 86401)
MOVES = {  # from which phase which event may lead where
    (Open, Judged): (Diagnosed,),
    (Open, Asked): (Proposed,),
    (Diagnosed, Asked): (Proposed,),
    (Open, Seen): (Closed,),
    (Diagnosed, Seen): (Closed,),
    (Proposed, Seen): (Closed,),
    (Closed, Seen): (Open,),
    (Proposed, Voted): (Checking, Open),
    (Proposed, Tick): (Open,),
    (Checking, Rechecked): (Acting, Open, Closed),
    (Acting, Sending): (Open, Closed),
    (Acting, Lost): (Unsettled, Open, Closed),
    (Acting, Reported): (Verifying, Unsettled, Open, Closed),
    (Verifying, Looked): (Open, Closed, Diagnosed, Unsettled),
    (Unsettled, Reported): (Verifying, Open, Closed),
    (Unsettled, Settled): (Open, Closed),
}
FOLLOWS: Mapping[type, Effect] = {Checking: "recheck", Acting: "act", Verifying: "look"}


class Incidents(RuleBasedStateMachine):
    core: Core

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.incidents: dict[int, Incident] = {}
        self.place_of: dict[int, int] = {}
        self.newest: list[int] = []  # by hold
        self.jobs: list[Job] = []
        self.hands: list[Hand] = []
        self.orphans: list[tuple[int, str]] = []
        self.history: list[tuple[int, Event]] = []
        self.plans: list[Plan] = []

    # ---- what happens

    @initialize()
    def pods_get_stuck(self) -> None:
        for place, (_, _, _, pods) in enumerate(PLACES):
            for _ in range(pods):
                self.another_pod(place)
            self.newest.append(0)
            self.sweep(place)

    @rule(place=HOLDS, repair=st.sampled_from(REPAIRS), who=st.sampled_from(NAMES), steps=st.integers(1, 9))
    def it_goes_as_it_should(self, place: int, repair: str, who: str, steps: int) -> None:
        for _ in range(steps):
            self.next_step(place, repair, who)

    @rule(place=HOLDS, repair=st.sampled_from(REPAIRS), who=st.sampled_from(NAMES), what=SOME_BITES)
    def something_comes_between(self, place: int, repair: str, who: str, what: list[tuple[str, str]]) -> None:
        """Several times, one after the other."""
        for each in what:
            self.comes_between(place, repair, who, each)

    @rule(place=HOLDS, repair=st.sampled_from(REPAIRS), who=st.sampled_from(NAMES), what=MANY_BITES)
    def something_comes_between_in_quiet_times(
        self, place: int, repair: str, who: str, what: list[tuple[str, str]]
    ) -> None:
        for each in what:
            self.calm_down(place)
            self.comes_between(place, repair, who, each)

    @rule(span=st.sampled_from(SPANS))
    def time_passes(self, span: int) -> None:
        self.model.now += timedelta(seconds=span)

    @rule(place=HOLDS, what=st.sampled_from(("nothing", "one goes", "one comes")))
    def a_sweep(self, place: int, what: str) -> None:
        here = self.here(place)
        if what == "one goes" and here:
            here[0].here = False
        elif what == "one comes" and len(here) < 3:
            self.another_pod(place)
        self.sweep(place)

    @rule(place=HOLDS, blind=st.booleans())
    def somebody_diagnoses(self, place: int, blind: bool) -> None:
        pod = self.model.pods[0] if not self.here(place) else self.here(place)[-1]
        seen = replace(FINDING, pod_uid=pod.member.uid)
        self.deliver(self.newest[place], Blind(why="nobody answers") if blind else Judged(finding=seen))

    @rule(place=HOLDS, repair=st.sampled_from(REPAIRS), who=st.sampled_from(PEOPLE), old=st.booleans())
    def somebody_asks(self, place: int, repair: str, who: str, old: bool) -> None:
        if old and self.plans:
            self.deliver(self.newest[place], Asked(finding=FINDING, plan=self.plans[-1 - place % len(self.plans)]))
        else:
            self.ask(place, repair, who)

    @rule(
        place=HOLDS,
        who=st.sampled_from(PEOPLE),
        ballot=st.sampled_from(("approve", "approve", "approve", "reject")),
        typed=st.booleans(),
        other=st.booleans(),
    )
    def somebody_votes(self, place: int, who: str, ballot: str, typed: bool, other: bool) -> None:
        phase = self.incidents[self.newest[place]].phase
        of = phase.plan if isinstance(phase, Proposed) and not other else self.plans[-1] if self.plans else None
        if of is not None:
            words = {} if typed else {"typed": "something else"}
            self.cast(self.newest[place], vote(of, who, ballot=ballot, at=self.model.now, **words))

    @rule(place=HOLDS, who=st.sampled_from(NAMES), how=st.sampled_from(("no seal", "another key", "written")))
    def somebody_forges(self, place: int, who: str, how: str) -> None:
        incident = self.incidents[self.newest[place]]
        phase = incident.phase
        if not isinstance(phase, Proposed | Checking | Acting):
            return
        forged = vote(phase.plan, who, via="the database", at=self.model.now, seal="f" * 64)
        if how == "written":
            others = tuple(each for each in phase.votes if each.person != who)
            self.incidents[incident.id] = replace(incident, phase=replace(phase, votes=(*others, forged)))
        else:
            self.deliver(incident.id, Voted(vote=forged))

    @rule(pick=st.integers(0, 99), outage=st.booleans(), found=st.sampled_from(("clear", "held", "blind")))
    def a_worker_works(self, pick: int, outage: bool, found: str) -> None:
        if self.jobs:
            self.work(self.jobs[pick % len(self.jobs)], found, well=not outage)

    @rule(pick=st.integers(0, 99), fate=st.sampled_from(("well", "acts", "refused", "no reply", "dies", "dies after")))
    def a_hand_acts(self, pick: int, fate: str) -> None:
        if self.hands:
            self.finish(self.hands[pick % len(self.hands)], fate)

    @rule(pick=st.integers(0, 99), alive=st.booleans())
    def another_process_takes_over(self, pick: int, alive: bool) -> None:
        """From a dead one; or from one that only slept, and goes on where it was."""
        if alive and self.hands:
            hand = self.hands[pick % len(self.hands)]
            self.deliver(hand.incident, Lost(op=hand.plan.op))
        elif self.orphans:
            id_, op = self.orphans.pop(pick % len(self.orphans))
            self.deliver(id_, Lost(op=op))

    @rule(pick=st.integers(0, 999), elsewhere=st.booleans())
    def an_event_comes_again(self, pick: int, elsewhere: bool) -> None:
        if self.history:
            id_, event = self.history[-1 - pick % len(self.history)]
            stray = self.newest[pick % len(PLACES)]
            if not isinstance(event, Reported) or self.is_stale(id_, event):
                self.deliver(stray if elsewhere and not isinstance(event, Reported | Seen) else id_, event)

    @rule(place=HOLDS, pick=st.integers(0, 99), outcome=st.sampled_from(get_args(Outcome)))
    def news_of_another_operation(self, place: int, pick: int, outcome: Outcome) -> None:
        if not self.plans:
            return
        op, id_ = self.plans[pick % len(self.plans)].op, self.newest[place]
        events = (
            Lost(op=op),
            Sending(op=op),
            Looked(op=op, found="clear", says="gone"),
            Reported(op=op, outcome=outcome, why="so it was"),
        )
        if self.is_stale(id_, Reported(op=op, outcome=outcome, why="")):
            for event in events:
                self.deliver(id_, event)

    def news_of_the_last_operations(self, place: int) -> None:
        for back in range(1, 6):
            self.news_of_another_operation(place, -back, "done")

    @rule(place=HOLDS, who=st.sampled_from(PEOPLE), done=st.booleans(), reason=st.sampled_from(("", "so")))
    def somebody_settles(self, place: int, who: str, done: bool, reason: str) -> None:
        self.deliver(self.newest[place], Settled(person=who, done=done, reason=reason))

    @rule()
    def the_clock_ticks(self) -> None:
        for id_ in self.newest:
            self.deliver(id_, Tick())

    @rule(what=st.sampled_from((*CIRCUMSTANCES, "quiet", "quiet")))
    def circumstances_change(self, what: str) -> None:
        model = self.model
        match what:
            case "pause":
                model.pause = Pause(who="ben", reason="", since=model.now)
            case "no switch":
                model.pause = Unknown("there are two rows")
            case "own" | "no own":
                model.own = NODE if what == "own" else Unknown("not set")
            case "blackout":
                model.blackout = frozenset() if model.blackout is None else frozenset((CLUSTER,))
            case "storm":
                fresh = {each.hold.name for each in self.open() if self.is_struck(each)}
                missing = ("node-31", "node-32", "node-33")[: max(1, 3 - len(fresh))]
                model.struck = {CLUSTER: [(name, model.now) for name in missing]}
            case "budget":
                model.zero = True
            case _:
                model.pause = model.own = model.blackout = None
                model.struck, model.zero = {}, False

    @rule(where=st.sampled_from((CLUSTER, "")))
    def somebody_resumes(self, where: str) -> None:
        self.model.resumed[where] = self.model.now

    @rule(who=st.sampled_from(NAMES), rights=st.sampled_from((*RIGHTS, "all", "all", "all")))
    def rights_change(self, who: str, rights: str) -> None:
        self.model.people[who] = rights

    @rule(place=HOLDS, what=st.sampled_from(CHANGES))
    def the_world_changes(self, place: int, what: str) -> None:
        cluster, _, node, _ = PLACES[place]
        if what == "node":
            self.model.boots[cluster, node] += 1
        elif what == "playbook":
            self.model.playbook = f"{len(self.history):064}"
        elif self.here(place):
            pod = self.here(place)[0]
            pod.shim += 1
            if what == "pod":
                pod.here = False
                self.another_pod(place)

    # ---- how

    def here(self, place: int) -> list[Pod]:
        return [pod for pod in self.model.pods if pod.hold == place and pod.here]

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

    def calm_down(self, place: int) -> None:
        """Everybody may do everything, nothing stops it, nothing else is going on."""
        self.circumstances_change("quiet")
        self.model.people = dict.fromkeys(NAMES, "all")
        self.somebody_resumes("")
        while busy := [place for place in range(len(PLACES)) if self.is_busy(place)]:
            for each in busy:
                self.next_step(each, "", "ada")
        self.time_passes(86401)
        self.deliver(self.newest[place], Tick())
        if len(self.here(place)) < PLACES[place][3]:
            self.another_pod(place)
        self.sweep(place)

    def comes_between(self, place: int, repair: str, who: str, what: tuple[str, str]) -> None:
        """It goes as it should up to one moment."""
        moment, name = what
        between = COMES_BETWEEN[name]
        repair = between.repair or repair
        self.go_to(moment, place, repair, who)
        between.what(self, place)
        self.nobody_waits_for_nobody()
        for _ in range(3):
            self.next_step(place, repair, who)

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
            self.time_passes(seconds)
            self.next_job(place, "look", found=found)

    def again(self, place: int, kind: type[Event]) -> None:
        """Every event of this kind that its incident ever had."""
        id_ = self.newest[place]
        for _, event in [each for each in self.history if each[0] == id_ and isinstance(each[1], kind)]:
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
        self.time_passes(1)
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

    def policy(self) -> Policy:
        model, given = self.model, {}
        for who, rights in model.people.items():
            held = RIGHTS[rights]
            if held is not None:
                given[who] = Person(id=who, rights={CLUSTER: held, US: held})
        always = frozenset(range(7))
        night = Window(
            name="night", days=always, start=0, end=0, zone=ZoneInfo("UTC"), clusters=model.blackout or frozenset()
        )
        return Policy(
            people=given,
            seal_key=KEY,
            own_node=model.own,
            rates=Rates(narrow_hour=NARROW),
            windows=() if model.blackout is None else (night,),
        )

    def executions(self) -> list[Execution]:
        return [each for incident in self.incidents.values() for each in incident.executions]

    def open(self) -> list[Incident]:
        return [each for each in self.incidents.values() if each.open]

    def around(self) -> Around:
        struck = {where: list(nodes) for where, nodes in self.model.struck.items()}
        for each in self.open():
            if each.hold.kind == "node":
                struck.setdefault(each.cluster, []).append((each.hold.name, each.opened))
        return Around(
            pause=self.model.pause,
            executions=self.executions(),
            struck=struck,
            resumed=self.model.resumed,
            playbooks={cause().id: self.model.playbook},
        )

    def deliver(self, id_: int, event: Event) -> None:
        before = self.incidents[id_]
        answer = self.core.advance(before, event, self.policy(), self.around(), self.model.now)
        self.history.append((id_, event))
        if isinstance(answer, Refusal):
            assert answer.code in SENTENCES
            return
        self.check(before, event, answer)
        self.incidents[id_] = answer.incident
        self.enqueue(id_, answer)

    def enqueue(self, id_: int, answer: Accepted) -> None:
        """As the outbox does: what waits already is not put there twice."""
        phase = answer.incident.phase
        for effect in answer.effects:
            job = Job(incident=id_, effect=effect, op=phase.plan.op if effect == "act" else "")  # type: ignore[union-attr]
            if job not in self.jobs:
                self.jobs.append(job)

    # ---- what must be so

    def check(self, before: Incident, event: Event, answer: Accepted) -> None:
        after, model = answer.incident, self.model
        if isinstance(event, Settled):
            model.by_person.add(after.executions[-1].op)
        check = CHECKS.get(type(event))
        if check is not None:
            check(self, before, event, after)
        if type(before.phase) is not type(after.phase):
            self.moved(before, event, answer)
        else:
            assert "act" not in answer.effects
        assert [each.op for each in after.executions][: len(before.executions)] == [e.op for e in before.executions]
        for each in after.executions:
            if each.state in ("failed", "unsettled"):
                model.blamed.add(each.op)
        running = isinstance(after.phase, Checking | Acting | Verifying | Unsettled)
        assert [each.op for each in after.executions if each.locks] == ([after.phase.plan.op] if running else [])  # type: ignore[union-attr]
        assert not running or after.executions[-1].state == name_of(after.phase)

    def moved(self, before: Incident, event: Event, answer: Accepted) -> None:
        after = answer.incident
        assert type(after.phase) in MOVES.get((type(before.phase), type(event)), ()), (before.phase, event, after.phase)
        assert "tell" in answer.effects
        assert FOLLOWS.get(type(after.phase), "tell") in answer.effects
        match after.phase:
            case Open():
                assert after.members
                assert "diagnose" in answer.effects
            case Closed():
                assert {each.uid for each in before.members} <= self.model.gone
            case Verifying(plan=plan):
                self.model.looks[plan.op] = []
            case Unsettled():
                assert isinstance(before.phase, Verifying) or "ask" in answer.effects
            case _:
                pass

    def unfit(self, plan: Plan, votes: tuple[Vote, ...]) -> list[str]:
        """What speaks against acting at this moment."""
        model = self.model
        stops = model.stops(plan, self.executions(), self.open())
        found = {
            stops: bool(stops),
            "votes": not model.agreed(plan, votes),
            "expired": model.expired(plan),
            "playbook": bool(plan.cause) and plan.playbook != model.playbook,
        }
        return [name for name, is_so in found.items() if is_so]

    def asked(self, before: Incident, event: Asked, _: Incident) -> None:
        plan = event.plan
        assert self.model.may(plan.requester, "request")
        assert not isinstance(before.phase, Proposed) or self.model.now >= before.phase.plan.expires
        assert plan.incident == before.id
        assert plan.target.pod_uid in {each.uid for each in before.members}
        assert plan.op not in {each.op for each in self.executions()}
        assert not self.model.stops(plan, self.executions(), self.open())

    def voted(self, before: Incident, event: Voted, after: Incident) -> None:
        model, ballot = self.model, event.vote
        assert isinstance(before.phase, Proposed)
        plan = before.phase.plan
        assert ballot.digest == plan.digest
        assert not model.expired(plan)
        if ballot.ballot == "reject":
            assert model.may(ballot.person, "request") or model.may(ballot.person, "approve")
            assert isinstance(after.phase, Open)
            return
        assert model.may(ballot.person, "approve")
        assert ballot.person not in {plan.requester, *(each.person for each in before.phase.votes)}
        assert plan.risk in ("low", "medium") or ballot.typed == plan.target.node
        assert not model.stops(plan, self.executions(), self.open())
        assert isinstance(after.phase, Checking) == (len(before.phase.votes) + 1 >= VOTES[plan.risk])

    def rechecked(self, before: Incident, event: Rechecked, after: Incident) -> None:
        assert isinstance(before.phase, Checking)
        if not isinstance(after.phase, Acting):
            return
        plan, now = before.phase.plan, event.now
        assert isinstance(now, Plan)
        assert again(now) == again(plan)
        assert (now.target, now.words, now.playbook, now.evidence) == (
            plan.target,
            plan.words,
            plan.playbook,
            plan.evidence,
        )
        assert self.unfit(plan, before.phase.votes) == []
        assert plan.op not in self.model.intents
        self.model.intents[plan.op] = (plan, self.model.now)

    def sending(self, before: Incident, event: Sending, after: Incident) -> None:
        assert isinstance(before.phase, Acting)
        plan = before.phase.plan
        assert event.op == plan.op
        if isinstance(after.phase, Acting):
            assert self.unfit(plan, before.phase.votes) == []
            assert plan.op not in self.model.sent
            self.model.sent.add(plan.op)
            self.hands.append(Hand(incident=before.id, plan=plan))

    def reported(self, before: Incident, event: Reported, after: Incident) -> None:
        assert isinstance(before.phase, Acting | Unsettled)
        assert event.op == before.phase.plan.op
        if isinstance(before.phase, Unsettled) and event.outcome == "done" and isinstance(after.phase, Unsettled):
            assert [each for each in self.executions() if each.runs and each.cluster == before.cluster]
            return
        leads = {"done": Verifying, "not-done": Open | Closed, "unknown": Unsettled}
        assert isinstance(after.phase, leads[event.outcome])

    def lost(self, before: Incident, event: Lost, after: Incident) -> None:
        assert isinstance(before.phase, Acting)
        assert event.op == before.phase.plan.op
        assert isinstance(after.phase, Unsettled) == (event.op in self.model.sent)

    def looked(self, before: Incident, event: Looked, after: Incident) -> None:
        assert isinstance(before.phase, Verifying)
        phase, now, looks = before.phase, self.model.now, self.model.looks[event.op]
        assert event.op == phase.plan.op
        looks.append((now, event.found))
        state = after.executions[-1].state
        if state == "done":
            clear = [at for at, found in looks if all(f == "clear" for t, f in looks[looks.index((at, found)) :])]
            assert now - min(clear) >= CLEAR_FOR
            self.clear_away(phase.plan)
        elif state != "verifying":
            assert now - phase.acted >= timedelta(minutes=5)
            assert (event.found, state) in (("held", "failed"), ("blind", "unsettled"))

    def settled(self, before: Incident, event: Settled, _: Incident) -> None:
        assert isinstance(before.phase, Unsettled)
        assert self.model.may(event.person, "approve")
        assert event.reason

    def clear_away(self, plan: Plan) -> None:
        if not plan.repair.endswith("cordon"):
            self.model.gone.add(plan.target.pod_uid)
            for pod in self.model.pods:
                pod.here = pod.here and pod.member.uid != plan.target.pod_uid

    @invariant()
    def one_at_a_time(self) -> None:
        executions = self.executions()
        for kept in (
            [(each.cluster, each.place) for each in executions if each.locks],
            [each.cluster for each in executions if each.runs],
            [each.op for each in executions],
        ):
            assert len(kept) == len(set(kept))

    @invariant()
    def what_is_on_record_is_what_happened(self) -> None:
        model = self.model
        assert all(count == 1 for count in model.effects.values())
        for each in self.executions():
            if each.op not in model.by_person and each.state in ("done", "not-done"):
                assert model.effects[each.op] == (each.state == "done")

    @invariant()
    def nobody_waits_for_nobody(self) -> None:
        for each in self.open():
            waits = {job.effect for job in self.jobs if job.incident == each.id}
            match each.phase:
                case Open(why=""):
                    looked_at = next(p for p in self.model.pods if p.member.uid == each.members[0].uid)
                    assert "diagnose" in waits or not looked_at.here
                case Diagnosed(finding=found):
                    assert "diagnose" in waits or found.pod_uid in {m.uid for m in each.members}
                case Checking():
                    assert "recheck" in waits
                case Acting(sent=None):
                    assert "act" in waits
                case Acting(plan=plan):
                    assert (each.id, plan.op) in [*self.orphans, *((h.incident, h.plan.op) for h in self.hands)]
                case Verifying():
                    assert "look" in waits
                case Unsettled(asking=True):
                    assert "ask" in waits
                case _:
                    pass


CHECKS: Mapping[type, Callable[..., None]] = {
    Asked: Incidents.asked,
    Voted: Incidents.voted,
    Rechecked: Incidents.rechecked,
    Sending: Incidents.sending,
    Reported: Incidents.reported,
    Lost: Incidents.lost,
    Looked: Incidents.looked,
    Settled: Incidents.settled,
}


def world(what: str) -> Callable[[Incidents, int], None]:
    return lambda it, place: it.the_world_changes(place, what)


def circumstances(what: str) -> Callable[[Incidents, int], None]:
    return lambda it, _: it.circumstances_change(what)


def acts(fate: str) -> Callable[[Incidents, int], None]:
    return lambda it, place: it.finish_all(place, fate)


def repeats(kind: type[Event]) -> Callable[[Incidents, int], None]:
    return lambda it, place: it.again(place, kind)


def looks(*found: tuple[int, str]) -> Callable[[Incidents, int], None]:
    return lambda it, place: it.look_after(place, *found)


class Between(NamedTuple):
    """When it bites, what it is, and with which repair alone."""

    when: str
    what: Callable[[Incidents, int], None]
    repair: str = ""


LATE = "checking acting"
OPEN_PLAN = "open proposed voted checking acting"
HIGH = "docker.restart"
COMES_BETWEEN: Mapping[str, Between] = {
    "time": Between(OPEN_PLAN, lambda it, _: it.time_passes(901)),
    **{each: Between(LATE, world(each)) for each in CHANGES},
    **{each: Between(OPEN_PLAN, circumstances(each)) for each in CIRCUMSTANCES},
    "budget": Between("open", circumstances("budget"), "docker.restart without"),
    "ada may nothing": Between(LATE, lambda it, _: it.rights_change("ada", "none")),
    "ben may ask": Between(LATE, lambda it, _: it.rights_change("ben", "asks")),
    "ada may approve": Between(LATE, lambda it, _: it.rights_change("ada", "approves")),
    "a vote is forged": Between("voted", lambda it, place: it.somebody_forges(place, "mallory", "written"), HIGH),
    "ben's vote is forged": Between(LATE, lambda it, place: it.somebody_forges(place, "ben", "written")),
    "ada's vote is forged": Between(LATE, lambda it, place: it.somebody_forges(place, "ada", "written")),
    "sent again": Between("sent", repeats(Sending)),
    "looked again": Between("checking", repeats(Rechecked)),
    "asked again": Between("open proposed", repeats(Asked)),
    "voted again": Between("proposed voted checking", repeats(Voted)),
    "a second try": Between("acting", lambda it, place: it.try_again(place), "container.stop"),
    "asked meanwhile": Between("proposed voted checking", lambda it, place: it.ask(place, "pod.delete", "ben")),
    "another operation": Between("acting sent verifying", lambda it, place: it.news_of_the_last_operations(place)),
    "everybody votes": Between("proposed voted", lambda it, place: it.vote_so(place, *NAMES)),
    "nobody types": Between("proposed", lambda it, place: it.vote_so(place, *NAMES, typed="something else"), HIGH),
    "a stranger votes": Between("proposed voted", lambda it, place: it.vote_so(place, "stranger")),
    "votes twice": Between("proposed", lambda it, place: it.vote_so(place, "ben", "ben", "mallory", "mallory"), HIGH),
    "votes for another": Between("proposed", lambda it, place: it.vote_for_another(place)),
    "a stranger settles": Between(
        "unsettled", lambda it, place: it.somebody_settles(place, "stranger", done=False, reason="so")
    ),
    "settled": Between("unsettled", lambda it, place: it.somebody_settles(place, "ben", done=True, reason="so")),
    "no reply": Between("sent", acts("no reply")),
    "dies": Between("sent", acts("dies")),
    "dies after": Between("sent", acts("dies after")),
    "refused": Between("sent", acts("refused")),
    "another takes over": Between("sent", lambda it, _: it.another_process_takes_over(0, alive=True)),
    "held": Between("verifying", looks((1, "held"), (301, "held"), (1801, "held")), HIGH),
    "held for a while": Between("verifying", looks((1, "held"), (301, "held")), "kubelet.restart"),
    "blind": Between("verifying", looks((1, "blind"), (301, "blind"))),
    "flaps": Between("verifying", looks((1, "clear"), (11, "held"), (11, "clear"), (11, "blind"))),
    "one goes": Between("open diagnosed checking verifying", lambda it, place: it.a_sweep(place, "one goes")),
    "one comes": Between("open verifying", lambda it, place: it.a_sweep(place, "one comes")),
    "the neighbour": Between(
        "checking acting unsettled", lambda it, place: it.it_goes_as_it_should((place + 1) % 2, "pod.delete", "ben", 3)
    ),
}


def run(core: Core, examples: int = EXAMPLES) -> None:
    """The same examples each time: none is kept, and none made smaller."""
    machine = type("Machine", (Incidents,), {"core": core})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            phases=(Phase.generate,),
            derandomize=True,
            database=None,
            deadline=None,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        ),
    )


def caught(fault: Fault) -> bool:
    try:
        run(copied(fault))
    except AssertionError:
        return True
    return False


def test_whatever_happens_in_whatever_order() -> None:
    run(copied())


@pytest.mark.timeout(300)
def test_every_fault_in_what_decides_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    survivors = [f"{fault.module}: {fault.why}" for fault in INCIDENT_FAULTS if not caught(fault)]

    with capsys.disabled():
        print(f"\n{len(INCIDENT_FAULTS) - len(survivors)} of {len(INCIDENT_FAULTS)} faults caught")
    assert survivors == []


@pytest.mark.parametrize("fault", INCIDENT_FAULTS, ids=lambda fault: fault.why)
def test_a_fault_is_one_change_of_today_s_source(fault: Fault) -> None:
    assert source(fault.module).count(fault.text) == 1
