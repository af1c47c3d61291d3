"""Faults, as they happen to real nodes: each leaves one pod stuck. What is then seen is in the docstrings."""

from pathlib import Path

from tests.lab.cluster import Lab, Node
from tests.lab.machines import eventually

CTR = "ctr -a /var/run/docker/containerd/containerd.sock -n moby"  # of dockerd
SHIM_GIVES_UP_S = 21  # a v2 shim tries 1+2+3+4+5 s to publish an exit, and dials in between, before it drops the event


def shim_of(node: Node, container: str) -> int:
    """Its pid inside the node. Through CRI the shim carries the sandbox's id, and is the parent of the container."""
    if node.docker:
        return int(node.run(f"pgrep -f 'containerd-shim.* -id {container}'").split()[0])
    return int(node.run(f"ps -o ppid= -p {process_of(node, container)}"))


def process_of(node: Node, container: str) -> int:
    """The pid of its init process, inside the node."""
    if node.docker:
        return int(node.run(f"/usr/bin/docker inspect -f '{{{{.State.Pid}}}}' {container}"))
    rows = node.run("ctr -n k8s.io task ls").splitlines()
    return int(next(row.split()[1] for row in rows if row.startswith(container)))


def hung_shim(lab: Lab, node: Node, name: str) -> int:
    """The shim stops answering, then the process ends: docker Up, ctr UNKNOWN, the process a zombie for good."""
    container = lab.container(name)
    shim, process = shim_of(node, container), process_of(node, container)
    node.signal(shim, "STOP")
    node.signal(process, "KILL")
    lab.delete(name)
    return shim


def oom_kill(node: Node, container: str) -> None:
    """A second process of the container eats its memory until the kernel kills it."""
    node.run(f"/usr/bin/docker exec -d {container} busybox tail /dev/zero")
    eventually("the OOM kill", lambda: f"/{container}," in node.run("dmesg"), 30)


def lost_exit_event(lab: Lab, node: Node, name: str) -> None:
    """
    The exit happens while dockerd is frozen and its containerd is dead, until the shim has dropped the event.

    docker says Up, the process is gone; ctr says STOPPED and the shim idles, or from containerd 1.7 on there is neither
    task nor shim. The kubelet must be down meanwhile and stay down: its next stop would settle it from docker 20.10 on.
    Returns when dockerd has its containerd back: before, a stop would do nothing and say that it did.
    """
    container = lab.container(name)
    process = process_of(node, container)
    oom_kill(node, container)
    node.end("kubelet")
    daemon = node.pids("dockerd")[0]
    node.signal(daemon, "STOP")
    for pid in node.pids("containerd"):
        node.signal(pid, "KILL")
    node.signal(process, "KILL")
    node.run(f"sleep {SHIM_GIVES_UP_S}")
    node.signal(daemon, "CONT")
    lab.delete(name)
    eventually("containerd of dockerd", lambda: node.run(f"{CTR} version", check=False, within=5), 30)
    eventually("dockerd to be back with it", lambda: _reconnected(node), 30)
    eventually("dockerd to have missed it", lambda: _missed(node, container), 30)


def _reconnected(node: Node) -> bool:
    commit = node.run("/usr/bin/docker info -f '{{.ContainerdCommit.ID}}'", check=False, within=5).strip()
    return commit not in ("", "N/A")


def _missed(node: Node, container: str) -> bool:
    up = node.run(f"/usr/bin/docker inspect -f '{{{{.State.Running}}}}' {container}", check=False, within=5).strip()
    header, *rows = node.run(f"{CTR} task ls", check=False, within=5).splitlines() or [""]
    status = next((row.split()[2] for row in rows if row.startswith(container)), "")
    return up == "true" and header.startswith("TASK") and status == node.stack.lost


def lost_exit_event_cri(lab: Lab, node: Node, name: str) -> None:
    """The exit happens while containerd is dead, until the shim has dropped it: containerd finds it when it is back."""
    process = process_of(node, lab.container(name))
    for pid in node.pids("containerd"):
        node.signal(pid, "KILL")
    node.signal(process, "KILL")
    node.run(f"sleep {SHIM_GIVES_UP_S}")
    lab.delete(name)
    node.start_containerd()


def frozen_cgroup(lab: Lab, node: Node, name: str) -> Path:
    """
    The cgroup above its container is frozen, then it is deleted: state D, and every kill pending. The file to thaw.

    The pod's and not the container's own: `runc kill --all` thaws that by itself.
    """
    uid = lab.read(name)["metadata"]["uid"]
    states = Path("/sys/fs/cgroup/freezer", node.cgroup).rglob(f"pod{uid}/freezer.state")
    state = next(iter(states))
    state.write_text("FROZEN")
    eventually("the cgroup to be frozen", lambda: state.read_text().strip() == "FROZEN", 10)
    lab.delete(name)
    return state
