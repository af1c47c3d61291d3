import pytest

from bot.core.facts import ContainerId
from bot.core.pods import Asked, Question
from tests.probes.saying import (
    CRI,
    DOCKER,
    ID,
    LATE,
    OTHER_ID,
    OTHER_UID,
    POD,
    POD_DIR,
    SANDBOX_ID,
    UID,
    Said,
    ended,
    heard,
    inspect,
    of_container,
    of_node,
    process,
    shim_v1,
    shim_v2,
    values,
)

INSIDE = (f"0::{POD_DIR}/{ID}",)
UNDER = UID.replace("-", "_")
SYSTEMD = (
    f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDER}.slice/cri-containerd-{ID}.scope",
)
CONTAINERS = f"CONTAINER  IMAGE  RUNTIME\n{ID}  app:1  v2\n{SANDBOX_ID}  k8s.gcr.io/pause:3.2  v2\n"
GONE = "? pid 24724 is no process of this container"
SSHD = process(24724, "sshd", cgroups=("0::/system.slice/ssh.service",))
UNREAD = "? docker inspect ebe2ddd9ed5b did not answer in 8 s"


def docker(table: Said, **frames: Said) -> dict[str, object]:
    """The container as it looks where dockerd recorded pid 24724 for it."""
    return {**of_container({f"docker.inspect/{ID}": inspect(), "processes": table, **frames})}


def looked_at(record: Said, table: Said = "", **frames: Said) -> dict[str, object]:
    """The same, where the node looked at that pid too; by default the list holds nothing of the container."""
    return docker(table, **{f"docker.process/{ID}": record}, **frames)


def cri(table: Said, **frames: Said) -> dict[str, object]:
    said = {f"containerd.containers/{UID}": CONTAINERS, "processes": table, **frames}
    return {**of_container(said, CRI)}


# ---- its own process


def test_a_process_is_alive_when_it_exists_and_is_the_containers() -> None:
    table = shim_v1(24704) + process(
        24724, parent=24704, wchan="futex_wait", pending="0 100", state="D", cgroups=INSIDE
    )
    found = docker(table)

    assert (found["process.alive"], found["process.state"], found["process.pid"]) == (True, "D", 24724)
    assert (found["process.wchan"], found["process.kill_pending"], found["process.recycled"]) == (
        "futex_wait",
        True,
        False,
    )
    assert (found["cgroup.processes"], found["cgroup.blocked"]) == (1, 1)


def test_a_pid_that_a_whole_list_lacks_is_gone() -> None:
    found = docker(shim_v1(24704))

    assert (found["process.alive"], found["process.state"], found["process.pid"]) == (False, "gone", 24724)
    assert found["process.wchan"] == found["process.kill_pending"] == GONE
    assert (
        found["process.recycled"]
        == "? whether pid 24724 is one of something else: cat /proc/24724/cgroup was not asked"
    )


@pytest.mark.parametrize("table", [shim_v1(24704), LATE])
def test_a_pid_that_was_looked_at_and_not_found_is_not_recycled(table: Said) -> None:
    found = looked_at("pid 24724\n", table)

    assert (found["process.alive"], found["process.state"], found["process.pid"]) == (False, "gone", 24724)
    assert found["process.recycled"] is False


@pytest.mark.parametrize("found", [docker(shim_v1(24704) + SSHD), looked_at(SSHD, shim_v1(24704))])
def test_a_pid_that_belongs_to_something_else_is_recycled_and_its_container_dead(found: dict[str, object]) -> None:
    assert (found["process.alive"], found["process.recycled"], found["process.state"]) == (False, True, "gone")
    assert found["process.pid"] == 24724
    assert found["process.wchan"] == "? pid 24724 is not this container's"


@pytest.mark.parametrize("table", [shim_v1(24704), LATE])
def test_a_looked_at_pid_in_another_container_is_recycled(table: Said) -> None:
    found = looked_at(process(24724, parent=24704, cgroups=(f"0::/docker/{OTHER_ID}/docker/{ID}",)), table)

    assert (found["process.alive"], found["process.recycled"]) == (False, True)


def test_a_looked_at_pid_that_is_the_containers_says_what_the_list_would_say() -> None:
    record = process(24724, parent=24704, wchan="futex_wait", pending="0 100", state="D", cgroups=INSIDE)
    own = {name: value for name, value in docker(shim_v1(24704) + record).items() if name.startswith("process.")}

    assert own["process.recycled"] is False
    for table in (shim_v1(24704), LATE):
        assert {name: value for name, value in looked_at(record, table).items() if name in own} == own


