"""What people read of an incident, from first sight to closed: one line that says it, and the parts below."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.facts import PodUid
from bot.core.guards import State
from bot.core.hostile import plain
from bot.core.incident_cards import MOST_MEMBERS, Card, Late, again, card, cause_of, held, members, past, status
from bot.core.phases import Blind, Closed, Incident, Judged, Member
from bot.core.pods import Hold
from bot.core.repairs import BY_ID
from tests.core.incident_samples import (
    FINALIZER,
    HOLD,
    MINUTE,
    NODE,
    PEOPLE,
    SECOND,
    SECOND_POD,
    SEEN,
    approved,
    blind,
    clear,
    closed,
    execution,
    finding,
    first,
    in_every_phase,
    member,
    plan,
    seen,
    settled,
    taken,
    unsettled,
    verifying,
)
from tests.core.incident_samples import (
    held as still_held,
)
from tests.core.samples import UID

REAP = plan("shim.reap")
STAGES: Mapping[str, Incident] = in_every_phase(REAP)
NOW = SEEN + MINUTE


def said(incident: Incident, label: str, *, whole: bool = False) -> tuple[str, ...]:
    return next((part.lines for part in shown(incident, whole=whole).parts if part.label == label), ())


def shown(incident: Incident, *, whole: bool = False) -> Card:
    return card(incident, PEOPLE, NOW, whole=whole)


@pytest.mark.parametrize(
    ("stage", "headline"),
    [
        ("open", "STUCK  1 pod on node-17 · prod-eu · 13 min past the deadline"),
        ("open and blind", "STUCK  1 pod on node-17 · prod-eu · 13 min past the deadline"),
        ("diagnosed", "STUCK  1 pod on node-17 · prod-eu · 13 min past the deadline"),
        ("proposed", "WAITING FOR APPROVAL  1 pod on node-17 · prod-eu · 13 min past the deadline"),
        ("checking", "CHECKING  1 pod on node-17 · prod-eu · 13 min past the deadline"),
        ("acting", "FIXING  1 pod on node-17 · prod-eu · 13 min past the deadline"),
        ("acting and sent", "FIXING  1 pod on node-17 · prod-eu · 13 min past the deadline"),
        ("verifying", "VERIFYING  1 pod on node-17 · prod-eu · 13 min past the deadline"),
        ("unsettled", "OUTCOME UNKNOWN  1 pod on node-17 · prod-eu · 13 min past the deadline"),
        ("closed", "RESOLVED  in 20 s · on node-17 · prod-eu · fixed by shim reap · asked by ada, approved by ben"),
    ],
)
def test_each_stage_has_its_headline(stage: str, headline: str) -> None:
    found = shown(STAGES[stage])

    assert found.headline == headline
    assert headline.startswith(f"{found.status}  ")


def test_every_stage_is_made_of_clean_lines_whole_or_not() -> None:
    for incident in (*STAGES.values(), *in_every_phase(plan("docker.restart")).values()):
        for whole in (False, True):
            found = shown(incident, whole=whole)
            said_so = (
                found.headline.replace("  ", " "),
                found.foot,
                *(line for part in found.parts for line in part.lines if line),
            )
            assert all(line == plain(line, 1_000) for line in said_so)
            assert len({part.label for part in found.parts}) >= 1


def test_what_healed_by_itself_says_so() -> None:
    gone = taken(first(), seen(gone=(UID,)), SEEN + 13 * MINUTE)

    assert shown(gone).headline == "RESOLVED BY ITSELF  in 13 min · on node-17 · prod-eu"
    assert shown(gone).members == ()
    assert [(part.label, part.lines) for part in shown(gone).parts] == [("Last", ("Gone: prod/zookeeper0-0.",))]


def test_a_fix_of_unknown_origin_names_nobody() -> None:
    done = replace(closed(REAP), executions=(execution(state="done"),))

    assert shown(done).headline == "RESOLVED  in 20 s · on node-17 · prod-eu · fixed by container stop"


def test_resolved_after_an_attempt_that_did_nothing_claims_no_fix() -> None:
    incident = replace(closed(REAP), executions=(execution(state="not-done"),))

    assert shown(incident).headline == "RESOLVED  in 20 s · on node-17 · prod-eu"


def test_pods_that_leave_after_a_fix_that_failed_did_not_leave_by_themselves() -> None:
    failed = taken(verifying(REAP), still_held(REAP), SEEN + 6 * MINUTE)
    left = taken(failed, seen(gone=(UID,)), SEEN + 7 * MINUTE)

    assert shown(left).headline == (
        "RESOLVED  in 7 min · on node-17 · prod-eu · after shim reap had not helped in its time"
    )


def test_a_fix_that_failed_is_the_news_until_the_next_plan() -> None:
    failed = taken(verifying(REAP), still_held(REAP), SEEN + 6 * MINUTE)

    assert shown(failed).headline.startswith("FIX FAILED  1 pod on node-17")
    assert said(failed, "Last") == ("shim.reap did not help: the API server still has the pod.",)
    assert said(failed, "Before") == (
        (
            "20 Nov 12:14:00 UTC shim.reap (asked by ada, approved by ben, because it blocks us): failed after 6 min: "
            "the API server still has the pod"
        ),
    )
    diagnosed = taken(failed, Judged(finding=finding()))
    assert status(diagnosed) == "FIX FAILED"


def test_a_plan_that_came_to_nothing_leaves_it_stuck_with_the_reason() -> None:
    incident = taken(unsettled(REAP), settled(done=False))

    assert status(incident) == "STUCK"
    assert said(incident, "Last") == ("ben settled it: shim.reap was not done. I looked",)


def test_the_five_that_matter_most_come_first() -> None:
    """StatefulSets, then what nothing starts again, then the oldest."""

    def pod(name: str, owner: str | None, minutes: int) -> Member:
        return Member(
            namespace="prod", name=name, uid=PodUid(name), owner=owner, deadline=SEEN - minutes * MINUTE, node=NODE
        )

    several = (
        pod("young", "ReplicaSet/web", 1),
        pod("old", "ReplicaSet/web", 90),
        pod("older", "DaemonSet/logs", 91),
        pod("alone", None, 2),
        pod("kafka-1", "StatefulSet/kafka", 3),
        pod("kafka-0", "StatefulSet/kafka", 4),
        pod("b", "ReplicaSet/web", 1),
    )
    found = shown(first(*several))

    assert found.members == (
        Late("prod/kafka-0", "5 min past its deadline", "StatefulSet/kafka"),
        Late("prod/kafka-1", "4 min past its deadline", "StatefulSet/kafka"),
        Late("prod/alone", "3 min past its deadline", "no owner"),
        Late("prod/older", "1 h 32 min past its deadline", "DaemonSet/logs"),
        Late("prod/old", "1 h 31 min past its deadline", "ReplicaSet/web"),
    )
    assert found.more == "and 2 more"
    assert found.headline == "STUCK  7 pods on node-17 · prod-eu · 1 h 32 min past the deadline"


@pytest.mark.parametrize(
    ("count", "more"), [(1, ""), (MOST_MEMBERS, ""), (MOST_MEMBERS + 1, "and 1 more"), (47, "and 42 more")]
)
def test_what_is_not_shown_is_counted(count: int, more: str) -> None:
    incident = first(*(member(PodUid(str(n)), f"web-{n}") for n in range(count)))

    assert shown(incident).more == more
    assert len(members(incident, NOW)) == min(count, MOST_MEMBERS)


def test_pods_that_are_gone_while_it_is_verified_are_not_late() -> None:
    incident = taken(verifying(REAP), seen(gone=(UID,)))

    assert shown(incident).headline == "VERIFYING  no pod of it is left · on node-17 · prod-eu"


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        (HOLD, "on node-17"),
        (Hold(kind="lost-node", name="node-9"), "on node-9, which is gone"),
        (Hold(kind="finalizer", name="example.com/cleanup"), "held by finalizer example.com/cleanup"),
        (Hold(kind="none", name=""), "that no node ever had"),
    ],
)
def test_every_hold_is_a_place_in_words(hold: Hold, words: str) -> None:
    assert held(hold) == words
    assert f"1 pod {words} · prod-eu" in shown(replace(first(), hold=hold)).headline


@pytest.mark.parametrize(
    ("nth", "words"),
    [
        (1, ""),
        (2, "Second time on this node in 7 days. A force delete would hide it, not end it."),
        (4, "Fourth time on this node in 7 days. A force delete would hide it, not end it."),
        (10, "Tenth time on this node in 7 days. A force delete would hide it, not end it."),
        (11, "11th time on this node in 7 days. A force delete would hide it, not end it."),
    ],
)
def test_what_comes_back_is_counted(nth: int, words: str) -> None:
    incident = replace(STAGES["diagnosed"], nth=nth)

    assert again(incident) == words
    assert not words or words in said(incident, "Cause")


def test_of_what_is_no_node_no_force_delete_is_spoken() -> None:
    incident = replace(first(), nth=3, hold=Hold(kind="finalizer", name="x"))

    assert again(incident) == "Third time in 7 days."


def test_what_went_and_came_back_says_so() -> None:
    assert said(replace(first(), returned=2), "Cause") == (
        "Not known yet: the node is being asked.",
        "It was gone and came back: 2 times.",
    )


def test_a_node_that_cannot_be_asked_is_said_with_its_reason() -> None:
    assert said(taken(first(), Blind(why="asking node-17 failed")), "Cause") == (
        "Not known yet: asking node-17 failed",
    )


def test_a_diagnosis_shows_its_evidence_and_what_can_be_done() -> None:
    incident = STAGES["diagnosed"]
    found = shown(incident)

    assert found.rows == finding().rows
    assert any(row.disagrees for row in found.rows)
    assert said(incident, "Next") == (
        f"container.stop · low risk · {BY_ID['container.stop'].does}",
        "Touches: 1 dead container; nothing else on the node.",
        "Note: docker marks it exited after about 10 s.",
    )
    assert said(incident, "Else")[0].startswith("shim.reap · low risk · kill -KILL")
    assert found.foot == "incident 1 · seen 20 Nov 12:14:00 UTC · diagnosed in 1.0 s"


def test_what_is_not_offered_says_why_and_nothing_to_do_is_said() -> None:
    of = replace(finding(), offers=(), withheld=(("node.reboot", "a person does that"),))
    incident = taken(first(), Judged(finding=of))

    assert said(incident, "Next") == ("Nothing here that the bot could do.",)
    assert said(incident, "Not offered") == ("node.reboot: a person does that.",)


def test_of_several_pods_it_names_the_one_that_was_asked_about() -> None:
    incident = taken(first(member(), SECOND_POD), Judged(finding=finding()))

    assert said(incident, "Cause")[-1] == "Seen at prod/zookeeper0-0."


def test_what_is_no_news_is_told_to_who_asks() -> None:
    of = replace(finding(), ruled_out=(("shim-hung", "the shim answers"),), prevent="Raise the limit.")
    judged = taken(first(), Judged(finding=of))

    assert said(judged, "Ruled out") == said(judged, "Prevent it") == ()
    assert said(judged, "Ruled out", whole=True) == ("shim-hung: the shim answers",)
    assert said(judged, "Prevent it", whole=True) == ("Raise the limit.",)
    assert shown(STAGES["proposed"]).rows == ()
    assert shown(STAGES["proposed"], whole=True).rows == finding().rows
    assert shown(first(), whole=True).rows == ()


def test_an_open_plan_is_the_card() -> None:
    labels = [part.label for part in shown(STAGES["proposed"]).parts]

    assert labels[:2] == ["Cause", "Asked"]
    assert {"What happens", "Only if", "Touches", "Afterwards", "Lost", "Needs", "Plan"} <= set(labels)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("checking", "Everything is looked at once more. Any difference, and nothing is done."),
        ("acting", "About to be sent."),
        ("acting and sent", "Sent 20 Nov 12:14:00 UTC. It is never sent a second time."),
        ("verifying", "Done 20 Nov 12:14:00 UTC. Waiting for it to clear: it was so."),
    ],
)
def test_what_is_going_on_is_one_sentence(stage: str, words: str) -> None:
    assert said(STAGES[stage], "Now") == (words,)
    assert said(STAGES[stage], "Plan") == (
        (
            "shim.reap on prod/zookeeper0-0 on node-17 · asked by ada, approved by ben, 20 Nov 12:14:00 UTC "
            f"· plan {REAP.digest[:8]}"
        ),
    )


def test_what_is_clear_has_to_stay_so() -> None:
    incident = taken(verifying(REAP), clear(REAP), SEEN + SECOND)

    assert said(incident, "Now") == ("Done 20 Nov 12:14:00 UTC. Clear since 20 Nov 12:14:01 UTC; believed after 20 s.",)


def test_the_cause_is_known_after_it_is_over_too() -> None:
    assert cause_of(STAGES["open"]) == ""
    assert cause_of(STAGES["diagnosed"]) == "docker-lost-exit-event"
    assert cause_of(replace(closed(REAP), executions=(execution(state="done", cause="shim-hung"),))) == "shim-hung"


def test_which_finalizer_is_being_removed_stands_on_the_card() -> None:
    assert f"finalizer.remove of {FINALIZER} on" in said(unsettled(plan("finalizer.remove")), "Plan")[0]


def test_an_unknown_outcome_says_how_to_look_and_how_it_ends() -> None:
    incident = unsettled(REAP)

    assert said(incident, "Unknown") == (
        "the bot stopped before the result was on record.",
        "The bot goes on asking. No more fixes on node-17 until this is settled.",
    )
    assert said(incident, "To look") == (
        f"terminating-node status {REAP.op}",
        "on node-17, as root. done, failed: it happened. refused, burnt: it did not.",
    )
    assert said(incident, "Then") == (
        "Settle incident 1: done or not done, with a reason. Who may approve in prod-eu can.",
    )


def test_where_no_evidence_is_left_a_person_is_asked() -> None:
    incident = taken(verifying(REAP), blind(REAP), SEEN + 6 * MINUTE)

    assert said(incident, "Unknown")[1].startswith("The bot cannot find out by itself.")


@pytest.mark.parametrize(
    ("repair", "command", "meaning"),
    [
        (
            "pod.delete",
            "kubectl get pod -n prod zookeeper0-0 -o yaml",
            f"Gone, or of another UID than {UID}: it happened.",
        ),
        (
            "finalizer.remove",
            "kubectl get pod -n prod zookeeper0-0 -o yaml",
            f"Gone, of another UID than {UID}, or without the finalizer {FINALIZER}: it happened.",
        ),
        (
            "node.cordon",
            "kubectl get node node-17 -o yaml",
            "of UID 9a8b7c6d-node: spec.unschedulable.",
        ),
    ],
)
def test_an_api_repair_is_looked_for_in_the_api(repair: str, command: str, meaning: str) -> None:
    assert said(unsettled(plan(repair)), "To look") == (command, meaning)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("done", "done in 13 s: it is gone"),
        ("failed", "failed after 13 s: it is gone"),
        ("not-done", "not done: it is gone"),
        ("unsettled", "outcome unknown: it is gone"),
        ("checking", "checking now: it is gone"),
    ],
)
def test_an_attempt_is_one_line_with_its_seconds(state: State, words: str) -> None:
    ended = SEEN + timedelta(seconds=13)
    attempt = execution(state=state, claimed=SEEN, ended=ended, why="it is gone", requester="ada", approvers=("ben",))

    assert past(attempt) == f"20 Nov 12:14:00 UTC container.stop (asked by ada, approved by ben): {words}"


def test_an_attempt_without_more_is_short() -> None:
    assert past(execution(state="unsettled")) == "20 Nov 10:14:00 UTC container.stop: outcome unknown"


def test_who_asked_and_approved_is_kept_with_the_attempt() -> None:
    (attempt,) = approved(plan("docker.restart")).executions

    assert (attempt.requester, attempt.approvers) == ("ada", ("ben", "mallory"))


def test_an_incident_that_is_closed_has_no_cause_to_be_read() -> None:
    incident = closed(REAP)

    assert isinstance(incident.phase, Closed)
    assert said(incident, "Cause") == ()
    assert said(incident, "Last") == (
        "shim.reap for prod/zookeeper0-0 on node-17 worked: the pod is gone, 0 s after the last vote.",
    )
