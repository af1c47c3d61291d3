"""The life of an incident: what each event does in each phase, as tables and short stories."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.facts import PodUid
from bot.core.incidents import REOPENS, opened, takes
from bot.core.phases import (
    Accepted,
    Acting,
    Blind,
    Checking,
    Closed,
    Diagnosed,
    Effect,
    Incident,
    Judged,
    Lost,
    Open,
    Proposed,
    Rechecked,
    Sending,
    Tick,
    Verifying,
    Voted,
    name_of,
)
from bot.core.plans import Plan
from bot.core.refusals import SENTENCES, Refusal
from tests.core.incident_samples import (
    CLUSTER,
    HOLD,
    MINUTE,
    OTHER_UID,
    PLAYBOOK,
    SECOND,
    SECOND_POD,
    SEEN,
    SIGHT,
    acting,
    approved,
    around,
    asked,
    clear,
    closed,
    every_event,
    finding,
    first,
    held,
    in_every_phase,
    member,
    plan,
    proposed,
    reported,
    seen,
    step,
    taken,
    vote,
)
from tests.core.samples import UID

STOP, CORDON = plan("container.stop"), plan("node.cordon")
PHASES, EVENTS = in_every_phase(STOP), every_event(STOP)
ROLL = ("tell", "diagnose")


def outcome(incident: Incident, event: str) -> str:
    """Where it leads and what is to be done then, or the refusal's code."""
    answer = step(incident, EVENTS[event])
    if isinstance(answer, Refusal):
        return answer.code
    return " ".join((name_of(answer.incident.phase), *answer.effects))


# ---- totality


def test_every_event_is_accepted_or_refused_in_every_phase() -> None:
    answers = [
        step(incident, event, at)
        for incident in PHASES.values()
        for event in EVENTS.values()
        for at in (SEEN - MINUTE, SEEN, SEEN + timedelta(hours=1), SEEN + timedelta(days=40))
    ]

    refused = [each for each in answers if isinstance(each, Refusal)]
    assert len(answers) == len(PHASES) * len(EVENTS) * 4
    assert 0 < len(refused) < len(answers)
    assert {each.code for each in refused} <= set(SENTENCES)


def test_the_same_event_on_the_same_incident_gives_the_same_answer() -> None:
    for incident in PHASES.values():
        for event in EVENTS.values():
            assert step(incident, event) == step(incident, event)


@pytest.mark.parametrize("phase", [name for name in PHASES if name not in ("acting and sent", "unsettled")])
def test_a_report_counts_only_while_something_may_be_on_its_way(phase: str) -> None:
    """The intent alone is enough: a worker may be ahead of what it wrote."""
    reports = {event: outcome(PHASES[phase], event) for event in EVENTS if event.startswith("reported ")}

    expected = {"reported done", "reported not-done", "reported unknown"} if phase == "acting" else set()
    assert {event for event, answer in reports.items() if answer != "stale"} == expected


ON_ITS_WAY = {
    # event: phases in which it is no stale one, with what it does there
    "judged": {
        "open": "diagnosed tell",
        "open and blind": "diagnosed tell",
        "diagnosed": "diagnosed tell",
    },
    "blind": {"open": "open tell", "open and blind": "open tell"},
    "asked": {"open": "proposed tell", "open and blind": "proposed tell", "diagnosed": "proposed tell"},
    "rechecked the same": {"checking": "acting act tell"},
    "rechecked another": {"checking": "open tell diagnose"},
    "rechecked in vain": {"checking": "open tell diagnose"},
    "sending": {"acting": "acting"},
    "sending another": {},
    "reported done": {
        "acting": "verifying look tell",
        "acting and sent": "verifying look tell",
        "unsettled": "verifying look tell",
    },
    "reported not-done": {
        "acting": "open tell diagnose",
        "acting and sent": "open tell diagnose",
        "unsettled": "open tell diagnose",
    },
    "reported unknown": {
        "acting": "unsettled ask tell",
        "acting and sent": "unsettled ask tell",
        "unsettled": "unsettled tell",
    },
    "reported another done": {},
    "lost": {"acting": "open tell diagnose", "acting and sent": "unsettled ask tell"},
    "lost another": {},
    "looked clear": {"verifying": "verifying tell look"},
    "looked held": {"verifying": "verifying tell look"},
    "looked blind": {"verifying": "verifying tell look"},
    "looked for another": {},
}


