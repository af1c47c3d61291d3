"""What stops a repair: every guard at every moment, and each one's edges."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.core.consent import RULES
from bot.core.facts import NodeName, Unknown
from bot.core.guards import Execution, Pause, Rates, Window, stopped, until_open
from bot.core.phases import Acting, Checking, Incident, Proposed, Rechecked, Sending, Voted
from bot.core.plans import Plan
from bot.core.refusals import Refusal
from tests.core.incident_samples import (
    CLUSTER,
    LOAD,
    MINUTE,
    NODE,
    ON,
    SECOND,
    SEEN,
    SIGHT,
    acting,
    around,
    asked,
    execution,
    finding,
    first,
    plan,
    policy,
    proposed,
    step,
    taken,
    vote,
)

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERY_DAY = frozenset(range(7))
STOP, REAP, DOCKER, DELETE = plan("container.stop"), plan("shim.reap"), plan("docker.restart", ON), plan("pod.delete")
AT_ZERO = plan(
    "docker.restart", replace(SIGHT, load=replace(LOAD, budgets_at_zero=("prod/web",))), option="without-live-restore"
)
ALWAYS_ON = Window(name="freeze", days=EVERY_DAY, start=0, end=0, zone=BERLIN, clusters=frozenset())
BROKE = execution(op="1" * 32, state="failed", blamed=True, claimed=SEEN - HOUR, intent=SEEN - HOUR, ended=SEEN - HOUR)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Something that stops `plan`, and the sentence that says so."""

    says: str
    plan: Plan = STOP
    policy: Mapping[str, Any] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)


STRUCK = {CLUSTER: [(name, SEEN - MINUTE) for name in ("node-17", "node-18", "node-19")]}
GUARDS = {
    "paused": Case(
        says="Fixes are paused since 2025-11-20 12:14 UTC by ben: tests. Until they go on nothing counts or is done.",
        around={"pause": Pause(who="ben", reason="tests", since=SEEN)},
    ),
    "pause-unknown": Case(
        says="Fixes are paused: two rows. Until they go on nothing counts or is done.",
        around={"pause": Unknown("two rows")},
    ),
    "storm": Case(
        says="One problem, not 3: stuck pods were first seen on 3 nodes within 10 min. Fixes are withheld meanwhile.",
        around={"struck": STRUCK},
    ),
    "blackout": Case(says="No fixes in prod-eu until Fri 00:00 CET: freeze.", policy={"windows": (ALWAYS_ON,)}),
    "own-node": Case(says="The bot runs on node-17 itself: someone must do this by hand.", policy={"own_node": NODE}),
    "own-node-unknown": Case(
        says="Which node the bot runs on is not known (NODE_NAME is not set), so it repairs none.",
        policy={"own_node": Unknown("NODE_NAME is not set")},
    ),
    "node-locked": Case(
        says="node-17 is locked: the outcome of container.stop there is unknown. Settle incident 2 first.",
        around={"executions": (execution(state="unsettled"),)},
    ),
    "node-busy": Case(
        says="Another fix runs on node-17: container.stop. One at a time.",
        around={"executions": (execution(state="verifying"),)},
    ),
    "cluster-busy": Case(
        says="Another fix runs in prod-eu: container.stop on node-18. One at a time.",
        around={"executions": (execution(state="acting", place="node-18", node=NodeName("node-18")),)},
    ),
    "rate": Case(
        says="node-17 had 1 such fixes in 30 min; 1 are allowed. What comes back is another problem.",
        plan=DOCKER,
        around={"executions": (execution(repair="kubelet.restart", intent=SEEN - MINUTE),)},
    ),
    "breaker": Case(
        says="docker.restart against docker-lost-exit-event failed or ended unknown in prod-eu "
        "since 2025-11-20 11:14 UTC: once. Look, then resume.",
        plan=DOCKER,
        around={"executions": (replace(BROKE, repair="docker.restart"),)},
    ),
    "budget-zero": Case(says="Not now: PodDisruptionBudget prod/web allows 0 disruptions.", plan=AT_ZERO),
}


