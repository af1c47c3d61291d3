"""What somebody reads who reads nothing else, in every phase."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.core.alerts import alert, doable
from bot.core.causes import Condition, OneOf
from bot.core.findings import of
from bot.core.incident_cards import finding, progress, result
from bot.core.phases import Closed, Incident, Judged
from bot.core.plan_cards import asks, deed
from bot.core.repairs import CATALOGUE
from tests.core.incident_samples import (
    FINALIZER,
    MINUTE,
    ON,
    PEOPLE,
    SECOND,
    SECOND_POD,
    SEEN,
    SIGHT,
    cause,
    execution,
    first,
    in_every_phase,
    member,
    plan,
    proposed,
    seen,
    taken,
)
from tests.core.samples import UID

REAP = plan("shim.reap", reason="")
STAGES: Mapping[str, Incident] = in_every_phase(REAP)
NOW = SEEN + MINUTE


def parts(incident: Incident) -> dict[str, tuple[str, ...]]:
    return {each.label: each.lines for each in alert(incident, PEOPLE, NOW).parts}


def judged(*repairs: str) -> Incident:
    sight = replace(SIGHT, cause=cause(*repairs))
    return taken(first(), Judged(finding=of(sight.diagnosis(), "e" * 64, SEEN, SECOND)))


def test_the_cause_stands_there_with_its_signs_and_the_fix_in_plain_words() -> None:
    found = parts(STAGES["diagnosed"])

    assert found["Cause"] == ("Some cause (docker-lost-exit-event)", "process: gone · docker: running")
    assert found["Next"] == (
        "Stop the dead container through docker. Low risk: 1 approval, not the requester's.",
        "Touches: 1 dead container; nothing else on the node.",
        "Docker marks it exited after about 10 s.",
    )
    assert found["By hand"] == ("Drain the node.",)
    assert set(found) == {"Cause", "Next", "By hand"}


def test_where_no_cause_fits_the_nearest_one_is_named() -> None:
    other = cause(when=(Condition("docker.container.state", OneOf(("paused",))),))
    sight = replace(SIGHT, cause=other)

    found = parts(taken(first(), Judged(finding=of(sight.diagnosis(), "", SEEN, SECOND))))

    assert found["Cause"] == (
        "No known cause fits.",
        "Closest: docker-lost-exit-event, except that docker says running.",
    )
    assert found["Next"] == ("Nothing that the bot could do. Why not stands beside the evidence.",)


def test_what_only_a_person_can_do_is_not_asked_of_the_bot() -> None:
    incident = judged("node.drain", "shim.reap")
    found = finding(incident)
    assert found is not None

    assert [each.repair for each in doable(found)] == ["shim.reap"]
    assert parts(incident)["Next"][0].startswith("Reap the dead container's shim.")
    assert parts(judged("node.drain"))["By hand"] == ("Drain the node.",)


def test_of_several_pods_it_says_which_one_was_looked_at_and_how_often_it_was_so() -> None:
    incident = taken(first(member(), SECOND_POD, before=3), Judged(finding=of(SIGHT.diagnosis(), "", SEEN, SECOND)))

    assert parts(replace(incident, returned=1))["Cause"][-3:] == (
        "Seen at prod/zookeeper0-0.",
        "Fourth time on this node in 7 days. A force delete would hide it, not end it.",
        "It was gone and came back: once.",
    )
    assert parts(replace(incident, returned=2))["Cause"][-1] == "It was gone and came back: 2 times."


def test_an_open_plan_says_who_asks_and_who_must_agree_until_when() -> None:
    found = parts(STAGES["proposed"])

    assert found["Asked"] == ("ada asks to reap the dead container's shim · prod/zookeeper0-0 on node-17 · low risk.",)
    assert found["Needs"][0] == "1 approval, not ada's · open until 20 Nov 12:29:00 UTC"
    assert found["Needs"][-1] == "ben or mallory can."
    assert set(found) == {"Cause", "Asked", "Needs"}
    assert parts(proposed(plan("shim.reap", reason="it blocks us")))["Asked"][-1] == "“it blocks us”"


@pytest.mark.parametrize("stage", ["open", "checking", "acting", "verifying", "unsettled"])
def test_what_is_being_done_is_told_as_everywhere(stage: str) -> None:
    assert "Cause" in parts(STAGES[stage])
    assert not {"Next", "Needs", "Before"} & set(parts(STAGES[stage]))


def test_the_last_attempt_is_told_once() -> None:
    over = STAGES["closed"]
    assert set(parts(over)) == {"Last"}

    assert set(parts(replace(over, last=""))) == {"Before"}
    more = replace(over, executions=(execution(state="failed"), *over.executions))
    assert len(parts(more)["Before"]) == 2


def test_what_resolves_by_itself_says_which_pods_went() -> None:
    gone = taken(STAGES["diagnosed"], seen(gone=(UID,)))

    assert isinstance(gone.phase, Closed)
    assert parts(gone) == {"Last": ("Gone: prod/zookeeper0-0.",)}


def test_every_repair_can_be_said_in_a_sentence() -> None:
    assert all(deed(each.id)[0].islower() for each in CATALOGUE)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (plan("finalizer.remove"), f"take the finalizer {FINALIZER} off the pod"),
        (plan("docker.restart", ON), "restart dockerd"),
        (plan("docker.restart"), "switch live-restore on and restart dockerd"),
        (plan("docker.restart", option="without-live-restore"), "restart dockerd and every container with it"),
        (plan("node.cordon"), "cordon the node"),
    ],
)
def test_a_plan_says_which_way_it_goes(made: object, says: str) -> None:
    assert asks(made).startswith(f"ada asks to {says} · prod/zookeeper0-0")  # type: ignore[arg-type]  # a plan


@pytest.mark.parametrize(
    ("stage", "labels"),
    [
        ("proposed", []),
        ("checking", ["Agreed", "Now"]),
        ("verifying", ["Agreed", "Now"]),
        ("unsettled", ["Agreed", "Unknown", "To look", "Then"]),
    ],
)
def test_an_approved_plan_says_who_agreed_and_how_far_it_is(stage: str, labels: list[str]) -> None:
    assert [each.label for each in progress(STAGES[stage])] == labels


def test_what_became_of_a_plan() -> None:
    done = result(STAGES["closed"], REAP.digest[:8])
    assert done == (
        "DONE",
        (
            "shim.reap for prod/zookeeper0-0 on node-17 worked: the pod is gone, 0 s after the last vote.",
            (
                "Asked by ada, approved by ben: last vote 20 Nov 12:14:00 UTC, sent 20 Nov 12:14:00 UTC, over "
                "20 Nov 12:14:20 UTC, after 20 s."
            ),
        ),
    )
    rejected = replace(STAGES["diagnosed"], last="ben rejected shim.reap.")
    assert result(rejected, "0" * 8) == ("NOTHING DONE", ("ben rejected shim.reap.",))
    assert result(STAGES["diagnosed"], "0" * 8) == ("NOTHING DONE", ("It is over.",))


def test_an_earlier_attempt_is_not_told_by_what_happened_last() -> None:
    earlier = execution(plan="1" * 64, state="failed", why="it is as it was")
    bare = execution(plan="2" * 64, state="not-done")
    incident = replace(STAGES["closed"], executions=(earlier, bare, *STAGES["closed"].executions))

    assert result(incident, "1" * 8) == ("FIX FAILED", ("it is as it was.", "Last vote 20 Nov 10:14:00 UTC."))
    assert result(incident, "2" * 8) == ("NOTHING DONE", ("Last vote 20 Nov 10:14:00 UTC.",))
    assert result(replace(incident, last=""), REAP.digest)[1][0] == "the pod is gone."
