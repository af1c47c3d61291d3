"""`terminating plan`: what people would be asked to approve, drawn from a live look, with nothing done to anything."""

import json

import pytest
from inline_snapshot import snapshot

from tests.edges.hostile_sshd import HostileSshd, answering
from tests.probes.replay import frames_of
from tests.stories.world import CONTAINER, POD, STATE, World, line_of, wire

FRAMES = tuple(frames_of(STATE)[0].values())
COLUMNS = 80

REAP = snapshot("""\
What people would be asked to approve. Nothing was done.
Plan          shim.reap (low risk) for prod/zookeeper0-0 on node0
What happens  kill -KILL 24704, the shim of container ebe2ddd9 (zookeeper), by
              the node program
Only if       pid, start time and container of the shim still match, and no
              process of the container lives (same boot, same machine; checked
              again on the node)
Touches       1 dead container; nothing else on the node
Afterwards    containerd publishes the exit, the kubelet removes the pod;
              believed once it has stayed clear for 20 s
              docker marks it exited within 5 s
Lost          nothing that runs
Needs         1 approval, not the requester's · open for 15 min
""")


@pytest.fixture
def incident(world: World) -> World:
    """The founding incident, in a cluster that has a UID."""
    world.api.objects["/api/v1/namespaces"] = [{"metadata": {"name": "kube-system", "uid": "6f1d2c3b"}}]
    world.node(HostileSshd(answering(wire(FRAMES))))
    world.settled()
    return world


def test_a_plan_is_read_as_a_whole(incident: World) -> None:
    result = incident.run("plan", "zookeeper0-0", "shim.reap")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == REAP
    assert max(map(len, result.stdout.split("\n"))) <= COLUMNS


def test_a_plan_as_json_names_exactly_what_would_be_hit(incident: World) -> None:
    found = json.loads(incident.run("plan", POD, "shim.reap", "-o", "json").stdout)["plan"]

    assert found["words"] == ["docker", CONTAINER, "24704", "576070"]
    assert found["target"] == {
        "cluster": "lab",
        "cluster_uid": "6f1d2c3b",
        "namespace": "prod",
        "pod": "zookeeper0-0",
        "pod_uid": "852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111",
        "node": "node0",
        "node_uid": "9182cb80-44ba-446a-8611-b774b9d67fb3",
        "boot_id": "5f2bd0c1-6a0b-4d70-93b4-5d7be3d0a001",
        "machine_id": "3d1219c7c4c5404aaa1f6d2a48adfda4",
        "container": CONTAINER,
        "container_name": "zookeeper",
        "pid": 24724,
        "shim_pid": 24704,
        "shim_started": 576070,
    }
    assert found["needs"] == {"votes": 1, "typed": None, "reason": False}


def test_nothing_is_done_to_draw_a_plan(incident: World) -> None:
    for repair in ("shim.reap", "docker.restart", "pod.force_delete"):
        assert incident.run("plan", POD, repair).exit_code == 0

    assert incident.api.effects == []
    assert incident.sshd is not None
    assert {command.split(" -- ")[1].split()[0] for command in incident.sshd.commands} == {"probe"}
    assert not (incident.folder / "terminating.db").exists()
    assert not (incident.folder / "terminating.key").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("container.stop",), "Not offered: container.stop. docker stop returns success and changes nothing before"),
        (("kubelet.restart",), "kubelet.restart does not help against docker-lost-exit-event. Offered: "),
        (("shim.rap",), "shim.rap does not help against docker-lost-exit-event. Offered: "),
        (("shim.reap", "--option", "now"), "shim.reap takes no option, not now."),
    ],
)
def test_what_would_not_be_offered_is_one_line(incident: World, words: tuple[str, ...], why: str) -> None:
    assert line_of(incident.run("plan", POD, *words)).startswith(why)


def test_a_cluster_without_an_identity_has_no_plans(incident: World) -> None:
    incident.api.objects["/api/v1/namespaces"] = []

    assert "namespaces" in line_of(incident.run("plan", POD, "shim.reap"))
