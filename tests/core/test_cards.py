"""What people see: the layers side by side, in words that one can read aloud, one clean line each."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core import cards
from bot.core.causes import Cause, Compared, Condition, Failed, OneOf
from bot.core.diagnoses import Diagnosis, diagnose
from bot.core.facts import BY_NAME, Fact, Known, NodeAnswers, Unknown, Value
from bot.core.hostile import plain
from bot.core.pods import Container
from bot.settings import playbooks
from tests.core.samples import (
    ALIVE,
    BULLSEYE,
    CONTAINER,
    NO_SHIM,
    NOON,
    OLD,
    UID,
    UNTOLD,
    Answers,
    facts,
    founding,
    hung,
    hung_cri,
    lost,
    pod,
)

SHIPPED = playbooks()
NOTHING: Answers = dict.fromkeys(BY_NAME, UNTOLD)
OF_TYPE: Mapping[type, tuple[Value | Unknown, ...]] = {
    bool: (True, False, UNTOLD),
    int: (0, 1, 7, UNTOLD),
    str: ("absent", "running", "RUNNING", "T", UNTOLD),
    datetime: (NOON, UNTOLD),
}
FINALIZER: Answers = {
    **lost(BULLSEYE),
    **NO_SHIM,
    "docker.container.state": "exited",
    "docker.container.exit_code": 0,
    "docker.container.pid": UNTOLD,
    "containerd.task.status": "absent",
    "api.pod.containers_ended": True,
    "api.pod.finalizers": 1,
    "api.pod.finalizer_names": "example.com/cleanup",
}


def found(answers: Answers, causes: tuple[Cause, ...] | None = None) -> Diagnosis:
    said = NodeAnswers(containers={CONTAINER: facts(answers)})
    return diagnose(pod(), (said,), SHIPPED if causes is None else causes)


def card(diagnosis: Diagnosis) -> str:
    rows = cards.evidence(diagnosis)
    return "\n".join(f"{row.layer:10}  {row.says}{'  <' if row.disagrees else ''}" for row in rows)


def row(layer: str, answers: Answers) -> str:
    """One row, `<` behind it when it disagrees."""
    (one,) = (each for each in cards.evidence(found(answers)) if each.layer == layer)
    return f"{one.says}  <" if one.disagrees else one.says


def test_the_founding_incident_reads_as_it_was() -> None:
    diagnosis = found(founding())

    assert cards.headline(diagnosis) == "STUCK  prod/zookeeper0-0 on node-17 · prod-eu: 12 min past its deadline"
    assert cards.cause(diagnosis)[0] == "The container is dead, but dockerd never heard (docker-lost-exit-event)"
    assert (
        card(diagnosis)
        == """\
API server  Terminating; asked 12:01:30, deadline 12:02:00; no finalizers
kubelet     stop timed out 6 times; No ref for container once; last: "operation timeout: context deadline exceeded"
docker      running, pid 21877, since 20 Nov 09:14:00  <
containerd  STOPPED, exit 137 at 12:01:09
shim        pid 21850 alive, state S, no children, answered
process     pid 21877 does not exist
kernel      OOM kill at 12:01:07 in this container (java)"""
    )


def test_a_hung_shim_reads_as_it_is() -> None:
    assert (
        card(found(hung(BULLSEYE)))
        == """\
API server  Terminating; asked 12:01:30, deadline 12:02:00; no finalizers
kubelet     running; no errors about this pod
docker      running, pid 21877  <
containerd  UNKNOWN
shim        pid 21850 alive, stopped (T), no children, did not answer  <
process     pid 21877 does not exist
kernel      no OOM kill in this container"""
    )


def test_through_cri_there_is_no_docker_to_speak() -> None:
    layers = [each.layer for each in cards.evidence(found(hung_cri()))]

    assert layers == ["API server", "kubelet", "containerd", "shim", "process", "kernel"]


def test_a_finalizer_reads_as_it_is() -> None:
    assert (
        card(found(FINALIZER))
        == """\
