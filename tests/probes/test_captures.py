"""What the programs really printed, on five stacks from 2019 to 2026, and the facts that follow from it."""

from pathlib import Path

import pytest

from bot.core.facts import BY_NAME, CATALOGUE, Known
from bot.probes import ALL, answers
from tests.probes.replay import CAPTURES, STATES, frames_of, moment_of
from tests.probes.saying import values

SHOWN = (
    "docker.container.state",
    "containerd.task.status",
    "shim.alive",
    "shim.answers",
    "shim.state",
    "shim.children",
    "process.alive",
    "process.state",
    "cgroup.processes",
)
NO_SHIM = "? there is no shim"

EXPECTED = {
    "founding-docker-18.09.9/running": ("running", "RUNNING", True, True, "S", 1, True, "S", 1),
    "founding-docker-18.09.9/stuck": ("running", "STOPPED", True, True, "S", 0, False, "gone", 0),
    "founding-default-timeout/stuck": ("running", "STOPPED", True, True, "S", 0, False, "gone", 0),
    "docker-18.09.9/healthy": ("running", "RUNNING", True, True, "S", 1, True, "S", 1),
    "docker-20.10.5/healthy": ("running", "RUNNING", True, True, "S", 1, True, "S", 1),
    "docker-26.1.5/healthy": ("running", "RUNNING", True, True, "S", 1, True, "S", 1),
    "docker-18.09.9/lost-exit-event": ("running", "STOPPED", True, True, "S", 0, False, "gone", 0),
    "docker-20.10.5/lost-exit-event": ("running", "STOPPED", True, True, "S", 0, False, "gone", 0),
    "docker-26.1.5/lost-exit-event": ("running", "absent", False, NO_SHIM, NO_SHIM, NO_SHIM, False, "gone", 0),
    "docker-20.10.5/hung-shim-dead-process": ("running", "UNKNOWN", True, False, "T", 0, False, "Z", 0),
    "docker-26.1.5/hung-shim-dead-process": ("running", "UNKNOWN", True, False, "T", 0, False, "Z", 0),
    "docker-20.10.5/hung-shim-live-process": ("running", "UNKNOWN", True, False, "T", 1, True, "S", 1),
    "docker-26.1.5/hung-shim-live-process": ("running", "UNKNOWN", True, False, "T", 1, True, "S", 1),
    "docker-18.09.9/hung-shim-after-kill": ("exited", "absent", False, NO_SHIM, NO_SHIM, NO_SHIM, False, "gone", 0),
    "docker-20.10.5/hung-shim-after-kill": ("running", "absent", False, NO_SHIM, NO_SHIM, NO_SHIM, False, "gone", 0),
    "docker-26.1.5/hung-shim-after-kill": ("exited", "absent", False, NO_SHIM, NO_SHIM, NO_SHIM, False, "gone", 0),
    "docker-18.09.9/paused": ("paused", "PAUSED", True, True, "S", 1, True, "D", 1),
    "docker-20.10.5/paused": ("paused", "PAUSED", True, True, "S", 1, True, "D", 1),
    "docker-26.1.5/paused": ("paused", "PAUSED", True, True, "S", 1, True, "D", 1),
    "docker-18.09.9/oom-in-child": ("running", "RUNNING", True, True, "S", 1, True, "S", 1),
    "docker-20.10.5/oom-in-child": ("running", "RUNNING", True, True, "S", 1, True, "S", 1),
    "docker-26.1.5/oom-in-child": ("running", "RUNNING", True, True, "S", 1, True, "S", 1),
}


