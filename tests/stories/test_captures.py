"""
Every state that real stacks were recorded in, from docker 18.09.9 to kubelet 1.34.9: what does the program say of it?

The folders of docker alone were recorded without a Kubernetes. For those the API says no more than that a pod with this
container is five minutes past its deadline, on a docker node that is Ready.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import probes
from bot.core import cards
from bot.core.diagnoses import Diagnosis, diagnose
from bot.core.facts import Known, NodeAnswers, NodeName, PodUid, known
from bot.core.pods import Container, Pod, Question
from bot.core.repairs import Offered
from bot.probes import api
from bot.settings import playbooks
from tests.probes.replay import CAPTURES, frames_of

RECORDED = datetime(2026, 11, 23, 20, 31, 28, tzinfo=UTC)  # that evening; the recordings say so themselves
ALLOWED = timedelta(seconds=60)
CAUSES = playbooks()
SIBLING_OF = {"docker-18.09.9": "873f34c64f10", "docker-20.10.5": "63f7c4cafa3b", "docker-26.1.5": "a74fbff90ee5"}


@dataclass(frozen=True, kw_only=True)
class Expected:
    cause: str | None
    first: str | None = None  # the repair put first
    says: tuple[str, ...] = ()  # parts of what it says beforehand
    withheld: Mapping[str, str] = field(default_factory=dict)  # repair: part of the reason
    facts: Mapping[str, object] = field(default_factory=dict)
    late: timedelta = timedelta(minutes=5)  # the pod, at the time of looking


DEAD_SHIM_HUNG = {"process.alive": False, "shim.alive": True, "shim.answers": False}
LOST = {"docker.container.state": "running", "process.alive": False}
OLD_STOP = "docker stop returns success and changes nothing before docker 20.10; this node runs 18.09.9"
UNNOTICED = "dockerd 20.10.5+dfsg1 will not notice: containerd 1.4.13"
PAUSED = Expected(  # were such a pod stuck: the runtime itself says why its process takes no signal
    cause="cgroup-frozen",
    first="cgroup.thaw",
    says=("somebody may have done that on purpose",),
    facts={"docker.container.state": "paused", "process.alive": True, "cgroup.frozen": True},
)

EXPECTED = {
    "founding-docker-18.09.9/running": Expected(cause=None),
    "founding-docker-18.09.9/stuck": Expected(
        cause="docker-lost-exit-event",
        first="shim.reap",
        withheld={"container.stop": OLD_STOP},
        facts={**LOST, "containerd.task.status": "STOPPED", "kernel.oom_kills.container": 1, "shim.generation": "v1"},
    ),
    "founding-docker-18.09.9/after-shim-kill": Expected(cause=None),
    "founding-default-timeout/stuck": Expected(
        cause="docker-lost-exit-event",
        first="shim.reap",
        withheld={"container.stop": OLD_STOP},
        facts={**LOST, "kernel.oom_kills.container": 1, "kubelet.stop_timeouts": 0},
    ),
    "founding-default-timeout/after-shim-kill": Expected(cause=None),
    "docker-18.09.9/healthy": Expected(cause=None),
    "docker-18.09.9/lost-exit-event": Expected(
        cause="docker-lost-exit-event",
        first="shim.reap",
        withheld={"container.stop": OLD_STOP},
        facts={**LOST, "containerd.task.status": "STOPPED"},
    ),
    "docker-18.09.9/hung-shim-dead-process": Expected(
        cause="shim-hung",
        first="shim.reap",
        facts={**DEAD_SHIM_HUNG, "containerd.list_answers": False},
    ),
    "docker-18.09.9/hung-shim-live-process": Expected(
        cause="shim-hung",
        withheld={"shim.reap": "is still alive", "pod.force_delete": "is still alive"},
        facts={"process.alive": True, "shim.answers": False, "containerd.list_answers": False},
    ),
    "docker-18.09.9/hung-shim-after-kill": Expected(cause=None, facts={"docker.container.state": "exited"}),
    "docker-18.09.9/paused": PAUSED,
    "docker-18.09.9/oom-in-child": Expected(cause=None, facts={"process.alive": True}),
    "docker-20.10.5/healthy": Expected(cause=None),
    "docker-20.10.5/lost-exit-event": Expected(
        cause="docker-lost-exit-event",
        first="container.stop",
        withheld={"shim.reap": UNNOTICED},
        facts={**LOST, "containerd.task.status": "STOPPED"},
    ),
    "docker-20.10.5/hung-shim-dead-process": Expected(
        cause="shim-hung",
        first="shim.reap",
        says=(UNNOTICED, "a docker stop must follow", "255"),
        facts={**DEAD_SHIM_HUNG, "containerd.task.status": "UNKNOWN"},
    ),
    "docker-20.10.5/hung-shim-live-process": Expected(cause="shim-hung", withheld={"shim.reap": "is still alive"}),
    "docker-20.10.5/hung-shim-after-kill": Expected(  # dockerd did not notice: a lost exit, with no shim left
        cause="docker-lost-exit-event",
        first="container.stop",
        says=("255",),
        withheld={"shim.reap": "there is no shim to reap"},
        facts={**LOST, "containerd.task.status": "absent", "shim.alive": False},
    ),
    "docker-20.10.5/paused": PAUSED,
    "docker-20.10.5/oom-in-child": Expected(cause=None, facts={"process.alive": True}),
    "docker-26.1.5/healthy": Expected(cause=None),
    "docker-26.1.5/lost-exit-event": Expected(
        cause="docker-lost-exit-event",
        first="container.stop",
        says=("exit code 0, a success that never was",),
        withheld={"shim.reap": "there is no shim to reap"},
        facts={**LOST, "containerd.task.status": "absent", "shim.alive": False},
    ),
    "docker-26.1.5/hung-shim-dead-process": Expected(cause="shim-hung", first="shim.reap", facts=DEAD_SHIM_HUNG),
    "docker-26.1.5/hung-shim-live-process": Expected(cause="shim-hung", withheld={"shim.reap": "is still alive"}),
    "docker-26.1.5/hung-shim-after-kill": Expected(cause=None, facts={"docker.container.state": "exited"}),
    "docker-26.1.5/paused": PAUSED,
    "docker-26.1.5/oom-in-child": Expected(cause=None, facts={"process.alive": True}),
    "k8s-1.34.9-containerd-1.7.24/healthy": Expected(cause=None),
    "k8s-1.34.9-containerd-1.7.24/within-grace": Expected(cause="grace-not-elapsed", late=timedelta(seconds=-20)),
    "k8s-1.34.9-containerd-1.7.24/finalizer-left": Expected(
        cause="finalizer-pending", first="finalizer.remove", facts={"api.pod.finalizers": 1}
    ),
    "k8s-1.34.9-containerd-1.7.24/hung-shim-stuck": Expected(
        cause="shim-hung", first="shim.reap", facts={**DEAD_SHIM_HUNG, "shim.shared": True}
    ),
    "k8s-1.34.9-containerd-1.7.24/hung-shim-after-kill": Expected(cause=None),
}


def diagnosed(state: str) -> Diagnosis:
    folder = CAPTURES / state
    frames, question = frames_of(folder)
    late = EXPECTED[state].late
    around = _recorded_api(folder, late) if (folder / "pod-json.txt").exists() else _imagined_api(question, late)
    pod, answers = around
    return diagnose(pod, (answers, probes.answers(frames, question, RECORDED)), CAUSES)


@pytest.mark.parametrize("state", EXPECTED)
def test_what_is_said_of_a_recorded_state(state: str) -> None:
    expected, found = EXPECTED[state], diagnosed(state)

    assert (found.verdict.cause.id if found.verdict.cause else None) == expected.cause
    assert (found.offered[0].repair.id if found.offered else None) == (expected.first or _any_first(found))
    if expected.says:
        assert all(part in " ".join(found.offered[0].notes) for part in expected.says), found.offered[0].notes
    reasons = {each.repair.id: each.why for each in found.withheld}
    for repair, part in expected.withheld.items():
        assert part in reasons[repair]
    facts = cards.shown_subject(found).facts
    for name, value in expected.facts.items():
        assert facts[name].answer == Known(value), name  # type: ignore[arg-type]


def test_every_recorded_state_has_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = {f"{folder.parent.name}/{folder.name}" for folder in CAPTURES.glob("*/*") if folder.is_dir()}

    right = sum(
        (found.verdict.cause.id if found.verdict.cause else None) == EXPECTED[state].cause
        for state in sorted(recorded)
        for found in [diagnosed(state)]
    )

    with capsys.disabled():
        print(f"\ncaptured states with the right verdict: {right} of {len(recorded)}")
    assert recorded == set(EXPECTED)
    assert right == len(recorded)


def test_the_siblings_of_a_hung_v1_shim_are_still_known() -> None:
    frames, question = frames_of(CAPTURES / "docker-18.09.9/hung-shim-dead-process")

    answers = probes.answers(frames, question, RECORDED)

    sibling = next(id_ for id_ in answers.containers if id_.startswith(SIBLING_OF["docker-18.09.9"]))
    assert answers.containers[sibling]["shim.answers"].answer == Known(True)
    assert answers.containers[sibling]["containerd.task.status"].answer == Known("RUNNING")


def test_the_oom_kill_is_tied_to_the_container_by_its_cgroup_and_dated() -> None:
    facts = cards.shown_subject(diagnosed("founding-docker-18.09.9/stuck")).facts

    assert facts["kernel.oom_kills.container"].answer == Known(1)
    assert facts["kernel.oom_kill.last"].answer == Known(datetime(2026, 11, 23, 20, 25, 24, tzinfo=UTC))
    assert facts["kernel.oom_kill.task"].answer == Known("tail")


def test_the_founding_card_marks_the_row_that_disagrees() -> None:
    rows = {row.layer: row for row in cards.evidence(diagnosed("founding-docker-18.09.9/stuck"))}

    assert [layer for layer, row in rows.items() if row.disagrees] == ["docker"]
    assert rows["docker"].says.startswith("running, pid 24724")
    assert rows["containerd"].says.startswith("STOPPED")
    assert rows["process"].says == "pid 24724 does not exist"


def _any_first(found: Diagnosis) -> str | None:
    """Where no repair is expected first, whatever stands there must not be one that is withheld."""
    first: Offered | None = found.offered[0] if found.offered else None
    return first.repair.id if first else None


def _recorded_api(folder: Path, late: timedelta) -> tuple[Pod, NodeAnswers]:
    raw = _body(folder / "pod-json.txt")
    deadline = api.read_pod(raw, "lab", RECORDED, ALLOWED).pod.deadline
    now = deadline + late if deadline is not None else RECORDED
    answer = api.read_pod(raw, "lab", now, ALLOWED)
    node = api.read_node(_body(folder / "node-json.txt"), answer.pod.node or NodeName(""), now)
    events = api.read_events(_body(folder / "events.txt"), "events")
    facts = {**answer.facts, **events}
    return answer.pod, NodeAnswers(node=node.facts, pods={answer.pod.uid: facts}, containers=answer.containers)


def _imagined_api(question: Question, late: timedelta) -> tuple[Pod, NodeAnswers]:
    asked = question.pods[0]
    pod = Pod(
        cluster="lab",
        namespace=asked.namespace,
        name=asked.name,
        uid=asked.uid,
        deadline=RECORDED - late,
        grace=timedelta(seconds=30),
        finalizers=(),
        owner=None,
        node=NodeName("node0"),
        containers=tuple(Container(name="app", id=id_, state="running") for id_ in asked.containers),
    )
    said = {
        "api.pod.deleting": True,
        "api.pod.stuck": True,
        "api.pod.finalizers": 0,
        "api.pod.containers_ended": False,
        "api.pod.containers_running": 1,
        "api.pod.prestop": False,
        "api.node.exists": True,
        "api.node.ready": True,
        "api.node.runtime": question.runtime,
    }
    facts = {name: known(name, value, "recorded without an API") for name, value in said.items()}
    return pod, NodeAnswers(pods={PodUid(asked.uid): facts})


def _body(path: Path) -> bytes:
    """The recorded bytes without the line that says what produced them."""
    return path.read_bytes().split(b"\n", 1)[1]