def built(of: Plan, phase: type[Proposed | Checking | Acting]) -> Incident:
    """Put together by hand: some of these plans would not get there."""
    votes = tuple(vote(of, person) for person in ("ben", "mallory")[: RULES[of.risk].votes])
    if phase is Proposed:
        return replace(first(), phase=Proposed(finding=finding(), plan=of, votes=votes[1:]))
    own = execution(op=of.op, plan=of.digest, incident=1, repair=of.repair, state="checking", claimed=SEEN)
    checking = Checking(finding=finding(), plan=of, votes=votes, approved=SEEN)
    if phase is Checking:
        return replace(first(), phase=checking, executions=(own,))
    intent = Acting(finding=finding(), plan=of, votes=votes, approved=SEEN, intent=SEEN, sent=None)
    return replace(first(), phase=intent, executions=(replace(own, state="acting", intent=SEEN),))


def at_the_request(of: Plan, given: Mapping[str, Any]) -> tuple[str, str]:
    answer = step(first(), asked(of), **given)
    return "refused", str(answer)


def at_the_vote(of: Plan, given: Mapping[str, Any]) -> tuple[str, str]:
    answer = step(built(of, Proposed), Voted(vote=vote(of, "ben")), **given)
    return "refused" if isinstance(answer, Refusal) else "taken", str(answer)


def at_the_last_look(of: Plan, given: Mapping[str, Any]) -> tuple[str, str]:
    after = taken(built(of, Checking), Rechecked(now=of), **given)
    return after.executions[-1].state, after.last


def at_the_sending(of: Plan, given: Mapping[str, Any]) -> tuple[str, str]:
    after = taken(built(of, Acting), Sending(op=of.op), **given)
    return after.executions[-1].state, after.last


