"""Facts as they were found on real stacks, to be changed one at a time, and the values they belong in."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.core.causes import Cause, Subject
from bot.core.facts import ContainerId, Fact, Known, NodeName, PodUid, Unknown, Value
from bot.core.pods import Container, Pod

Answers = Mapping[str, Value | Unknown]

NOON = datetime(2025, 11, 20, 12, 0, 0, tzinfo=UTC)
UNTOLD = Unknown("ssh timed out after 10 s")
UID = PodUid("0b2f6c1e-6f0a-4b8e-9d57-2f1f3c9d4a10")
CONTAINER = ContainerId("3f9a1c04" * 8)
SIDECAR = ContainerId("77aa10bc" * 8)
SANDBOX = ContainerId("c0ffee00" * 8)


class Stack(NamedTuple):
    docker: str
    containerd: str
    generation: str = "v2"


OLD = Stack("18.09.9", "1.2.6", "v1")
BULLSEYE = Stack("20.10.5+dfsg1", "1.4.13~ds1")
BOOKWORM = Stack("20.10.24+dfsg1", "1.6.20~ds1")
TRIXIE = Stack("26.1.5+dfsg1", "1.7.24~ds1")
DOCKER_STACKS = (OLD, BULLSEYE, BOOKWORM, TRIXIE)

STUCK: Answers = {
    "api.pod.deleting": True,
    "api.pod.stuck": True,
    "api.pod.asked": NOON + timedelta(seconds=90),
    "api.pod.deadline": NOON + timedelta(minutes=2),
    "api.pod.overdue_s": 720,
    "api.pod.grace_s": 30,
    "api.pod.finalizers": 0,
    "api.pod.finalizer_names": "",
    "api.pod.owner": "ReplicaSet/billing-7c9f, Deployment/billing",
    "api.pod.prestop": False,
    "api.pod.containers_running": 1,
    "api.pod.containers_ended": False,
    "api.container.state": "running",
    "api.node.exists": True,
    "api.node.ready": True,
    "api.node.terminating_pods": 1,
    "kubelet.active": True,
    "kubelet.process": "S",
    "kubelet.stop_timeouts": 0,
    "kubelet.termination_failures": 0,
    "kubelet.no_ref": 0,
    "kubelet.unmount_errors": 0,
    "kubelet.cni_errors": 0,
    "kernel.oom_kills.container": 0,
    "kernel.oom_kills.pod": 0,
    "kernel.oom_kills.node": 0,
    "kernel.hung_tasks": 0,
    "mounts.left": 3,
    "node.boot_id": "5a7e6f0e-0d52-4a31-8f0b-6c8ad0a1b2c3",
}

DEAD: Answers = {
    "process.alive": False,
    "process.pid": 21877,
    "process.state": "gone",
    "process.recycled": False,
    "cgroup.processes": 0,
    "cgroup.blocked": 0,
    "cgroup.frozen": False,
}

ALIVE: Answers = {**DEAD, "process.alive": True, "process.state": "S", "cgroup.processes": 1}

SHIM: Answers = {
    "shim.alive": True,
    "shim.pid": 21850,
    "shim.started": 8912345,
    "shim.state": "S",
    "shim.children": 0,
    "shim.answers": True,
}

NO_SHIM: Answers = {
    "shim.alive": False,
    **{f"shim.{name}": Unknown("there is no shim") for name in ("pid", "started", "state", "generation", "children")},
    "shim.answers": Unknown("there is no shim"),
    "shim.shared": Unknown("there is no shim"),
}


def daemons(stack: Stack) -> Answers:
    return {
        "api.node.runtime": "docker",
        "docker.answers": True,
        "docker.version": stack.docker,
        "docker.live_restore": False,
        "docker.process": "S",
        "containerd.answers": True,
        "containerd.version": stack.containerd,
        "containerd.process": "S",
        "containerd.kill_mode": "process",
        "shim.generation": stack.generation,
        "shim.shared": False,
    }


def lost(stack: Stack) -> Answers:
    """A lost exit event as this stack shows it: from containerd 1.7 on the task and its shim are cleared away."""
    cleared = stack is TRIXIE
    return {
        **STUCK,
        **daemons(stack),
        **DEAD,
        **SHIM,
        **(NO_SHIM if cleared else {}),
        "docker.container.state": "running",
        "docker.container.pid": 21877,
        "containerd.task.status": "absent" if cleared else "STOPPED",
    }


def hung(stack: Stack) -> Answers:
    """A hung shim over a dead process."""
    return {**lost(stack), **SHIM, **_hanging(), "shim.generation": stack.generation, "shim.shared": False}


def hung_cri() -> Answers:
    """The same through CRI, on containerd 1.7.24: one shim serves the whole pod, and there is no docker."""
    docker: Answers = {
        name: Unknown("docker is not installed on this node") for name in daemons(TRIXIE) if "docker." in name
    }
    runtime: Answers = {"api.node.runtime": "containerd", "shim.shared": True, "containerd.kill_mode": "process"}
    node = {**daemons(TRIXIE), **docker, **runtime}
    return {**STUCK, **node, **DEAD, **SHIM, **_hanging(), "containerd.version": "1.7.24", "shim.generation": "v2"}


def founding() -> Answers:
    """The incident it was born from, with a short request timeout of the kubelet."""
    return {
        **lost(OLD),
        "api.pod.owner": "StatefulSet/zookeeper0",
        "docker.container.started": NOON - timedelta(hours=2, minutes=46),
        "containerd.task.exit_code": 137,
        "containerd.task.exited": NOON + timedelta(seconds=69),
        "kernel.oom_kills.container": 1,
        "kernel.oom_kills.pod": 1,
        "kernel.oom_kills.node": 4,
        "kernel.oom_kill.last": NOON + timedelta(seconds=67),
        "kernel.oom_kill.task": "java",
        "kubelet.stop_timeouts": 6,
        "kubelet.no_ref": 1,
        "kubelet.last_error": "operation timeout: context deadline exceeded",
    }


def facts(answers: Answers) -> dict[str, Fact]:
    return {
        name: Fact(name, answer if isinstance(answer, Unknown) else Known(answer), f"asked for {name}")
        for name, answer in answers.items()
    }


def subject(answers: Answers, name: str = "zookeeper", container: ContainerId | None = CONTAINER) -> Subject:
    return Subject(container=container, name=name, facts=facts(answers))


def cause(*repairs: str, id_: str = "some-cause") -> Cause:
    return Cause(
        id=id_,
        title="Some cause",
        runtimes=(),
        when=(),
        supported_by=(),
        shown=(),
        because="",
        repairs=repairs,
        prevent="",
        sources=(),
        explains=(),
    )


def pod(deadline: datetime | None = NOON + timedelta(minutes=2), *containers: Container) -> Pod:
    return Pod(
        cluster="prod-eu",
        namespace="prod",
        name="zookeeper0-0",
        uid=UID,
        deadline=deadline,
        grace=timedelta(seconds=30),
        finalizers=(),
        owner="StatefulSet/zookeeper0",
        node=NodeName("node-17"),
        containers=containers or (Container(name="zookeeper", id=CONTAINER, state="running"),),
    )


def _hanging() -> Answers:
    return {
        "shim.answers": False,
        "shim.state": "T",
        "containerd.task.status": "UNKNOWN",
    }
