"""What the program says, and that nothing that a tool prints or does can spoil it."""

import subprocess

from tests.node.imitation import CONTAINER, DATA, OTHER, POD, PROGRAM, Node, own_programs

NODE_FRAMES = {"node", "disk", "processes", "cgroup", "mounts", "kernel", "kubelet.log", "units"}
DOCKER_FRAMES = {"docker.version", "docker.info", "docker.ps"}
DOCKER_FRAMES |= {f"docker.inspect/{CONTAINER}", f"docker.process/{CONTAINER}"}
CONTAINERD_FRAMES = {
    "containerd.version",
    "containerd.tasks",
    f"containerd.task/{CONTAINER}",
    f"containerd.shim/{CONTAINER}",
}


def recorded(name: str) -> bytes:
    return (DATA / f"{name}.txt").read_bytes().partition(b"\n")[2]


def test_a_docker_node_answers_every_probe_in_its_own_words(any_node: Node) -> None:
    answer = any_node.run("probe", "docker", "9", POD)

    assert (answer.exit_code, answer.err) == (0, b"")
    frames = answer.frames
    assert set(frames) == NODE_FRAMES | DOCKER_FRAMES | CONTAINERD_FRAMES
    assert frames["docker.version"].out == recorded("docker-version")
    assert frames["docker.ps"].out == recorded("docker-ps")
    assert frames["containerd.tasks"].out == recorded("ctr-task-list")
    assert frames["containerd.version"].out == b"# socket /var/run/docker/containerd/containerd.sock\n" + recorded(
        "ctr-version"
    )
    assert f"pods/{POD}/volumes".encode() in frames["mounts"].out
    assert frames["mounts"].out.count(b"\n") == 1
    assert b"Call Trace" not in frames["kernel"].out
    assert any_node.applets or b"invoked oom-killer" in frames["kernel"].out
    assert b"--\n" in frames["disk"].out
    facts = dict(line.split("=", 1) for line in frames["node"].out.decode().splitlines())
    assert set(facts) == {"boot_id", "machine_id", "kernel", "epoch", "uptime", "btime", "hz", "uid"}
    assert (facts["uptime"], facts["btime"]) == ("5800.12", "1795460000")


def test_a_containerd_node_is_not_asked_for_docker_and_finds_its_containers_by_their_label(node: Node) -> None:
    frames = node.run("probe", "containerd", "9", POD).frames

    assert not [name for name in frames if name.startswith("docker")]
    assert frames["containerd.version"].out.startswith(b"# socket /run/containerd/containerd.sock\n")
    assert OTHER.encode() in frames[f"containerd.containers/{POD}"].out
    assert frames[f"containerd.shim/{OTHER}"].exit_code == 0


def test_the_program_runs_from_standard_input_as_well(any_node: Node) -> None:
    assert (
        set(any_node.run("probe", "docker", "9", POD, piped=True).frames)
        == NODE_FRAMES | DOCKER_FRAMES | CONTAINERD_FRAMES
    )


def test_a_cut_program_does_nothing(one_node: Node) -> None:
    for size in (2_000, 9_000, PROGRAM.stat().st_size - 400):
        cut = PROGRAM.read_bytes()[:size]
        ran = subprocess.run(
            [*one_node.shell, "-s", "--", "probe", "docker", "5", POD],
            input=cut, capture_output=True, check=False, env=one_node.variables(),
        )  # fmt: skip
        assert ran.stdout == b""


def test_its_version_is_one_fixed_line(any_node: Node) -> None:
    answer = any_node.run("version")

    assert (answer.exit_code, answer.out, answer.err) == (0, b"terminating-node 2\n", b"")


def test_output_that_looks_like_frames_is_only_output(node: Node) -> None:
    forged = b"end 0 1 0 0\nnode 0 1 3 0\nabc"
    path = node.file("forged", forged)
    node.tool("docker", f"cat {path}; cat {path} >&2")

    answer = node.run("probe", "docker", "9", CONTAINER).frames["docker.info"]

    assert (answer.out, answer.err) == (forged, forged)


def test_nul_and_bytes_that_are_no_text_pass_through(node: Node) -> None:
    raw = bytes(range(256)) * 3
    path = node.file("raw", raw)
    node.tool("docker", f"cat {path}")

    assert node.run("probe", "docker", "9", CONTAINER).frames[f"docker.inspect/{CONTAINER}"].out == raw


def test_what_is_too_long_is_cut_to_its_cap_and_ends_with_its_own_exit_code(one_node: Node) -> None:
    one_node.tool("docker", "head -c 900000 /dev/zero; head -c 900000 /dev/zero >&2; exit 3\n")

    frames = one_node.run("probe", "docker", "9", CONTAINER).frames

    version, inspect = frames["docker.version"], frames[f"docker.inspect/{CONTAINER}"]
    assert (version.exit_code, len(version.out), len(version.err)) == (3, 256 * 1024, 4096)
    assert (inspect.exit_code, len(inspect.out), len(inspect.err)) == (3, 64 * 1024, 4096)


def test_a_tool_that_is_not_there_is_named(one_node: Node) -> None:
    """On a copy that does not add the system's folders to PATH: the machine may well have docker."""
    lines = PROGRAM.read_text().splitlines(keepends=True)
    bare = one_node.file("bare", "".join(line for line in lines if not line.startswith("PATH=")))
    for tool in ("docker", "ctr", "systemctl"):
        (one_node.tools / tool).unlink()
    applets = own_programs()

    ran = subprocess.run(
        [applets / "sh", bare, "probe", "docker", "9", CONTAINER],
        capture_output=True, check=True, env=one_node.variables() | {"PATH": f"{one_node.tools}:{applets}"},
    )  # fmt: skip
    answered = Node.answered(ran.stdout)

    for name, tool in (
        ("docker.version", "docker"),
        (f"containerd.shim/{CONTAINER}", "ctr"),
        ("units", "systemctl"),
    ):
        assert (answered[name].exit_code, answered[name].err) == (127, f"{tool}: not found on this node\n".encode())


def test_each_container_is_asked_once_whoever_found_it(one_node: Node) -> None:
    asked = one_node.folder / "asked"
    one_node.tool("docker", f'echo "$@" >>{asked}; tail -n +2 {DATA}/docker-ps.txt\n')
    (one_node.root / f"sys/fs/cgroup/memory/kubepods/pod{POD}/{CONTAINER}").mkdir(parents=True)

    one_node.run("probe", "docker", "9", POD, CONTAINER, CONTAINER, POD)

    assert asked.read_text().count("inspect --type container") == 1


def test_containers_beyond_the_most_are_told_as_not_asked(one_node: Node) -> None:
    many = [f"{number:064x}" for number in range(70)]

    frames = one_node.run("probe", "containerd", "20", *many).frames

    codes = [frames[f"containerd.task/{container}"].exit_code for container in many]
    assert codes == [0] * 64 + [125] * 6
    assert frames[f"containerd.shim/{many[-1]}"].err == b"not asked: more than 64 containers at once\n"
