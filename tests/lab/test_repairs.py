"""
Every repair on a real cluster, asked for by one person and approved by another, typed on the console.

On each stack a hung shim and a lost exit event are ended by the repair that the bot itself puts first.
"""

import sys
from collections.abc import Iterator

import pytest

from bot.core.phases import Diagnosed, Incident
from tests.lab import harm
from tests.lab.cluster import Lab, Node
from tests.lab.conftest import Bot
from tests.lab.healing import Healed, Ward, containerd_has, exited, processes
from tests.lab.machines import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

PLACEHOLDER = "example.com/cleanup"
VERSIONS = {
    "node1": "docker 20.10.24 / containerd 1.6.20",
    "node2": "containerd 1.6.20 through CRI",
    "node3": "docker 20.10.5 / containerd 1.4.13",
    "node4": "docker 26.1.5 / containerd 1.7.24",
}


@pytest.fixture(scope="module")
def table() -> Iterator[list[tuple[str, str, str, str]]]:
    """What was seen, printed at the end: stack x fault x repair x seconds."""
    rows: list[tuple[str, str, str, str]] = []
    yield rows
    sys.stderr.write("\nstack | fault | repair | from vote to gone\n")
    for row in rows:
        sys.stderr.write(" | ".join(row) + "\n")


@pytest.fixture(scope="module")
def nodes(lab: Lab, bot: Bot) -> dict[str, Node]:
    joined = {node.name: node for node in (lab.node1, lab.node2, lab.join("bullseye"), lab.join("trixie"))}
    bot.set_up(*joined.values())
    return joined


@pytest.fixture(scope="module")
def ward(lab: Lab, bot: Bot, nodes: dict[str, Node]) -> Iterator[Ward]:
    settings = bot.for_repairs(*nodes.values())
    with Ward(lab, settings, lab.folder / "terminating.db") as ward:
        yield ward


def first_offer(incident: Incident) -> str:
    assert isinstance(incident.phase, Diagnosed)
    return incident.phase.finding.offers[0].repair


def told(table: list[tuple[str, str, str, str]], node: Node, fault: str, healed: Healed) -> None:
    table.append((VERSIONS[node.name], fault, healed.repair, f"{healed.seconds:.0f} s"))


@pytest.mark.parametrize("name", ["node1", "node2", "node4"])
def test_a_hung_shim_is_reaped_and_nothing_else_is_touched(
    lab: Lab, nodes: dict[str, Node], ward: Ward, table: list[tuple[str, str, str, str]], name: str
) -> None:
    node, pod = nodes[name], f"hung-{name}"
    lab.pod(f"beside-{name}", node)
    lab.pod(pod, node)
    harm.hung_shim(lab, node, pod)
    incident = ward.diagnosed(pod, "shim-hung")
    before = processes(lab, node, but=pod)

    assert first_offer(incident) == "shim.reap"
    healed = ward.heal(pod, "shim.reap", "because a sandbox ends with it")

    after = processes(lab, node)
    assert len(before) >= 4  # the one beside it and its sandbox, the runtime, the kubelet
    assert {key: after.get(key) for key in before} == before
    told(table, node, "hung shim", healed)


@pytest.mark.parametrize("name", ["node1", "node3", "node4"])
def test_a_lost_exit_event_is_ended_by_what_the_bot_puts_first(
    lab: Lab, nodes: dict[str, Node], ward: Ward, table: list[tuple[str, str, str, str]], name: str
) -> None:
    node, pod = nodes[name], f"lost-{name}"
    lab.pod(pod, node, memory="32Mi")
    container = lab.container(pod)
    harm.lost_exit_event(lab, node, pod)
    incident = ward.diagnosed(pod, "docker-lost-exit-event")

    assert first_offer(incident) == "container.stop"
    assert not exited(node, container)

    def kubelet_again() -> None:  # it was down, or its own retry would have ended it before the bot could
        eventually("docker to say that it exited", lambda: exited(node, container), 60)
        node.start_kubelet()

    told(table, node, "lost exit event", ward.heal(pod, "container.stop", meanwhile=kubelet_again))


def test_where_docker_does_not_notice_the_bot_says_so_and_what_comes_next(
    lab: Lab, nodes: dict[str, Node], ward: Ward, table: list[tuple[str, str, str, str]]
) -> None:
    node, pod = nodes["node3"], "hung-node3"
    lab.pod(pod, node)
    container = lab.container(pod)
    node.end("kubelet")  # its own next stop would hide that docker has not noticed
    harm.hung_shim(lab, node, pod)
    incident = ward.diagnosed(pod, "shim-hung")
    assert isinstance(incident.phase, Diagnosed)
    assert first_offer(incident) == "shim.reap"
    assert any("will not notice" in note for note in incident.phase.finding.offers[0].notes)

    plan = ward.planned(incident, pod, "shim.reap")
    ward.approve(plan)
    failed = ward.ended(plan, "failed")

    assert "docker has not noticed" in failed.last
    assert not containerd_has(node, container)
    assert not exited(node, container)
    following = ward.diagnosed(pod, "docker-lost-exit-event")
    assert first_offer(following) == "container.stop"

    def kubelet_again() -> None:
        eventually("docker to say that it exited", lambda: exited(node, container), 60)
        node.start_kubelet()

    healed = ward.heal(pod, "container.stop", meanwhile=kubelet_again)
    table.append((VERSIONS["node3"], "hung shim", "shim.reap", "docker has not noticed"))
    told(table, node, "hung shim, reaped", healed)