@pytest.mark.parametrize("event", ON_ITS_WAY)
def test_what_an_event_does_and_that_it_is_too_late_everywhere_else(event: str) -> None:
    found = {phase: outcome(incident, event) for phase, incident in PHASES.items()}

    late = "plan-open" if event == "asked" else "stale"
    expected = {phase: ON_ITS_WAY[event].get(phase, late if phase == "proposed" else "stale") for phase in PHASES}
    assert found == expected


def test_votes_and_settling_are_answered_in_their_own_words() -> None:
    votes = {phase: outcome(incident, "approved") for phase, incident in PHASES.items()}
    settling = {phase: outcome(incident, "settled done") for phase, incident in PHASES.items()}
    ticks = {phase: outcome(incident, "tick") for phase, incident in PHASES.items()}

    assert votes == {phase: "checking recheck tell" if phase == "proposed" else "no-plan" for phase in PHASES}
    assert settling == {phase: "open tell diagnose" if phase == "unsettled" else "not-unknown" for phase in PHASES}
    assert ticks == {phase: name_of(incident.phase) for phase, incident in PHASES.items()}


# ---- pods come and go


def test_the_first_sight_is_told_and_diagnosed() -> None:
    answer = opened(CLUSTER, HOLD, seen(member()), 0, SEEN)

    assert answer.effects == ROLL
    assert (answer.incident.nth, answer.incident.opened, answer.incident.members) == (1, SEEN, (member(),))
    assert opened(CLUSTER, HOLD, seen(member()), 3, SEEN).incident.nth == 4


def test_pods_join_and_leave_and_keep_their_order() -> None:
    third = member(PodUid("3"), "zookeeper0-2")
    both = taken(first(), seen(member(), SECOND_POD))
    swapped = taken(both, seen(third, SECOND_POD, gone=(UID,)))

    assert both.members == (member(), SECOND_POD)
    assert swapped.members == (SECOND_POD, third)
    assert step(first(), seen(member())) == Accepted(first())


def test_a_pod_that_is_not_seen_and_not_proved_gone_stays() -> None:
    both = first(member(), SECOND_POD)

    assert taken(both, seen(SECOND_POD)).members == (member(), SECOND_POD)
    assert taken(both, seen()).members == (member(), SECOND_POD)


def test_a_pod_that_is_proved_gone_is_gone_though_it_was_seen() -> None:
    assert taken(first(member(), SECOND_POD), seen(member(), SECOND_POD, gone=(UID,))).members == (SECOND_POD,)
    assert isinstance(taken(first(), seen(member(), gone=(UID,))).phase, Closed)


@pytest.mark.parametrize("phase", PHASES)
def test_the_last_pod_that_goes_closes_it_unless_something_is_on_its_way(phase: str) -> None:
    after = taken(PHASES[phase], seen(gone=(UID,)))

    waits = phase in ("open", "open and blind", "diagnosed", "proposed")
    assert after.members == ()
    assert name_of(after.phase) == ("closed" if waits or phase == "closed" else name_of(PHASES[phase].phase))
    if waits:
        assert after.phase == Closed(outcome="resolved itself", at=SEEN)


@pytest.mark.parametrize("phase", ["open", "diagnosed", "proposed", "checking", "acting", "verifying", "unsettled"])
def test_a_pod_that_joins_changes_nothing_but_the_members(phase: str) -> None:
    answer = step(PHASES[phase], seen(member(), SECOND_POD))

    assert answer == Accepted(replace(PHASES[phase], members=(member(), SECOND_POD)), ("tell",))


@pytest.mark.parametrize("phase", ["open", "diagnosed"])
def test_when_the_pod_that_was_looked_at_goes_another_is_looked_at(phase: str) -> None:
    both = replace(PHASES[phase], members=(member(), SECOND_POD))

    left = step(both, seen(SECOND_POD, gone=(UID,)))
    other_left = step(both, seen(member(), gone=(OTHER_UID,)))

    assert isinstance(left, Accepted)
    assert left.effects == ROLL
    assert isinstance(other_left, Accepted)
    assert other_left.effects == ("tell",)


def test_a_diagnosis_of_a_pod_that_has_gone_is_made_of_another() -> None:
    left = first(SECOND_POD)

    assert step(left, Judged(finding=finding())) == Accepted(left, ("diagnose",))


