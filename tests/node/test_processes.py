"""Records of processes and cgroups: whole, of the wanted, and not to be forged by a name."""

import subprocess
import threading
from pathlib import Path

import pytest

from bot.probes.frames import Frame
from bot.probes.table import Table, directories, table
from tests.node.imitation import CONTAINER, OTHER, POD, RECORDED, Node, listen

SLICE = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD.replace('-', '_')}.slice"
SCOPE = f"{SLICE}/docker-{CONTAINER}.scope"
STRANGER = "f" * 64


def shim(container: str) -> tuple[str, ...]:
    return ("/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", container, "-address", "/run/c.sock")


def records(out: bytes) -> dict[str, list[str]]:
    """Each record's lines by its pid."""
    result: dict[str, list[str]] = {}
    for line in out.decode().split("\n")[:-1]:
        if line.startswith("pid "):
            result[line[4:]] = []
        result[list(result)[-1]].append(line)
    return result


def listed(node: Node, *ids: str) -> Table:
    return table(node.run("probe", "docker", "9", *ids).frames["processes"])


def test_what_matters_is_listed_and_nothing_else(node: Node) -> None:
    node.process(10, name="dockerd", arguments=("dockerd", "-H", "fd://"))
    node.process(11, name="containerd", arguments=("containerd",))
    node.process(12, name="kubelet", arguments=("kubelet", "--v=2"))
    node.process(13, name="k3s-server", arguments=("k3s", "server", "--token=secret"))
    node.process(20, name="containerd-shim", arguments=shim(CONTAINER))
    node.process(21, name="sleep", parent=20, cgroup=SCOPE, arguments=("sleep", "--password=secret"))
    node.process(22, name="zombie", parent=20)
    node.process(23, name="child", parent=21, cgroup=SCOPE)
    node.process(30, name="containerd-shim", arguments=shim(STRANGER))
    node.process(31, name="other", parent=30, cgroup=f"/kubepods/pod0/{STRANGER}")
    node.process(40, name="runc", arguments=("runc", "kill", CONTAINER))
    node.process(41, name="runc", arguments=("runc", "kill", STRANGER))
    node.process(50, name="sshd")

    frame = node.run("probe", "docker", "9", POD, CONTAINER).frames["processes"]

    found = table(frame)
    assert found.missing == ""
    assert set(found.processes) == {10, 11, 12, 13, 20, 21, 22, 23, 30, 40}
    assert b"secret" not in frame.out
    assert {one.process.pid: one.id for one in found.shims} == {20: CONTAINER, 30: STRANGER}
    assert records(frame.out)["21"] == [
        "pid 21",
        f"stat 21 (sleep) S 20 {' '.join(str(number) for number in range(5, 45))}",
        "wchan futex_do_wait",
        "pending 0000000000000000 0000000000000100",
        f"cgroup 4:memory:{SCOPE}",
        f"cgroup 0::{SCOPE}",
        "threads S",
    ]


def test_a_container_found_by_its_cgroup_is_wanted_too(node: Node) -> None:
    (node.root / f"sys/fs/cgroup/{SCOPE}").mkdir(parents=True)
    node.process(20, name="containerd-shim", arguments=shim(CONTAINER))
    node.process(22, name="zombie", parent=20)

    answer = node.run("probe", "docker", "9", POD)

    assert set(table(answer.frames["processes"]).processes) == {20, 22}
    assert f"docker.inspect/{CONTAINER}" in answer.frames


def test_a_v1_shim_is_known_by_its_folder(node: Node) -> None:
    folder = f"/var/lib/docker/containerd/daemon/io.containerd.runtime.v1.linux/moby/{CONTAINER}"
    node.process(20, name="containerd-shim", arguments=("containerd-shim", "-namespace", "moby", "-workdir", folder))
    node.process(24, name="docker-containe", arguments=("docker-containerd-shim", "-workdir", folder))
    node.process(25, name="docker-containe", arguments=("docker-containerd-ctr", "version"))

    assert [(one.process.pid, one.generation) for one in listed(node, CONTAINER).shims] == [(20, "v1"), (24, "v1")]


def test_names_with_line_breaks_forge_neither_key_nor_process(node: Node) -> None:
    node.process(66, name=f"x\npid 1\nstat 1 (dockerd) S 1\ncgroup 0::{SCOPE}", cgroup=SCOPE)
    node.process(67, name="y) S 20 \n9/stat:9 (z", cgroup=SCOPE)
    node.process(68, name="runc\rpid 5", arguments=("runc\npid 7\ncmdline dockerd", CONTAINER))

    out = node.run("probe", "docker", "9", CONTAINER).frames["processes"].out

    assert set(records(out)) == {"66", "67", "68"}
    assert b"\r" not in out
    assert [line.split()[0] for line in records(out)["66"]] == [
        "pid",
        "stat",
        "wchan",
        "pending",
        "cgroup",
        "cgroup",
        "threads",
    ]
    assert records(out)["68"][-1] == f"cmdline runc pid 7 cmdline dockerd {CONTAINER}"


