"""One pod, everything that was said about it, and what follows."""

from dataclasses import replace

import pytest

from bot.core.diagnoses import diagnose, subjects_of
from bot.core.facts import ContainerId, Known, NodeAnswers, PodUid
from bot.core.pods import Container
from bot.settings import playbooks
from tests.core.samples import (
    BULLSEYE,
    CONTAINER,
    NOON,
    OLD,
    SANDBOX,
    SIDECAR,
    UID,
    UNTOLD,
    Answers,
    facts,
    founding,
    lost,
    pod,
)

SHIPPED = playbooks()
OTHER = PodUid("11111111-2222-3333-4444-555555555555")


def named(subjects: object) -> list[tuple[str, str | None]]:
    assert isinstance(subjects, tuple)
    return [(each.name, each.container) for each in subjects]


def test_the_founding_incident_is_named_and_its_least_destructive_repair_offered() -> None:
    diagnosis = diagnose(pod(), (NodeAnswers(containers={CONTAINER: facts(founding())}),), SHIPPED)

    assert diagnosis.verdict.cause is not None
    assert diagnosis.verdict.cause.id == "docker-lost-exit-event"
    assert [each.repair.id for each in diagnosis.offered] == ["shim.reap", "docker.restart", "pod.force_delete"]
    assert [each.repair.id for each in diagnosis.withheld] == ["container.stop"]


def test_without_a_cause_nothing_is_offered() -> None:
    diagnosis = diagnose(pod(), (NodeAnswers(containers={CONTAINER: facts(lost(OLD))}),), ())

    assert diagnosis.verdict.cause is None
    assert diagnosis.repairs == ()


def test_facts_of_the_node_the_pod_and_the_container_come_together() -> None:
    around = NodeAnswers(node=facts({"n": 1, "same": 1}), pods={UID: facts({"p": 2}), OTHER: facts({"p": 9, "o": 9})})
    inside = NodeAnswers(containers={CONTAINER: facts({"c": 3, "same": 3}), SIDECAR: facts({"c": 9, "s": 9})})

    (only,) = subjects_of(pod(), (around, inside))

    assert {name: fact.answer for name, fact in only.facts.items()} == {
        name: Known(value) for name, value in {"n": 1, "p": 2, "c": 3, "same": 3}.items()
    }


@pytest.mark.parametrize(("first", "second", "wins"), [(1, UNTOLD, 1), (UNTOLD, 2, 2), (1, 2, 2)])
def test_a_known_answer_wins_then_the_later(first: int, second: int, wins: int) -> None:
    answers: tuple[Answers, Answers] = ({"a": first}, {"a": second})

    (only,) = subjects_of(pod(), tuple(NodeAnswers(containers={CONTAINER: facts(each)}) for each in answers))

    assert only.facts["a"].answer == Known(wins)


def test_containers_stand_in_the_order_of_the_status_and_the_sandbox_last() -> None:
    shown = pod(
        NOON,
        Container(name="web", id=SIDECAR, state="running"),
        Container(name="not-created", id=None, state="waiting"),
        Container(name="log", id=CONTAINER, state="terminated"),
    )
    earlier = ContainerId("ea" * 32)
    unnamed = ContainerId("00ff" * 16)
    said = NodeAnswers(
        belongs={SANDBOX: UID, earlier: UID, unnamed: UID, CONTAINER: UID, ContainerId("99" * 32): OTHER},
        names={SANDBOX: "sandbox", earlier: "web", CONTAINER: "other-name"},
    )

    subjects = subjects_of(shown, (said,))

    assert named(subjects) == [
        ("web", SIDECAR),
        ("log", CONTAINER),
        ("web", earlier),
        ("00ff00ff", unnamed),
        ("sandbox", SANDBOX),
    ]


def test_a_pod_that_never_had_a_container_is_its_own_subject() -> None:
    bare = replace(pod(), containers=(Container(name="web", id=None, state="waiting"),))

    diagnosis = diagnose(bare, (NodeAnswers(pods={UID: facts({"api.pod.stuck": True})}),), SHIPPED)

    assert named(diagnosis.subjects) == [("zookeeper0-0", None)]
    assert diagnosis.subjects[0].facts["api.pod.stuck"].answer == Known(True)


def test_the_container_at_fault_is_found_among_its_siblings() -> None:
    shown = pod(
        NOON,
        Container(name="log", id=SIDECAR, state="terminated"),
        Container(name="web", id=CONTAINER, state="running"),
    )
    well = facts({**lost(BULLSEYE), "docker.container.state": "exited"})
    said = NodeAnswers(containers={CONTAINER: facts(lost(BULLSEYE)), SIDECAR: well})

    diagnosis = diagnose(shown, (said,), SHIPPED)

    assert diagnosis.verdict.subject is not None
    assert diagnosis.verdict.subject.name == "web"
    assert diagnosis.offered[0].repair.id == "container.stop"
