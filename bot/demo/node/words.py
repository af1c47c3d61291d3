"""The words of docker 18.09.9, containerd 1.2.6, the kernel and kubelet, as recorded. Pure: state in, text out."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.demo.node.stack import Container, Stack

KUBELET_BEGAN = "server.go:416] Version: v1.20.2"
_NEVER = "0001-01-01T00:00:00Z"  # Go's zero time
_AGES = ((86400, "day"), (3600, "hour"), (60, "minute"))  # docker/go-units, HumanDuration, as far as it is needed here
_GAP = 3  # spaces between the columns of docker ps; text/tabwriter

_CLIENT = """Client:
 Version:           18.09.9
 API version:       1.39
 Go version:        go1.11.13
 Git commit:        039a7df9ba
 Built:             Wed Sep  4 16:51:21 2019
 OS/Arch:           linux/amd64
 Experimental:      false
"""
_SERVER = """
Server: Docker Engine - Community
 Engine:
  Version:          18.09.9
  API version:      1.39 (minimum version 1.12)
  Go version:       go1.11.13
  Git commit:       039a7df
  Built:            Wed Sep  4 16:22:32 2019
  OS/Arch:          linux/amd64
  Experimental:     false
"""
_INFO = """Containers: {containers}
 Running: {running}
 Paused: 0
 Stopped: {stopped}
Images: 7
Server Version: 18.09.9
Storage Driver: overlay2
 Backing Filesystem: extfs
 Supports d_type: true
 Native Overlay Diff: true
Logging Driver: json-file
Cgroup Driver: cgroupfs
Plugins:
 Volume: local
 Network: bridge host macvlan null overlay
 Log: awslogs fluentd gcplogs gelf journald json-file local logentries splunk syslog
Swarm: inactive
Runtimes: runc
Default Runtime: runc
Init Binary: docker-init
Kernel Version: {kernel}
Operating System: Debian GNU/Linux 9 (stretch)
OSType: linux
Architecture: x86_64
CPUs: 8
Total Memory: 31.4GiB
Name: {name}
Docker Root Dir: /var/lib/docker
Debug Mode (client): false
Debug Mode (server): false
Registry: https://index.docker.io/v1/
Labels:
Experimental: false
Insecure Registries:
 127.0.0.0/8
