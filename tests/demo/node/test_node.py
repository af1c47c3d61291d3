"""The node program runs there as on any node; what it is told is what docker 18.09.9 said; nothing is left behind."""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import paramiko
import pytest

from bot.core.facts import ContainerId, Facts, Known, NodeName, PodUid
from bot.core.pods import Asked, Question
from bot.demo.node import Absent, Container, Login, Node, Sandboxed
from bot.edges import ssh
from bot.ports import Refused, Unreachable
from bot.probes import answers, frames, record

PROGRAM = (Path(__file__).parents[3] / "bot/node/terminating-node").read_bytes()
LIMIT = timedelta(seconds=30)
POD = Sandboxed(
    namespace="prod",
    name="zookeeper0-0",
    uid="852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111",
    containers=("zookeeper",),
    memory=512 << 20,
    image="zookeeper:3.4",
)
OTHER = Sandboxed(
    namespace="prod",
    name="web-1",
    uid="11111111-ee1e-4a9f-b4dd-9fbe8e5bd111",
    containers=("web",),
    memory=64 << 20,
    image="web:1",
)


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Site:
    node: Node
    pool: ssh.Pool
    dead: Container
    other: Container

    @property
    def target(self) -> ssh.Target:
        login = self.node.login
        return ssh.Target(
            name=NodeName(self.node.name),
            host="127.0.0.1",
            port=self.node.port,
            user=login.user,
            key=login.key,
            known_hosts=(login.known_hosts,),
            become="none",
            program="piped",
        )

    def facts(self, container: Container) -> Facts:
        """The container's, its pod's and the node's, as the bot reads them."""
        id_, uid = ContainerId(container.id), PodUid(container.pod.uid)
        raw = self.pool.ask(self.target, ("probe", "docker", "9", uid, id_), LIMIT)
        asked = Asked(uid=uid, namespace=container.pod.namespace, name=container.pod.name, containers=(id_,))
        said = answers(frames.read(raw), Question(runtime="docker", pods=(asked,)), clock())
        return {**said.node, **said.pods[uid], **said.containers[id_]}

    def value(self, name: str, container: Container | None = None) -> object:
        answer = self.facts(container or self.dead)[name].answer
        return answer.value if isinstance(answer, Known) else answer

    def do(self, verb: str, *words: object, op: str = "00c0ffee" * 4) -> record.Record:
        line = ("do", op, verb, self.node.boot_id, self.node.machine_id, *map(str, words))
        return record.read(self.pool.ask(self.target, line, timedelta(seconds=60)), op)

    def shim(self, container: Container) -> tuple[object, object]:
        facts = self.facts(container)
        values = [facts[name].answer for name in ("shim.pid", "shim.started")]
        assert all(isinstance(each, Known) for each in values)
        pid, started = (each.value for each in values if isinstance(each, Known))
        return pid, started

    def until(self, true: Callable[[], bool]) -> None:
        for _ in range(300):
            if true():
                return
            Event().wait(0.05)
        raise AssertionError("it did not come about")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A node on which one of two pods' containers was killed for memory, and dockerd never heard of it."""
    with Node("node-17", Login(tmp_path), clock) as node, ssh.Pool(PROGRAM) as pool:
        began = clock() - timedelta(days=3)
        dead, other = node.start(POD, began)[1], node.start(OTHER, began)[1]
        node.lose_exit(dead, clock() - timedelta(minutes=12), "java")
        yield Site(node, pool, dead, other)


def test_it_says_what_the_founding_node_said(site: Site) -> None:
    facts = site.facts(site.dead)

    said = {
        name: facts[name].answer
        for name in (
            "docker.version",
            "docker.live_restore",
            "docker.container.state",
            "docker.container.pid",
            "containerd.task.status",
            "process.alive",
            "process.recycled",
            "shim.alive",
            "shim.answers",
            "shim.children",
            "shim.generation",
            "cgroup.processes",
            "kernel.oom_kills.container",
            "kernel.oom_kill.task",
            "kubelet.active",
            "node.boot_id",
            "mounts.left",
        )
    }
    assert said == {
        "docker.version": Known("18.09.9"),
        "docker.live_restore": Known(False),
        "docker.container.state": Known("running"),
        "docker.container.pid": Known(site.dead.pid),
        "containerd.task.status": Known("STOPPED"),
        "process.alive": Known(False),
        "process.recycled": Known(False),
        "shim.alive": Known(True),
        "shim.answers": Known(True),
        "shim.children": Known(0),
        "shim.generation": Known("v1"),
        "cgroup.processes": Known(0),
        "kernel.oom_kills.container": Known(1),
        "kernel.oom_kill.task": Known("java"),
        "kubelet.active": Known(True),
        "node.boot_id": Known(site.node.boot_id),
        "mounts.left": Known(1),
    }