def key(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def facts(state: str) -> dict[str, object]:
    """Everything about the container under test, its pod and its node."""
    folder = CAPTURES / state
    frames, question = frames_of(folder)
    said = answers(frames, question, moment_of(folder))
    asked = question.pods[0]
    return {**values(said.node), **values(said.pods[asked.uid]), **values(said.containers[asked.containers[0]])}


@pytest.mark.parametrize("state", EXPECTED)
def test_each_captured_state_says_what_its_programs_said(state: str) -> None:
    found = facts(state)

    assert tuple(found[name] for name in SHOWN) == EXPECTED[state]


@pytest.mark.parametrize("process", [("hung-shim-dead-process", False, "Z"), ("hung-shim-live-process", True, "S")])
def test_a_hung_shim_of_containerd_1_2_blinds_the_list_and_not_the_siblings(process: tuple[str, bool, str]) -> None:
    state, alive, letter = process
    frames, question = frames_of(CAPTURES / "docker-18.09.9" / state)

    said = answers(frames, question, moment_of(CAPTURES / "docker-18.09.9" / state))

    own, sibling = (values(found) for found in said.containers.values())
    assert values(said.node)["containerd.list_answers"] is False
    assert (own["shim.alive"], own["shim.answers"], own["shim.state"]) == (True, False, "T")
    assert (own["process.alive"], own["process.state"]) == (alive, letter)
    assert str(own["containerd.task.status"]).startswith(
        "? ctr -n moby task ls did not answer in 6 s; ctr -n moby task ps"
    )
    assert (sibling["shim.answers"], sibling["containerd.task.status"], sibling["containerd.task.pid"]) == (
        True,
        "RUNNING",
        1956,
    )


def test_the_founding_incident_ties_the_oom_kill_and_the_kubelets_errors_to_the_pod() -> None:
    found = facts("founding-docker-18.09.9/stuck")

    assert (found["docker.version"], found["containerd.version"], found["docker.live_restore"]) == (
        "18.09.9",
        "v1.2.6",
        False,
    )
    assert (found["shim.generation"], found["shim.shared"], found["shim.started"], found["shim.pid"]) == (
        "v1",
        False,
        576070,
        24704,
    )
    assert (found["kernel.oom_kills.container"], found["kernel.oom_kills.pod"], found["kernel.oom_kills.node"]) == (
        1,
        1,
        2,
    )
    assert (str(found["kernel.oom_kill.last"]), found["kernel.oom_kill.task"]) == ("2026-11-23 20:25:24+00:00", "tail")
    assert (found["kubelet.stop_timeouts"], found["kubelet.termination_failures"]) == (4, 4)
    assert str(found["kubelet.last_error"]).startswith("Error syncing pod 852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111")
    assert found["docker.container.listed"] == "Up 2 minutes"


def test_with_the_default_request_timeout_the_kubelet_logs_no_time_out() -> None:
    found = facts("founding-default-timeout/stuck")

    assert (found["kubelet.stop_timeouts"], found["kubelet.termination_failures"], found["kernel.oom_kills.pod"]) == (
        0,
        1,
        1,
    )


@pytest.mark.parametrize("stack", ["founding-docker-18.09.9", "founding-default-timeout"])
def test_after_its_shim_was_killed_the_container_is_gone_everywhere(stack: str) -> None:
    found = facts(f"{stack}/after-shim-kill")

    assert (found["docker.container.state"], found["containerd.task.status"]) == ("absent", "absent")
    assert found["process.alive"] == "? ps was not asked"


def test_a_hung_pod_shim_of_cri_is_found_by_its_sandbox_and_shared() -> None:
    folder = CAPTURES / "k8s-1.34.9-containerd-1.7.24" / "hung-shim-stuck"
    frames, question = frames_of(folder)

    said = answers(frames, question, moment_of(folder))

    app, sandbox = (values(found) for found in said.containers.values())
    assert list(said.names.values()) == ["sandbox"]
    assert set(said.belongs.values()) == {"deddcd31-ea6f-4b49-aa26-6253de200760"}
    for found, alive, letter in ((app, False, "Z"), (sandbox, True, "S")):
        assert (found["containerd.task.status"], found["shim.pid"], found["shim.shared"]) == ("UNKNOWN", 20789, True)
        assert (found["shim.answers"], found["shim.generation"], found["shim.state"]) == (False, "v2", "T")
        assert (found["process.alive"], found["process.state"]) == (alive, letter)
    assert values(said.pods[question.pods[0].uid])["kubelet.stop_timeouts"] == 2
    assert values(said.pods[question.pods[0].uid])["kubelet.termination_failures"] == 2


@pytest.mark.parametrize(
    ("state", "status", "alive"),
    [("healthy", "RUNNING", True), ("within-grace", "RUNNING", True), ("finalizer-left", "absent", False)],
)
def test_through_cri_a_pod_that_is_well_looks_well(state: str, status: str, alive: bool) -> None:
    found = facts(f"k8s-1.34.9-containerd-1.7.24/{state}")

    assert (found["containerd.task.status"], found["process.alive"], found["cgroup.processes"]) == (
        status,
        alive,
        int(alive),
    )
    assert found["kubelet.active"] is True


def test_through_cri_the_task_is_gone_after_the_shim_was_killed() -> None:
    found = facts("k8s-1.34.9-containerd-1.7.24/hung-shim-after-kill")

    assert found["containerd.task.status"] == "absent"
    assert found["shim.answers"] == "? no shim can be blamed while ctr -n k8s.io version was not asked"


@pytest.mark.parametrize("state", [state for state in EXPECTED if state.endswith("/paused")])
def test_a_paused_container_is_frozen(state: str) -> None:
    assert facts(state)["cgroup.frozen"] is True


@pytest.mark.parametrize("folder", STATES, ids=key)
def test_every_fact_is_answered_for_everything_it_is_about(folder: Path) -> None:
    frames, question = frames_of(folder)

    said = answers(frames, question, moment_of(folder))

    node_side = {name for probe in ALL for name in probe.facts}
    assert node_side == {kind.name for kind in CATALOGUE if not kind.name.startswith("api.")}
    scopes = [("node", said.node), *(("pod", found) for found in said.pods.values())]
    scopes += [("container", found) for found in said.containers.values()]
    for scope, found in scopes:
        assert set(found) == {name for name in node_side if BY_NAME[name].scope == scope}
        for fact in found.values():
            assert fact.source
            assert not isinstance(fact.answer, Known) or type(fact.answer.value) is BY_NAME[fact.name].type
