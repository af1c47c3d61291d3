import pytest

from tests.probes.saying import (
    ID,
    LATE,
    NODE,
    OTHER_ID,
    OTHER_UID,
    POD_DIR,
    UID,
    Said,
    ended,
    of_container,
    of_node,
    of_pod,
)

UNDER = UID.replace("-", "_")
SYSTEMD = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDER}.slice/cri-containerd-{ID}.scope"
KILLED = "Killed process 25406 (tail) total-vm:34152kB, anon-rss:32000kB, file-rss:1136kB"
STAMP = "[ 5778.424082] "


def summary(group: str, limit: str | None = None, task: str = "tail", constraint: str = "CONSTRAINT_MEMCG") -> str:
    where = "global_oom" if constraint == "CONSTRAINT_NONE" else f"oom_memcg={limit or group}"
    middle = f"nodemask=(null),cpuset=x,mems_allowed=0,{where},task_memcg={group}"
    return f"oom-kill:constraint={constraint},{middle},task={task},pid=25406,uid=0\n"


def old(group: str) -> str:
    return f"Task in {group} killed as a result of limit of {POD_DIR}\n"


def counts(log: Said) -> tuple[object, object, object]:
    frames: dict[str, Said] = {"kernel": log, "node": NODE}
    container = of_container(frames)["kernel.oom_kills.container"]
    return container, of_pod(frames)["kernel.oom_kills.pod"], of_node(frames)["kernel.oom_kills.node"]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (summary(f"{POD_DIR}/{ID}", POD_DIR) + f"Memory cgroup out of memory: {KILLED}\n", (1, 1, 1)),
        (summary(SYSTEMD) + f"Memory cgroup out of memory: {KILLED}\n", (1, 1, 1)),
        (
            old(f"{POD_DIR}/{ID}") + f"Memory cgroup out of memory: Kill process 24572 (java) score 0\n{KILLED}\n",
            (1, 1, 1),
        ),
        (old(f"{POD_DIR}/{OTHER_ID}") + KILLED + "\n", (0, 1, 1)),
        (summary(f"/docker/{ID}"), (1, 1, 1)),
        (summary(f"/docker/{OTHER_ID}") + f"{KILLED}\n", (0, 0, 1)),
        (summary(f"{POD_DIR}/{ID}", constraint="CONSTRAINT_NONE") + f"Out of memory: {KILLED}\n", (1, 1, 1)),
        (
            f"Out of memory: {KILLED}\nKilled process 1 (a), UID 0, total\nKilled process 1, UID 0, (a) total\n",
            (0, 0, 3),
        ),
        (summary(f"{POD_DIR}/{ID}") * 2 + f"{KILLED}\n", (2, 2, 2)),
        (
            f"Tasks in {POD_DIR}/{ID} are going to be killed due to memory.oom.group set\n" + f"{KILLED}\n" * 2,
            (2, 2, 2),
        ),
        (summary(f"/kubepods/pod{OTHER_UID}/x,task_memcg={POD_DIR}/{ID}") + f"{KILLED}\n", (0, 0, 1)),
        ("", (0, 0, 0)),
        (ended(1, "dmesg: read kernel buffer failed"), ("? dmesg failed: dmesg: read kernel buffer failed",) * 3),
        (ended(124, out=summary(f"{POD_DIR}/{ID}")), (1, 1, 1)),
    ],
)
def test_a_kill_counts_once_and_for_the_cgroup_that_it_was_in(log: Said, expected: object) -> None:
    assert counts(log) == expected


def test_a_summary_whose_cgroup_is_not_below_its_limit_is_tied_to_none() -> None:
    assert counts(summary(f"{POD_DIR}/{ID}", f"/kubepods/pod{OTHER_UID}")) == (0, 0, 1)


def test_the_program_is_the_one_of_the_last_kill_cleaned() -> None:
    log = (
        summary(f"{POD_DIR}/{ID}", task="first")
        + summary(f"{POD_DIR}/{ID}")
        + "Killed process 7 (a) \x1b[31m(b) total-vm:1kB,\n"
    )

    assert of_container({"kernel": log})["kernel.oom_kill.task"] == "a) (b"


def test_an_old_kill_whose_second_line_was_lost_names_no_program() -> None:
    found = of_container({"kernel": old(f"{POD_DIR}/{ID}")})

    assert found["kernel.oom_kills.container"] == 1
    assert found["kernel.oom_kill.task"] == "? no OOM kill in this container, by the kernel's log"


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (STAMP, "2026-11-23 20:25:24.424082+00:00"),
        (f"<4>{STAMP}", "2026-11-23 20:25:24.424082+00:00"),
        ("[Mon Nov 23 20:25:24 2026] ", "2026-11-23 20:25:24+00:00"),
        ("Nov 23 20:25:24 node0 kernel: ", "2026-11-23 20:25:24+00:00"),
        ("Dec  3 20:25:24 node0 kernel: ", "2025-12-03 20:25:24+00:00"),
        (f"Nov  1 00:00:00 node0 kernel: {STAMP}", "2026-11-23 20:25:24.424082+00:00"),
        ("2026-11-23T22:25:24.5+02:00 node0 kernel: ", "2026-11-23 20:25:24.500000+00:00"),
        ("Xyz 23 20:25:24 node0 kernel: ", "? the kernel's log gives no time that can be read"),
        ("Feb 30 20:25:24 node0 kernel: ", "? the kernel's log gives no time that can be read"),
        ("[Mon Nov 31 20:25:24 2026] ", "? the kernel's log gives no time that can be read"),
        ("", "? the kernel's log gives no time that can be read"),
    ],
)
def test_a_kill_is_timed_by_any_stamp(stamp: str, expected: str) -> None:
    found = of_container({"kernel": stamp + summary(f"{POD_DIR}/{ID}"), "node": NODE})

    assert str(found["kernel.oom_kill.last"]) == expected


def test_without_the_boot_time_seconds_since_boot_are_no_time() -> None:
    found = of_container({"kernel": STAMP + summary(f"{POD_DIR}/{ID}")})

    assert found["kernel.oom_kill.last"] == "? the kernel's log gives no time that can be read"


def test_signs_of_a_sick_kernel_are_counted() -> None:
    log = (
        f"{STAMP}INFO: task java:12345 blocked for more than 120 seconds.\n"
        f"{STAMP}INFO: task nfsd:77 blocked for more than 241 seconds.\n"
        f"{STAMP}unregister_netdevice: waiting for eth0 to become free. Usage count = 1\n"
        f"{STAMP}nfs: server 10.36.3.5 not responding, still trying\n"
        f"{STAMP}EXT4-fs (sda1): Remounting filesystem read-only\n"
        f"{STAMP}something that says INFO: task x:1 blocked for more than 120 seconds.\n\v\n"
    )
    found = of_node({"kernel": log})

    assert (found["kernel.hung_tasks"], found["kernel.netdev_waits"]) == (2, 1)
    assert (found["kernel.nfs_silent"], found["kernel.read_only"]) == (1, 1)
    assert found["kernel.hung_task.last"] == "INFO: task nfsd:77 blocked for more than 241 seconds."


def test_a_log_that_was_not_read_says_nothing_of_hung_tasks() -> None:
    assert of_node({"kernel": LATE})["kernel.hung_task.last"] == "? dmesg did not answer in 8 s"