def test_a_looked_at_zombie_that_lost_its_cgroups_is_its_shims_child_or_cannot_be_told() -> None:
    zombie = process(24724, parent=24704, state="Z")
    under, orphaned = looked_at(zombie, shim_v1(24704)), looked_at(zombie, shim_v1(24704, OTHER_ID))

    assert (under["process.alive"], under["process.state"], under["process.recycled"]) == (False, "Z", False)
    assert (orphaned["process.alive"], orphaned["process.state"]) == (False, "Z")
    assert orphaned["process.recycled"] == "? pid 24724 is a zombie; whose, cannot be told"


def test_a_process_in_no_container_is_a_strangers_only_when_its_shim_would_be_listed() -> None:
    found = looked_at(SSHD, LATE)

    assert found["process.alive"] == found["process.recycled"] == "? ps did not answer in 8 s"


@pytest.mark.parametrize(
    "record",
    [
        "",
        "pid 5\n",
        "pid 24724\nstat \n",
        "pid 24724\nstat 5 (x) S 1" + " 0" * 18,
        "stat 24724 (x) S 1" + " 0" * 18,
        "pid 99999999\n",
        "pid -24724\n",
        b"\xff\x00pid 24724",
        process(5, "sshd"),
    ],
)
def test_a_record_of_nothing_or_of_another_pid_tells_nothing(record: Said) -> None:
    found = looked_at(record)

    assert (found["process.alive"], found["process.pid"]) == (False, 24724)
    assert found["process.recycled"] == "? whether pid 24724 is one of something else: the node did not say"


@pytest.mark.parametrize("code", [1, 124, 137])
def test_a_look_that_did_not_end_well_finds_no_pid_gone_and_none_recycled(code: int) -> None:
    gone = looked_at(ended(code, out="pid 24724\n"))
    other = looked_at(ended(code, out=SSHD))

    for found in (gone, other):
        assert "cat /proc/24724/cgroup " in str(found["process.recycled"])
    assert str(other["process.alive"]).startswith("? ")


def test_what_was_looked_at_for_another_container_counts_for_that_one_only() -> None:
    other = looked_at("", **{f"docker.process/{OTHER_ID}": "pid 24724\n"})
    mistaken = looked_at("pid 24724\n", **{f"docker.inspect/{ID}": inspect(OTHER_ID)})

    assert str(other["process.recycled"]).startswith("? ")
    assert mistaken["process.recycled"] == "? docker inspect ebe2ddd9ed5b answered about another container"


def test_a_process_name_says_nothing_about_its_owner() -> None:
    named = process(24724, f"x cgroup 0::{POD_DIR}/{ID}", cgroups=("0::/system.slice/ssh.service",))

    assert looked_at(named)["process.recycled"] is True
    assert looked_at(process(24724, "dockerd"))["docker.container.pid"] == 24724
    assert (
        of_node({f"docker.inspect/{ID}": inspect(), f"docker.process/{ID}": SSHD, "processes": ""})["docker.process"]
        == "absent"
    )


def test_a_pid_in_another_container_is_recycled_even_below_this_ones_shim() -> None:
    assert docker(shim_v1(24704) + process(24724, parent=24704, cgroups=(f"0::/docker/{OTHER_ID}",)))[
        "process.recycled"
    ]


def test_another_containers_folder_of_this_ones_name_does_not_make_its_process_this_ones() -> None:
    forged = (f"0::{POD_DIR}/{OTHER_ID}/{ID}",)

    found = docker(
        process(24724, cgroups=forged), cgroup=f"dir /sys/fs/cgroup{POD_DIR}/{OTHER_ID}/{ID}\nprocs 7\nfreezer FROZEN\n"
    )

    assert (found["process.alive"], found["cgroup.processes"], found["cgroup.frozen"]) == (False, 0, False)


def test_a_zombie_that_lost_its_cgroups_is_its_shims_childs() -> None:
    found = docker(shim_v1(24704) + process(24724, parent=24704, state="Z"))

    assert (found["process.alive"], found["process.state"], found["process.recycled"]) == (False, "Z", False)
    assert found["shim.children"] == 0


def test_whose_a_zombie_without_cgroup_and_shim_was_cannot_be_told() -> None:
    found = docker(process(24724, state="Z"))

    assert (found["process.alive"], found["process.state"]) == (False, "Z")
    assert found["process.recycled"] == "? pid 24724 is a zombie; whose, cannot be told"


def test_without_its_cgroup_a_process_is_neither_this_ones_nor_anothers() -> None:
    assert docker(process(24724, cgroups=()))["process.alive"] == "? the cgroup of process 24724 could not be read"


