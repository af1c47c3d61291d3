"""Whatever hangs costs its own answer and no other; nothing is left behind."""

import signal

import pytest

from tests.node.imitation import CONTAINER, HANG, POD, TOOLS, Node
from tests.node.test_frames import recorded

STOPPED = (124, 137)


def test_everything_hangs_at_once_and_the_deadline_holds(node: Node) -> None:
    for tool in TOOLS:
        node.tool(tool, HANG)
    node.file("var/log/journal/x", "")

    answer = node.run("probe", "docker", "2", POD, CONTAINER)

    hung = {name: frame for name, frame in answer.frames.items() if frame.exit_code in STOPPED}
    expected = {"docker.version", "docker.info", "docker.ps", f"docker.inspect/{CONTAINER}", "units", "kubelet.log"}
    expected |= {
        "containerd.version",
        "containerd.tasks",
        f"containerd.task/{CONTAINER}",
        f"containerd.shim/{CONTAINER}",
    }
    assert set(hung) >= expected
    assert (
        answer.frames["node"].exit_code
        == answer.frames["processes"].exit_code
        == answer.frames["cgroup"].exit_code
        == 0
    )
    assert sum(frame.ms for frame in hung.values()) > 3 * answer.seconds * 1000  # side by side
    assert answer.seconds < 2 + 2
    node.until(lambda: node.left() == [])  # a busybox timeout watches for up to a second more


def test_a_hung_docker_costs_only_its_own_frames(one_node: Node) -> None:
    one_node.tool("docker", HANG)

    frames = one_node.run("probe", "docker", "2", CONTAINER).frames

    hung = {name for name, frame in frames.items() if frame.exit_code in STOPPED}
    assert hung == {"docker.version", "docker.info", "docker.ps", f"docker.inspect/{CONTAINER}"}
    assert frames["containerd.tasks"].out == recorded("ctr-task-list")
    one_node.until(lambda: one_node.left() == [])  # a busybox timeout watches for up to a second more


def test_containers_found_late_are_asked_in_what_is_left_of_the_deadline(one_node: Node) -> None:
    one_node.tool("docker", f"case $1 in ps) sleep 1; tail -n +2 {one_node.data}/docker-ps.txt ;; *) {HANG} ;; esac\n")

    answer = one_node.run("probe", "docker", "3", POD)

    late = answer.frames[f"docker.inspect/{CONTAINER}"]
    assert late.exit_code in STOPPED
    assert answer.frames[f"containerd.task/{CONTAINER}"].exit_code == 0
    assert answer.seconds < 3 + 2


def test_one_hung_task_does_not_hide_its_sibling(one_node: Node) -> None:
    sibling = CONTAINER[::-1]
    one_node.tool("ctr", f'case "$*" in *{CONTAINER}*) {HANG} ;; *) echo "PID    INFO" ;; esac\n')

    frames = one_node.run("probe", "containerd", "2", CONTAINER, sibling).frames

    assert frames[f"containerd.task/{CONTAINER}"].exit_code in STOPPED
    assert frames[f"containerd.task/{sibling}"].exit_code == 0


def test_a_tool_that_even_kill_does_not_free_us_of_is_told_as_timed_out(one_node: Node) -> None:
    """As with state D: something holds on to the probe's output after its process is gone."""
    one_node.tool("systemctl", "setsid sleep 4 & exit 0\n")

    answer = one_node.run("probe", "docker", "1", POD)

    assert answer.frames["units"].exit_code == 124
    assert answer.frames["docker.version"].exit_code == 0
    assert answer.seconds < 1 + 2.5


def test_a_flood_without_end_is_cut_and_stopped(one_node: Node) -> None:
    one_node.tool("ctr", "while :; do echo flood flood flood flood; done\n")

    frame = one_node.run("probe", "docker", "2", CONTAINER).frames[f"containerd.task/{CONTAINER}"]

    assert frame.exit_code in STOPPED
    assert len(frame.out) == 64 * 1024
    one_node.until(lambda: one_node.left() == [])  # a busybox timeout watches for up to a second more


def ended_early(node: Node, number: signal.Signals) -> None:
    began = node.folder / "began"
    node.tool("docker", f"echo >{began}\n{HANG}")
    node.tool("ctr", HANG)
    with node.start("probe", "docker", "9", CONTAINER) as started:
        node.until(began.exists)

        started.send_signal(number)
        started.communicate(timeout=20)

    assert node.folders(started.pid) == []
    node.until(lambda: node.left() == [])


def test_when_it_is_ended_early_its_folder_and_its_children_go_too(any_node: Node) -> None:
    ended_early(any_node, signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_so_they_do_when_its_terminal_or_its_user_ends_it(one_node: Node, number: signal.Signals) -> None:
    ended_early(one_node, number)


def test_a_reader_that_goes_away_leaves_nothing_behind(any_node: Node) -> None:
    any_node.tool("docker", "head -c 250000 /dev/zero\n")
    with any_node.start("probe", "docker", "5", CONTAINER) as started:
        assert started.stdout is not None
        started.stdout.close()

    assert started.returncode != 0
    assert any_node.folders(started.pid) == []
    any_node.until(lambda: any_node.left() == [])
