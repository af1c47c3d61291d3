"""
The whole way, over real protocols: HTTPS to an API server, SSH to a node, and what a person or a program then reads.

The node answers in the words of the founding incident, as they were captured.
"""

import json
import os
import pty
import re
import subprocess
import sys
from typing import Any

import pytest
from inline_snapshot import snapshot

from tests.edges.fake_apiserver import kubeconfig
from tests.edges.hostile_sshd import HostileSshd, answering
from tests.probes.replay import frames_of
from tests.stories.world import CONTAINER, POD, STATE, World, nobodys_port, wire

FRAMES = tuple(frames_of(STATE)[0].values())
COLUMNS = 80

STUCK = {
    "cluster", "namespace", "name", "uid", "node", "deadline", "overdue_s", "grace_s", "finalizers", "owner", "hold"
}  # fmt: skip

# When the wording changes: pytest --inline-snapshot=fix tests/stories/test_terminal.py
FOUNDING = snapshot("""\
STUCK  prod/zookeeper0-0 on node0 · lab: 3 min past its deadline
Cause  The container is dead, but dockerd never heard (docker-lost-exit-event)
       The container's process has ended and containerd knows it, but the exit
       event did not reach dockerd, which never asks again: it goes on saying
       Up. The kubelet asks dockerd to stop the container, and waits. A force
       delete removes the API object only; the kubelet then finds the leftover
       and tries again.
Who says what about container zookeeper (ebe2ddd9), times in UTC, ◀ disagrees
  API server  Terminating; asked 20:25:58, deadline 20:26:28; no finalizers
  kubelet     stop timed out 4 times; termination failed 4 times; last: "Error
              syncing pod 852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111
              ("zookeeper0-0_prod(852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111)"),
              skipping: error killing pod: failed to "KillContainer" for
              "zookeeper" with KillContainerError: "rpc error: code = Unknown
              desc = operation timeout: context deadline exceeded""
  docker ◀    running, pid 24724, since 23 Nov 20:25:07
  containerd  STOPPED
  shim        pid 24704 alive, state S, no children, answered
  process     pid 24724 does not exist
  kernel      OOM kill at 20:25:24 in this container (tail)
Next  shim.reap · low risk · kill -KILL of the dead container's shim: containerd
      publishes the exit again
      Touches: 1 dead container; nothing else on the node.
      Note: docker marks it exited within 5 s.
Else  docker.restart · high risk · restarts dockerd: on its return it reads
      every container's state anew
      Touches: every container on the node stops: live-restore is off.
Else  pod.force_delete · high risk · removes the API object, whatever the node
      still does
      Touches: the API object only.
      Note: it hides the fault and does not end it: container, mounts and cgroup
      stay on the node.
Not offered
  container.stop  docker stop returns success and changes nothing before docker
                  20.10; this node runs 18.09.9
Ruled out
  shim-hung                     the shim answers
  dockerd-hung                  dockerd answers
  kubelet-down                  the kubelet runs
  node-notready-or-unreachable  the node is Ready
  grace-not-elapsed             its time is up
  node-deleted-orphans          its node is in the cluster
  cgroup-frozen                 its process has ended
  prestop-hook                  its time is up
  finalizer-pending             no finalizers
  process-d-state               no thread of it is blocked in the kernel
Could not ask
  nothing
Prevent it
  Raise the memory limit, or lower the heap, of the container that is
  OOM-killed. Upgrade docker to 20.10.0 or later, where a docker stop settles
  it; switch live-restore on, so that a restart of dockerd costs no container.
diagnosed in 0.0 s
""")


@pytest.fixture
def incident(world: World) -> World:
    """The founding incident: the node answers as it did."""
    world.node(HostileSshd(answering(wire(FRAMES))))
    world.settled()
    return world


def read(text: str) -> str:
    """As one compares it: without the padding at line ends, and with no clock in it."""
    lines = [line.rstrip() for line in text.split("\n")]
    return re.sub(r"\d+\.\d s$", "0.0 s", "\n".join(lines), flags=re.MULTILINE)


def test_the_founding_incident_is_diagnosed_by_the_pods_name_alone(incident: World) -> None:
    result = incident.run("diagnose", "zookeeper0-0")

    assert (result.exit_code, result.stderr) == (0, "")
    assert read(result.stdout) == FOUNDING
    assert max(map(len, result.stdout.split("\n"))) <= COLUMNS


def test_what_was_asked_of_the_node_is_one_command_with_the_pods_ids(incident: World) -> None:
    assert incident.run("diagnose", POD).exit_code == 0

    assert incident.sshd is not None
    ids = f"852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111 {CONTAINER}"
    assert incident.sshd.commands == [f"sudo -n sh -s -- probe docker 6 {ids}"]