def test_blindness_is_told_until_it_ends() -> None:
    dark = taken(first(), Blind(why="the node does not answer"))
    seeing = taken(dark, Judged(finding=finding()))

    assert dark.phase == Open(why="the node does not answer")
    assert seeing.phase == Diagnosed(finding=finding())
    assert outcome(seeing, "blind") == "stale"


def test_of_many_that_went_five_are_named_and_the_rest_is_counted() -> None:
    many = tuple(replace(SECOND_POD, uid=PodUid(f"uid-{n}"), name=f"web-{n}") for n in range(7))
    gone = taken(replace(first(), members=many), seen(gone=tuple(each.uid for each in many)))

    assert gone.last == "Gone: prod/web-0, prod/web-1, prod/web-2, prod/web-3, prod/web-4 and 2 more."


def test_a_pod_that_comes_back_within_ten_minutes_never_went() -> None:
    gone = taken(first(), seen(gone=(UID,)))
    moments = (SEEN, SEEN + REOPENS, SEEN + REOPENS + SECOND)

    again = step(gone, seen(SECOND_POD), SEEN + REOPENS)

    assert [takes(gone, at) for at in moments] == [True, True, False]
    assert takes(first(), SEEN + timedelta(days=9))
    assert isinstance(again, Accepted)
    assert again.effects == ROLL
    assert (again.incident.phase, again.incident.members, again.incident.returned) == (Open(), (SECOND_POD,), 1)
    assert (again.incident.opened, again.incident.nth) == (gone.opened, gone.nth)
    assert step(gone, seen(SECOND_POD), SEEN + REOPENS + SECOND) == Refusal(
        "stale", "Too late: incident 1 has moved on (closed)."
    )


def test_a_closed_incident_stays_closed_while_nothing_is_there() -> None:
    gone = closed(STOP)

    assert step(gone, seen(), SEEN + timedelta(days=1)) == Accepted(gone)
    assert step(gone, seen(gone=(UID,)), SEEN + MINUTE) == Accepted(gone)


# ---- plans


def test_one_plan_at_a_time_and_a_new_one_once_it_expired() -> None:
    later = plan("shim.reap", requester="ben", at=SEEN + 15 * MINUTE)

    early = step(proposed(STOP), asked(later), STOP.expires - SECOND)
    after = taken(proposed(STOP), asked(later), STOP.expires)

    assert early == Refusal(
        "plan-open", "A plan is open already: container.stop, asked by ada. Approve or reject that first."
    )
    assert after.phase == Proposed(finding=finding(), plan=later, votes=())


@pytest.mark.parametrize(
    ("of", "code"),
    [
        (plan(requester="stranger"), "not-listed"),
        (plan(incident=2), "stale"),
        (plan(sight=replace(SIGHT, uid=OTHER_UID)), "stale"),
        (replace(STOP, target=replace(STOP.target, cluster="prod-us")), "stale"),
        (plan(at=SEEN - 15 * MINUTE), "expired"),
    ],
    ids=["a stranger", "another incident", "another pod", "another cluster", "too old"],
)
def test_a_plan_fits_its_incident_or_is_refused(of: Plan, code: str) -> None:
    answer = step(first(), asked(of))

    assert isinstance(answer, Refusal)
    assert answer.code == code


def test_a_plan_that_was_carried_out_is_not_opened_again() -> None:
    undone = taken(acting(STOP), Lost(op=STOP.op))

    assert isinstance(undone.phase, Open)
    assert outcome(undone, "asked") == "stale"
    assert outcome(undone, "asked anew") == "proposed tell"


def test_what_was_said_of_the_last_plan_is_over_with_a_new_one() -> None:
    rejected = taken(proposed(STOP), Voted(vote=vote(STOP, ballot="reject")))
    rejected_again = taken(rejected, asked(plan(at=SEEN + SECOND)))

    assert rejected.last
    assert rejected_again.last == ""


def test_time_ends_an_open_plan() -> None:
    waiting = proposed(STOP)

    expired = taken(waiting, Tick(), STOP.expires)

    assert step(waiting, Tick(), STOP.expires - SECOND) == Accepted(waiting)
    assert expired.phase == Open()
    assert expired.last == (
        "The plan expired at 2025-11-20 12:29 UTC. Nothing was done. Ask again, and it is drawn afresh."
    )
    assert expired.executions == ()


# ---- the one execution