@pytest.mark.parametrize("pending", ["", "xyz", "0 g"])
def test_pending_signals_that_cannot_be_read_are_not_known(pending: str) -> None:
    found = docker(process(24724, pending=pending, cgroups=INSIDE))

    assert found["process.kill_pending"] == "? its pending signals were not read"


def test_a_list_that_is_not_whole_proves_nothing_dead() -> None:
    found = docker(LATE)

    for name in ("process.alive", "shim.alive", "cgroup.processes", "cgroup.blocked"):
        assert found[name] == "? ps did not answer in 8 s"
    assert docker("x" * 300_000)["process.alive"] == "? the list of processes was cut: it is too long"


def test_without_a_recorded_pid_the_process_is_looked_for_in_its_cgroup() -> None:
    table = shim_v2(20789, SANDBOX_ID, "k8s.io")
    table += process(30000, parent=20789, started=9000, cgroups=INSIDE)  # an exec
    table += process(20925, parent=20789, started=7000, cgroups=INSIDE) + process(100, started=1, cgroups=INSIDE)

    found = cri(table)

    assert (found["process.pid"], found["process.alive"], found["cgroup.processes"]) == (20925, True, 3)


def test_without_any_process_a_whole_list_says_that_it_is_gone() -> None:
    found = cri(shim_v2(20789, SANDBOX_ID, "k8s.io") + process(7, "runc", parent=20789, cmdline="runc kill"))

    assert (found["process.alive"], found["process.state"], found["process.recycled"]) == (False, "gone", False)
    assert found["process.pid"] == "? no pid is recorded for it, and no process of it was found"


def test_a_child_of_the_pods_shim_in_no_cgroup_may_be_this_containers() -> None:
    found = cri(shim_v2(20789, SANDBOX_ID, "k8s.io") + process(20925, parent=20789, cgroups=("0::/escaped",)))

    assert "process 20925 is a child of its shim and in no container's cgroup" in str(found["process.alive"])


def test_nothing_is_said_of_a_process_when_neither_a_pid_nor_a_whole_list_is_there() -> None:
    assert cri(LATE)["process.alive"] == "? ps did not answer in 8 s"


def test_a_pid_that_dockerd_could_not_be_asked_for_may_be_recycled() -> None:
    found = of_container({f"docker.inspect/{ID}": LATE, "processes": shim_v1(24704)})
    own = shim_v1(24704) + process(24724, parent=24704, cgroups=INSIDE)
    by_containerd = {"processes": own, "containerd.tasks": f"TASK PID STATUS\n{ID} 24724 RUNNING\n"}

    assert (found["process.alive"], found["process.state"]) == (False, "gone")
    assert found["process.recycled"] == UNREAD
    found = of_container({f"docker.inspect/{ID}": LATE, **by_containerd})
    assert (found["process.alive"], found["process.recycled"]) == (True, UNREAD)


# ---- its cgroup


def test_threads_in_uninterruptible_sleep_are_counted_one_by_one() -> None:
    assert docker(process(24724, threads="S D D", cgroups=INSIDE))["cgroup.blocked"] == 2


def test_a_pid_that_only_the_cgroup_names_counts_unless_it_is_a_zombie() -> None:
    listed = f"dir /sys/fs/cgroup{POD_DIR}/{ID}\nprocs 24724 31 32 99999999999\nevents populated 1 frozen 0\n"

    found = docker(process(31, state="Z", cgroups=INSIDE) + process(24724, cgroups=INSIDE), cgroup=listed)

    assert (found["cgroup.processes"], found["cgroup.frozen"]) == (2, False)
    assert docker(LATE, cgroup=listed)["cgroup.processes"] == 3


@pytest.mark.parametrize(
    ("listed", "frozen"),
    [
        (f"dir /sys/fs/cgroup/freezer{POD_DIR}/{ID}\nfreezer FROZEN\n", True),
        (f"dir /sys/fs/cgroup/freezer{POD_DIR}/{ID}\nfreezer FREEZING\n", True),
        (f"dir /sys/fs/cgroup/freezer{POD_DIR}/{ID}\nfreezer THAWED\n", False),
        (f"dir /sys/fs/cgroup{POD_DIR}/{ID}\nevents populated 1 frozen 1\n", True),
        (
            f"dir /sys/fs/cgroup/kubepods-pod{UNDER}.slice\nfreezer FROZEN\ndir /a{POD_DIR}/{ID}\nfreezer THAWED",
            True,
        ),
        (f"dir /sys/fs/cgroup{POD_DIR}\nfreezer THAWED\n", "? its cgroup's freezer could not be read"),
        (f"dir /sys/fs/cgroup/memory{POD_DIR}/{ID}\nprocs\nevents frozen\n", False),
        (f"dir /sys/fs/cgroup/memory{POD_DIR}/{ID}\nprocs\n", "? its cgroup's freezer could not be read"),
        (
            f"procs 1\nnothing\ndir /sys/fs/cgroup/freezer/docker/{OTHER_ID}\nfreezer FROZEN\n",
            "? its cgroup's freezer could not be read",
        ),
        (LATE, "? find /sys/fs/cgroup did not answer in 8 s"),
    ],
)
def test_a_container_is_frozen_by_its_own_cgroup_or_its_pods(listed: Said, frozen: object) -> None:
    assert docker(process(24724, cgroups=INSIDE), cgroup=listed)["cgroup.frozen"] == frozen