def test_a_healthy_neighbour_is_healthy(site: Site) -> None:
    facts = site.facts(site.other)

    names = ("docker.container.state", "containerd.task.status", "process.alive", "shim.children", "cgroup.processes")
    assert [facts[name].answer for name in names] == [
        Known("running"),
        Known("RUNNING"),
        Known(True),
        Known(1),
        Known(1),
    ]


def test_a_reaped_shim_lets_dockerd_know(site: Site) -> None:
    pid, started = site.shim(site.dead)

    done = site.do("shim.reap", "docker", site.dead.id, pid, started)
    site.until(lambda: site.node.containers(POD.uid)[1].docker == "exited")

    assert (done.result, done.why) == (
        "done",
        f"kill -KILL of pid {pid}, the shim of {site.dead.id}: it has ended",
    )
    assert not Path(f"/proc/{pid}").exists()
    assert site.value("docker.container.state") == "exited"
    assert site.value("docker.container.exit_code") == 137
    assert site.value("containerd.task.status") == "absent"
    assert site.value("docker.container.state", site.other) == "running"
    told = record.read(site.pool.ask(site.target, ("status", "00c0ffee" * 4), LIMIT), "00c0ffee" * 4)
    assert record.beside(told, POD.uid, "node-17") == (
        "6 of 6 other containers and daemons of node-17 kept their pid and start time."
    )


def test_the_same_operation_is_done_once(site: Site) -> None:
    pid, started = site.shim(site.dead)

    first = site.do("shim.reap", "docker", site.dead.id, pid, started)

    assert site.do("shim.reap", "docker", site.dead.id, pid, started) == first


def test_the_shim_of_a_living_container_is_not_reaped(site: Site) -> None:
    pid, started = site.shim(site.other)

    done = site.do("shim.reap", "docker", site.other.id, pid, started)

    assert done.result == "refused"
    assert done.why.startswith("processes of the container: expected none alive")
    assert os.path.exists(f"/proc/{pid}")  # noqa: PTH110  # a link that hangs is none


@pytest.mark.crash  # it takes docker its 13 s
def test_a_docker_stop_returns_success_and_changes_nothing(site: Site) -> None:
    done = site.do("container.stop", site.dead.id, site.dead.pid)

    assert (done.result, done.why) == ("failed", "docker stop returned success, but docker still says running")
    assert site.node.containers(POD.uid)[1].docker == "running"


def test_a_restart_with_live_restore_costs_no_other_container(site: Site) -> None:
    done = site.do("docker.restart", "switch", 0)

    assert (done.result, "kept 2 of 2" in done.said or "kept 3 of 3" in done.said) == ("done", True), done
    assert site.value("docker.live_restore") is True
    assert site.value("docker.container.state") == "exited"
    assert site.node.containers(OTHER.uid)[1].alive


@pytest.mark.crash  # slow: two operations and a restart
def test_a_restart_without_it_stops_them_all(site: Site) -> None:
    refused = site.do("docker.restart", "off", 1)
    done = site.do("docker.restart", "off", 9, op="0decade0" * 4)

    assert (refused.result, refused.why) == ("refused", "running containers: expected at most 1, found 4")
    assert done.result == "done"
    assert site.value("docker.container.state") == "exited"
    assert [each.docker for each in site.node.containers(OTHER.uid)] == ["exited", "exited"]


@pytest.mark.crash  # a kubelet has to live for 2 s
def test_the_kubelet_restarts(site: Site) -> None:
    done = site.do("kubelet.restart")

    assert (done.result, done.why.startswith("restarted by /etc/init.d/kubelet")) == ("done", True), done


