"""Who was there before a repair and still is: the daemons, and the first process of each container."""

import shutil

from tests.node.acting import Site, inspected
from tests.node.imitation import CONTAINER, POD

GONE = 4_194_000  # no process has it: above this machine's pid_max
OTHER = "0c0ffee0-1111-4222-8333-944444444444"
STOP = ("container.stop", CONTAINER, GONE)
PAUSE, WEB, LOG = (
    f"/kubepods/burstable/pod{uid}/{letter * 64}" for uid, letter in ((POD, "a"), (OTHER, "b"), (OTHER, "c"))
)
SCOPE = f"/kubepods.slice/kubepods-pod{OTHER.replace('-', '_')}.slice/docker-{'d' * 64}.scope"


def furnished(site: Site) -> None:
    """Three containers of two pods, and one of a pod whose cgroups systemd made; somebody is inside one of them."""
    site.docker(state=inspected("running", GONE), after=inspected("exited", 0, 137))
    for pid, name in ((10, "dockerd"), (11, "containerd"), (12, "kubelet")):
        site.node.process(pid, name=name)
    for shim, init, name, group in (
        (20, 21, "pause", PAUSE),
        (30, 31, "nginx", WEB),
        (40, 41, "a b)", LOG),
        (50, 51, "x", SCOPE),
    ):
        site.node.process(shim, name="containerd-shim")
        site.node.process(init, name=name, parent=shim, cgroup=group)
    site.node.process(32, name="sh", parent=30, cgroup=WEB, started=900)
    site.node.process(33, name="worker", parent=31, cgroup=WEB, started=901)


def gone(site: Site, pid: int) -> None:
    shutil.rmtree(site.root / f"proc/{pid}")


def test_all_others_kept_their_pid_and_their_start(any_site: Site) -> None:
    furnished(any_site)
    done = any_site.do(*STOP)
    gone(any_site, 21)
    gone(any_site, 32)
    any_site.node.process(61, name="new", parent=30, cgroup=WEB, started=950)

    told = any_site.status()

    assert (done.result, done.kept) == ("done", None)
    assert (told.kept, told.left) == ((6, 7), (f"21 {POD} pause",))
    assert any_site.status() == told


def test_who_has_another_s_pid_now_is_not_who_was_there(any_site: Site) -> None:
    furnished(any_site)
    any_site.do(*STOP)
    any_site.node.process(12, name="kubelet", started=5_000)
    any_site.node.process(41, name="a b)", parent=40, cgroup=LOG, started=5_001)
    gone(any_site, 51)

    told = any_site.status()

    assert told.kept == (4, 7)
    assert sorted(told.left) == ["12 - kubelet", f"41 {OTHER} a b)", f"51 {OTHER} x"]


def test_what_a_process_is_called_forges_no_line(any_site: Site) -> None:
    furnished(any_site)
    any_site.node.process(71, name="y\nkept 9 9\n\x1b[2J\u202e", parent=30, cgroup=f"/kubepods/pod{OTHER}/{'e' * 64}")
    any_site.node.process(72, name="kubelet", parent=30, cgroup=f"/kubepods/pod{OTHER}/{'f' * 64}")
    any_site.do(*STOP)
    for pid in (71, 72):
        gone(any_site, pid)

    told = any_site.status()

    assert told.kept == (7, 9)
    assert [each.split(" ")[:2] for each in sorted(told.left)] == [["71", OTHER], ["72", OTHER]]


def test_of_many_that_left_twenty_are_named(site: Site) -> None:
    furnished(site)
    for n in range(100, 130):
        site.node.process(n, name="job", parent=30, cgroup=f"/kubepods/pod{OTHER}/{n:064x}")
    site.do(*STOP)
    for n in range(100, 130):
        gone(site, n)

    told = site.status()

    assert (told.kept, len(told.left)) == ((7, 37), 20)


def test_where_nobody_can_count_nothing_is_claimed(site: Site) -> None:
    furnished(site)
    site.do(*STOP)
    site.tool("awk", "exit 2\n")

    assert site.status().kept is None


def test_a_repair_goes_on_where_nobody_could_count(site: Site) -> None:
    furnished(site)
    site.tool("grep", f'case $* in *cgroup*stat*|*comm*) exit 124 ;; esac\nexec {shutil.which("grep")} "$@"\n')

    assert site.do(*STOP).result == "done"
    assert (site.status().kept, list((site.ledger / "ops").glob("*.there"))) == (None, [])