def test_a_cgroup_that_is_gone_with_all_its_processes_is_not_frozen() -> None:
    assert docker(process(1, "init"), cgroup="")["cgroup.frozen"] is False


# ---- its shim


@pytest.mark.parametrize(("shim", "generation"), [(shim_v1(24704), "v1"), (shim_v2(24704), "v2")])
def test_dockers_shim_is_found_by_the_whole_id_and_serves_no_other(shim: str, generation: str) -> None:
    found = docker(shim_v2(1, OTHER_ID) + shim + process(24724, parent=24704, cgroups=INSIDE))

    assert (found["shim.alive"], found["shim.pid"], found["shim.generation"]) == (True, 24704, generation)
    assert (found["shim.shared"], found["shim.children"], found["shim.started"]) == (False, 1, 5000)


@pytest.mark.parametrize(
    "record",
    [
        shim_v1(24704, ID[:-1]),
        shim_v1(24704, state="Z"),
        shim_v2(24704, cmdline=f"containerd-shim-runc-v2 -namespace moby -id {ID} start"),
        shim_v2(24704, cmdline=f"sleep -id {ID}"),
        process(24704, "containerd-shim"),
        "pid 24704\nstat 24704 (containerd-shim) S\ncmdline containerd-shim -id " + ID,
        "pid x\n" + shim_v2(24705, OTHER_ID),
    ],
)
def test_what_is_no_living_shim_of_this_container_is_not_taken_for_it(record: str) -> None:
    found = docker(record)

    assert (found["shim.alive"], found["shim.pid"]) == (False, "? there is no shim")


def test_a_workload_that_calls_itself_the_shim_is_not_believed() -> None:
    found = docker(shim_v2(666, cgroups=(f"0::/kubepods/pod{UID}/{OTHER_ID}",)))

    assert found["shim.alive"] == "? what calls itself its shim runs inside a pod"
    assert docker(shim_v2(666, cgroups=(f"0::/docker/{ID}",)))["shim.alive"] == found["shim.alive"]


def test_of_two_shims_neither_is_pointed_out() -> None:
    found = docker(shim_v2(24704) + shim_v2(24705))

    assert (found["shim.alive"], found["shim.pid"]) == (True, "? more than one process may be its shim: 24704, 24705")


def test_the_first_of_two_records_of_one_pid_counts() -> None:
    assert docker(shim_v1(24704) + process(24704, "other"))["shim.alive"] is True


@pytest.mark.parametrize(
    "table",
    [
        shim_v2(20789, SANDBOX_ID, "k8s.io") + process(20925, parent=20789, cgroups=INSIDE),
        shim_v2(20789, SANDBOX_ID, "k8s.io"),
        shim_v2(20789, OTHER_ID, "k8s.io") + process(20925, parent=20789, cgroups=SYSTEMD),
        shim_v2(20789, OTHER_ID, "k8s.io") + process(9, parent=20789, cgroups=(f"0::{POD_DIR}",)),
    ],
)
def test_through_cri_the_shim_is_the_sandboxs_or_the_parent_of_the_pods_processes(table: str) -> None:
    found = cri(table + shim_v2(4, "f" * 64, "k8s.io"))

    assert (found["shim.alive"], found["shim.pid"], found["shim.shared"]) == (True, 20789, True)


def test_through_cri_a_shim_is_missing_only_when_the_pods_sandbox_is_known() -> None:
    alone = Question(runtime="containerd", pods=(Asked(uid=UID, namespace="prod", name="x", containers=()),))

    assert cri(process(1, "init"))["shim.alive"] is False
    assert (
        of_container({"processes": process(1, "init")}, CRI)["shim.alive"]
        == "? ctr -n k8s.io containers ls was not asked"
    )
    other = of_container({"processes": "", f"containerd.task/{OTHER_ID}": LATE}, alone, OTHER_ID)
    assert other["shim.alive"] == "? its sandbox, whose shim serves it, is not known"


