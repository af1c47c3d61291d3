"""What people read before they agree: every repair says what it does, what it needs and what it costs."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.consent import RULES, Person
from bot.core.findings import Finding, Offer
from bot.core.hostile import plain
from bot.core.plan_cards import Part, plan_parts, spoken
from bot.core.plans import WITHOUT_LIVE_RESTORE, Plan
from bot.core.repairs import CATALOGUE, Risk
from tests.core.incident_samples import ON, PEOPLE, SECOND, SEEN, finding, plan, rights, vote

REAP = plan("shim.reap")
SWITCH = plan("docker.restart")
OFF = plan("docker.restart", option=WITHOUT_LIVE_RESTORE)
EVERY_PLAN = {
    "docker.restart on": plan("docker.restart", ON),
    "docker.restart switch": SWITCH,
    "docker.restart off": OFF,
    **{each.id: plan(each.id) for each in CATALOGUE if each.by != "person" and each.id != "docker.restart"},
}
each_plan = pytest.mark.parametrize("of", EVERY_PLAN.values(), ids=EVERY_PLAN)
LABELS = ("Asked", "What happens", "Only if", "Touches", "Afterwards", "Why not less", "Lost", "Needs", "Plan")


def said(parts: tuple[Part, ...], label: str) -> tuple[str, ...]:
    return next((part.lines for part in parts if part.label == label), ())


def lines(of: Plan, label: str, **given: object) -> tuple[str, ...]:
    people: Mapping[str, Person] = PEOPLE
    return said(plan_parts(of, people, **given), label)  # type: ignore[arg-type]  # each by its own name


def found(offers: tuple[str, ...] = (), withheld: tuple[tuple[str, str], ...] = ()) -> Finding:
    risk: Risk = "low"
    made = tuple(Offer(repair=each, risk=risk, does="", touches="", notes=(), choices=()) for each in offers)
    return replace(finding(), offers=made, withheld=withheld)


@each_plan
def test_every_repair_that_the_bot_carries_out_has_its_words(of: Plan) -> None:
    parts = plan_parts(of, PEOPLE, votes=(vote(of),), finding=found(("container.stop", "node.reboot")))

    labels = tuple(part.label for part in parts)
    assert labels == tuple(label for label in LABELS if label in labels)
    assert set(LABELS) - set(labels) <= {"Why not less"}
    for part in parts:
        assert part.lines
        for line in part.lines:
            assert line == plain(line, 1_000) != ""
            assert "{" not in line
            assert "None" not in line


def test_a_plan_reads_as_a_whole() -> None:
    parts = plan_parts(
        REAP, PEOPLE, finding=found(withheld=(("container.stop", "docker stop changes nothing before docker 20.10"),))
    )

    assert [(part.label, *part.lines) for part in parts] == [
        ("Asked", "ada asks for shim.reap (low risk) for prod/zookeeper0-0 on node-17: “it blocks us”"),
        ("What happens", "kill -KILL 21850, the shim of container 3f9a1c04 (zookeeper), by the node program"),
        (
            "Only if",
            (
                "pid, start time and container of the shim still match, and no process of the container lives "
                "(same boot, same machine; checked again on the node)"
            ),
        ),
        ("Touches", "1 dead container; nothing else on the node", "8 other pods on node-17: not touched"),
        (
            "Afterwards",
            "containerd publishes the exit, the kubelet removes the pod; believed once it has stayed clear for 20 s",
            "docker marks it exited within 5 s",
        ),
        ("Why not less", "container.stop: docker stop changes nothing before docker 20.10"),
        ("Lost", "nothing that runs; what the node said is kept: evidence eeeeeeee"),
        ("Needs", "1 approval, not ada's · open until 20 Nov 12:29:00 UTC", "ben or mallory can."),
        ("Plan", f"{REAP.digest[:8]} of incident 1"),
    ]


def test_what_stops_the_whole_node_says_who_stops_with_it() -> None:
    assert lines(OFF, "Touches") == (
        "every container on the node stops: 12; live-restore is off",
        "Among them: StatefulSet/kafka",
        "The only pod of: prod/Deployment/web",
    )
    assert lines(OFF, "Lost") == ("what 12 running containers were doing",)
    assert "at most 12 containers run" in lines(OFF, "Only if")[0]
    assert "live-restore is put into daemon.json" in lines(SWITCH, "What happens")[0]


def test_a_budget_at_zero_is_named() -> None:
    blocked = replace(OFF, touches=replace(OFF.touches, budgets_at_zero=("prod/payments",)))

    assert lines(blocked, "Touches")[-1] == (
        "PodDisruptionBudgets that allow 0 disruptions (they block it): prod/payments"
    )


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (None, ()),
        (0, ()),
        (1, ("1 other pod on node-17: not touched",)),
        (41, ("41 other pods on node-17: not touched",)),
    ],
)
def test_the_others_on_the_node_are_counted_where_they_are_known(others: int | None, expected: tuple[str, ...]) -> None:
    assert lines(replace(REAP, touches=replace(REAP.touches, others=others)), "Touches")[1:] == expected


def test_an_api_repair_is_checked_by_the_api_server_and_names_the_uid() -> None:
    deleted = plan("pod.delete")

    assert lines(deleted, "What happens") == (
        "a DELETE of pod prod/zookeeper0-0 by its UID, with its own grace period, by the API server",
    )
    assert lines(deleted, "Only if") == (
        f"a pod of that name still has the UID {deleted.target.pod_uid} (checked within the request itself)",
    )


def test_what_is_asked_without_a_reason_or_a_node_says_neither() -> None:
    bare = replace(REAP, reason="", target=replace(REAP.target, node=None), clear_for=timedelta())

    assert lines(bare, "Asked") == ("ada asks for shim.reap (low risk) for prod/zookeeper0-0",)
    assert "believed" not in lines(bare, "Afterwards")[0]


def test_what_is_less_and_offered_too_is_pointed_out_and_what_is_more_is_not() -> None:
    of = found(("container.stop", "shim.reap", "docker.restart"), (("node.reboot", "x"), ("cgroup.thaw", "not frozen")))

    assert lines(plan("pod.delete"), "Why not less", finding=of) == (
        "cgroup.thaw: not frozen",
        "Offered too: container.stop, shim.reap",
    )
    assert lines(plan("container.stop"), "Why not less", finding=of) == ()


def test_each_risk_says_how_many_agree_and_what_they_type() -> None:
    risks = {of.risk for of in EVERY_PLAN.values()}
    assert risks == set(RULES)
    for of in EVERY_PLAN.values():
        needs = lines(of, "Needs")
        assert needs[0].startswith("1 approval" if RULES[of.risk].votes == 1 else "2 people's approval")
        assert ("Each types the name node-17." in needs) == RULES[of.risk].typed


def test_who_has_voted_is_named_with_the_way_in_and_asked_no_more() -> None:
    first = vote(SWITCH, at=SEEN + SECOND, via="console of root as ben")

    assert lines(SWITCH, "Needs", votes=(first,))[1:] == (
        "Each types the name node-17.",
        "ben approved 20 Nov 12:14:01 UTC (console of root as ben).",
        "mallory can.",
    )


def test_where_nobody_else_may_approve_it_says_so() -> None:
    people = {"ada": PEOPLE["ada"], "ben": Person(id="ben", rights=rights("request"))}

    assert said(plan_parts(REAP, people), "Needs")[-2:] == (
        "Nobody can.",
        "That is too few: somebody has to be given the right to approve there.",
    )
    assert said(plan_parts(REAP, {}), "Needs") == ("1 approval, not ada's · open until 20 Nov 12:29:00 UTC",)


def test_where_too_few_may_approve_it_says_so() -> None:
    two = {name: PEOPLE[name] for name in ("ada", "ben")}
    short = "That is too few: somebody has to be given the right to approve there."

    assert said(plan_parts(SWITCH, two), "Needs")[-2:] == ("ben can.", short)
    assert short not in said(plan_parts(SWITCH, PEOPLE), "Needs")
    assert short not in said(plan_parts(SWITCH, PEOPLE, votes=(vote(SWITCH),)), "Needs")


@pytest.mark.parametrize(
    ("repair", "needs"),
    [
        ("shim.reap", ("1 approval, not the requester's · open for 15 min", "ada, ben or mallory can.")),
        (
            "pod.delete",
            ("1 approval, not the requester's · open for 15 min", "A reason in writing.", "ada, ben or mallory can."),
        ),
        (
            "docker.restart",
            (
                "2 people's approval, not the requester's · open for 10 min",
                "Each types the name node-17.",
                "ada, ben or mallory can.",
            ),
        ),
    ],
)
def test_a_plan_that_nobody_asked_for_is_only_to_be_read(repair: str, needs: tuple[str, ...]) -> None:
    parts = plan_parts(plan(repair, incident=0), PEOPLE)

    assert parts[0].label == "Plan"
    assert parts[0].lines[0].startswith(f"{repair} (")
    assert [part.label for part in parts].count("Plan") == 1
    assert "Asked" not in [part.label for part in parts]
    assert said(parts, "Needs") == needs


def test_a_repair_is_spoken_without_its_dots() -> None:
    assert [spoken(each) for each in ("shim.reap", "pod.force_delete")] == ["shim reap", "pod force delete"]