def test_the_last_vote_claims_the_place() -> None:
    (claimed,) = approved(STOP).executions

    assert (claimed.op, claimed.plan, claimed.incident) == (STOP.digest[:32], STOP.digest, 1)
    assert (claimed.repair, claimed.cause, claimed.cluster) == ("container.stop", STOP.cause, CLUSTER)
    assert (claimed.place, claimed.node, claimed.state) == ("node-17", "node-17", "checking")
    assert (claimed.claimed, claimed.intent, claimed.ended) == (SEEN, None, None)
    assert (claimed.requester, claimed.approvers) == ("ada", ("ben",))


def test_a_repair_from_the_first_vote_to_the_end() -> None:
    kept = "41 of 41 other containers and daemons of node-17 kept their pid and start time."
    steps: list[tuple[Incident, str, tuple[Effect, ...]]] = []
    incident = proposed(STOP)
    for event, at in (
        (Voted(vote=vote(STOP)), SEEN),
        (Rechecked(now=STOP), SEEN + SECOND),
        (Sending(op=STOP.op), SEEN + 2 * SECOND),
        (reported(STOP, "done"), SEEN + 3 * SECOND),
        (held(STOP), SEEN + 6 * SECOND),
        (clear(STOP), SEEN + 9 * SECOND),
        (clear(STOP), SEEN + 28 * SECOND),
        (replace(clear(STOP), beside=kept), SEEN + 29 * SECOND),
    ):
        answer = step(incident, event, at)
        assert isinstance(answer, Accepted)
        incident = answer.incident
        steps.append((incident, incident.executions[-1].state, answer.effects))

    assert [(type(each.phase), state, effects) for each, state, effects in steps] == [
        (Checking, "checking", ("recheck", "tell")),
        (Acting, "acting", ("act", "tell")),
        (Acting, "acting", ()),
        (Verifying, "verifying", ("look", "tell")),
        (Verifying, "verifying", ("tell", "look")),
        (Verifying, "verifying", ("tell", "look")),
        (Verifying, "verifying", ("look",)),
        (Closed, "done", ("tell",)),
    ]
    worked = "container.stop for prod/zookeeper0-0 on node-17 worked: the pod is gone, 9 s after the last vote."
    assert incident.last == f"{worked} {kept}"
    assert incident.phase == Closed(outcome="resolved", at=SEEN + 29 * SECOND)
    (execution,) = incident.executions
    assert (execution.claimed, execution.intent, execution.ended) == (SEEN, SEEN + SECOND, SEEN + 29 * SECOND)
    assert not execution.blamed


def test_a_report_ahead_of_the_record_that_it_was_sent_counts() -> None:
    assert isinstance(taken(acting(STOP), reported(STOP, "done")).phase, Verifying)


def test_a_look_for_an_earlier_plan_is_none_for_this_one() -> None:
    """A worker slept over it; the plan that it looked for is over."""
    later = plan(at=SEEN + MINUTE)

    assert step(approved(later, at=SEEN + MINUTE), Rechecked(now=STOP), SEEN + MINUTE) == Refusal(
        "stale", "Too late: incident 1 has moved on (checking)."
    )


EDITED: Mapping[str, str] = {PLAYBOOK.id: "another digest"}


@pytest.mark.parametrize("playbooks", [EDITED, {}], ids=["edited", "gone"])
def test_a_playbook_that_was_changed_after_the_vote_ends_the_plan(playbooks: Mapping[str, str]) -> None:
    nearby = around(playbooks=playbooks)

    at_intent = taken(approved(STOP), Rechecked(now=STOP), around=nearby)
    at_sending = taken(acting(STOP), Sending(op=STOP.op), around=nearby)

    assert (
        at_intent.last
        == at_sending.last
        == ("This plan is out of date: the playbook docker-lost-exit-event was changed. Nothing was done.")
    )
    assert at_intent.executions[-1].state == at_sending.executions[-1].state == "not-done"


def test_a_plan_without_a_cause_needs_no_playbook() -> None:
    of = plan("node.cordon", replace(SIGHT, cause=None))

    assert isinstance(taken(acting(of), Sending(op=of.op), around=around(playbooks={})).phase, Acting)


def test_a_full_name_says_the_namespace() -> None:
    assert member().full_name == "prod/zookeeper0-0"
    assert first().with_id(7).id == 7
    assert first().open
    assert not closed(STOP).open
