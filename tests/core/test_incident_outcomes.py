"""What becomes of a repair: mended, failed or not to be told, and how an unknown outcome is settled."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.acts import Outcome
from bot.core.phases import (
    Accepted,
    Closed,
    Diagnosed,
    Looked,
    Lost,
    Open,
    Reported,
    Unsettled,
    Verifying,
    Voted,
    name_of,
)
from bot.core.refusals import Refusal
from tests.core.incident_samples import (
    CLEAR_FOR,
    MINUTE,
    SECOND,
    SECOND_POD,
    SEEN,
    acting,
    around,
    asked,
    blind,
    clear,
    execution,
    finding,
    held,
    member,
    plan,
    policy,
    reported,
    seen,
    sent,
    settled,
    step,
    taken,
    unsettled,
    verifying,
    vote,
)
from tests.core.samples import UID

STOP, CORDON = plan("container.stop"), plan("node.cordon")
ROLL = ("tell", "diagnose")


def look(found: str, at: int) -> tuple[Looked, datetime]:
    return {"clear": clear(STOP), "held": held(STOP), "blind": blind(STOP)}[found], SEEN + at * SECOND


@pytest.mark.parametrize(
    ("looks", "ends"),
    [
        ([("clear", 3), ("clear", 23)], "closed"),
        ([("clear", 3), ("clear", 22)], "verifying"),
        ([("clear", 3), ("held", 10), ("clear", 23)], "verifying"),
        ([("clear", 3), ("blind", 10), ("clear", 23)], "verifying"),
        ([("clear", 3), ("held", 10), ("clear", 13), ("clear", 33)], "closed"),
        ([("clear", 290), ("clear", 300)], "verifying"),
        ([("clear", 290), ("clear", 300), ("clear", 310)], "closed"),
        ([("held", 299)], "verifying"),
        ([("held", 300)], "open"),
        ([("blind", 299)], "verifying"),
        ([("blind", 300)], "unsettled"),
        ([("clear", 290), ("held", 300)], "open"),
        ([("clear", 290), ("blind", 300)], "unsettled"),
    ],
)
def test_clear_for_so_long_failed_or_not_to_be_told(looks: list[tuple[str, int]], ends: str) -> None:
    incident = verifying(STOP)
    for found, at in looks:
        event, when = look(found, at)
        incident = taken(incident, event, when)

    assert name_of(incident.phase) == ends


def test_a_cause_may_ask_for_one_clear_look() -> None:
    of = replace(STOP, clear_for=timedelta())

    assert isinstance(taken(verifying(of), clear(of)).phase, Closed)


def test_what_did_not_help_is_said_and_blamed_and_locks_nothing() -> None:
    failed = taken(verifying(STOP), held(STOP), SEEN + 5 * MINUTE)

    assert failed.last == "container.stop did not help: the API server still has the pod."
    assert (failed.executions[-1].state, failed.executions[-1].blamed) == ("failed", True)
    assert failed.executions[-1].ended == SEEN + 5 * MINUTE
    assert failed.phase == Open()


def test_what_could_not_be_seen_keeps_the_lock_and_no_look_frees_it() -> None:
    dark = step(verifying(STOP), blind(STOP), SEEN + 5 * MINUTE)

    assert isinstance(dark, Accepted)
    assert dark.effects == ("tell",)
    assert isinstance(dark.incident.phase, Unsettled)
    assert not dark.incident.phase.asking
    assert (dark.incident.executions[-1].state, dark.incident.executions[-1].blamed) == ("unsettled", True)
    assert isinstance(step(dark.incident, clear(STOP), SEEN + 6 * MINUTE), Refusal)


def test_how_long_is_looked_is_a_setting() -> None:
    assert isinstance(
        taken(verifying(STOP), held(STOP), SEEN + MINUTE, policy=policy(verify_within=MINUTE)).phase, Open
    )


def test_the_other_pods_of_the_hold_go_on() -> None:
    both = verifying(STOP, member(), SECOND_POD)

    mended = step(taken(both, clear(STOP)), clear(STOP), SEEN + CLEAR_FOR)

    assert isinstance(mended, Accepted)
    assert mended.effects == ROLL
    assert (mended.incident.phase, mended.incident.members) == (Open(), (SECOND_POD,))
    assert mended.incident.executions[-1].state == "done"


def test_a_cordon_mends_nothing_and_the_diagnosis_still_stands() -> None:
    cordoned = taken(taken(verifying(CORDON), clear(CORDON)), clear(CORDON), SEEN + CLEAR_FOR)
    gone = taken(cordoned, seen(gone=(UID,)))

    assert (cordoned.phase, cordoned.members) == (Diagnosed(finding=finding()), (member(),))
    assert gone.phase == Closed(outcome="resolved itself", at=SEEN)


@pytest.mark.parametrize(
    ("left", "leads", "effects"), [((), "closed", ("tell",)), ((SECOND_POD,), "open", ROLL)], ids=["none", "another"]
)
def test_the_pod_may_go_while_its_node_is_cordoned(left: tuple[object, ...], leads: str, effects: object) -> None:
    members = (member(), *left)
    going = taken(taken(verifying(CORDON, *members), clear(CORDON)), seen(*left, gone=(UID,)))  # type: ignore[arg-type]

    cordoned = step(going, clear(CORDON), SEEN + CLEAR_FOR)

    assert isinstance(cordoned, Accepted)
    assert (name_of(cordoned.incident.phase), cordoned.effects) == (leads, effects)


# ---- unknown outcomes


def test_a_process_that_died_before_sending_did_nothing() -> None:
    lost = taken(acting(STOP), Lost(op=STOP.op))

    assert lost.last == "The bot stopped before anything was sent. Nothing was done."
    assert lost.executions[-1].state == "not-done"


@pytest.mark.parametrize(
    "event", [Lost(op=STOP.op), reported(STOP, "unknown", "no reply within 150 s")], ids=["lost", "no reply"]
)
def test_a_lost_reply_locks_the_place_and_asks_for_evidence(event: Lost | Reported) -> None:
    answer = step(sent(STOP), event)

    assert isinstance(answer, Accepted)
    assert answer.effects == ("ask", "tell")
    assert isinstance(answer.incident.phase, Unsettled)
    assert answer.incident.phase.asking
    (execution,) = answer.incident.executions
    assert (execution.state, execution.locks, execution.blamed, execution.ended) == ("unsettled", True, True, None)


@pytest.mark.parametrize(
    ("found", "leads", "state"), [("done", "verifying", "verifying"), ("not-done", "open", "not-done")]
)
def test_evidence_settles_a_lost_reply(found: Outcome, leads: str, state: str) -> None:
    after = taken(unsettled(STOP), reported(STOP, found, "the node's record says so"))

    assert (name_of(after.phase), after.executions[-1].state) == (leads, state)
    assert after.executions[-1].blamed
    if found == "not-done":
        assert after.last == "Nothing was done: the node's record says so."


def test_evidence_that_it_was_done_waits_for_the_cluster_to_be_free() -> None:
    """Two verifications at once in one cluster would prove nothing; the place stays locked meanwhile."""
    incident = unsettled(STOP)
    other = execution(op="9" * 32, plan="9" * 64, place="node-18", state="verifying")

    answer = step(incident, reported(STOP, "done"), around=around(executions=(other,)))

    assert answer == Accepted(incident, ("ask",))
    assert isinstance(taken(incident, reported(STOP, "not-done"), around=around(executions=(other,))).phase, Open)
    assert isinstance(taken(sent(STOP), reported(STOP, "done"), around=around(executions=(other,))).phase, Verifying)
    elsewhere = around(executions=(replace(other, cluster="prod-us"),))
    assert isinstance(taken(incident, reported(STOP, "done"), around=elsewhere).phase, Verifying)


def test_evidence_that_settles_nothing_leaves_it_to_a_person() -> None:
    why = "the pod is still there, and whether it was asked is not known"
    once = step(unsettled(STOP), reported(STOP, "unknown", why))
    assert isinstance(once, Accepted)
    twice = step(once.incident, reported(STOP, "unknown", why))

    assert isinstance(once.incident.phase, Unsettled)
    assert (once.effects, once.incident.phase.asking, once.incident.phase.why) == (("tell",), False, why)
    assert twice == Accepted(once.incident)
    assert once.incident.executions[-1].locks


@pytest.mark.parametrize("done", [True, False])
def test_a_person_settles_it(done: bool) -> None:
    after = taken(unsettled(STOP), settled(done=done), SEEN + MINUTE)

    assert after.last == f"ben settled it: container.stop {'was' if done else 'was not'} done. I looked"
    assert after.executions[-1].state == ("done" if done else "not-done")
    assert after.executions[-1].ended == SEEN + MINUTE
    assert after.phase == Open()


def test_settling_when_no_pod_is_left_closes_it() -> None:
    empty = taken(unsettled(STOP), seen(gone=(UID,)))

    assert isinstance(empty.phase, Unsettled)
    assert taken(empty, settled(done=True)).phase == Closed(outcome="resolved", at=SEEN)
    assert taken(empty, settled(done=False)).phase == Closed(outcome="resolved itself", at=SEEN)


def test_settling_takes_the_right_and_a_reason() -> None:
    stuck = unsettled(STOP)

    answers = [step(stuck, settled("stranger", done=True)), step(stuck, settled(done=True, reason=" "))]

    assert [str(each) for each in answers] == [
        "stranger is not among the people of the settings. Nothing was done.",
        "settling needs a reason in writing.",
    ]


def test_a_second_attempt_is_a_second_plan_and_both_are_on_record() -> None:
    undone = taken(sent(STOP), reported(STOP, "not-done", "another boot id"))
    second = plan(at=SEEN + MINUTE)
    again = taken(taken(undone, asked(second), SEEN + MINUTE), Voted(vote=vote(second)), SEEN + MINUTE)

    assert [(each.op, each.state) for each in again.executions] == [(STOP.op, "not-done"), (second.op, "checking")]
