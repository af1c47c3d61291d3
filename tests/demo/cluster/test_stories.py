"""The three stories, as the bot sees them by its own commands, over the wire."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.core.facts import NodeName
from bot.demo.cluster.kinds import PODS
from bot.demo.cluster.stories import BUILD, FINALIZER, STORIES, ZOOKEEPER, Stories
from bot.demo.cluster.town import SILENT_NODE, STUCK_NODE, Town
from bot.edges import kube, ssh

Json = dict[str, Any]

PROGRAM = (Path(__file__).parents[3] / "bot/node/terminating-node").read_bytes()


class Night:
    """The town, its stories and a settings file that points at both."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.stories = Stories(town)
        self.settings = folder / "terminating.yaml"
        self.settings.write_text(json.dumps({"clusters": {"prod-eu": town.settled()}}))
        self.home = folder

    def run(self, *words: str) -> Json:
        runner = CliRunner(env={"HOME": str(self.home), "NO_COLOR": "1"})
        line = (*words, "--config", str(self.settings), "-o", "json")
        done = runner.invoke(app, line, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        found: Json = json.loads(done.stdout)
        return found

    def pod(self, key: tuple[str, str]) -> Json | None:
        return self.town.cluster.registry.store.get(PODS, key)

    def on(self, node: str) -> list[Json]:
        pods = self.town.cluster.registry.store.all(PODS).values()
        return [each for each in pods if each["spec"].get("nodeName") == node]

    def until(self, true: Callable[[], bool], seconds: float = 20) -> float:
        """How long it took."""
        began = datetime.now(UTC)
        while not true():
            assert datetime.now(UTC) - began < timedelta(seconds=seconds), "it did not come about"
            Event().wait(0.05)
        return (datetime.now(UTC) - began).total_seconds()


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with Town(lambda: datetime.now(UTC)) as town:
        yield Night(town, tmp_path)


def test_a_quiet_day_has_nothing_stuck(night: Night) -> None:
    found = night.run("scan")

    assert found["stuck"] == []
    assert found["clusters"][0]["pods"] == len(night.town.cluster.registry.store.all(PODS)) > 50


@pytest.mark.crash
def test_the_founding_night(night: Night) -> None:
    """From what the bot finds, by its plan, to the next pod of that name: its last breath and its first."""
    assert night.stories.begin("lost-exit-event")
    assert not night.stories.begin("lost-exit-event")

    found = night.run("diagnose", "prod/zookeeper0-0")
    plan = night.run("plan", "prod/zookeeper0-0", "shim.reap")["plan"]
    node = night.town.nodes[STUCK_NODE]
    uid = plan["target"]["pod_uid"]
    words = ("do", plan["op"], "shim.reap", node.boot_id, node.machine_id, *plan["words"])
    with ssh.Pool(PROGRAM) as pool:
        pool.ask(target(night), words, timedelta(seconds=30))
    took = night.until(lambda: (night.pod(ZOOKEEPER) or {"metadata": {"uid": ""}})["metadata"]["uid"] != uid)
    night.until(lambda: (night.pod(ZOOKEEPER) or {"status": {"phase": ""}})["status"]["phase"] == "Running")

    assert found["verdict"]["cause"] == "docker-lost-exit-event"
    evidence = {each["fact"]: each["value"] for each in found["verdict"]["evidence"]}
    assert evidence["docker.container.state"] == "running"
    assert evidence["containerd.task.status"] == "STOPPED"
    assert evidence["process.alive"] is False
    assert evidence["kernel.oom_kills.container"] == 1
    assert evidence["kubelet.stop_timeouts"] >= 20
    assert found["verdict"]["repairs"][0]["id"] == "shim.reap"
    assert plan["target"]["boot_id"] == node.boot_id
    assert plan["touches"]["others"] == len(night.on(STUCK_NODE)) - 1
    assert 8 < took < 15
    after = night.pod(ZOOKEEPER)
    assert after is not None
    assert after["spec"]["nodeName"] == STUCK_NODE
    assert node.containers(uid) == ()
    assert night.stories.begin("lost-exit-event")


def test_a_force_delete_hides_it_and_does_not_end_it(night: Night) -> None:
    night.stories.begin("lost-exit-event")
    stuck = night.pod(ZOOKEEPER)
    assert stuck is not None
    uid = stuck["metadata"]["uid"]
    edge = kube.connect("prod-eu", night.town.cluster.kubeconfig, None)

    assert edge.force_delete_pod(*ZOOKEEPER, uid).outcome == "done"
    edge.close()
    night.until(lambda: (night.pod(ZOOKEEPER) or {"status": {"phase": ""}})["status"]["phase"] == "Running")

    left = night.town.nodes[STUCK_NODE].containers(uid)
    assert [each.docker for each in left] == ["exited", "running"]


def test_a_build_is_held_by_its_finalizer_alone(night: Night) -> None:
    assert night.stories.begin("finalizer")
    assert not night.stories.begin("finalizer")

    found = night.run("diagnose", "/".join(BUILD))
    scanned = night.run("scan")["stuck"]
    plan = night.run("plan", "/".join(BUILD), "finalizer.remove")["plan"]
    edge = kube.connect("prod-eu", night.town.cluster.kubeconfig, None)
    removed = edge.remove_finalizer(*BUILD, plan["target"]["pod_uid"], FINALIZER)
    edge.close()

    assert found["verdict"]["cause"] == "finalizer-pending"
    assert [(each["name"], each["hold"], each["owner"]) for each in scanned] == [
        ("build-8812", f"finalizer/{FINALIZER}", "Job/build-8812")
    ]
    assert removed.outcome == "done"
    assert night.pod(BUILD) is None
    assert night.stories.begin("finalizer")


def test_a_controller_that_comes_back_lets_the_build_go(night: Night) -> None:
    assert not night.stories.begin("controller-returns")
    night.stories.begin("finalizer")

    assert night.stories.begin("controller-returns")
    assert night.pod(BUILD) is None
    assert night.run("scan")["stuck"] == []


def test_forty_pods_wait_for_a_node_that_went_silent(night: Night) -> None:
    assert night.stories.begin("silent-node")
    assert not night.stories.begin("silent-node")

    scanned = night.run("scan")["stuck"]
    first = scanned[0]
    found = night.run("diagnose", f"{first['namespace']}/{first['name']}")

    assert len(scanned) == 40
    assert {each["hold"] for each in scanned} == {f"node/{SILENT_NODE}"}
    assert found["verdict"]["cause"] == "node-notready-or-unreachable"
    assert found["verdict"]["repairs"] == []


def test_a_node_that_comes_back_ends_what_waited(night: Night) -> None:
    assert not night.stories.begin("node-returns")
    night.stories.begin("silent-node")

    assert night.stories.begin("node-returns")
    night.until(lambda: all("deletionTimestamp" not in each["metadata"] for each in night.on(SILENT_NODE)))

    assert night.run("scan")["stuck"] == []


def test_each_story_is_told_and_begins(night: Night) -> None:
    assert [night.stories.begin(each.id) for each in STORIES] == [True] * len(STORIES)
    with pytest.raises(KeyError):
        night.stories.begin("another")


def target(night: Night) -> ssh.Target:
    login, node = night.town.login, night.town.nodes[STUCK_NODE]
    return ssh.Target(
        name=NodeName(node.name),
        host="127.0.0.1",
        port=node.port,
        user=login.user,
        key=login.key,
        known_hosts=(login.known_hosts,),
        become="none",
        program="piped",
    )
