"""Overdue, stuck and held: the one rule, as tables."""

from datetime import timedelta
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.core.samples import CONTAINER, NOON, UID

SECOND = timedelta(seconds=1)
ALLOWED = timedelta(seconds=60)


def pod(pods: ModuleType, **changes: object) -> Any:
    plain: dict[str, object] = {
        "cluster": "prod-eu",
        "namespace": "prod",
        "name": "web-0",
        "uid": UID,
        "deadline": NOON,
        "grace": timedelta(seconds=30),
        "finalizers": (),
        "owner": None,
    }
    return pods.Pod(**{**plain, **changes})


def container(pods: ModuleType, state: str) -> object:
    return pods.Container(name="web", id=CONTAINER if state != "waiting" else None, state=state)


def test_overdue_is_counted_from_the_deadline_which_contains_the_grace(pods: ModuleType) -> None:
    patient = pod(pods, grace=timedelta(hours=1))

    late = [pods.overdue(patient, NOON + n * SECOND) for n in (-30, 0, 90)]

    assert late == [-30 * SECOND, timedelta(), 90 * SECOND]


def test_a_pod_is_stuck_when_it_is_overdue_by_more_than_allowed(pods: ModuleType) -> None:
    moments = [-3600, 0, 59, 60, 61, 3600]

    found = [pods.stuck(pod(pods), NOON + n * SECOND, ALLOWED) for n in moments]

    assert found == [False, False, False, False, True, True]


def test_a_pod_that_nobody_asked_to_delete_is_never_stuck(pods: ModuleType) -> None:
    kept = pod(pods, deadline=None)

    assert pods.overdue(kept, NOON) == timedelta.min
    assert not pods.stuck(kept, NOON, timedelta())


@given(seconds=st.integers(-10_000, 10_000), more=st.integers(0, 10_000), allowed=st.integers(0, 3600))
def test_a_stuck_pod_stays_stuck(pods: ModuleType, seconds: int, more: int, allowed: int) -> None:
    now, limit = NOON + seconds * SECOND, allowed * SECOND

    assert not pods.stuck(pod(pods), now, limit) or pods.stuck(pod(pods), now + more * SECOND, limit)


def test_where_a_pod_is_held(pods: ModuleType) -> None:
    finalizer = {"finalizers": ("example.com/cleanup", "other")}
    running = {"containers": (container(pods, "terminated"), container(pods, "running"))}
    ended = {"containers": (container(pods, "terminated"), container(pods, "waiting"))}
    node = {"node": "node-17"}
    table: list[tuple[dict[str, object], bool, str]] = [
        ({**node, **running}, True, "node/node-17"),
        ({**node, **ended}, True, "node/node-17"),
        ({**node, **running}, False, "lost-node/node-17"),
        ({**node, **running, **finalizer}, True, "node/node-17"),
        ({**node, **ended, **finalizer}, True, "finalizer/example.com/cleanup"),
        ({**node, **running, **finalizer}, False, "finalizer/example.com/cleanup"),
        ({**finalizer}, True, "finalizer/example.com/cleanup"),
        ({}, True, "none"),
        ({}, False, "none"),
    ]

    held = [(changes, exists, str(pods.hold(pod(pods, **changes), node_exists=exists))) for changes, exists, _ in table]

    assert held == table


def test_a_pod_is_called_by_its_namespace_and_name(pods: ModuleType) -> None:
    assert pod(pods).full_name == "prod/web-0"