# ---- the daemons


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (process(5, "kubelet", cmdline="/usr/bin/kubelet --x"), ("S", True)),
        (process(5, "kubelet", state="T"), ("T", True)),
        (process(5, "k3s-server"), ("S", True)),
        (process(5, "kubelet", state="Z"), ("Z", False)),
        (process(5, "kubelet", state="Z") + process(6, "kubelet", state="D"), ("D", True)),
        (process(5, "kubelet", cgroups=(f"0::{POD_DIR}/{OTHER_ID}",)), ("absent", False)),
        (process(5, "kubelet", cgroups=(f"0::/docker/{ID}",)), ("absent", False)),
        (process(1, "init"), ("absent", False)),
        (LATE, ("? ps did not answer in 8 s", "? ps did not answer in 8 s")),
    ],
)
def test_the_kubelet_is_active_while_a_process_of_it_lives_outside_the_pods(table: Said, expected: object) -> None:
    found = of_node({"processes": table})

    assert (found["kubelet.process"], found["kubelet.active"]) == expected


def test_a_shim_is_no_containerd() -> None:
    table = (
        shim_v1(5)
        + process(6, "docker-containe", cmdline="docker-containerd --config x")
        + process(7, "dockerd", state="D")
    )

    assert of_node({"processes": table})["containerd.process"] == "S"
    assert of_node({"processes": table})["docker.process"] == "D"
    assert of_node({"processes": shim_v1(5)})["containerd.process"] == "absent"


# ---- which containers there are


def test_containers_are_found_by_docker_ps_and_named_by_the_kubelet() -> None:
    names = f"k8s_zookeeper_zookeeper0-0_prod_{UID}_0", f"k8s_POD_zookeeper0-0_prod_{UID}_0_1a2b"
    rows = "".join(f"{id_}   Up       {name}\n" for id_, name in zip((ID, SANDBOX_ID), names, strict=True))
    others = f"{OTHER_ID}   Up       k8s_a_b_c_d7ed7f35-fc56-46d6-ab6e-3bec49062347_0\nshort   Up   x\n"

    said = heard({"docker.ps": f"{'CONTAINER ID':<64}   STATUS   NAMES\n{rows}{others}"})

    assert said.belongs == {ID: UID, SANDBOX_ID: UID}
    assert said.names == {ID: "zookeeper", SANDBOX_ID: "sandbox"}


def test_containers_are_found_by_their_own_inspect_and_by_the_pods_cgroups() -> None:
    said = heard(
        {
            f"docker.inspect/{SANDBOX_ID}": inspect(SANDBOX_ID, f"/k8s_POD_zookeeper0-0_prod_{UID}_0"),
            f"docker.inspect/{ID}": inspect(OTHER_ID, f"/k8s_app_zookeeper0-0_prod_{UID}_0"),
            "docker.inspect/not-an-id": inspect("not-an-id"),
            "cgroup": f"dir /sys/fs/cgroup{POD_DIR}/{OTHER_ID}\n",
            "processes": process(9, cgroups=("0::/kubepods/pod" + "0" * 32 + "/" + "a" * 64,)),
        }
    )

    assert said.belongs == {ID: UID, SANDBOX_ID: UID, OTHER_ID: UID}
    assert said.names == {SANDBOX_ID: "sandbox"}


def test_a_container_that_was_asked_for_one_pod_cannot_be_claimed_for_another() -> None:
    other = Asked(uid=OTHER_UID, namespace="prod", name="b", containers=())
    both = Question(runtime="containerd", pods=(POD, other))

    said = heard({f"containerd.containers/{other.uid}": f"CONTAINER\n{ID}\n"}, both)

    assert said.belongs == {ID: UID}


def test_a_container_of_no_pod_is_kept_without_one() -> None:
    said = heard({f"containerd.task/{OTHER_ID}": LATE}, DOCKER)

    assert set(said.containers) == {ID, OTHER_ID}
    assert OTHER_ID not in said.belongs


def test_through_cri_the_container_with_its_shims_id_is_the_sandbox() -> None:
    frames = {f"containerd.containers/{UID}": f"C\n{ID}\n{SANDBOX_ID}\n", "processes": shim_v2(7, SANDBOX_ID, "k8s.io")}

    assert heard(frames, CRI).names == {SANDBOX_ID: "sandbox"}
    assert values(heard(frames, CRI).containers[ContainerId(SANDBOX_ID)])["shim.shared"] is True