def test_a_real_process_with_a_line_break_in_its_name_stays_one_record(one_node: Node) -> None:
    """Against the machine's own /proc."""
    one_node.environment["TERMINATING_ROOT"] = ""
    program = one_node.folder / "runc\npid 1"
    program.write_bytes(Path("/bin/sh").read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([program, "-c", f"read -r forever; : {CONTAINER}"], stdin=subprocess.PIPE) as started:
        one_node.until(lambda: Path(f"/proc/{started.pid}/comm").read_text() == "runc\npid 1\n")
        frame = one_node.run("probe", "docker", "9", CONTAINER).frames["processes"]
        started.kill()

    assert frame.exit_code == 0
    found = records(frame.out)
    assert found[str(started.pid)][1].startswith(f"stat {started.pid} (runc pid 1) ")
    assert "1" not in found


# ---- the process whose pid docker recorded


def looked_at(node: Node) -> Frame:
    return node.run("probe", "docker", "9", CONTAINER).frames[f"docker.process/{CONTAINER}"]


def inspected(node: Node, out: str) -> None:
    node.tool("docker", f"case $1 in inspect) cat {node.file('inspected', out)} ;; esac\n")


def test_a_recorded_pid_that_is_no_process_is_told_alone(any_node: Node) -> None:
    frame = looked_at(any_node)

    assert (frame.exit_code, frame.out) == (0, f"pid {RECORDED}\n".encode())
    assert table(frame).gone == {RECORDED}


def test_whoever_has_the_recorded_pid_now_is_told_without_arguments(any_node: Node) -> None:
    any_node.process(RECORDED, name="sshd", cgroup="/system.slice/ssh.service", arguments=("sshd", "--password=x"))

    frame = looked_at(any_node)

    assert (frame.exit_code, frame.err) == (0, b"")
    assert frame.out.decode().split("\n") == [
        f"pid {RECORDED}",
        f"stat {RECORDED} (sshd) S 1 {' '.join(str(number) for number in range(5, 45))}",
        "wchan futex_do_wait",
        "pending 0000000000000000 0000000000000100",
        "cgroup 4:memory:/system.slice/ssh.service",
        "cgroup 0::/system.slice/ssh.service",
        "",
    ]


def test_not_even_the_recorded_daemons_arguments_are_told(node: Node) -> None:
    node.process(RECORDED, name="containerd-shim", arguments=shim(CONTAINER))

    assert b"cmdline" not in looked_at(node).out


def test_the_name_of_the_recorded_process_forges_no_key(node: Node) -> None:
    forged = f"x\ncgroup 0::{SCOPE}\n{RECORDED}/cgroup:0::{SCOPE}\r{RECORDED}/order:9\npid 9"
    node.process(RECORDED, name=forged, cgroup="/system.slice")

    frame = looked_at(node)

    assert [line.split()[0] for line in records(frame.out)[str(RECORDED)]] == [
        *("pid", "stat", "wchan", "pending", "cgroup", "cgroup"),
    ]
    assert table(frame).processes[RECORDED].cgroups == ("4:memory:/system.slice", "0::/system.slice")


def test_a_thread_that_has_the_recorded_number_is_found_though_no_listing_has_it(one_node: Node) -> None:
    """Against the machine's own /proc: KILL to a thread's number ends its process."""
    one_node.environment["TERMINATING_ROOT"] = ""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    inspected(one_node, f'{{"State":{{"Pid":{thread.native_id}}}}}')

    frame = looked_at(one_node)
    end.set()

    assert set(table(frame).processes) == {thread.native_id}
    assert table(frame).processes[thread.native_id or 0].cgroups


@pytest.mark.parametrize(
    "out",
    [
        '{"State":{"Status":"exited","Pid":0,"ExitCode":1}}',
        '{"State":{"Pid":1}}',
        '{"State":{"Pid":-24724}}',
        '{"State":{"Pid":"24724"}}',
        '{"State":{"Pid":24724.5}}',
        '{"State":{"Pid":24724x}}',
        '{"State":{"Pid":24724',
        '{"State":{"Pid":00024724}}',
        '{"State":{"Pid":24724247}}',
        '{"State":{"Pid":$(reboot)}}',
        '{"State":{"Error":"\\"Pid\\":24724,"}}',
        '{"Pid":24724}\n{"Pid":24725}',
        "",
    ],
)
def test_without_one_pid_that_docker_recorded_nothing_is_looked_at(one_node: Node, out: str) -> None:
    inspected(one_node, out)

    assert f"docker.process/{CONTAINER}" not in one_node.run("probe", "docker", "9", CONTAINER).frames


def test_after_an_inspect_that_failed_nothing_is_looked_at(node: Node) -> None:
    node.tool("docker", 'echo \'{"State":{"Pid":24724}}\'; exit 1\n')

    assert f"docker.process/{CONTAINER}" not in node.run("probe", "docker", "9", CONTAINER).frames


def test_where_processes_are_hidden_the_recorded_pid_does_not_pass_for_gone(node: Node) -> None:
    (node.root / "proc/1/stat").unlink()

    frame = looked_at(node)

    assert (frame.exit_code, frame.out) == (1, b"")


def test_a_hundred_pods_of_others_fit(one_node: Node) -> None:
    for pid in range(1000, 1330):
        one_node.process(
            pid, name="containerd-shim", cgroup="/system.slice/docker.service", arguments=shim(f"{pid:064x}")
        )
    one_node.process(20, name="containerd-shim", arguments=shim(CONTAINER))

    found = listed(one_node, CONTAINER)

    assert found.missing == ""
    assert len(found.shims) == 331
    assert next(iter(found.processes)) == 20  # the wanted first: a cap cuts others


def test_where_processes_are_hidden_the_list_does_not_pass_for_whole(node: Node) -> None:
    (node.root / "proc/1/stat").unlink()

    frame = node.run("probe", "docker", "9", CONTAINER).frames["processes"]

    assert (frame.exit_code, frame.out) == (1, b"")
    assert b"hides processes" in frame.err


@pytest.mark.parametrize(
    "name", [CONTAINER, f"docker-{CONTAINER}.scope", f"kubepods-x.slice:cri-containerd:{CONTAINER}"]
)
def test_cgroup_folders_of_the_wanted_are_told(node: Node, name: str) -> None:
    path = f"sys/fs/cgroup/freezer/kubepods/pod{POD}/{name}"
    node.file(f"{path}/cgroup.procs", "21\n23\n")
    node.file(f"{path}/freezer.state", "FROZEN\n")
    node.file(f"{path}/cgroup.events", "populated 1\nfrozen 0\n")
    node.file(f"{path}/below/cgroup.procs", "24\n")
    node.file(f"sys/fs/cgroup/freezer/kubepods/pod0/{OTHER}/cgroup.procs", "31\n")

    frame = node.run("probe", "docker", "9", POD).frames["cgroup"]

    assert frame.exit_code == 0
    assert f"dir /{path}\nprocs 21 23\nfreezer FROZEN\nevents populated 1 frozen 0\n" in frame.out.decode()
    assert [one.path for one in directories(frame)] == [str(Path(f"/{path}").parent), f"/{path}"]


def test_a_folder_with_a_line_break_in_its_name_forges_no_record(node: Node) -> None:
    node.file(f"sys/fs/cgroup/{CONTAINER}/x\ndir {OTHER}\nprocs 1/cgroup.procs", "21\n")
    node.file(f"sys/fs/cgroup/{CONTAINER}/{CONTAINER}\\nprocs 1/cgroup.procs", "21\n")

    out = node.run("probe", "docker", "9", CONTAINER).frames["cgroup"].out.decode()

    assert OTHER not in out
    assert "\nprocs 1\n" not in out


def test_without_cgroups_that_is_told_and_not_none(node: Node) -> None:
    (node.root / "sys/fs/cgroup").rmdir()

    assert node.run("probe", "docker", "9", CONTAINER).frames["cgroup"].exit_code != 0


def test_the_socket_that_the_daemon_was_started_with_comes_first(node: Node) -> None:
    for name in ("mine", "evil"):
        listen(node.root / f"run/{name}.sock")
    node.process(5, name="dockerd", cgroup="/kubepods/podx", arguments=("dockerd", "--containerd=/run/evil.sock"))
    node.process(6, name="dockerd", arguments=("dockerd", "--containerd", "/run/mine.sock"))
    node.process(7, name="kubelet", arguments=("kubelet", "--container-runtime-endpoint=unix:///run/mine.sock"))

    for runtime in ("docker", "containerd"):
        version = node.run("probe", runtime, "9", CONTAINER).frames["containerd.version"]
        assert version.out.startswith(b"# socket /run/mine.sock\n")