MOMENTS: Mapping[str, tuple[Callable[[Plan, Mapping[str, Any]], tuple[str, str]], str]] = {
    "when it is asked for": (at_the_request, "refused"),
    "at a vote": (at_the_vote, "refused"),
    "before the intent": (at_the_last_look, "not-done"),
    "before it is sent": (at_the_sending, "not-done"),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("code", GUARDS)
def test_every_guard_stops_a_repair_at_every_moment(code: str, moment: str) -> None:
    case, (meet, how) = GUARDS[code], MOMENTS[moment]
    given = {"policy": policy(**case.policy), "around": around(**case.around)}

    assert meet(case.plan, given) == (how, case.says)
    assert stopped(case.plan, given["policy"], given["around"], SEEN) == Refusal(code, case.says)  # type: ignore[arg-type]


@pytest.mark.parametrize("of", [STOP, REAP, DOCKER, DELETE], ids=lambda of: of.repair)
def test_nothing_stops_a_repair_in_quiet_times(of: Plan) -> None:
    assert stopped(of, policy(), around(), SEEN) is None


def test_a_pause_without_a_reason_says_so() -> None:
    found = stopped(STOP, policy(), around(pause=Pause(who="ben", reason="", since=SEEN)), SEEN)

    assert "by ben: no reason given." in str(found)


def given_of(of: Plan, *executions: Execution, **more: Any) -> str:
    """The code of what stops it beside these executions, or nothing."""
    nearby = around(executions=executions, **more.pop("around", {}))
    found = stopped(of, policy(**more), nearby, SEEN)
    return found.code if found else ""


# ---- the bot's own node


def test_a_repair_through_the_api_may_be_about_the_bot_s_own_node() -> None:
    for own in (NODE, Unknown("not set")):
        assert given_of(DELETE, own_node=own) == ""
    assert given_of(STOP, own_node=NodeName("node-18")) == ""


# ---- storms


@pytest.mark.parametrize(
    ("struck", "stops"),
    [
        ({CLUSTER: [("a", SEEN), ("b", SEEN)]}, False),
        ({CLUSTER: [("a", SEEN), ("b", SEEN), ("b", SEEN)]}, False),
        ({CLUSTER: [("a", SEEN), ("b", SEEN), ("c", SEEN - 10 * MINUTE)]}, False),
        ({CLUSTER: [("a", SEEN), ("b", SEEN), ("c", SEEN - 10 * MINUTE + SECOND)]}, True),
        ({"prod-us": [("a", SEEN), ("b", SEEN), ("c", SEEN)]}, False),
    ],
)
def test_a_storm_is_so_many_nodes_of_one_cluster_in_so_short_a_time(struck: Any, stops: bool) -> None:
    assert given_of(STOP, around={"struck": struck}) == ("storm" if stops else "")


# ---- locks


@pytest.mark.parametrize(
    ("changes", "stops"),
    [
        ({"state": "checking"}, "node-busy"),
        ({"state": "acting"}, "node-busy"),
        ({"state": "verifying"}, "node-busy"),
        ({"state": "unsettled"}, "node-locked"),
        ({"state": "unsettled", "claimed": SEEN - 30 * DAY}, "node-locked"),
        ({"state": "done"}, ""),
        ({"state": "failed"}, ""),
        ({"state": "not-done"}, ""),
        ({"state": "acting", "place": "node-18"}, "cluster-busy"),
        ({"state": "unsettled", "place": "node-18"}, ""),
        ({"state": "acting", "cluster": "prod-us"}, ""),
        ({"state": "unsettled", "cluster": "prod-us"}, ""),
        ({"state": "acting", "op": STOP.op}, ""),
    ],
)
def test_one_repair_at_a_time_and_an_unknown_outcome_locks_its_place(changes: Any, stops: str) -> None:
    assert given_of(STOP, execution(**changes)) == stops


def test_what_is_on_no_node_locks_its_pod() -> None:
    of = plan("finalizer.remove", replace(SIGHT, node=None, node_exists=False, node_uid=None))

    assert of.place == f"pod/{of.target.pod_uid}"
    assert given_of(of, execution(state="unsettled", place=of.place)) == "node-locked"
    assert given_of(of, execution(state="unsettled")) == ""


# ---- rates


def intents(repair: str, *ago: timedelta, **changes: Any) -> list[Execution]:
    return [execution(op=f"{n:032}", repair=repair, intent=SEEN - each, **changes) for n, each in enumerate(ago)]


@pytest.mark.parametrize(
    ("of", "past", "stops"),
    [
        (DOCKER, intents("containerd.restart", 30 * MINUTE), False),
        (DOCKER, intents("containerd.restart", 30 * MINUTE - SECOND), True),
        (DOCKER, intents("docker.restart", 2 * HOUR), False),
        (DOCKER, intents("docker.restart", 2 * HOUR, 3 * HOUR), True),
        (DOCKER, intents("docker.restart", 2 * HOUR, DAY), False),
        (DOCKER, intents("shim.reap", MINUTE), False),
        (DOCKER, intents("docker.restart", MINUTE, place="node-18"), False),
        (DOCKER, intents("docker.restart", MINUTE, cluster="prod-us"), False),
        (DOCKER, intents("docker.restart", MINUTE, state="not-done"), False),
        (DOCKER, [execution(repair="docker.restart")], False),
        (REAP, intents("container.stop", *([MINUTE] * 19)), False),
        (REAP, intents("container.stop", *([MINUTE] * 20)), True),
        (REAP, intents("container.stop", *([MINUTE] * 19), HOUR), False),
        (REAP, intents("docker.restart", *([MINUTE] * 30)), False),
    ],
)
def test_so_many_repairs_of_a_node_in_so_long(of: Plan, past: list[Execution], stops: bool) -> None:
    assert given_of(of, *past) == ("rate" if stops else "")


def test_a_plan_s_own_intent_does_not_count_against_it() -> None:
    assert given_of(DOCKER, *intents("docker.restart", MINUTE), rates=Rates(wide_half_hour=2)) == ""
    assert given_of(DOCKER, replace(execution(), op=DOCKER.op, repair="docker.restart", intent=SEEN)) == ""


def test_rates_are_those_of_the_settings() -> None:
    found = stopped(
        REAP, policy(rates=Rates(narrow_hour=2)), around(executions=intents("shim.reap", MINUTE, 5 * MINUTE)), SEEN
    )

    assert str(found).startswith("node-17 had 2 such fixes in 1 h; 2 are allowed.")


# ---- the breaker


def broken(n: int, **changes: Any) -> list[Execution]:
    return [replace(BROKE, op=f"{each:032}", **changes) for each in range(n)]


@pytest.mark.parametrize(
    ("of", "past", "stops"),
    [
        (STOP, broken(1), False),
        (STOP, broken(2), True),
        (DELETE, broken(2, repair="pod.delete"), True),
        (DOCKER, broken(1, repair="docker.restart"), True),
        (STOP, broken(2, blamed=False), False),
        (STOP, broken(2, repair="shim.reap"), False),
        (STOP, broken(2, cause="shim-hung"), False),
        (STOP, broken(2, cluster="prod-us"), False),
        (STOP, broken(2, place="node-18"), True),
        (STOP, broken(2, state="done"), True),
        (STOP, broken(2, claimed=SEEN - 2 * DAY, ended=SEEN - DAY), False),
        (STOP, broken(2, state="unsettled", ended=None, place="node-18"), True),
        (STOP, [*broken(1), replace(BROKE, op=STOP.op)], False),
    ],
)
def test_what_failed_is_not_tried_again_and_again(of: Plan, past: list[Execution], stops: bool) -> None:
    assert given_of(of, *past) == ("breaker" if stops else "")


@pytest.mark.parametrize(
    ("resumed", "stops"),
    [
        ({CLUSTER: SEEN - MINUTE}, False),
        ({"": SEEN - MINUTE}, False),
        ({"prod-us": SEEN - MINUTE}, True),
        ({CLUSTER: SEEN - 2 * HOUR}, True),
        ({CLUSTER: SEEN - 2 * HOUR, "": SEEN - MINUTE}, False),
        ({CLUSTER: SEEN - 3 * DAY}, True),
    ],
)
def test_it_goes_on_once_a_person_has_looked(resumed: Any, stops: bool) -> None:
    assert given_of(STOP, *broken(2), around={"resumed": resumed}) == ("breaker" if stops else "")


def test_a_failure_after_a_person_looked_counts_though_it_began_before() -> None:
    late = broken(2, claimed=SEEN - HOUR, ended=SEEN - MINUTE)

    assert given_of(STOP, *late, around={"resumed": {CLUSTER: SEEN - 30 * MINUTE}}) == "breaker"


def test_a_repair_without_a_cause_has_a_breaker_too() -> None:
    of = plan("node.cordon", replace(SIGHT, cause=None))

    found = stopped(of, policy(), around(executions=broken(2, repair="node.cordon", cause="")), SEEN)

    assert str(found).startswith("node.cordon against no cause failed or ended unknown in prod-eu")


# ---- blackout windows


def window(days: str, start: str, end: str, *clusters: str) -> Window:
    minutes = [60 * int(each[:2]) + int(each[3:]) for each in (start, end)]
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    on = frozenset(n for n, name in enumerate(names) if name in days.split())
    return Window(name="night", days=on, start=minutes[0], end=minutes[1], zone=BERLIN, clusters=frozenset(clusters))


def on(window: Window, moments: list[str]) -> list[str]:
    """Those of the moments, in UTC, at which the window is on."""
    return [each for each in moments if until_open(window, datetime.fromisoformat(each).replace(tzinfo=UTC))]


def test_a_window_by_day() -> None:
    noon = window("thu", "12:00", "13:30")  # 2025-11-20 is a Thursday; Berlin is an hour ahead of UTC
    on_it = ["2025-11-20T11:00", "2025-11-20T12:29:59"]
    off_it = ["2025-11-20T10:59:59", "2025-11-20T12:30", "2025-11-19T11:30", "2025-11-21T11:30"]

    assert on(noon, on_it + off_it) == on_it


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    night = window("fri", "22:00", "06:00")
    on_it = ["2025-11-21T21:00", "2025-11-21T23:00", "2025-11-22T04:59:59"]
    off_it = ["2025-11-21T04:00", "2025-11-21T20:59:59", "2025-11-22T05:00", "2025-11-22T21:30", "2025-11-23T00:00"]

    assert on(night, on_it + off_it) == on_it


def test_a_window_that_ends_as_it_starts_is_a_whole_day() -> None:
    whole = window("sat", "08:00", "08:00")
    on_it = ["2025-11-22T07:00", "2025-11-22T23:00", "2025-11-23T06:59:59"]

    assert on(whole, [*on_it, "2025-11-22T06:59:59", "2025-11-23T07:00"]) == on_it


def test_the_night_in_which_the_clock_goes_forward() -> None:
    """On 2026-03-29 in Berlin 02:00 becomes 03:00 at 01:00 UTC."""
    night = window("sat", "22:00", "06:00")
    on_it = ["2026-03-28T21:00", "2026-03-29T00:59:59", "2026-03-29T01:00", "2026-03-29T03:59:59"]
    off_it = ["2026-03-28T20:59:59", "2026-03-29T04:00", "2026-03-29T04:59:59"]
    never = window("sun", "02:10", "02:50")
    reaching = window("sun", "02:30", "03:30")

    assert on(night, on_it + off_it) == on_it
    assert on(never, [f"2026-03-29T0{hour}:{minute}0" for hour in range(3) for minute in range(6)]) == []
    assert on(reaching, ["2026-03-29T00:59:59", "2026-03-29T01:00", "2026-03-29T01:30"]) == ["2026-03-29T01:00"]


def test_the_night_in_which_the_clock_goes_back() -> None:
    """On 2025-10-26 in Berlin 03:00 becomes 02:00 at 01:00 UTC: the hour from 02:00 comes twice."""
    night = window("sat", "22:00", "06:00")
    on_it = ["2025-10-25T20:00", "2025-10-26T00:30", "2025-10-26T01:30", "2025-10-26T04:59:59"]
    off_it = ["2025-10-25T19:59:59", "2025-10-26T05:00"]
    twice = window("sun", "02:15", "02:45")
    both = ["2025-10-26T00:15", "2025-10-26T00:44", "2025-10-26T01:15", "2025-10-26T01:44"]
    last = until_open(twice, datetime(2025, 10, 26, 1, 20, tzinfo=UTC))

    assert on(night, on_it + off_it) == on_it
    assert on(twice, [*both, "2025-10-26T00:50", "2025-10-26T01:50"]) == both
    assert last is not None
    assert last.strftime("%a %H:%M %Z") == "Sun 02:45 CET"
    assert last.astimezone(UTC) == datetime(2025, 10, 26, 1, 45, tzinfo=UTC)


def at(utc: str, *windows: Window) -> str:
    return str(stopped(STOP, policy(windows=windows), around(), datetime.fromisoformat(utc).replace(tzinfo=UTC)) or "")


def test_any_window_that_is_on_stops_whatever_the_others_say() -> None:
    noon, night = window("thu", "12:00", "13:30"), replace(window("thu", "13:00", "15:00"), name="the long lunch")

    assert at("2025-11-20T10:00", noon, night) == ""
    assert at("2025-11-20T11:00", noon, night) == "No fixes in prod-eu until Thu 13:30 CET: night."
    assert at("2025-11-20T12:15", noon, night) == "No fixes in prod-eu until Thu 13:30 CET: night."
    assert at("2025-11-20T12:45", noon, night) == "No fixes in prod-eu until Thu 15:00 CET: the long lunch."
    assert at("2025-11-20T12:45", night, noon) == "No fixes in prod-eu until Thu 15:00 CET: the long lunch."
    assert at("2025-11-20T14:00", noon, night) == ""


def test_a_window_is_of_the_clusters_that_it_names() -> None:
    assert at("2025-11-20T11:00", window("thu", "12:00", "13:30", "prod-us")) == ""
    assert at("2025-11-20T11:00", window("thu", "12:00", "13:30", "prod-us", CLUSTER)) != ""


def test_an_approval_is_not_carried_into_a_window() -> None:
    """It starts between the last vote and the intent, or between the intent and the sending."""
    starts = window("thu", "13:15", "14:00")  # a minute after SEEN
    quiet, within = policy(windows=(starts,)), SEEN + MINUTE
    checking = taken(proposed(STOP), Voted(vote=vote(STOP)), policy=quiet)

    at_intent = taken(checking, Rechecked(now=STOP), within, policy=quiet)
    at_sending = taken(taken(checking, Rechecked(now=STOP), policy=quiet), Sending(op=STOP.op), within, policy=quiet)
    in_time = taken(acting(STOP), Sending(op=STOP.op), within - SECOND, policy=quiet)

    assert at_intent.last == at_sending.last == "No fixes in prod-eu until Thu 14:00 CET: night."
    assert isinstance(in_time.phase, Acting)
