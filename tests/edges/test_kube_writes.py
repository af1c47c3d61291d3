"""Writes at the wire: each bound to a UID, sent once, and its answer taken for what it says and no more."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bot.core.acts import Acted
from bot.core.facts import NodeName, PodUid
from bot.core.load import NodeLoad
from bot.edges import kube
from tests.edges.fake_apiserver import FakeApiServer, Object, send
from tests.edges.kube_parts import (
    BUDGETS,
    NODE_UID,
    OLD_BUDGETS,
    POD,
    PODS,
    controller,
    one_stuck_pod,
    pod,
    serving,
)

UID = PodUid("uid-web-7")
NODE = NodeName("node1")


@pytest.fixture
def fake() -> FakeApiServer:
    return one_stuck_pod()


@pytest.fixture
def cluster(fake: FakeApiServer, tmp_path: Path) -> Iterator[kube.Cluster]:
    with serving(tmp_path, fake) as cluster:
        yield cluster


def test_a_pod_is_asked_for_again_with_its_own_grace(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.objects[PODS] = [pod("web-7")]

    assert cluster.delete_pod("prod", "web-7", UID).outcome == "done"
    assert fake.effects == [("delete marked", UID)]


def test_a_force_delete_takes_the_object_unless_a_finalizer_holds_it(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    fake.objects[PODS] = [pod("web-7", late_s=300), pod("held", late_s=300, finalizers=["a/b"])]

    assert cluster.force_delete_pod("prod", "web-7", UID).outcome == "done"
    assert cluster.force_delete_pod("prod", "held", PodUid("uid-held")).outcome == "done"

    assert fake.effects == [("delete removed", UID), ("delete marked", "uid-held")]
    assert [each["metadata"]["name"] for each in fake.objects[PODS]] == ["held"]


@pytest.mark.parametrize("force", [True, False])
def test_another_pod_of_that_name_is_never_deleted(cluster: kube.Cluster, fake: FakeApiServer, force: bool) -> None:
    """Swapped between what we read and what we send, in 100 interleavings each."""
    rounds = iter(range(10_000))

    def swap() -> None:
        fake.objects[PODS] = [pod("web-7", late_s=300, uid=f"another-{next(rounds)}")]

    fake.swap = swap
    delete = cluster.force_delete_pod if force else cluster.delete_pod
    answers = {delete("prod", "web-7", UID) for _ in range(100)}

    assert fake.effects == []
    assert {(each.outcome, each.why) for each in answers} == {
        ("not-done", "it is another object of that name now, or it changed meanwhile")
    }


def test_what_is_gone_is_not_deleted_twice(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    cluster.force_delete_pod("prod", "web-7", UID)

    again = cluster.force_delete_pod("prod", "web-7", UID)

    assert (again.outcome, again.why) == ("not-done", "the object is gone")
    assert len(fake.effects) == 1


def test_one_finalizer_is_removed_wherever_it_stands(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.objects[PODS] = [pod("web-7", late_s=300, finalizers=["a/b", "c/d", "e/f"])]

    assert cluster.remove_finalizer("prod", "web-7", UID, "c/d").outcome == "done"
    assert fake.objects[PODS][0]["metadata"]["finalizers"] == ["a/b", "e/f"]


@pytest.mark.parametrize("now", [["c/d", "a/b"], ["x/y"], []])
def test_a_list_of_finalizers_that_changed_meanwhile_is_left_alone(
    cluster: kube.Cluster, fake: FakeApiServer, now: list[str]
) -> None:
    fake.objects[PODS] = [pod("web-7", late_s=300, finalizers=["a/b", "c/d"])]

    def swap() -> None:
        fake.objects[PODS][0]["metadata"]["finalizers"] = now

    fake.swap = swap
    answer = cluster.remove_finalizer("prod", "web-7", UID, "c/d")

    assert answer.outcome == "not-done"
    assert fake.effects == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"uid": "another"}, "it is not as it was any more: the test of the change failed"),
        ({"finalizers": ["x/y"]}, "the pod has no finalizer c/d"),
        ({"finalizers": None}, "the pod has no finalizer c/d"),
        ({"name": "web-8"}, "the pod is gone"),
    ],
)
def test_a_finalizer_is_removed_from_exactly_that_pod(
    cluster: kube.Cluster, fake: FakeApiServer, change: Object, why: str
) -> None:
    fake.objects[PODS] = [pod("web-7", late_s=300, finalizers=["c/d"])]
    fake.objects[PODS][0]["metadata"] |= change

    answer = cluster.remove_finalizer("prod", "web-7", UID, "c/d")

    assert (answer.outcome, answer.why) == ("not-done", why)
    assert fake.effects == []


def test_a_node_is_cordoned_and_uncordoned_once(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    outcomes = [
        cluster.cordon(NODE, NODE_UID, unschedulable=wanted).outcome for wanted in (False, True, True, False, False)
    ]

    assert outcomes == ["not-done", "done", "not-done", "done", "not-done"]
    assert len(fake.effects) == 2
    assert cluster.cordon(NODE, "another", unschedulable=True).why == "the node is another one than approved"


def test_the_identities_of_a_node_are_read(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    node = fake.objects["/api/v1/nodes"][0]
    node["status"]["nodeInfo"] |= {"bootID": "b-1", "machineID": "4C4C4544-0034-5210-8053-B4C04F4D3132"}

    found = cluster.node(NODE)

    assert (found.uid, found.boot_id, found.unschedulable) == (NODE_UID, "b-1", False)
    assert found.machine_id == "4c4c4544003452108053b4c04f4d3132"
    assert cluster.uid() == "uid-of-the-cluster"


# what the answer means


@pytest.mark.parametrize(
    ("cut", "outcome", "effects"), [("before", "unknown", 0), ("after", "unknown", 1), ("", "done", 1)]
)
def test_a_lost_reply_is_not_known_and_never_sent_again(
    cluster: kube.Cluster, fake: FakeApiServer, cut: str, outcome: str, effects: int
) -> None:
    fake.cuts = cut

    answer = cluster.force_delete_pod("prod", "web-7", UID)

    assert answer.outcome == outcome
    assert len(fake.effects) == effects
    assert len([each for each in fake.asked if each.verb == "delete"]) == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "done"),
        (202, "done"),
        (400, "not-done"),
        (401, "not-done"),
        (403, "not-done"),
        (404, "not-done"),
        (405, "not-done"),
        (409, "not-done"),
        (410, "not-done"),
        (422, "not-done"),
        (429, "not-done"),
        (300, "unknown"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "unknown"),
        (504, "unknown"),
        (599, "unknown"),
    ],
)
def test_each_status_means_one_thing(cluster: kube.Cluster, fake: FakeApiServer, status: int, outcome: str) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, status, b'{"message": "no \\u001b[31m<!channel>"}', fake.date)

    fake.instead[f"delete {POD}"] = answer

    got = cluster.delete_pod("prod", "web-7", UID)

    assert got.outcome == outcome
    assert all(text.isprintable() for text in (got.why, *got.said))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"message": 7}', b'"x"', b"[" * 50_000])
def test_whatever_the_body_of_a_refusal_it_is_one(cluster: kube.Cluster, fake: FakeApiServer, body: bytes) -> None:
    fake.instead[f"delete {POD}"] = lambda handler: send(handler, 403, body, fake.date)

    assert cluster.delete_pod("prod", "web-7", UID).outcome == "not-done"


def test_a_server_that_never_answers_leaves_it_unknown(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    over = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        over.wait(5)

    fake.instead[f"delete {POD}"] = wait

    answer = cluster.delete_pod("prod", "web-7", UID)
    over.set()

    assert answer.outcome == "unknown"
    assert "ReadTimeoutError" in answer.why


def test_nobody_listening_means_nothing_was_sent(tmp_path: Path, fake: FakeApiServer) -> None:
    with serving(tmp_path, fake) as cluster:
        pass

    assert cluster.delete_pod("prod", "web-7", UID) == Acted(
        "not-done", "nothing was sent: no connection: Connection refused"
    )


def test_a_name_that_kubernetes_does_not_give_is_never_sent(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    assert cluster.delete_pod("prod", "../nodes/node1", UID).outcome == "not-done"
    assert fake.asked == []


# what else is on the node


def test_the_load_of_a_node_in_numbers_and_names(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    kafka = controller("apps/v1", "StatefulSet", "kafka")
    web = controller("apps/v1", "ReplicaSet", "web")
    elsewhere = pod("web-2", ownerReferences=[web])
    elsewhere["spec"]["nodeName"] = "node2"
    finished = pod("done", ownerReferences=[controller("batch/v1", "Job", "j")])
    finished["status"]["phase"] = "Succeeded"
    fake.objects[PODS] = [
        pod("kafka-0", ownerReferences=[kafka], labels={"app": "kafka"}),
        pod("web-1", ownerReferences=[web], labels={"app": "web"}),
        elsewhere,
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


def _budget(name: str, allowed: int, selector: Object | None, namespace: str = "prod") -> Object:
    spec = {} if selector is None else {"selector": selector}
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}"}
    return {"metadata": metadata, "spec": spec, "status": {"disruptionsAllowed": allowed}}
