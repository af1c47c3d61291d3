"""Incidents that any event may reach, and what must be so after each: by the model's account, not the program's."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis.stateful import RuleBasedStateMachine, invariant

from bot.core.consent import Person, Vote
from bot.core.guards import Around, Execution, Policy, Rates, Window
from bot.core.phases import (
    Accepted,
    Acting,
    Asked,
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
from bot.core.refusals import SENTENCES, Refusal
from tests.core.incident_faults import Core
from tests.core.incident_model import NARROW, RIGHTS, US, VOTES, Hand, Job, Model
from tests.core.incident_samples import CLEAR_FOR, CLUSTER, KEY, cause

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


class Checked(RuleBasedStateMachine):
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
    Asked: Checked.asked,
    Voted: Checked.voted,
    Rechecked: Checked.rechecked,
    Sending: Checked.sending,
    Reported: Checked.reported,
    Lost: Checked.lost,
    Looked: Checked.looked,
    Settled: Checked.settled,
}
