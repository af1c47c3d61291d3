"""
Any event at any time, on incidents that share nodes and clusters, against a model that knows what really happened.

The model never asks the program whether something was right: it has its own account of votes, guards, looks and acts.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, get_args

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from bot.core.acts import Outcome
from bot.core.facts import Unknown
from bot.core.guards import Pause
from bot.core.phases import (
    Acting,
    Asked,
    Blind,
    Checking,
    Event,
    Judged,
    Looked,
    Lost,
    Proposed,
    Rechecked,
    Reported,
    Seen,
    Sending,
    Settled,
    Tick,
    Voted,
)
from tests.core.faults import Fault
from tests.core.incident_faults import INCIDENT_FAULTS, Core, copied, source
from tests.core.incident_model import NAMES, PLACES, RIGHTS
from tests.core.incident_samples import CLUSTER, NODE, vote
from tests.core.incident_work import FINDING, Worked

FEW, EXAMPLES, STEPS = 30, 240, 30
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


class Incidents(Worked):
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
        self.later(span)

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
    "nobody types": Between(
        "proposed voted", lambda it, place: it.vote_so(place, *NAMES, typed="something else"), HIGH
    ),
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
    "all go": Between("checking", lambda it, place: it.all_go(place)),
    "one comes": Between("open verifying", lambda it, place: it.a_sweep(place, "one comes")),
    "the neighbour": Between(
        "checking acting unsettled", lambda it, place: it.it_goes_as_it_should((place + 1) % 2, "pod.delete", "ben", 3)
    ),
}


def run(core: Core, examples: int) -> None:
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
        run(copied(fault), EXAMPLES)  # it ends with the first that fails
    except AssertionError:
        return True
    return False


def test_whatever_happens_in_whatever_order() -> None:
    run(copied(), FEW)


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_whatever_happens_in_many_orders_what_decides_is_sound() -> None:
    """Else it would be no news that one with a fault is not."""
    run(copied(), EXAMPLES)


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_every_fault_in_what_decides_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    survivors = [f"{fault.module}: {fault.why}" for fault in INCIDENT_FAULTS if not caught(fault)]

    with capsys.disabled():
        print(f"\n{len(INCIDENT_FAULTS) - len(survivors)} of {len(INCIDENT_FAULTS)} faults caught")
    assert survivors == []


@pytest.mark.parametrize("fault", INCIDENT_FAULTS, ids=lambda fault: fault.why)
def test_a_fault_is_one_change_of_today_s_source(fault: Fault) -> None:
    assert source(fault.module).count(fault.text) == 1
