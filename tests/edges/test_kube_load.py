"""What else is on a node, counted at the wire from lists of any size, shape and mood."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.facts import NodeName
from bot.core.load import NodeLoad
from bot.edges import kube
from bot.ports import Garbled, Missing, Refused
from tests.edges.fake_apiserver import FakeApiServer, Object, send
from tests.edges.kube_parts import BUDGETS, OLD_BUDGETS, PODS, controller, one_stuck_pod, pod, serving

NODE = NodeName("node1")
KAFKA, WEB = controller("apps/v1", "StatefulSet", "kafka"), controller("apps/v1", "ReplicaSet", "web")


@pytest.fixture
def fake() -> FakeApiServer:
    return one_stuck_pod()


@pytest.fixture
def cluster(fake: FakeApiServer, tmp_path: Path) -> Iterator[kube.Cluster]:
    with serving(tmp_path, fake) as cluster:
        yield cluster


def elsewhere(name: str, *, namespace: str = "prod", **metadata: object) -> Object:
    made = pod(name, late_s=None, namespace=namespace, **metadata)
    made["spec"]["nodeName"] = "node2"
    return made


def test_the_load_of_a_node_in_numbers_and_names(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    finished = pod("done", ownerReferences=[controller("batch/v1", "Job", "j")])
    finished["status"]["phase"] = "Succeeded"
    fake.objects[PODS] = [
        pod("kafka-0", ownerReferences=[KAFKA], labels={"app": "kafka"}),
        pod("web-1", ownerReferences=[WEB], labels={"app": "web"}),
        elsewhere("web-2", ownerReferences=[WEB]),
        pod("alone"),
        finished,
    ]
    fake.objects[BUDGETS] = [
        _budget("zero", 0, {"matchLabels": {"app": "kafka"}}),
        _budget("one", 1, {"matchLabels": {"app": "kafka"}}),
        _budget("others", 0, {"matchLabels": {"app": "nothing"}}),
        _budget("of-another-place", 0, {}, namespace="dev"),
    ]

    assert cluster.load(NODE) == NodeLoad(
        pods=3,
        stateful=("StatefulSet/kafka",),
        alone=("prod/alone",),
        single=("prod/StatefulSet/kafka",),
        budgets_at_zero=("prod/zero",),
    )


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({}, True),
        (None, False),
        ({"matchLabels": {"app": "web", "tier": "x"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "OfTomorrow"}]}, True),
        ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
    ],
)
def test_which_pods_a_budget_fits(
    cluster: kube.Cluster, fake: FakeApiServer, selector: Object | None, fits: bool
) -> None:
    fake.objects[PODS] = [pod("web-1", labels={"app": "web"})]
    fake.objects[BUDGETS] = [_budget("b", 0, selector)]

    assert cluster.load(NODE).budgets_at_zero == (("prod/b",) if fits else ())


def test_the_budgets_of_an_older_cluster_are_read_by_its_rules(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    """Up to 1.20 there is only v1beta1, where an empty selector takes no pod."""
    del fake.objects[BUDGETS]
    fake.objects[PODS] = [pod("web-1", labels={"app": "web"})]
    fake.objects[OLD_BUDGETS] = [_budget("empty", 0, {}), _budget("zero", 0, {"matchLabels": {"app": "web"}})]

    assert cluster.load(NODE).budgets_at_zero == ("prod/zero",)


def test_a_node_with_nothing_on_it_is_not_counted_against_the_whole_cluster(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    fake.objects[PODS] = [elsewhere("web-1", ownerReferences=[WEB])]
    fake.objects[BUDGETS] = [_budget("all", 0, {})]

    assert cluster.load(NODE) == NodeLoad(pods=0, stateful=(), alone=(), single=(), budgets_at_zero=())
    assert [each.path for each in fake.asked] == [PODS, BUDGETS]


def test_one_name_in_two_namespaces_or_of_two_kinds_is_not_one_controller(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    fake.objects[PODS] = [
        pod("web-1", ownerReferences=[WEB]),
        elsewhere("web-1", namespace="dev", ownerReferences=[WEB]),
        elsewhere("web-2", ownerReferences=[controller("batch/v1", "Job", "web")]),
    ]

    assert cluster.load(NODE).single == ("prod/ReplicaSet/web",)


def test_an_owner_that_does_not_control_starts_nothing_again(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.objects[PODS] = [pod("web-1", ownerReferences=[{**WEB, "controller": False}])]

    assert cluster.load(NODE).alone == ("prod/web-1",)


@pytest.mark.parametrize("owners", [[], [controller("v1", "Node", "node1")]])
def test_a_static_pod_is_neither_alone_nor_single(
    cluster: kube.Cluster, fake: FakeApiServer, owners: list[Object]
) -> None:
    mirror = {"kubernetes.io/config.mirror": "hash"}
    fake.objects[PODS] = [pod("etcd-node1", annotations=mirror, ownerReferences=owners)]

    assert cluster.load(NODE) == NodeLoad(pods=1, stateful=(), alone=(), single=(), budgets_at_zero=())


@pytest.mark.parametrize("caches", [True, False])
def test_a_big_cluster_is_counted_whole(cluster: kube.Cluster, fake: FakeApiServer, *, caches: bool) -> None:
    fake.caches = caches
    fake.objects[PODS] = [
        *(elsewhere(f"other-{number}", ownerReferences=[controller("v1", "R", "r")]) for number in range(1_200)),
        pod("web-1", ownerReferences=[WEB]),
        *(pod(f"kafka-{number}", ownerReferences=[KAFKA]) for number in range(700)),
    ]

    load = cluster.load(NODE)

    assert (load.pods, load.single, load.stateful) == (701, ("prod/ReplicaSet/web",), ("StatefulSet/kafka",))


def test_a_list_that_expires_while_it_is_counted_is_counted_once(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    others = [elsewhere(f"other-{number}") for number in range(600)]
    fake.objects[PODS] = [pod("web-1", ownerReferences=[WEB]), *others]
    fake.tokens_that_expire = 1

    assert cluster.load(NODE).single == ("prod/ReplicaSet/web",)


def test_a_budget_that_its_controller_has_not_seen_allows_nothing(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.objects[BUDGETS] = [{**_budget("new", 0, {}), "status": {}}, _budget("bare", 0, {})]
    del fake.objects[BUDGETS][1]["status"]

    assert cluster.load(NODE).budgets_at_zero == ("prod/bare", "prod/new")


def test_names_of_what_is_there_are_cleaned(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    evil = controller("apps/v1", "StatefulSet", "k\u202e\x1b[31mafka\n")
    fake.objects[PODS] = [pod("web-1", ownerReferences=[evil])]

    load = cluster.load(NODE)

    assert (load.stateful, load.single) == (("StatefulSet/kafka",), ("prod/StatefulSet/kafka",))


@pytest.mark.parametrize("resource", ["pods", "poddisruptionbudgets"])
def test_what_may_not_be_counted_is_not_guessed(cluster: kube.Cluster, fake: FakeApiServer, resource: str) -> None:
    fake.forbidden = {resource}

    with pytest.raises(Refused, match=f"no right to list {resource}"):
        cluster.load(NODE)


def test_a_cluster_without_any_budgets_api_is_an_outage(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    del fake.objects[BUDGETS], fake.objects[OLD_BUDGETS]

    with pytest.raises(Missing, match="list poddisruptionbudgets"):
        cluster.load(NODE)


@pytest.mark.parametrize(
    "item",
    [
        b"7",
        b"{}",
        b'{"metadata": {}}',
        b'{"metadata": {"name": 7, "namespace": "a"}, "spec": {}}',
        b'{"metadata": {"name": "b", "namespace": "a"}, "spec": {"selector": {"matchLabels": ["x"]}}}',
        b'{"metadata": {"name": "\xff", "namespace": "a"}, "spec": {}}',
    ],
)
def test_an_item_that_cannot_be_read_makes_the_whole_count_unknown(
    cluster: kube.Cluster, fake: FakeApiServer, item: bytes
) -> None:
    body = b'{"metadata": {}, "items": [%s]}' % item
    fake.instead[BUDGETS] = lambda handler: send(handler, 200, body, fake.date)

    with pytest.raises(Garbled, match="list poddisruptionbudgets"):
        cluster.load(NODE)


def _budget(name: str, allowed: int, selector: Object | None, namespace: str = "prod") -> Object:
    spec = {} if selector is None else {"selector": selector}
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}"}
    return {"metadata": metadata, "spec": spec, "status": {"disruptionsAllowed": allowed}}
