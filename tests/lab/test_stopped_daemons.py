"""Faults that stop a daemon of their node: one after the other on a node, both nodes at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab import harm
from tests.lab.cluster import Lab
from tests.lab.conftest import Bot, Json
from tests.lab.machines import eventually
from tests.lab.reading import cause, evidence, repairs, until_late

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def diagnoses(lab: Lab, bot: Bot) -> dict[str, Json]:
    lab.pod("behind-dockerd", lab.node1)
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(lambda: {"lost": lost_exit_event(lab, bot), "behind-dockerd": hung_dockerd(lab, bot)})
        two = threads.submit(lambda: {"no-kubelet": stopped_kubelet(lab, bot)})
        return {**one.result(), **two.result()}


def lost_exit_event(lab: Lab, bot: Bot) -> Json:
    lab.pod("lost", lab.node1, memory="32Mi")
    harm.lost_exit_event(lab, lab.node1, "lost")
    until_late(bot, "lost")
    found = bot.diagnose("lost")
    lab.node1.start_kubelet()
    eventually("the kubelet of node1", lambda: lab.node1.pids("kubelet"), 20)
    return found


def hung_dockerd(lab: Lab, bot: Bot) -> Json:
    daemon = lab.node1.pids("dockerd")[0]
    lab.node1.signal(daemon, "STOP")
    try:
        lab.delete("behind-dockerd")
        until_late(bot, "behind-dockerd")
        return bot.diagnose("behind-dockerd")
    finally:
        lab.node1.signal(daemon, "CONT")


def stopped_kubelet(lab: Lab, bot: Bot) -> Json:
    lab.pod("no-kubelet", lab.node2)
    lab.node2.end("kubelet")
    lab.delete("no-kubelet")
    lab.until_ready(lab.node2, ready=False)
    until_late(bot, "no-kubelet")
    found = bot.diagnose("no-kubelet")
    lab.node2.start_kubelet()
    eventually("the pod to go by itself", lambda: not lab.exists("no-kubelet"), 90)
    return found


def test_a_lost_exit_event_with_the_oom_kill_tied_to_the_container(diagnoses: dict[str, Json]) -> None:
    found = diagnoses["lost"]

    assert cause(found) == "docker-lost-exit-event"
    facts = evidence(found)
    assert facts["docker.container.state"] == "running"
    assert facts["containerd.task.status"] == "STOPPED"
    assert facts["process.alive"] is False
    assert facts["kernel.oom_kills.container"] == 1
    assert repairs(found)[:2] == ["container.stop", "shim.reap"]


def test_a_hung_dockerd_with_containerd_still_read(diagnoses: dict[str, Json]) -> None:
    found = diagnoses["behind-dockerd"]

    assert cause(found) == "dockerd-hung"
    assert evidence(found)["docker.process"] == "T"
    assert evidence(found)["containerd.task.status"] == "RUNNING"
    assert evidence(found)["process.state"] == "S"
    assert repairs(found) == ["docker.restart"]


def test_a_stopped_kubelet(diagnoses: dict[str, Json]) -> None:
    found = diagnoses["no-kubelet"]

    assert cause(found) == "kubelet-down"
    assert evidence(found)["kubelet.active"] is False
    assert repairs(found) == ["kubelet.restart"]
