"""The same conversations with the fake API server and with a real one: what is done, refused and counted."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.acts import Acted
from bot.core.facts import NodeName, PodUid
from bot.core.load import NodeLoad
from bot.edges import kube
from bot.edges.kube import writes
from bot.ports import Missing
from tests.bench.bare_apiserver import TOKEN as REAL_TOKEN
from tests.bench.bare_apiserver import bare_apiserver, missing
from tests.edges.fake_apiserver import TOKEN, FakeApiServer, Object, certificate, kubeconfig
from tests.edges.kube_parts import OLD_BUDGETS, PODS, controller

NODE = NodeName("node1")
NODES = "/api/v1/nodes"
DEFAULT = "default"
FINALIZERS = ["example.com/a", "example.com/b", "example.com/c"]


@dataclass(slots=True)
class World:
    """A cluster without nodes that work, and a way past the edge to put things into it."""

    url: str
    token: str
    ca: Path
    cluster: kube.Cluster
    fake: FakeApiServer | None

    def make(self, collection: str, content: Object) -> PodUid:
        """Its UID."""
        metadata = content["metadata"]
        if self.fake is not None:
            metadata["uid"] = f"uid-{metadata['name']}"
            self.fake.objects.setdefault(collection, []).append(content)
            return PodUid(metadata["uid"])
        place, _, kind = collection.rpartition("/")
        where = f"{place}/namespaces/{DEFAULT}/{kind}" if "namespace" in metadata else collection
        return PodUid(self._asked("POST", where, content)["metadata"]["uid"])

    def metadata(self, path: str) -> Object:
        found: Object = self._asked("GET", path)["metadata"]
        return found

    def pod(self, name: str, *, node: str = NODE, spec: Object | None = None, **metadata: object) -> PodUid:
        container = {"name": "main", "image": "x"}
        whole = {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 30, **(spec or {})}
        names = {"name": name, "namespace": DEFAULT, **metadata}
        return self.make(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": names, "spec": whole})

    def gone(self, name: str) -> bool:
        with suppress(Missing):
            self.cluster.pod(DEFAULT, name)
            return False
        return True

    def _asked(self, verb: str, path: str, content: Object | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        body = json.dumps(content).encode() if content is not None else None
        request = urllib.request.Request(self.url + path, body, headers, method=verb)  # noqa: S310  # https to loopback
        context = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:  # noqa: S310  # the same
            return json.load(answer)


@pytest.fixture(
    scope="module",
    params=[
        "fake",
        pytest.param("real", marks=[pytest.mark.lab, pytest.mark.skipif(missing() != "", reason=missing())]),
    ],
)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with ExitStack() as running:
        if request.param == "real":
            real = running.enter_context(bare_apiserver(folder))
            url, token, ca, config, fake = real.url, REAL_TOKEN, real.ca, real.kubeconfig, None
        else:
            fake = FakeApiServer(objects={"/api/v1/namespaces": [{"metadata": {"name": "kube-system", "uid": "u"}}]})
            made = certificate(folder)
            server = fake.serve(made)
            running.callback(server.server_close)
            running.callback(server.shutdown)
            url, token, ca, config = fake.url, TOKEN, made.file, kubeconfig(folder, fake.url, made.file)
        cluster = kube.connect("here", config, None, limit=timedelta(seconds=20))
        running.callback(cluster.close)
        yield World(url, token, ca, cluster, fake)


def test_a_cluster_has_the_uid_of_its_kube_system(world: World) -> None:
    assert world.cluster.uid() == world.metadata("/api/v1/namespaces/kube-system")["uid"]


def test_a_delete_marks_a_pod_and_a_second_one_changes_nothing(world: World) -> None:
    uid = world.pod("asked-twice")
    path = f"/api/v1/namespaces/{DEFAULT}/pods/asked-twice"

    first = world.cluster.delete_pod(DEFAULT, "asked-twice", uid)
    marked = world.metadata(path)
    second = world.cluster.delete_pod(DEFAULT, "asked-twice", uid)

    assert first == second == Acted("done", "the API server did it (HTTP 200)")
    assert marked["deletionGracePeriodSeconds"] == 30
    assert world.metadata(path) == marked


@pytest.mark.parametrize("before", ["delete", "nothing"])
def test_a_force_delete_takes_the_object_at_once_and_only_once(world: World, before: str) -> None:
    name = f"forced-after-{before}"
    uid = world.pod(name)
    if before == "delete":
        world.cluster.delete_pod(DEFAULT, name, uid)

    assert world.cluster.force_delete_pod(DEFAULT, name, uid).outcome == "done"
    assert world.gone(name)
    again = world.cluster.force_delete_pod(DEFAULT, name, uid)
    assert (again.outcome, again.why) == ("not-done", "the pod is gone")


@pytest.mark.parametrize("force", [True, False])
def test_another_pod_of_that_name_is_left_alone(world: World, *, force: bool) -> None:
    name = f"another-{force}".lower()
    world.pod(name)
    delete = world.cluster.force_delete_pod if force else world.cluster.delete_pod

    refused = delete(DEFAULT, name, PodUid("00000000-0000-4000-8000-000000000000"))

    assert (refused.outcome, refused.why) == ("not-done", "another pod has that name now")
    assert "UID in" in refused.said[0]
    assert world.cluster.pod(DEFAULT, name).pod.deadline is None


def test_a_pod_that_no_node_has_goes_at_once(world: World) -> None:
    uid = world.pod("unplaced", node="")

    assert world.cluster.delete_pod(DEFAULT, "unplaced", uid).outcome == "done"
    assert world.gone("unplaced")


def test_finalizers_outlive_a_force_delete_and_are_taken_off_one_by_one(world: World) -> None:
    uid = world.pod("held", finalizers=list(FINALIZERS))
    remove = world.cluster.remove_finalizer

    assert world.cluster.force_delete_pod(DEFAULT, "held", uid).outcome == "done"
    left = []
    for each in (FINALIZERS[1], FINALIZERS[0]):
        assert remove(DEFAULT, "held", uid, each).outcome == "done"
        left.append(world.cluster.pod(DEFAULT, "held").pod.finalizers)
    assert remove(DEFAULT, "held", uid, FINALIZERS[1]).why == f"the pod has no finalizer {FINALIZERS[1]}"
    assert left == [(FINALIZERS[0], FINALIZERS[2]), (FINALIZERS[2],)]

    assert remove(DEFAULT, "held", uid, FINALIZERS[2]).outcome == "done"
    assert world.gone("held")
    assert remove(DEFAULT, "held", uid, FINALIZERS[2]) == Acted("not-done", "the pod is gone")


@pytest.mark.parametrize(
    ("stale", "outcome"),
    [
        ({"finalizers": ("example.com/b", "example.com/a")}, "not-done"),
        ({"finalizers": ("x", "y", "z", "example.com/a")}, "not-done"),
        ({"uid": PodUid("00000000-0000-4000-8000-000000000000")}, "not-done"),
        ({}, "done"),
    ],
)
def test_a_patch_for_what_has_changed_since_does_not_apply(world: World, stale: Object, outcome: str) -> None:
    name = f"stale-{len(str(stale))}"
    world.pod(name, finalizers=["example.com/a", "example.com/b"])
    found = replace(world.cluster.pod(DEFAULT, name).pod, **stale)

    acted = writes.remove_finalizer(world.cluster._server, found, found.uid, "example.com/a")

    assert acted.outcome == outcome
    if outcome == "not-done":
        assert acted.said == ("HTTP 422: the server rejected our request due to an error in our request",)
        assert world.cluster.pod(DEFAULT, name).pod.finalizers == ("example.com/a", "example.com/b")


def test_a_node_is_cordoned_and_uncordoned(world: World) -> None:
    node = NodeName("to-cordon")
    uid = world.make(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}, "spec": {}})
    changes = [world.cluster.cordon(node, uid, unschedulable=wanted) for wanted in (False, True, True, False)]

    assert [(each.outcome, each.why) for each in changes] == [
        ("not-done", "it is not cordoned"),
        ("done", "the API server did it (HTTP 200)"),
        ("not-done", "it is already cordoned"),
        ("done", "the API server did it (HTTP 200)"),
    ]
    assert [each.said for each in changes if each.outcome == "done"] == [
        ("it was schedulable before",),
        ("it was cordoned before",),
    ]
    assert world.cluster.node(node).unschedulable is False


def test_what_is_on_a_node_is_counted(world: World) -> None:
    world.make(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "busy"}, "spec": {}})
    kafka, web = (controller("apps/v1", kind, name) for kind, name in (("StatefulSet", "kafka"), ("ReplicaSet", "web")))
    world.pod("kafka-0", node="busy", ownerReferences=[kafka], labels={"app": "kafka"})
    world.pod("web-a", node="busy", ownerReferences=[web], labels={"app": "web"})
    world.pod("web-b", node="elsewhere", ownerReferences=[web], labels={"app": "web"})
    world.pod("alone", node="busy")
    for name, selector in (("kafka", {"matchLabels": {"app": "kafka"}}), ("others", {"matchLabels": {"app": "x"}})):
        world.make(
            OLD_BUDGETS,
            {
                "apiVersion": "policy/v1beta1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": name, "namespace": DEFAULT},
                "spec": {"minAvailable": 1, "selector": selector},
            },
        )

    assert world.cluster.load(NodeName("busy")) == NodeLoad(
        pods=3,
        stateful=("StatefulSet/kafka",),
        alone=("default/alone",),
        single=("default/StatefulSet/kafka",),
        budgets_at_zero=("default/kafka",),
    )
