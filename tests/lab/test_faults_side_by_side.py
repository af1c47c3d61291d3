"""Faults that leave each other alone, side by side on a real cluster, diagnosed as a person does it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.lab import harm
from tests.lab.cluster import Lab
from tests.lab.conftest import Bot, Json
from tests.lab.machines import eventually
from tests.lab.reading import cause, evidence, repairs, ruled_out, until_late

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

PLACEHOLDER = "example.com/cleanup"
STUCK = {"docker-hung", "cri-hung", "finalizer", "frozen", "cri-frozen"}


@pytest.fixture(scope="module")
def side_by_side(lab: Lab, bot: Bot) -> Iterator[dict[str, Json]]:
    """Every fault that leaves the daemons of its node alone; all of them diagnosed at once."""
    one, two = lab.node1, lab.node2
    stubborn = ["sh", "-c", "trap '' TERM; sleep 100000 & wait; sleep 100000"]
    pods: list[tuple[str, Any, dict[str, Any]]] = [
        ("docker-hung", one, {}),
        ("cri-hung", two, {"sidecar": True}),
        ("finalizer", two, {"finalizers": [PLACEHOLDER]}),
        ("frozen", one, {}),
        ("cri-frozen", two, {}),
        ("healthy", one, {}),
        ("in-grace", one, {"terminationGracePeriodSeconds": 300, "command": stubborn}),
        ("again", two, {}),
    ]
    with ThreadPoolExecutor(4) as threads:
        uids = dict(
            zip([name for name, *_ in pods], threads.map(lambda p: lab.pod(p[0], p[1], **p[2]), pods), strict=True)
        )
    for name in ("again", "finalizer", "in-grace"):  # before the runtimes are slowed by what hangs
        lab.delete(name)
    eventually("the first pod of the name to go", lambda: not lab.exists("again"), 60)
    lab.pod("again", two)
    eventually("the finalizer's containers to end", lambda: _ended(lab, "finalizer"), 60)
    frozen = [harm.frozen_cgroup(lab, node, name) for node, name in ((one, "frozen"), (two, "cri-frozen"))]
    hung = (one, harm.hung_shim(lab, one, "docker-hung")), (two, harm.hung_shim(lab, two, "cri-hung"))
    until_late(bot, *STUCK)
    with ThreadPoolExecutor(len(pods)) as threads:
        answers = dict(zip(uids, threads.map(bot.diagnose, uids), strict=True))
    answers["uids"] = uids
    yield answers
    for freezer in frozen:
        freezer.write_text("THAWED")
    for node, shim in hung:
        node.signal(shim, "KILL")
    lab.kubectl('patch pod finalizer --type=json -p \'[{"op":"remove","path":"/metadata/finalizers"}]\'')
    lab.kubectl("delete pod in-grace --grace-period=0 --force --wait=false")  # its container has 300 s still
    for name in STUCK:
        eventually(f"{name} to go", lambda name=name: not lab.exists(name), 90)  # type: ignore[misc]


def _ended(lab: Lab, name: str) -> bool:
    statuses = lab.read(name)["status"].get("containerStatuses", [])
    return bool(statuses) and all("terminated" in each["state"] for each in statuses)


def test_a_hung_shim_on_docker(side_by_side: dict[str, Json]) -> None:
    found = side_by_side["docker-hung"]

    assert cause(found) == "shim-hung"
    assert evidence(found)["process.alive"] is False
    assert evidence(found)["containerd.task.status"] == "UNKNOWN"
    assert repairs(found)[0] == "shim.reap"
    assert found["verdict"]["repairs"][0]["touches"] == "1 dead container; nothing else on the node"


def test_a_hung_shim_through_cri_serves_the_whole_pod(side_by_side: dict[str, Json]) -> None:
    found = side_by_side["cri-hung"]

    assert cause(found) == "shim-hung"
    assert repairs(found) == ["shim.reap"]
    assert "sidecar" in found["verdict"]["repairs"][0]["touches"]
    assert found["verdict"]["repairs"][0]["risk"] == "medium"  # a sidecar that still runs ends with it


def test_a_finalizer_is_named(side_by_side: dict[str, Json]) -> None:
    found = side_by_side["finalizer"]

    assert cause(found) == "finalizer-pending"
    assert evidence(found)["api.pod.finalizer_names"] == PLACEHOLDER
    assert found["pod"]["hold"] == f"finalizer/{PLACEHOLDER}"
    assert repairs(found) == ["finalizer.remove"]


@pytest.mark.parametrize("pod", ["frozen", "cri-frozen"])
def test_a_frozen_cgroup_and_not_a_process_in_state_d(side_by_side: dict[str, Json], pod: str) -> None:
    found = side_by_side[pod]

    assert cause(found) == "cgroup-frozen"
    assert evidence(found)["process.kill_pending"] is True
    assert ruled_out(found)["process-d-state"] == ("cgroup.frozen", True)
    assert repairs(found) == ["cgroup.thaw"]


def test_a_healthy_pod_is_not_stuck(side_by_side: dict[str, Json]) -> None:
    found = side_by_side["healthy"]

    assert cause(found) is None
    assert found["pod"]["deadline"] is None
    assert repairs(found) == []


def test_a_pod_in_its_grace_is_not_stuck(side_by_side: dict[str, Json]) -> None:
    found = side_by_side["in-grace"]

    assert cause(found) == "grace-not-elapsed"
    assert found["pod"]["overdue_s"] < 0
    assert repairs(found) == []


def test_a_pod_of_the_same_name_is_another_pod(side_by_side: dict[str, Json]) -> None:
    found = side_by_side["again"]

    assert found["pod"]["uid"] != side_by_side["uids"]["again"]
    assert cause(found) is None
    assert found["pod"]["deadline"] is None


def test_a_scan_lists_those_that_are_stuck_and_no_others(side_by_side: dict[str, Json], bot: Bot) -> None:
    assert side_by_side
    found = bot.scan()

    assert {each["name"] for each in found["stuck"]} == STUCK
    assert {each["name"]: each["node"] for each in found["stuck"]}["cri-hung"] == "node2"
    assert found["clusters"][0]["error"] is None


def test_the_account_on_the_node_can_do_nothing_else(side_by_side: dict[str, Json], lab: Lab) -> None:
    assert side_by_side
    refused = [
        lab.node1.ssh(words)
        for words in ("id", "sh", "sudo -n id", "terminating-node probe docker 5 $(id)", "terminating-node version; id")
    ]

    assert [done.returncode for done in refused] == [2] * len(refused)
    assert all(done.stdout == b"" for done in refused)


def test_the_service_account_can_do_nothing_else(bot: Bot, lab: Lab) -> None:
    assert bot.settings.exists()
    who = "-A --as=system:serviceaccount:terminating:terminating"
    resources = ("pods", "pods --subresource=exec", "pods --subresource=log", "nodes --subresource=proxy", "secrets")
    answers = {
        f"{verb} {what}": lab.kubectl(f"auth can-i {verb} {what} {who}", check=False).strip()
        for verb in ("get", "list", "create", "patch", "delete")
        for what in (*resources, "configmaps")
    }

    assert {asked for asked, answer in answers.items() if answer == "yes"} == {"get pods", "list pods"}
