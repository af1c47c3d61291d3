"""What can be known of a stuck pod: the closed list of facts, each with its type and meaning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NewType

PodUid = NewType("PodUid", str)
ContainerId = NewType("ContainerId", str)  # 64 hex digits, without "docker://"
NodeName = NewType("NodeName", str)

Value = bool | int | str | datetime
Scope = Literal["pod", "node", "container"]


@dataclass(frozen=True, slots=True)
class Known:
    value: Value


@dataclass(frozen=True, slots=True)
class Unknown:
    """Could not be found out; never the same as "there is none", and never counts as yes."""

    why: str


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    answer: Known | Unknown
    source: str  # the command, file or API path that said so, as a person would type it


Facts = Mapping[str, Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAnswers:
    """What one node said: facts of the node, of each pod asked about, of each container found."""

    node: Facts = field(default_factory=dict)
    pods: Mapping[PodUid, Facts] = field(default_factory=dict)
    containers: Mapping[ContainerId, Facts] = field(default_factory=dict)
    belongs: Mapping[ContainerId, PodUid] = field(default_factory=dict)  # absent: of no pod that was asked about
    names: Mapping[ContainerId, str] = field(default_factory=dict)  # "sandbox" for a pod's pause container


@dataclass(frozen=True, slots=True)
class Kind:
    """`values`: all that a text can be, where that is a closed list."""

    name: str
    scope: Scope
    type: type
    meaning: str
    values: tuple[str, ...] = ()


CATALOGUE: tuple[Kind, ...] = (
    # the API server
    Kind("api.pod.deleting", "pod", bool, "a delete was asked: the pod has a deadline"),
    Kind("api.pod.stuck", "pod", bool, "overdue by more than the configured time"),
    Kind("api.pod.asked", "pod", datetime, "when the delete was asked: deadline - grace"),
    Kind("api.pod.deadline", "pod", datetime, "metadata.deletionTimestamp"),
    Kind("api.pod.overdue_s", "pod", int, "seconds past the deadline; negative before it"),
    Kind("api.pod.grace_s", "pod", int, "metadata.deletionGracePeriodSeconds"),
    Kind("api.pod.finalizers", "pod", int, "how many finalizers are left"),
    Kind("api.pod.finalizer_names", "pod", str, "their names, joined with a comma"),
    Kind("api.pod.owner", "pod", str, "the owner chain, nearest first: ReplicaSet/a, Deployment/b"),
    Kind("api.pod.phase", "pod", str, "status.phase"),
    Kind("api.pod.qos", "pod", str, "status.qosClass"),
    Kind("api.pod.mirror", "pod", bool, "a static pod's mirror: the node's manifest decides, not the API"),
    Kind("api.pod.prestop", "pod", bool, "a container has a preStop hook"),
    Kind("api.pod.volumes", "pod", int, "volumes with a disk behind them (PVC, CSI)"),
    Kind("api.pod.attachments", "pod", int, "VolumeAttachments of its claims on its node"),
    Kind("api.pod.containers_running", "pod", int, "containers whose status still says running"),
    Kind("api.pod.containers_ended", "pod", bool, "every container that started has ended, as the API has it"),
    Kind(
        "api.container.state",
        "container",
        str,
        "running, waiting or terminated, by status.containerStatuses",
        ("running", "waiting", "terminated"),
    ),
    Kind("api.events.failed_kills", "pod", int, "FailedKillPod events still kept"),
    Kind("api.events.last", "pod", str, "the newest event's reason and message"),
    Kind("api.node.exists", "node", bool, "the Node object of spec.nodeName is there"),
    Kind("api.node.ready", "node", bool, "condition Ready is True"),
    Kind(
        "api.node.ready_reason",
        "node",
        str,
        "its reason: KubeletReady, NodeStatusUnknown, KubeletNotReady, ...",
    ),
    Kind("api.node.ready_for_s", "node", int, "seconds since that condition last changed"),
    Kind("api.node.kubelet_version", "node", str, "status.nodeInfo.kubeletVersion"),
    Kind("api.node.runtime", "node", str, "docker or containerd, by status.nodeInfo.containerRuntimeVersion"),
    Kind("api.node.runtime_version", "node", str, "its version, as the API has it"),
    Kind("api.node.terminating_pods", "node", int, "stuck pods on this node"),
    # the node itself
    Kind("node.boot_id", "node", str, "/proc/sys/kernel/random/boot_id"),
    Kind("node.machine_id", "node", str, "/etc/machine-id"),
    Kind("node.kernel", "node", str, "uname -r"),
    Kind("node.clock_offset_s", "node", int, "the node's clock minus the bot's, seconds"),
    Kind(
        "node.disk_full",
        "node",
        bool,
        "a filesystem of the runtime, the kubelet, /var/log or /run is 98 % full or more",
    ),
    Kind("node.disk", "node", str, "the fullest of them, with its percentage"),
    Kind("node.inodes_full", "node", bool, "the same for inodes"),
    # dockerd
    Kind("docker.answers", "node", bool, "the daemon answers docker version"),
    Kind("docker.version", "node", str, "the daemon's version"),
    Kind("docker.live_restore", "node", bool, "containers survive a restart of the daemon"),
    Kind("docker.running", "node", int, "how many containers run, the pods' pause containers too"),
    Kind("docker.process", "node", str, "state letter of the dockerd process (S, T, D, ...) or absent"),
    Kind(
        "docker.container.state",
        "container",
        str,
        "running, exited, paused, ... or absent; by docker inspect",
        ("created", "running", "paused", "restarting", "removing", "exited", "dead", "absent"),
    ),
    Kind("docker.container.listed", "container", str, "as docker ps shows it: Up 2 minutes, or absent"),
    Kind("docker.container.pid", "container", int, "the pid that dockerd recorded"),
    Kind("docker.container.started", "container", datetime, "State.StartedAt"),
    Kind("docker.container.finished", "container", datetime, "State.FinishedAt; unknown while it says running"),
    Kind("docker.container.exit_code", "container", int, "State.ExitCode; unknown while it says running"),
    Kind("docker.container.oom_killed", "container", bool, "State.OOMKilled"),
    # containerd and its shims
    Kind("containerd.answers", "node", bool, "ctr version returns"),
    Kind("containerd.version", "node", str, "the daemon's version"),
    Kind("containerd.process", "node", str, "state letter of the containerd process or absent"),
    Kind(
        "containerd.kill_mode",
        "node",
        str,
        "KillMode of its systemd unit: process keeps containers over a restart",
    ),
    Kind("containerd.list_answers", "node", bool, "ctr task ls as a whole returned in its time"),
    Kind(
        "containerd.task.status",
        "container",
        str,
        "RUNNING, STOPPED, PAUSED, UNKNOWN, CREATED or absent",
        ("UNKNOWN", "CREATED", "RUNNING", "STOPPED", "PAUSED", "PAUSING", "absent"),
    ),
    Kind("containerd.task.pid", "container", int, "the pid of its init process"),
    Kind("containerd.task.exit_code", "container", int, "the exit status that the shim kept"),
    Kind("containerd.task.exited", "container", datetime, "when the shim saw it exit"),
    Kind("shim.alive", "container", bool, "a shim process serves this container"),
    Kind("shim.pid", "container", int, "its pid"),
    Kind("shim.started", "container", int, "its start time, clock ticks since boot: with the pid, its identity"),
    Kind("shim.state", "container", str, "its state letter"),
    Kind("shim.generation", "container", str, "v1 (one per container) or v2", ("v1", "v2")),
    Kind("shim.children", "container", int, "its child processes that are not zombies"),
    Kind("shim.answers", "container", bool, "asked about this one container, it returned in its time"),
    Kind(
        "shim.shared",
        "container",
        bool,
        "it serves the whole pod (CRI): killing it ends every container of the pod",
    ),
    # processes
    Kind(
        "process.alive",
        "container",
        bool,
        "its init process exists, is really this container's, and is no zombie",
    ),
    Kind("process.pid", "container", int, "the pid that was looked at"),
    Kind("process.state", "container", str, "R, S, D, T, Z, or gone"),
    Kind("process.wchan", "container", str, "the kernel function it waits in"),
    Kind("process.kill_pending", "container", bool, "a SIGKILL waits to be taken"),
    Kind("process.recycled", "container", bool, "the recorded pid now belongs to something else"),
    Kind("cgroup.processes", "container", int, "live processes left in the container's cgroup"),
    Kind("cgroup.blocked", "container", int, "of their threads, those in uninterruptible sleep (D)"),
    Kind("cgroup.frozen", "container", bool, "its cgroup is frozen, by freezer.state or cgroup.events"),
    # kernel
    Kind("kernel.oom_kills.container", "container", int, "OOM kills in this container's cgroup"),
    Kind("kernel.oom_kills.pod", "pod", int, "OOM kills in this pod's cgroups"),
    Kind("kernel.oom_kills.node", "node", int, "OOM kills on the node, of anything"),
    Kind("kernel.oom_kill.last", "container", datetime, "when the last one in this container was"),
    Kind("kernel.oom_kill.task", "container", str, "which program it killed"),
    Kind("kernel.hung_tasks", "node", int, "'blocked for more than N seconds' lines"),
    Kind("kernel.hung_task.last", "node", str, "the last of them"),
    Kind("kernel.netdev_waits", "node", int, "'unregister_netdevice: waiting' lines"),
    Kind("kernel.nfs_silent", "node", int, "'nfs: server ... not responding' lines"),
    Kind("kernel.read_only", "node", int, "'Remounting filesystem read-only' lines"),
    # kubelet
    Kind("kubelet.active", "node", bool, "the kubelet's process runs"),
    Kind("kubelet.process", "node", str, "its state letter, or absent"),
    Kind("kubelet.stop_timeouts", "pod", int, "StopContainer or StopPodSandbox ran into its time limit"),
    Kind("kubelet.termination_failures", "pod", int, "failed terminations and kills"),
    Kind(
        "kubelet.no_ref",
        "pod",
        int,
        "'No ref for container' lines: a stop was tried, the runtime still says running",
    ),
    Kind("kubelet.unmount_errors", "pod", int, "UnmountVolume.TearDown failed and its kin"),
    Kind("kubelet.cni_errors", "pod", int, "the network of the sandbox could not be torn down"),
    Kind("kubelet.last_error", "pod", str, "the newest error line about this pod"),
    Kind("kubelet.pleg_unhealthy", "node", int, "'PLEG is not healthy' lines"),
    Kind("mounts.left", "pod", int, "mounts that still carry the pod's UID"),
)

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in CATALOGUE}


def known(name: str, value: Value, source: str) -> Fact:
    return Fact(name, Known(value), source)


def unknown(name: str, why: str, source: str) -> Fact:
    return Fact(name, Unknown(why), source)


def merged(*layers: Facts) -> dict[str, Fact]:
    """All facts of the layers; of two answers to one name a known one wins over an unknown, else the later."""
    result: dict[str, Fact] = {}
    for layer in layers:
        for name, fact in layer.items():
            if name not in result or isinstance(fact.answer, Known) or isinstance(result[name].answer, Unknown):
                result[name] = fact
    return result