def test_an_event_lost_on_its_way_to_cri_heals_by_itself(
    lab: Lab, nodes: dict[str, Node], table: list[tuple[str, str, str, str]]
) -> None:
    lab.pod("lost-node2", nodes["node2"])
    harm.lost_exit_event_cri(lab, nodes["node2"], "lost-node2")

    eventually("the pod to go by itself", lambda: not lab.exists("lost-node2"), 90)
    table.append((VERSIONS["node2"], "lost exit event", "none needed", "by itself"))


def test_docker_restart_with_live_restore_switched_on_keeps_every_other_container(
    lab: Lab, nodes: dict[str, Node], ward: Ward, table: list[tuple[str, str, str, str]]
) -> None:
    node, pod = nodes["node1"], "lost-again"
    lab.pod("bystander", node)
    lab.pod(pod, node, memory="32Mi")
    container = lab.container(pod)
    harm.lost_exit_event(lab, node, pod)
    incident = ward.diagnosed(pod, "docker-lost-exit-event")
    running = int(node.run("/usr/bin/docker ps -q | wc -l"))

    switching = ward.planned(incident, pod, "docker.restart")
    assert switching.words == ("switch", "0")
    assert f"without live-restore {running} containers would stop" in switching.notes
    ward.say(f"ada> reject {incident.id} {switching.digest[:8]} first the other way")
    ward.diagnosed(pod, "docker-lost-exit-event")
    stopping = ward.planned(incident, pod, "docker.restart", "without-live-restore")
    assert stopping.words == ("off", str(running))
    assert stopping.touches.stops == running
    ward.say(f"ada> reject {incident.id} {stopping.digest[:8]} it would stop them all")
    ward.diagnosed(pod, "docker-lost-exit-event")
    refused = node.ssh(f"terminating-node do {'0' * 32} docker.restart {_identity(node)} on 0").stdout.decode()
    assert "result refused" in refused
    before = {key: value for key, value in processes(lab, node, but=pod).items() if key not in ("dockerd", "kubelet")}

    def kubelet_again() -> None:
        eventually("docker to say that it exited", lambda: exited(node, container), 90)
        node.start_kubelet()

    healed = ward.heal(pod, "docker.restart", meanwhile=kubelet_again)

    after = processes(lab, node)
    assert {key: after.get(key) for key in before} == before
    assert len(before) >= 2
    assert '"live-restore"' in node.run("cat /etc/docker/daemon.json")
    told(table, node, "lost exit event", healed)


def test_a_finalizer_is_removed(
    lab: Lab, nodes: dict[str, Node], ward: Ward, table: list[tuple[str, str, str, str]]
) -> None:
    lab.pod("held", nodes["node2"], finalizers=[PLACEHOLDER])
    lab.delete("held")
    ward.diagnosed("held", "finalizer-pending")

    told(table, nodes["node2"], "finalizer", ward.heal("held", "finalizer.remove", "because its controller is gone"))


def test_a_kubelet_is_started_again(
    lab: Lab, nodes: dict[str, Node], ward: Ward, table: list[tuple[str, str, str, str]]
) -> None:
    node = nodes["node2"]
    lab.pod("no-kubelet", node)
    node.end("kubelet")
    lab.delete("no-kubelet")
    ward.diagnosed("no-kubelet", "kubelet-down")

    told(table, node, "kubelet down", ward.heal("no-kubelet", "kubelet.restart", "because it was ended"))


@pytest.mark.parametrize("name", ["node1", "node2"])
def test_a_frozen_cgroup_is_thawed(
    lab: Lab, nodes: dict[str, Node], ward: Ward, table: list[tuple[str, str, str, str]], name: str
) -> None:
    node, pod = nodes[name], f"frozen-{name}"
    lab.pod(pod, node)
    harm.frozen_cgroup(lab, node, pod)
    ward.diagnosed(pod, "cgroup-frozen")

    told(table, node, "frozen cgroup", ward.heal(pod, "cgroup.thaw", "because nobody paused it"))


def test_the_audit_log_of_all_this_is_whole(bot: Bot, ward: Ward) -> None:
    assert ward.store.head().seq > 50
    done = bot.run("audit", "verify", "--config", str(bot.for_repairs()))

    assert done.returncode == 0, done.stderr


def _identity(node: Node) -> str:
    return f"{node.run('cat /proc/sys/kernel/random/boot_id').strip()} {node.run('cat /etc/machine-id').strip()}"