Live Restore Enabled: {live_restore}
"""


def docker_version() -> str:
    return _CLIENT + _SERVER


def docker_client() -> str:
    """What is left of `docker version` without a dockerd."""
    return _CLIENT


def docker_info(stack: Stack, name: str, kernel: str) -> str:
    running = sum(each.docker == "running" for each in stack.containers.values())
    return _INFO.format(
        containers=len(stack.containers),
        running=running,
        stopped=len(stack.containers) - running,
        name=name,
        kernel=kernel,
        live_restore=_flag(stack.live_restore),
    )


def live_restore(stack: Stack) -> str:
    return f"{_flag(stack.live_restore)}\n"


def docker_ps(stack: Stack, now: datetime) -> str:
    """`docker ps -a --no-trunc`, with id, status and names as its format; newest first."""
    rows = [("CONTAINER ID", "STATUS", "NAMES")]
    rows += [(each.id, _status(each, now), each.name) for each in reversed(stack.containers.values())]
    widths = [max(len(row[column]) for row in rows) + _GAP for column in range(2)]
    return "".join(f"{row[0]:{widths[0]}}{row[1]:{widths[1]}}{row[2]}\n" for row in rows)


def docker_ps_quiet(stack: Stack) -> str:
    return "".join(f"{each.id[:12]}\n" for each in stack.containers.values() if each.docker == "running")


def inspected(each: Container) -> str:
    """In the form that the node program asks for: what else docker tells of a container can hold secrets."""
    running = each.docker == "running"
    state = {
        "Status": each.docker,
        "Running": running,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": each.pid if running else 0,
        "ExitCode": 0 if running else each.exit_code,
        "Error": "",
        "StartedAt": _stamp(each.started),
        "FinishedAt": _stamp(each.finished) if each.finished is not None else _NEVER,
    }
    return json.dumps({"Id": each.id, "Name": f"/{each.name}", "State": state}, separators=(",", ":")) + "\n"


def inspected_shortly(each: Container) -> str:
    """By `{{.Id}} {{.State.Status}} {{.State.Pid}} {{.State.ExitCode}}`."""
    running = each.docker == "running"
    return f"{each.id} {each.docker} {each.pid if running else 0} {0 if running else each.exit_code}\n"


def ctr_version() -> str:
    side = "  Version:  1.2.6\n  Revision: 894b81a4b802e4eb2a91d1ce216b8817763c29fb\n"
    return f"Client:\n{side}\nServer:\n{side}"


def ctr_tasks(stack: Stack) -> str:
    rows = [("TASK", "PID", "STATUS")]
    rows += [(each.id, str(each.pid), each.task) for each in stack.containers.values() if each.task != "absent"]
    widths = [max(len(row[column]) for row in rows) + 4 for column in range(2)]
    return "".join(f"{row[0]:{widths[0]}}{row[1]:{widths[1]}}{row[2]:10}".rstrip(" ") + "    \n" for row in rows)


def ctr_processes(each: Container) -> str:
    if not each.alive:
        return "PID    INFO\n"
    return f"PID      INFO\n{each.pid}    &ProcessDetails{{ExecID:{each.id},}}\n"


def oom_kill(each: Container, task: str, since_boot: timedelta) -> str:
    """The kernel's lines about one process that was killed at its container's memory limit."""
    at = f"[{since_boot.total_seconds():12.6f}] "
    limit_kb = each.pod.memory >> 10
    cgroup = each.cgroup
    lines = (
        f"{task} invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=999",
        f"memory: usage {limit_kb}kB, limit {limit_kb}kB, failcnt 2114",
        (
            f"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={each.id},mems_allowed=0,"
            f"oom_memcg={cgroup.rpartition('/')[0]},task_memcg={cgroup},task={task},pid={each.pid},uid=0"
        ),
        (
            f"Memory cgroup out of memory: Killed process {each.pid} ({task}) total-vm:{limit_kb * 6}kB, "
            f"anon-rss:{limit_kb - 1024}kB, file-rss:1136kB, shmem-rss:0kB, UID:0 pgtables:100kB oom_score_adj:999"
        ),
    )
    return "".join(f"{at}{line}\n" for line in lines)


def stop_failed(each: Container) -> tuple[str, ...]:
    """What the kubelet writes each time that docker did not stop a container, with its file and line."""
    error = "rpc error: code = Unknown desc = operation timeout: context deadline exceeded"
    killed = f'killContainer "{each.container}"(id={{"docker" "{each.id}"}})'
    of_pod = f'"{each.pod.name}_{each.pod.namespace}({each.pod.uid})"'
    return (
        f'remote_runtime.go:274] StopContainer "{each.id}" from runtime service failed: {error}',
        f'kuberuntime_container.go:640] Container "docker://{each.id}" termination failed with gracePeriod 30: {error}',
        f"kuberuntime_container.go:662] {killed} for pod {of_pod} failed: {error}",
        (
            f"pod_workers.go:191] Error syncing pod {each.pod.uid} ({of_pod}), skipping: error killing pod: failed to "
            f'"KillContainer" for "{each.container}" with KillContainerError: "{error}"'
        ),
    )


def klog(severity: str, at: datetime, pid: int, lines: Iterable[str]) -> str:
    return "".join(f"{severity}{at:%m%d %H:%M:%S.%f} {pid:7} {line}\n" for line in lines)


def _status(each: Container, now: datetime) -> str:
    if each.docker == "running":
        return f"Up {_age(now - each.started)}"
    return f"Exited ({each.exit_code}) {_age(now - (each.finished or now))} ago"


def _age(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    for size, unit in _AGES:
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
        if seconds >= size:
            return f"About {'an' if unit == 'hour' else 'a'} {unit}" if unit != "day" else "24 hours"
    return f"{seconds} seconds"


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z"


def _flag(value: bool) -> str:  # noqa: FBT001  # how Go prints one
    return "true" if value else "false"