def test_a_diagnosis_as_json_has_exactly_the_documented_keys(incident: World) -> None:
    result = incident.run("diagnose", f"lab/{POD}", "-o", "json")

    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found.keys() == {"pod", "verdict", "took_s"}
    assert found["pod"] == {
        "cluster": "lab",
        "namespace": "prod",
        "name": "zookeeper0-0",
        "uid": "852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111",
        "node": "node0",
        "deadline": "2026-11-23T20:26:28Z",
        "overdue_s": 212,
        "grace_s": 30,
        "finalizers": [],
        "owner": None,
        "hold": "node/node0",
    }
    verdict = found["verdict"]
    assert verdict.keys() == {"cause", "title", "because", "evidence", "ruled_out", "unknown", "repairs"}
    assert verdict["cause"] == "docker-lost-exit-event"
    assert keys_of(verdict["evidence"]) == {"fact", "value", "source"}
    assert keys_of(verdict["ruled_out"]) == {"cause", "fact", "value"}
    assert keys_of(verdict["repairs"]) == {"id", "risk", "touches"}
    assert verdict["unknown"] == []
    assert found["took_s"] > 0


def test_an_unknown_fact_as_json_has_exactly_its_name_and_the_reason(incident: World) -> None:
    incident.api.objects["/api/v1/nodes"].clear()

    unknown = json.loads(incident.run("diagnose", POD, "-o", "json").stdout)["verdict"]["unknown"]

    assert keys_of(unknown) == {"fact", "why"}


def test_a_scan_shows_where_each_pod_is_held(incident: World) -> None:
    result = incident.run("scan")

    assert (result.exit_code, result.stderr) == (0, "")
    assert read(result.stdout) == (
        "CLUSTER  POD                HELD BY  OVERDUE  OWNER\n"
        "lab      prod/zookeeper0-0  node0    3 min    -\n"
        "1 stuck of 1 pod in 1 cluster, 0.0 s\n"
        "Why: terminating diagnose POD\n"
    )


def test_a_scan_as_json_has_exactly_the_documented_keys(incident: World) -> None:
    result = incident.run("scan", "-o", "json")

    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found.keys() == {"clusters", "stuck"}
    assert keys_of(found["clusters"]) == {"name", "pods", "took_s", "error"}
    assert keys_of(found["stuck"]) == STUCK


def test_a_cluster_that_is_down_hides_no_other_and_says_why_in_one_line(incident: World) -> None:
    here = json.loads(incident.settings.read_text())["clusters"]["lab"]
    folder = incident.folder / "down"
    folder.mkdir()
    gone = kubeconfig(folder, f"https://127.0.0.1:{nobodys_port()}", incident.certificate.file)
    incident.write({"far": incident.cluster(gone), "lab": here})

    table, whole = incident.run("scan"), incident.run("scan", "-o", "json")

    assert (table.exit_code, whole.exit_code) == (1, 1)
    assert "prod/zookeeper0-0" in table.stdout
    assert "\n1 stuck of 1 pod in 1 cluster, 1 not read, 0.0 s\n" in read(table.stdout)
    assert table.stderr == whole.stderr
    assert table.stderr.removesuffix("\n").isprintable()
    assert "list pods on cluster far (https://127.0.0.1:" in table.stderr
    assert "no connection: Connection refused" in table.stderr
    found = json.loads(whole.stdout)
    assert [(each["name"], each["pods"]) for each in found["clusters"]] == [("far", None), ("lab", 1)]
    assert found["clusters"][0]["error"] == whole.stderr.removesuffix("\n")
    assert [each["cluster"] for each in found["stuck"]] == ["lab"]


@pytest.mark.parametrize("words", [("scan",), ("diagnose", POD), ("playbooks", "show", "shim-hung")], ids=" ".join)
def test_no_line_is_wider_than_80_columns_where_there_is_no_terminal(incident: World, words: tuple[str, ...]) -> None:
    incident.pod["metadata"] |= {"finalizers": [f"a{n}.{'long.' * 30}example.com/name" for n in range(5)]}
    config = () if words[0] == "playbooks" else ("--config", str(incident.settings))

    done = started(*words, *config, world=incident, stderr=subprocess.PIPE, COLUMNS="200")

    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.split("\n"))) <= COLUMNS


# the terminal


def started(*words: str, world: World, stderr: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program in its own process; stdout is a pipe."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "bot", *words],
        env={**kept, "HOME": str(world.folder), "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **environment},
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


def test_progress_is_drawn_on_a_terminal_on_stderr_and_never_on_stdout(incident: World) -> None:
    ours, its = pty.openpty()
    try:
        done = started("diagnose", POD, "--config", str(incident.settings), world=incident, stderr=its)
        drawn = os.read(ours, 1 << 16).decode()
    finally:
        os.close(its)
        os.close(ours)

    assert done.returncode == 0
    assert "asking node0" in drawn
    assert drawn.endswith("\x1b[2K"), "the line is taken away again"
    assert done.stdout.startswith("STUCK  prod/zookeeper0-0")
    assert "\x1b" not in done.stdout


def test_nothing_is_drawn_where_stderr_is_no_terminal_even_with_forced_colour(incident: World) -> None:
    words = ("diagnose", POD, "--config", str(incident.settings))

    done = started(*words, world=incident, stderr=subprocess.PIPE, FORCE_COLOR="1")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_cannot_show_every_character_gets_the_whole_card(incident: World) -> None:
    words = ("diagnose", POD, "--config", str(incident.settings))

    done = started(*words, world=incident, stderr=subprocess.PIPE, PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert "shim.reap" in done.stdout


def keys_of(shapes: list[dict[str, Any]]) -> set[str]:
    """The keys that each of them has; there is at least one."""
    (keys,) = {tuple(sorted(each)) for each in shapes}
    return set(keys)
