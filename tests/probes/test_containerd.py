import pytest

from tests.probes.saying import (
    CRI,
    ID,
    LATE,
    OTHER_ID,
    Said,
    ended,
    inspect,
    of_container,
    of_node,
    process,
    shim_v1,
    shim_v2,
)

VERSION = (
    "# socket /run/docker/containerd/containerd.sock\nClient:\n  Version:  v1.2.6\n\nServer:\n  Version:  v1.2.5\n"
)
CTR = "ctr -a /run/docker/containerd/containerd.sock -n moby"
HEAD = "TASK                PID      STATUS\n"
PS = "PID     INFO\n"
INSIDE = (f"4:memory:/docker/{ID}", f"0::/docker/{ID}")
ALIVE = shim_v1(24704) + process(24724, parent=24704, cgroups=INSIDE)
DEAD = shim_v1(24704)


def own(pids: str) -> str:
    return f"{PS}{pids}    &ProcessDetails{{ExecID:{ID},}}\n"


def status(**frames: Said) -> object:
    names = {"ls": "containerd.tasks", "ps": f"containerd.task/{ID}", "shim": f"containerd.shim/{ID}"}
    said = {names.get(name, name): words for name, words in frames.items()}
    return of_container({"containerd.version": VERSION, **said})["containerd.task.status"]


def test_the_version_is_the_servers_and_the_socket_is_named_as_one_would_type_it() -> None:
    found = of_node({"containerd.version": VERSION, "containerd.tasks": LATE})

    assert (found["containerd.answers"], found["containerd.version"], found["containerd.list_answers"]) == (
        True,
        "v1.2.5",
        False,
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Server:\n", True),
        (LATE, False),
        (ended(1, "ctr: failed to dial: context deadline exceeded"), False),
        (ended(1, "dial unix /x.sock: connect: connection refused"), False),
        (ended(127, "ctr: not found on this node"), "? ctr is not installed on this node"),
        (
            ended(1, "no containerd socket on this node"),
            "? ctr -n moby version failed: no containerd socket on this node",
        ),
    ],
)
def test_containerd_answers_only_when_it_did(said: Said, expected: object) -> None:
    assert of_node({"containerd.version": said})["containerd.answers"] == expected


def test_what_a_version_does_not_say_is_not_known() -> None:
    found = of_node({"containerd.version": "Server:\n  Version:\n", "containerd.tasks": ended(1, "ctr: odd")})

    assert found["containerd.version"] == "? ctr version does not say"
    assert found["containerd.list_answers"] == "? ctr -n moby task ls failed: ctr: odd"


@pytest.mark.parametrize("word", ["UNKNOWN", "CREATED", "RUNNING", "STOPPED", "PAUSED", "PAUSING"])
def test_the_list_gives_the_status_where_it_answers(word: str) -> None:
    assert status(ls=f"{HEAD}{OTHER_ID}   7    RUNNING\n{ID}   0    {word}\n") == word


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ({"ls": HEAD}, "absent"),
        ({"ls": f"{HEAD}{ID}   24724   SOMETHING\n{ID}\n"}, "absent"),
        ({"ls": HEAD, "ps": PS}, "? ctr task ls and ctr task ps disagree"),
        (
            {"ls": "nonsense", "ps": LATE},
            f"? the list of tasks was cut; {CTR} task ps ebe2ddd9ed5b did not answer in 8 s",
        ),
        ({"ls": LATE, "ps": ended(1, "ctr: no running task found: task x not found: not found")}, "absent"),
        ({"ls": LATE, "ps": ended(1, f'ctr: container "{ID}" in namespace "moby": not found')}, "absent"),
        ({"ls": LATE, "shim": '{"status":3}'}, "STOPPED"),
        ({"ls": LATE, "shim": '{"status":"PAUSED"}'}, "PAUSED"),
        ({"ls": LATE, "ps": own("24724"), "processes": ALIVE}, "RUNNING"),
        ({"ls": LATE, "ps": PS, "processes": DEAD, f"docker.inspect/{ID}": inspect()}, "STOPPED"),
        ({"ls": LATE, "ps": own("24724"), "processes": DEAD}, "? ctr task ps and the process table disagree"),
        ({"ls": LATE, "ps": PS, "processes": LATE}, "? ps did not answer in 8 s"),
    ],
)
def test_where_the_list_is_blind_one_container_is_asked_for_itself(frames: dict[str, Said], expected: str) -> None:
    assert status(**frames) == expected


