"""cgroup.thaw: the container's and its pod's own freezers, and no other."""

from pathlib import Path

import pytest

from tests.node.acting import SANDBOX, Site, stat
from tests.node.imitation import CONTAINER, POD

FREEZER = f"sys/fs/cgroup/freezer/kubepods/pod{POD}"
UNIFIED = f"sys/fs/cgroup/kubepods.slice/kubepods-pod{POD.replace('-', '_')}.slice"


def v1(site: Site, path: str, *, self_freezing: bool, state: str = "FROZEN\n") -> Path:
    site.node.file(f"{path}/freezer.self_freezing", f"{self_freezing:d}\n")
    return site.node.file(f"{path}/freezer.state", state)


def v2(site: Site, path: str, *, freeze: bool, events: str = "populated 1\nfrozen 0\n") -> Path:
    site.node.file(f"{path}/cgroup.events", events)
    return site.node.file(f"{path}/cgroup.freeze", f"{freeze:d}\n")


def test_the_pods_and_the_containers_own_freezers_are_thawed_and_no_other(any_site: Site) -> None:
    pod = v1(any_site, FREEZER, self_freezing=True)
    container = v1(any_site, f"{FREEZER}/{CONTAINER}", self_freezing=True)
    sibling = v1(any_site, f"{FREEZER}/{SANDBOX}", self_freezing=True)
    scoped = v1(any_site, f"{FREEZER}/pod{POD}.slice:cri-containerd:{SANDBOX}", self_freezing=True)

    done = any_site.do("cgroup.thaw", CONTAINER, POD)

    assert (done.result, done.why) == ("done", "thawed 2 cgroups")
    assert done.said == (f"thawed /{FREEZER}", f"thawed /{FREEZER}/{CONTAINER}")
    assert [path.read_text() for path in (pod, container, sibling, scoped)] == [
        "THAWED\n",
        "THAWED\n",
        "FROZEN\n",
        "FROZEN\n",
    ]


def test_in_cgroup_v2_too(any_site: Site) -> None:
    scope = v2(any_site, f"{UNIFIED}/docker-{CONTAINER}.scope", freeze=True)
    v2(any_site, UNIFIED, freeze=False)

    done = any_site.do("cgroup.thaw", CONTAINER, POD)

    assert (done.result, scope.read_text()) == ("done", "0\n")


def test_where_nothing_is_frozen_that_is_told(site: Site) -> None:
    v1(site, f"{FREEZER}/{CONTAINER}", self_freezing=False, state="THAWED\n")

    assert site.do("cgroup.thaw", CONTAINER, POD).why == (
        "the cgroups of the container and its pod: expected one frozen, found none of 4"
    )


@pytest.mark.parametrize("unified", [False, True])
def test_what_is_frozen_from_above_is_named_and_left(any_site: Site, *, unified: bool) -> None:
    above = "sys/fs/cgroup/freezer/kubepods" if not unified else "sys/fs/cgroup/kubepods.slice"
    if unified:
        own, top = v2(any_site, UNIFIED, freeze=True), v2(any_site, above, freeze=True)
    else:
        own, top = v1(any_site, FREEZER, self_freezing=True), v1(any_site, above, self_freezing=True)
    before = own.read_text(), top.read_text()

    done = any_site.do("cgroup.thaw", CONTAINER, POD)

    assert (done.result, done.why) == ("refused", f"frozen above the pod: /{above}")
    assert (own.read_text(), top.read_text()) == before


def test_what_does_not_thaw_is_a_failure(site: Site) -> None:
    v2(site, f"{UNIFIED}/docker-{CONTAINER}.scope", freeze=True, events="populated 1\nfrozen 1\n")

    done = site.do("cgroup.thaw", CONTAINER, POD)

    assert (done.result, done.why) == ("failed", f"still frozen after 5 s: /{UNIFIED}/docker-{CONTAINER}.scope")


# ---- in the machine's own cgroups


def real(site: Site, hierarchy: str, above: str = ".") -> tuple[Path, int]:
    """The container's cgroup with a living process in it; the node sees nothing else of this hierarchy."""
    top = Path("/sys/fs/cgroup") / hierarchy / site.node.folder.name
    folder = site.cage(top / above / f"pod{POD}" / CONTAINER)
    pid = site.process("workload")
    (folder / "cgroup.procs").write_text(f"{pid}\n")
    (site.root / "sys/fs/cgroup").rename(site.root / "elsewhere")
    (site.root / "sys/fs/cgroup").symlink_to(top)
    return folder, pid


def test_a_real_freezer_is_thawed(any_site: Site) -> None:
    folder, pid = real(any_site, "freezer")
    (folder.parent / "freezer.state").write_text("FROZEN\n")
    any_site.node.until(lambda: stat(pid)[0] == "D")

    done = any_site.do("cgroup.thaw", CONTAINER, POD)

    assert (done.result, done.said) == ("done", (f"thawed /sys/fs/cgroup/pod{POD}",))
    assert (stat(pid)[0], (folder / "freezer.state").read_text()) == ("S", "THAWED\n")


def test_a_real_freezer_above_the_pod_is_left(any_site: Site) -> None:
    folder, pid = real(any_site, "freezer", "kubepods")
    above = folder.parents[1]
    (folder / "freezer.state").write_text("FROZEN\n")
    (above / "freezer.state").write_text("FROZEN\n")

    done = any_site.do("cgroup.thaw", CONTAINER, POD)

    assert (done.result, done.why) == ("refused", f"frozen above the pod: /sys/fs/cgroup/{above.name}")
    assert stat(pid)[0] == "D"


def test_a_real_cgroup_v2_is_thawed(any_site: Site) -> None:
    folder, _ = real(any_site, "unified")
    (folder / "cgroup.freeze").write_text("1\n")
    any_site.node.until(lambda: "frozen 1" in (folder / "cgroup.events").read_text())

    done = any_site.do("cgroup.thaw", CONTAINER, POD)

    assert done.result == "done"
    assert "frozen 0" in (folder / "cgroup.events").read_text()
