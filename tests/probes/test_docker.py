import pytest

from tests.probes.saying import CRI, ID, LATE, OTHER_ID, Said, ended, inspect, of_container, of_node

VERSION = "Client:\n Version:           20.10.24\n\nServer:\n Engine:\n  Version:          18.09.9\n"
HEAD = "CONTAINER ID                                                       STATUS         NAMES\n"


def row(id_: str, status: str) -> str:
    return f"{id_}   {status:<12}   k8s_zookeeper_zookeeper0-0_prod_x_0\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (VERSION, True),
        (LATE, False),
        (ended(1, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."), False),
        (ended(1, "Error response from daemon: client version 1.47 is too new."), True),
        (ended(127, "docker: not found on this node"), "? docker is not installed on this node"),
        (ended(1, "\x1b[31mpermission denied"), "? docker version failed: permission denied"),
        (ended(3), "? docker version failed: exit code 3"),
    ],
)
def test_dockerd_answers_only_when_it_did(said: Said, expected: object) -> None:
    assert of_node({"docker.version": said})["docker.answers"] == expected


def test_the_daemons_version_is_the_servers_and_not_the_clients() -> None:
    found = of_node({"docker.version": VERSION, "docker.info": " Live Restore Enabled: true\n"})

    assert (found["docker.version"], found["docker.live_restore"]) == ("18.09.9", True)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (LATE, "? dockerd did not answer docker version in 8 s"),
        (ended(1, "error during connect: EOF"), "? docker version could not connect to dockerd"),
        (ended(127), "? docker is not installed on this node"),
    ],
)
def test_what_a_silent_dockerd_would_have_said_is_not_known_for_that_reason(said: Said, why: str) -> None:
    found = of_node({"docker.version": said, "docker.info": " Live Restore Enabled: true\n"})

    assert (found["docker.version"], found["docker.live_restore"]) == (why, why)


@pytest.mark.parametrize(
    ("info", "why"),
    [(LATE, "? docker info did not answer in 8 s"), ("nothing of it", "? docker info does not say")],
)
def test_live_restore_is_never_guessed(info: Said, why: str) -> None:
    found = of_node({"docker.version": "Server:\n nothing", "docker.info": info})

    assert (found["docker.live_restore"], found["docker.version"]) == (why, "? docker version does not say")


def test_where_the_node_runs_containerd_docker_was_not_asked() -> None:
    assert of_node({}, CRI)["docker.answers"] == "? docker version was not asked"


@pytest.mark.parametrize("phrase", ["Error: No such object: x", "Error: No such container: x"])
def test_a_container_that_docker_does_not_know_is_absent(phrase: str) -> None:
    found = of_container({f"docker.inspect/{ID}": ended(1, phrase)})

    assert found["docker.container.state"] == "absent"
    assert found["docker.container.pid"] == "? docker has no such container"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (LATE, "docker inspect ebe2ddd9ed5b did not answer in 8 s"),
        (inspect(OTHER_ID), "docker inspect ebe2ddd9ed5b answered about another container"),
        ("{" * 100_000, "docker inspect ebe2ddd9ed5b answered with something that cannot be read"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "docker inspect ebe2ddd9ed5b answered with something that cannot be read"),
        ("[]", "docker inspect ebe2ddd9ed5b answered with something that cannot be read"),
        ('{"Id": "x", "State": 7}', "docker inspect ebe2ddd9ed5b answered with something that cannot be read"),
        ('{"n": ' + "9" * 5000 + "}", "docker inspect ebe2ddd9ed5b answered with something that cannot be read"),
        (inspect(Status="weird\u202e"), "docker inspect gives a state that is not known: weird"),
    ],
)
def test_an_inspect_that_cannot_be_used_is_not_used(said: Said, why: str) -> None:
    found = of_container({f"docker.inspect/{ID}": said})

    assert {found[name] for name in found if name.startswith("docker.container.") and "listed" not in name} == {
        f"? {why}"
    }


def test_an_end_is_told_only_of_what_has_ended() -> None:
    running = of_container({f"docker.inspect/{ID}": inspect()})
    ended_ = of_container(
        {f"docker.inspect/{ID}": inspect(Status="exited", Pid=0, ExitCode=137, FinishedAt="2026-11-23T22:25:07+02:00")}
    )

    assert str(running["docker.container.started"]) == "2026-11-23 20:25:07.268122+00:00"
    assert (
        running["docker.container.finished"] == running["docker.container.exit_code"] == "? docker says it is running"
    )
    assert str(ended_["docker.container.finished"]) == "2026-11-23 20:25:07+00:00"
    assert ended_["docker.container.exit_code"] == 137
    assert ended_["docker.container.pid"] == "? dockerd records no pid: to it the container does not run"


@pytest.mark.parametrize(
    "state",
    [
        {"Pid": 10**30, "OOMKilled": "yes", "StartedAt": "2026-13-45T99:99:99Z"},
        {"Pid": -1, "OOMKilled": None, "StartedAt": "0001-01-01T00:00:00+23:59"},
        {"Pid": True, "OOMKilled": 1, "StartedAt": "2026-11-23T20:25:07+99:99"},
        {"Pid": "24724", "OOMKilled": [], "StartedAt": 5},
    ],
)
def test_values_out_of_bounds_are_not_known(state: dict[str, object]) -> None:
    found = of_container({f"docker.inspect/{ID}": inspect(**state)})

    for name in ("pid", "oom_killed", "started"):
        assert str(found[f"docker.container.{name}"]).startswith("? ")


def test_docker_ps_is_read_by_the_heads_of_its_columns() -> None:
    wide = "CONTAINER ID" + " " * 55 + "IMAGE   STATUS         PORTS   NAMES\n"
    line = f"{ID}   img     Up 2 minutes           k8s_a\n"

    assert of_container({"docker.ps": wide + line})["docker.container.listed"] == "Up 2 minutes"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (HEAD + row(ID, "Up 2 minutes") + row(ID, "Exited"), "Up 2 minutes"),
        (HEAD + row(OTHER_ID, "Up 2 minutes"), "absent"),
        (HEAD, "absent"),
        (LATE, "? docker ps did not answer in 8 s"),
        ("", "? docker ps was cut, or has other columns than expected"),
        (HEAD + "x" * 300_000, "? docker ps was cut, or has other columns than expected"),
    ],
)
def test_a_container_is_absent_only_from_a_whole_list(said: Said, expected: str) -> None:
    assert of_container({"docker.ps": said})["docker.container.listed"] == expected