def test_a_frozen_container_that_answers_like_a_running_one_is_paused() -> None:
    cgroup = f"dir /sys/fs/cgroup/freezer/docker/{ID}\nprocs 24724\nfreezer FROZEN\n"

    assert status(ls=LATE, ps=own("24724"), processes=ALIVE, cgroup=cgroup) == "PAUSED"


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ({"containerd.tasks": f"{HEAD}{ID}  24724  RUNNING\n"}, 24724),
        ({"containerd.tasks": f"{HEAD}{ID}  0  UNKNOWN\n"}, "? containerd gives no pid for it"),
        ({"containerd.tasks": f"{HEAD}{ID}  99999999999999999999999  RUNNING\n"}, "? containerd gives no pid for it"),
        ({f"containerd.shim/{ID}": '{"status":2,"pid":24724}'}, 24724),
        ({f"containerd.shim/{ID}": '{"status":2,"pid":1e99}'}, "? containerd gives no pid for it"),
        ({f"containerd.task/{ID}": f"{PS}7    -\n\nx y\n"}, 7),
        ({f"containerd.task/{ID}": f"{own('7')}8   &ProcessDetails{{ExecID:{OTHER_ID},}}\n"}, 7),
        ({f"containerd.task/{ID}": f"{PS}7    -\n8    -\n"}, "? containerd gives no pid for it"),
        ({f"containerd.task/{ID}": "other words"}, "? containerd gives no pid for it"),
    ],
)
def test_the_tasks_pid_is_that_of_its_own_process(frames: dict[str, Said], expected: object) -> None:
    assert of_container(frames)["containerd.task.pid"] == expected


@pytest.mark.parametrize(
    ("said", "code", "exited"),
    [
        (
            '{"status":3,"exit_status":137,"exited_at":"2026-11-23T20:25:24.385155476Z"}',
            137,
            "2026-11-23 20:25:24.385155+00:00",
        ),
        (
            '{"status":3,"exit_status":-1,"exited_at":"soon"}',
            "? the shim gives no exit status",
            "? the shim gives no time",
        ),
        ('{"status":2,"exit_status":0}', "? to its shim it is RUNNING", "? to its shim it is RUNNING"),
        ('{"status":99}', "? the shim's state cannot be read", "? the shim's state cannot be read"),
        (
            ended(1, "flag provided but not defined: -id"),
            "? ctr -n moby shim --id ebe2ddd9ed5b state failed: flag provided but not defined: -id",
            "? ctr -n moby shim --id ebe2ddd9ed5b state failed: flag provided but not defined: -id",
        ),
    ],
)
def test_how_it_ended_is_what_the_shim_kept(said: Said, code: object, exited: str) -> None:
    found = of_container({f"containerd.shim/{ID}": said})

    assert (found["containerd.task.exit_code"], str(found["containerd.task.exited"])) == (code, exited)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ({f"containerd.task/{ID}": PS}, True),
        ({f"containerd.task/{ID}": LATE}, False),
        ({f"containerd.task/{ID}": ended(1, "rpc error: code = DeadlineExceeded")}, False),
        ({"containerd.tasks": f"{HEAD}{ID}  24724  STOPPED\n"}, True),
        ({"containerd.tasks": f"{HEAD}{ID}  0  UNKNOWN\n"}, False),
        ({f"containerd.shim/{ID}": '{"status":3}'}, True),
        (
            {f"containerd.task/{ID}": LATE, "containerd.tasks": f"{HEAD}{ID}  24724  RUNNING\n"},
            "? ctr task ls had an answer from it, ctr task ps had none",
        ),
        ({f"containerd.task/{ID}": ended(1, "x: not found")}, "? containerd has no task to ask it about"),
        ({f"containerd.task/{ID}": "?"}, "? ctr task ps answered in other words"),
        ({"processes": process(1, "init")}, "? there is no shim"),
        ({"containerd.version": LATE}, "? no shim can be blamed while ctr -n moby version did not answer in 8 s"),
    ],
)
def test_a_shim_answers_only_when_it_did(frames: dict[str, Said], expected: object) -> None:
    assert of_container({"containerd.version": "Server:\n", "processes": DEAD, **frames})["shim.answers"] == expected


def test_through_cri_the_namespace_is_that_of_kubernetes() -> None:
    frames: dict[str, Said] = {"processes": shim_v2(5, namespace="k8s.io"), f"containerd.task/{ID}": LATE}

    assert "ctr -n k8s.io version was not asked" in str(of_container(frames, CRI)["shim.answers"])