API server  Terminating; asked 12:01:30, deadline 12:02:00; finalizers: example.com/cleanup  <
kubelet     running; no errors about this pod
docker      exited, exit code 0
containerd  no task
shim        there is none
process     pid 21877 does not exist
kernel      no OOM kill in this container"""
    )


def test_where_nothing_is_known_nothing_is_claimed() -> None:
    diagnosis = found(NOTHING)

    assert cards.headline(diagnosis) == "TERMINATING  prod/zookeeper0-0 on node-17 · prod-eu"
    assert [each.says for each in cards.evidence(diagnosis)] == [f"not known: {UNTOLD.why}"] * 7
    assert not any(each.disagrees for each in cards.evidence(diagnosis))


def test_a_pod_without_containers_is_shown_by_what_the_api_and_the_kernel_say_of_it() -> None:
    bare = replace(pod(), containers=(Container(name="zookeeper", id=None, state="waiting"),))
    around = {name: fact for name, fact in facts(founding()).items() if BY_NAME[name].scope != "container"}

    diagnosis = diagnose(bare, (NodeAnswers(pods={UID: around}),), ())

    assert [each.layer for each in cards.evidence(diagnosis)] == ["API server", "kubelet", "kernel"]
    assert cards.shown_subject(diagnosis).container is None


def test_a_layer_that_nobody_asked_is_not_shown() -> None:
    api = {name: fact for name, fact in facts(founding()).items() if name.startswith("api.")}

    diagnosis = diagnose(pod(), (NodeAnswers(pods={UID: api}),), ())

    assert [each.layer for each in cards.evidence(diagnosis)] == ["API server"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"api.pod.deleting": False, "api.pod.phase": "Running"}, "not being deleted; phase Running"),
        ({"api.pod.deleting": UNTOLD}, f"not known: {UNTOLD.why}"),
        (
            {"api.pod.finalizers": UNTOLD, "api.pod.finalizer_names": UNTOLD, "api.pod.asked": UNTOLD},
            "Terminating; finalizers: not known",
        ),
        (
            {"api.pod.asked": UNTOLD, "api.pod.finalizers": 1, "api.pod.finalizer_names": "a/b"},
            "Terminating; finalizers: a/b",
        ),
        ({"api.pod.asked": UNTOLD, "api.node.exists": False}, "Terminating; no finalizers; its node is gone"),
        (
            {"api.pod.asked": UNTOLD, "api.node.ready": False, "api.node.ready_reason": "NodeStatusUnknown"},
            "Terminating; no finalizers; node not Ready (NodeStatusUnknown)",
        ),
    ],
)
def test_what_the_api_server_says(changes: Answers, says: str) -> None:
    assert row("API server", {**lost(OLD), **changes}) == says


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kubelet.active": False}, "not running  <"),
        ({"kubelet.active": UNTOLD}, f"not known: {UNTOLD.why}"),
        ({"kubelet.stop_timeouts": UNTOLD}, f"running; its log: {UNTOLD.why}"),
        ({}, "running; no errors about this pod"),
        ({"kubelet.last_error": "old news"}, "running; no errors about this pod"),
        (
            {"kubelet.unmount_errors": 1, "kubelet.cni_errors": 2},
            "unmount failed once; network teardown failed 2 times",
        ),
        (
            {"kubelet.termination_failures": 3, "kubelet.last_error": "Kill container failed"},
            'termination failed 3 times; last: "Kill container failed"',
        ),
    ],
)
def test_what_the_kubelet_says(changes: Answers, says: str) -> None:
    assert row("kubelet", {**lost(OLD), **changes}) == says


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"docker.answers": False, "docker.process": "D"}, "does not answer (process state D)  <"),
        ({"docker.answers": False, "docker.process": UNTOLD}, "does not answer (process state not known)  <"),
        ({"docker.container.state": UNTOLD}, f"not known: {UNTOLD.why}"),
        ({"docker.container.state": "exited", "docker.container.exit_code": 137}, "exited, pid 21877, exit code 137"),
        ({"docker.container.state": "exited", **ALIVE}, "exited, pid 21877  <"),
        ({**ALIVE}, "running, pid 21877"),
        ({"process.alive": UNTOLD}, "running, pid 21877"),
        ({"docker.container.state": "absent", "docker.container.pid": UNTOLD}, "absent"),
    ],
)
def test_what_docker_says(changes: Answers, says: str) -> None:
    assert row("docker", {**lost(OLD), **changes}) == says


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"containerd.answers": False}, "does not answer  <"),
        ({"containerd.task.status": UNTOLD}, f"not known: {UNTOLD.why}"),
        ({"containerd.task.status": "absent"}, "no task"),
        ({"containerd.task.status": "RUNNING"}, "RUNNING  <"),
        ({"containerd.task.exit_code": 137}, "STOPPED"),
        ({**ALIVE}, "STOPPED  <"),
        ({"containerd.task.status": "RUNNING", **ALIVE}, "RUNNING"),
    ],
)
def test_what_containerd_says(changes: Answers, says: str) -> None:
    assert row("containerd", {**lost(OLD), **changes}) == says


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shim.alive": UNTOLD}, f"not known: {UNTOLD.why}"),
        ({"shim.alive": False}, "there is none"),
        ({"shim.state": UNTOLD, "shim.children": UNTOLD, "shim.answers": UNTOLD}, "pid 21850 alive"),
        ({"shim.pid": UNTOLD, "shim.children": 2}, "pid not known alive, state S, 2 children, answered"),
        ({"shim.answers": False, "shim.state": "D"}, "pid 21850 alive, state D, no children, did not answer  <"),
    ],
)
def test_what_the_shim_says(changes: Answers, says: str) -> None:
    assert row("shim", {**lost(OLD), **changes}) == says


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"process.alive": UNTOLD}, f"not known: {UNTOLD.why}"),
        ({"process.state": "Z"}, "pid 21877 is a zombie: it has ended"),
        ({"process.pid": UNTOLD}, "its init process does not exist"),
        ({"process.recycled": True}, "pid 21877 now belongs to something else: the container's process is gone"),
        ({**ALIVE}, "pid 21877 alive, state S"),
        ({**ALIVE, "process.state": UNTOLD}, "pid 21877 alive, state not known"),
        (
            {**ALIVE, "process.state": "D", "process.wchan": "rpc_wait_bit_killable", "process.kill_pending": True},
            "pid 21877 alive, state D, waits in rpc_wait_bit_killable, a SIGKILL is pending  <",
        ),
        ({**ALIVE, "cgroup.frozen": True}, "pid 21877 alive, state S, cgroup frozen  <"),
    ],
)
def test_what_is_seen_of_the_process(changes: Answers, says: str) -> None:
    assert row("process", {**lost(OLD), **changes}) == says


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kernel.oom_kills.container": UNTOLD, "kernel.oom_kills.pod": UNTOLD}, f"not known: {UNTOLD.why}"),
        ({"kernel.oom_kills.container": UNTOLD}, "no OOM kill in this pod"),
        ({"kernel.oom_kills.container": UNTOLD, "kernel.oom_kills.pod": 2}, "OOM kill in this pod 2 times"),
        ({"kernel.oom_kills.container": 2}, "OOM kill in this container (task not known)"),
        ({"kernel.oom_kills.node": 3}, "no OOM kill in this container; 3 elsewhere on the node"),
        (
            {"kernel.hung_tasks": 1, "kernel.hung_task.last": "task nfsd:12 blocked for more than 120 seconds"},
            'no OOM kill in this container; hung task: "task nfsd:12 blocked for more than 120 seconds"',
        ),
    ],
)
def test_what_the_kernel_says(changes: Answers, says: str) -> None:
    assert row("kernel", {**lost(OLD), **changes}) == says


@pytest.mark.parametrize("answers", [founding(), hung(OLD), hung_cri(), FINALIZER, NOTHING, {}], ids=range(6))
def test_every_word_on_the_card_is_one_clean_line(answers: Answers) -> None:
    """Whatever single fact is otherwise, or not known."""
    for name in BY_NAME:
        for answer in OF_TYPE[BY_NAME[name].type]:
            diagnosis = found({**answers, name: answer}, ())
            for line in (
                cards.headline(diagnosis).replace("  ", " "),
                *(each.says for each in cards.evidence(diagnosis)),
            ):
                assert line == plain(line)
                assert "None" not in line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (119, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (11_100, "3 h 5 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (187_200, "2 d 4 h"),
        (187_199, "2 d 3 h"),
        (-720, "12 min"),
        (365 * 86_400, "365 d"),
    ],
)
def test_a_span_is_told_in_at_most_two_units(seconds: float, words: str) -> None:
    assert cards.lasting(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({"api.pod.overdue_s": 61}, "STUCK  prod/zookeeper0-0 on node-17 · prod-eu: 1 min past its deadline"),
        (
            {"api.pod.overdue_s": 5, "api.pod.stuck": False},
            "NOT STUCK  prod/zookeeper0-0 on node-17 · prod-eu: 5 s past its deadline",
        ),
        (
            {"api.pod.overdue_s": -20, "api.pod.stuck": False},
            "NOT STUCK  prod/zookeeper0-0 on node-17 · prod-eu: 20 s before its deadline",
        ),
    ],
)
def test_the_headline_says_what_where_and_how_late(changes: Answers, headline: str) -> None:
    assert cards.headline(found({**lost(OLD), **changes}, ())) == headline


def test_a_pod_that_nobody_asked_to_delete_is_said_to_be_so() -> None:
    diagnosis = diagnose(pod(None), (), SHIPPED)

    assert cards.headline(diagnosis) == ("NOT STUCK  prod/zookeeper0-0 on node-17 · prod-eu: nobody asked to delete it")
    assert cards.cause(diagnosis) == ("None: this pod, by its UID, is not being deleted.",)


def test_without_a_cause_the_nearest_miss_and_what_could_not_be_told_are_named() -> None:
    diagnosis = found({**lost(BULLSEYE), "docker.container.state": "exited", "api.pod.finalizers": UNTOLD})

    lines = cards.cause(diagnosis)

    assert lines[:2] == (
        "No known cause fits.",
        "Closest: docker-lost-exit-event, except that docker says exited.",
    )
    assert len(lines) == 2


def test_a_cause_that_could_not_be_told_is_named() -> None:
    lines = cards.cause(found({**lost(BULLSEYE), "docker.container.state": UNTOLD}))

    assert lines[0] == "No known cause fits."
    assert lines[-2:] == (
        "Could not tell: docker-lost-exit-event (The container is dead, but dockerd never heard).",
        "What would tell: docker.container.state.",
    )


def test_other_causes_that_fit_and_what_follows_are_named() -> None:
    frozen: Answers = {
        **lost(OLD),
        **ALIVE,
        "cgroup.frozen": True,
        "docker.answers": False,
        "docker.process": "S",
        "kubelet.active": False,
        "api.node.ready": False,
    }

    lines = cards.cause(found(frozen))

    assert lines[0] == "dockerd is there and does not answer (dockerd-hung)"
    assert lines[2:] == (
        "Fits as well: The container's cgroup is frozen, so it cannot die (cgroup-frozen)",
        "Fits as well: The kubelet of the node is not running (kubelet-down)",
        (
            "Follows from it: The node does not report; only its kubelet can confirm that the pod is gone"
            " (node-notready-or-unreachable)"
        ),
    )


def test_without_any_playbook_there_is_no_nearest_miss() -> None:
    assert cards.cause(found(lost(OLD), ())) == ("No known cause fits.",)


@pytest.mark.parametrize(
    ("fact", "wanted", "answer", "words"),
    [
        ("api.pod.stuck", OneOf((True,)), Known(False), "its time is not up"),
        ("api.pod.stuck", OneOf((False,)), Known(True), "its time is up"),
        ("docker.container.state", OneOf(("running",)), Known("exited"), "docker says exited"),
        ("docker.container.state", OneOf(("running",)), Known("absent"), "docker does not have it"),
        ("api.node.runtime", OneOf(("docker",)), Known("{0.__class__}"), "the node runs {0.__class__}"),
        ("api.pod.finalizers", Compared(">=", 1), Known(0), "no finalizers"),
        ("api.pod.finalizers", Compared("==", 0), Known(2), "api.pod.finalizers is 2, not == 0"),
        ("process.pid", OneOf((1, 2)), Known(3), "process.pid is 3, not 1 or 2"),
        ("process.kill_pending", OneOf((True,)), Known(False), "process.kill_pending is no, not yes"),
        ("process.pid", Compared(">=", 1), Unknown("not asked"), "process.pid is not known, not >= 1"),
    ],
)
def test_why_a_cause_is_out(fact: str, wanted: OneOf | Compared, answer: Known | Unknown, words: str) -> None:
    assert cards.ruled_out(Failed(Condition(fact, wanted), Fact(fact, answer, ""), 0, 1)) == words


def test_only_facts_that_exist_have_sayings_of_their_own() -> None:
    for name, sayings in cards._SAYINGS.items():
        assert {type(value) for value, _ in sayings} <= {BY_NAME[name].type, type(None)}, name


@pytest.mark.parametrize(
    ("answers", "signs"),
    [
        (
            founding(),
            (
                "docker: running · containerd: STOPPED · process: gone",
                "OOM-killed (java) at 20 Nov 12:01:07 UTC, 2 s before containerd saw it exit",
            ),
        ),
        (
            {**founding(), "containerd.task.exited": UNTOLD},
            (
                "docker: running · containerd: STOPPED · process: gone",
                "OOM-killed (java) at 20 Nov 12:01:07 UTC",
            ),
        ),
        (
            {**lost(OLD), "docker.answers": False, "docker.process": "D", "docker.container.state": UNTOLD},
            ("dockerd: does not answer · its process: D",),
        ),
        (
            {
                **lost(OLD),
                "docker.container.state": "exited",
                "api.pod.finalizers": 1,
                "api.pod.finalizer_names": "example.com/cleanup",
                "api.pod.containers_ended": True,
            },
            ("finalizer: example.com/cleanup · containers: ended",),
        ),
        ({**lost(OLD), "api.node.exists": False, "process.alive": UNTOLD, "kubelet.active": UNTOLD}, ()),
        ({**lost(OLD), "docker.container.state": "exited"}, ()),
    ],
)
def test_the_signs_of_a_cause_fit_into_a_line(answers: Answers, signs: tuple[str, ...]) -> None:
    assert cards.signs(found(answers)) == signs


def test_whom_the_rows_are_about() -> None:
    assert cards.about(found(lost(OLD))) == "container zookeeper (3f9a1c04)"
    bare = replace(pod(), containers=())
    assert cards.about(diagnose(bare, (), SHIPPED)) == "pod prod/zookeeper0-0"


def test_layers_that_are_silent_for_one_reason_stand_in_one_row() -> None:
    rows = [
        cards.Row("docker", "not known: nobody answers", False),
        cards.Row("shim", "not known: nobody answers", False),
        cards.Row("kernel", "not known: no dmesg", False),
        cards.Row("kubelet", "running", False),
    ]

    assert [(each.layer, each.says) for each in cards.together(rows)] == [
        ("the node", "not known: nobody answers"),
        ("kernel", "not known: no dmesg"),
        ("kubelet", "running"),
    ]


def test_what_nobody_could_tell_is_said_once_for_a_reason() -> None:
    facts = [
        Fact("docker.answers", UNTOLD, ""),
        Fact("shim.alive", UNTOLD, ""),
        Fact("process.pid", Unknown("not asked"), ""),
        Fact("kubelet.active", Known(True), ""),
    ]

    assert cards.not_asked(facts) == (("2 facts", UNTOLD.why), ("process.pid", "not asked"))
