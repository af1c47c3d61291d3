import pytest

from tests.probes.saying import LATE, OTHER_UID, UID, Said, ended, of_node, of_pod

BOOT = "5f2bd0c1-6a0b-4d70-93b4-5d7be3d0a001"
DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
UNIT = "Id=docker.service\nActiveState=active\nKillMode=process\n\nId=containerd.service\nActiveState={}\nKillMode={}\n"


def df(blocks: int, inodes: str = "3%") -> str:
    first = f"{DF}/dev/sda1 100 1 99 {blocks}% /var/lib/docker\ntmpfs 1 1 1 2% /run\n"
    return f"{first}--\n{DF}/dev/sda1 10 1 9 {inodes} /var/lib/docker\n"


def test_a_node_says_who_it_is_and_what_time_it_has() -> None:
    found = of_node({"node": f"boot_id={BOOT}\nmachine_id={'a' * 32}\nkernel=6.18.44\nepoch=1795467630\n"})

    assert (found["node.boot_id"], found["node.machine_id"], found["node.kernel"]) == (BOOT, "a" * 32, "6.18.44")
    assert found["node.clock_offset_s"] == 30


@pytest.mark.parametrize("said", ["boot_id=x\nmachine_id=\nepoch=99999999999999\n", "epoch=-5", "epoch=1e9"])
def test_what_a_node_says_in_another_form_is_not_known(said: str) -> None:
    found = of_node({"node": said})

    assert found["node.boot_id"] == "? the node did not tell its boot_id"
    assert found["node.clock_offset_s"] == "? the node did not tell its time"


@pytest.mark.parametrize(
    ("said", "full", "fullest", "inodes"),
    [
        (df(97), False, "/var/lib/docker 97 %", False),
        (df(98), True, "/var/lib/docker 98 %", False),
        (df(5, "100%"), False, "/var/lib/docker 5 %", True),
        (df(5, "-"), False, "/var/lib/docker 5 %", False),
        (LATE, *["? df did not answer in 8 s"] * 3),
        ("", *["? df named no filesystem"] * 3),
        (ended(124, out=df(99)), True, "/var/lib/docker 99 %", "? df did not answer in 1 s"),
    ],
)
def test_a_disk_is_full_from_98_percent(said: Said, full: object, fullest: str, inodes: object) -> None:
    found = of_node({"disk": said})

    assert (found["node.disk_full"], found["node.disk"], found["node.inodes_full"]) == (full, fullest, inodes)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (UNIT.format("active", "process"), "process"),
        (UNIT.format("active", "control-group"), "control-group"),
        (UNIT.format("inactive", "control-group"), "? containerd runs under no systemd unit of its own"),
        (UNIT.format("active", "x\x1b"), "? containerd runs under no systemd unit of its own"),
        ("", "? containerd runs under no systemd unit of its own"),
        (ended(127), "? systemctl is not installed on this node"),
    ],
)
def test_the_kill_mode_is_that_of_a_unit_that_runs(said: Said, expected: str) -> None:
    assert of_node({"units": said})["containerd.kill_mode"] == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (f"1 2 0:1 / /var/lib/kubelet/pods/{UID}/volumes/x rw\n" * 2, 2),
        (f"1 2 0:1 / /var/lib/kubelet/pods/{OTHER_UID}/volumes/x rw\n", 0),
        ("", 0),
        (LATE, "? /proc/1/mountinfo did not answer in 8 s"),
        ("x" * 300_000, "? the list of mounts was cut"),
    ],
)
def test_mounts_are_counted_by_the_pods_uid(said: Said, expected: object) -> None:
    assert of_pod({"mounts": said})["mounts.left"] == expected