def test_nothing_is_left_of_it(tmp_path: Path) -> None:
    with Node("node-17", Login(tmp_path), clock) as node, ssh.Pool(PROGRAM) as pool:
        dead = node.start(POD, clock())[1]
        node.lose_exit(dead, clock(), "java")
        site = Site(node, pool, dead, dead)
        pid, _ = site.shim(dead)
        assert b"read -r forever" in Path(f"/proc/{pid}/cmdline").read_bytes()
        root = node._root.folder

    assert not root.exists()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", node.port))


class Client:
    """A plain SSH client, for what the bot would never ask."""

    def __init__(self, node: Node, key: paramiko.PKey | None = None, user: str = "") -> None:
        self.transport = paramiko.Transport(("127.0.0.1", node.port))
        self.transport.start_client(timeout=10)
        self.transport.auth_publickey(user or node.login.user, key or paramiko.PKey.from_path(node.login.key))

    def run(self, command: str, piped: bytes = b"") -> tuple[int, bytes, bytes]:
        channel = self.transport.open_session(timeout=10)
        channel.settimeout(10)
        channel.exec_command(command)
        channel.sendall(piped)
        channel.shutdown_write()
        out, err = channel.makefile("rb").read(), channel.makefile_stderr("rb").read()
        return channel.recv_exit_status(), out, err


@pytest.mark.parametrize(
    ("command", "piped"),
    [
        ("id", b""),
        ("sh -s -- version", b"echo other >/tmp/other\n"),
        ("sh -s -- version", PROGRAM + b"\nid\n"),
        ("sh -c id", b""),
        ("sh -s -- 'version", PROGRAM),
    ],
)
def test_it_runs_the_node_program_and_nothing_else(site: Site, command: str, piped: bytes) -> None:
    client = Client(site.node)

    status, out, err = client.run(command, piped)
    client.transport.close()

    assert (status, out) == (126, b"")
    assert b"and nothing else" in err


def test_the_node_program_answers_any_client(site: Site) -> None:
    client = Client(site.node)

    answers_ = [client.run(f"{become}sh -s -- version", PROGRAM) for become in ("", "sudo -n ")]
    client.transport.close()

    assert answers_ == [(0, b"terminating-node 2\n", b"")] * 2


def test_it_has_no_shell_no_terminal_and_no_way_through(site: Site) -> None:
    client = Client(site.node)
    for refused in ("get_pty", "invoke_shell"):
        with pytest.raises(paramiko.SSHException):
            getattr(client.transport.open_session(), refused)()
    with pytest.raises(paramiko.SSHException):
        client.transport.open_session().invoke_subsystem("sftp")
    with pytest.raises(paramiko.ChannelException):
        client.transport.open_channel("direct-tcpip", ("127.0.0.1", 1), ("127.0.0.1", 0), timeout=10)
    with pytest.raises(paramiko.SSHException):
        client.transport.request_port_forward("127.0.0.1", 0)
    client.transport.close()


@pytest.mark.parametrize("who", ["another key", "another user"])
def test_another_key_and_another_user_stay_outside(site: Site, who: str) -> None:
    key, user = (paramiko.ECDSAKey.generate(), "") if who == "another key" else (None, "root")

    with pytest.raises(paramiko.AuthenticationException):
        Client(site.node, key, user)


def test_a_key_that_is_not_pinned_is_refused_by_the_bot(site: Site, tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("")
    unpinned = ssh.Target(
        **{name: getattr(site.target, name) for name in ssh.Target.__slots__ if name != "known_hosts"},
        known_hosts=(tmp_path / "nobody",),
    )

    with pytest.raises(Refused, match="host key is not known"):
        site.pool.ask(unpinned, ("version",), LIMIT)


def test_a_machine_that_is_off_refuses(site: Site) -> None:
    with Absent() as absent:
        away = ssh.Target(
            **{name: getattr(site.target, name) for name in ssh.Target.__slots__ if name != "port"}, port=absent.port
        )
        with pytest.raises(Unreachable, match="no TCP connection"):
            site.pool.ask(away, ("version",), LIMIT)
