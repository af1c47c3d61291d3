"""The Kubernetes edge at the wire: what it asks, what it makes of the answers, and every way in which they fail."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bot.core.facts import ContainerId, Facts, Known, NodeName, PodUid
from bot.core.rights import granted
from bot.edges import kube
from bot.edges.kube.requests import REQUESTS, Request
from bot.ports import Garbled, Missing, Outage, Refused, TimedOut, Unreachable
from tests.edges.fake_apiserver import METADATA_ONLY, NOW, Act, Asked, FakeApiServer, send
from tests.edges.kube_parts import BUDGETS, ID, NODE_UID, POD, PODS, controller, one_stuck_pod, pod, serving


@pytest.fixture
def fake() -> FakeApiServer:
    return one_stuck_pod()


@pytest.fixture
def cluster(tmp_path: Path, fake: FakeApiServer) -> Iterator[kube.Cluster]:
    with serving(tmp_path, fake) as cluster:
        yield cluster


def value(facts: Facts, name: str) -> object:
    answer = facts[name].answer
    return answer.value if isinstance(answer, Known) else f"? {answer.why}"


def answering(body: bytes, status: int = 200, date: str | None = "Mon, 23 Nov 2026 20:30:00 GMT") -> Act:
    return lambda handler: send(handler, status, body, date)


# -- the list


def test_only_the_pods_with_a_deadline_are_kept_and_all_are_counted(cluster: kube.Cluster) -> None:
    sweep = cluster.deleting()

    assert sweep.total == 4
    assert [each.full_name for each in sweep.pods] == ["prod/web-7", "prod/web-8", "prod/web-9"]
    assert sweep.at == NOW
    assert sweep.pods[0].deadline == NOW - timedelta(seconds=300)
    assert sweep.pods[0].grace == timedelta(seconds=30)
    assert sweep.pods[0].owner == "ReplicaSet/web"


def test_the_list_is_asked_for_page_by_page_and_metadata_only(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.objects[PODS] = [pod(f"p-{number}", late_s=number) for number in range(1_234)]

    sweep = cluster.deleting()

    assert (sweep.total, len(sweep.pods)) == (1_234, 1_234)
    assert [each.query["limit"] for each in fake.asked] == ["500", "500", "500"]
    assert all(METADATA_ONLY in each.accept for each in fake.asked)


def test_a_list_that_the_server_sends_whole_is_taken_apart_while_it_arrives(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    fake.caches = True
    words = 'a "},{"kind":"PartialObjectMetadata", in a text' * 20
    fake.objects[PODS] = [
        pod(f"p-{number}", late_s=number if number % 100 == 0 else None, labels={"x": words}) for number in range(9_000)
    ]

    sweep = cluster.deleting()

    assert len(fake.asked) == 1
    assert sweep.total == 9_000
    assert [each.name for each in sweep.pods] == [f"p-{number}" for number in range(0, 9_000, 100)]


def test_whole_pods_in_one_answer_are_understood_too(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.caches, fake.honours_accept = True, False
    fake.objects[PODS] = [pod(f"p-{number}", late_s=1, labels={"x": "y" * 500}) for number in range(4_000)]

    sweep = cluster.deleting()

    assert (sweep.total, len({each.uid for each in sweep.pods})) == (4_000, 4_000)


def test_a_server_that_sends_whole_pods_all_the_same_is_understood(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.honours_accept = False

    assert [each.name for each in cluster.deleting().pods] == ["web-7", "web-8", "web-9"]


def test_a_list_that_expires_while_it_is_read_is_read_again_from_its_start(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    fake.objects[PODS] = [pod(f"p-{number}", late_s=1) for number in range(600)]
    fake.tokens_that_expire = 1

    sweep = cluster.deleting()

    assert (sweep.total, len({each.uid for each in sweep.pods})) == (600, 600)


def test_a_list_that_expires_twice_is_given_up(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.objects[PODS] = [pod(f"p-{number}") for number in range(600)]
    fake.tokens_that_expire = 2

    with pytest.raises(Garbled, match="HTTP 410"):
        cluster.deleting()


def test_an_empty_cluster_has_no_pods(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.instead[PODS] = answering(b'{"metadata": {}, "items": null}')

    assert cluster.deleting() == kube.Sweep(total=0, pods=(), at=NOW)


def test_finalizers_mirrors_and_odd_words_of_the_list_are_read_and_cleaned(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    odd = pod("odd", late_s=1, finalizers=["a\u202eb"], annotations={"kubernetes.io/config.mirror": "x", "y": "z"})
    fake.objects[PODS] = [odd]

    (read,) = cluster.deleting().pods

    assert read.finalizers == ("ab",)
    assert read.mirror


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>please log in</html>",
        b"[]",
        b"{}",
        b'{"metadata": {}, "items": 7}',
        b'{"metadata": {}, "items": [{"metadata": {"name": 7}}]}',
        b'{"metadata": {}, "items": [{"metadata": {"name":"a","namespace":"b","uid":"c","deletionTimestamp":"soon"}}]}',
        b'{"metadata": {}, "items": [{"metadata": {"name":"\xff\xfe","namespace":"b","uid":"c"}}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_list_is_garbled(cluster: kube.Cluster, fake: FakeApiServer, body: bytes) -> None:
    fake.instead[PODS] = answering(body)

    with pytest.raises(Garbled, match="no list"):
        cluster.deleting()


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_without_the_servers_time_nothing_is_judged(
    cluster: kube.Cluster, fake: FakeApiServer, date: str | None
) -> None:
    fake.instead[PODS] = answering(b'{"metadata": {}, "items": []}', date=date)

    with pytest.raises(Garbled, match="date"):
        cluster.deleting()


# -- by name


def test_a_name_is_found_in_every_namespace_deleting_or_not(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.objects[PODS] += [pod("web-10", namespace="test")]

    found = cluster.find("web-10")

    assert [each.full_name for each in found] == ["prod/web-10", "test/web-10"]
    assert [each.full_name for each in cluster.find("web-10", "test")] == ["test/web-10"]
    assert cluster.find("nobody") == ()


@pytest.mark.parametrize("name", ["a,metadata.namespace=b", "A", "", "../secrets", "a" * 254])
def test_a_name_that_no_pod_can_have_is_not_even_asked_for(
    cluster: kube.Cluster, fake: FakeApiServer, name: str
) -> None:
    assert cluster.find(name) == ()
    with pytest.raises(Missing):
        cluster.pod("prod", name)
    assert fake.asked == []


# -- one pod


def test_a_pod_is_one_request_and_says_where_its_containers_are(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    answer = cluster.pod("prod", "web-7")

    assert (answer.pod.node, answer.runtime, answer.pod.containers[0].id) == ("node1", "containerd", ID)
    assert value(answer.facts, "api.pod.overdue_s") == 300
    assert len(fake.asked) == 1


def test_a_pod_that_is_gone_is_missing(cluster: kube.Cluster) -> None:
    with pytest.raises(Missing, match="prod/nobody"):
        cluster.pod("prod", "nobody")


def test_an_answer_that_is_no_pod_is_garbled(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.instead[POD] = answering(b"{}")

    with pytest.raises(Garbled, match="no Pod"):
        cluster.pod("prod", "web-7")


def test_a_node_says_its_address_and_runtime(cluster: kube.Cluster) -> None:
    node = cluster.node(NodeName("node1"))

    assert (node.exists, node.address, node.runtime) == (True, "192.0.2.7", "containerd")


def test_a_node_that_is_not_there_is_an_answer_not_an_outage(cluster: kube.Cluster) -> None:
    assert cluster.node(NodeName("node2")).exists is False


def test_all_around_a_pod_is_known(cluster: kube.Cluster) -> None:
    answers = cluster.around("prod", "web-7")

    assert value(answers.facts, "api.pod.owner") == "ReplicaSet/web, Deployment/web"
    assert value(answers.facts, "api.events.failed_kills") == 3
    assert value(answers.facts, "api.events.last") == "FailedKillPod: error killing pod"
    assert value(answers.facts, "api.pod.attachments") == 1
    assert value(answers.facts, "api.node.terminating_pods") == 2
    assert value(answers.facts, "api.node.ready") is True
    assert value(answers.containers[ContainerId(ID)], "api.container.state") == "running"
    unknown = [fact.name for fact in answers.facts.values() if not isinstance(fact.answer, Known)]
    assert unknown == ["api.node.ready_for_s", "api.pod.qos"]


def test_each_part_that_is_forbidden_is_unknown_with_its_reason_and_the_rest_is_known(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    fake.forbidden = {"events", "nodes", "replicasets", "volumeattachments"}

    facts = cluster.around("prod", "web-7").facts

    assert value(facts, "api.events.failed_kills") == "? no right to list events (HTTP 403)"
    assert value(facts, "api.node.ready") == "? no right to get nodes (HTTP 403)"
    assert value(facts, "api.pod.attachments") == "? no right to list volumeattachments (HTTP 403)"
    assert value(facts, "api.pod.owner") == "ReplicaSet/web"
    assert value(facts, "api.node.terminating_pods") == 2


def test_a_list_that_is_forbidden_leaves_the_neighbours_unknown(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    answer = cluster.pod("prod", "web-7")
    fake.forbidden = {"pods", "persistentvolumeclaims"}

    facts = cluster.rest(answer)

    assert value(facts, "api.node.terminating_pods") == "? no right to list pods (HTTP 403)"
    assert value(facts, "api.pod.attachments") == "? no right to get persistentvolumeclaims (HTTP 403)"


def test_a_pod_without_a_node_or_claims_has_neither_neighbours_nor_attachments(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    bare = {**pod("bare", late_s=300), "spec": {}}
    fake.objects[PODS] = [bare]

    facts = cluster.around("prod", "bare").facts

    assert value(facts, "api.pod.attachments") == 0
    assert value(facts, "api.node.terminating_pods") == "? the pod has no node"
    assert value(facts, "api.node.exists") == "? the pod has no node"


@pytest.mark.parametrize(
    ("owner", "chain"),
    [
        (controller("apps/v1", "StatefulSet", "web"), "StatefulSet/web"),
        (controller("batch/v1", "Job", "web"), "Job/web (gone)"),
        (controller("batch.volcano.sh/v1alpha1", "Job", "web"), "Job/web"),
        ({**controller("apps/v1", "ReplicaSet", "web"), "uid": "uid-of-before"}, "ReplicaSet/web (gone)"),
    ],
)
def test_the_owner_chain_is_followed_by_group_name_and_uid(
    cluster: kube.Cluster, fake: FakeApiServer, owner: dict[str, object], chain: str
) -> None:
    fake.objects[PODS] = [pod("web-7", late_s=300, ownerReferences=[owner])]

    assert value(cluster.around("prod", "web-7").facts, "api.pod.owner") == chain


def test_the_top_owner_may_be_a_replicaset(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    del fake.objects["/apis/apps/v1/replicasets"][0]["metadata"]["ownerReferences"]

    assert value(cluster.around("prod", "web-7").facts, "api.pod.owner") == "ReplicaSet/web"


def test_every_request_on_the_wire_is_one_of_the_closed_list_and_granted(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    fake.objects[PODS] += [
        pod("job-1", late_s=1, ownerReferences=[controller("batch/v1", "Job", "j")]),
        pod("held", late_s=1, finalizers=["example.com/cleanup"]),
    ]

    cluster.deleting()
    cluster.find("web-7")
    cluster.find("web-7", "prod")
    cluster.around("prod", "web-7")
    cluster.around("prod", "job-1")
    cluster.uid()
    cluster.load(NodeName("node1"))
    del fake.objects[BUDGETS]
    cluster.load(NodeName("node1"))
    cluster.remove_finalizer("prod", "held", PodUid("uid-held"), "example.com/cleanup")
    cluster.delete_pod("prod", "web-7", PodUid("uid-web-7"))
    cluster.cordon(NodeName("node1"), NODE_UID, unschedulable=True)

    seen = {request for each in fake.asked for request in REQUESTS if _fits(each, request)}
    assert all(any(_fits(each, request) for request in REQUESTS) for each in fake.asked)
    assert seen == set(REQUESTS)
    assert all(granted(each.verb, each.api_group, each.resource, repairs=True) for each in seen)


def _fits(asked: Asked, request: Request) -> bool:
    words, blanks = asked.path.split("/"), request.path.split("/")
    same = asked.verb == request.verb or (asked.verb == "get" and request.verb == "list")
    return (
        same
        and len(words) == len(blanks)
        and all(blank.startswith("{") or word == blank for word, blank in zip(words, blanks, strict=True))
    )


def test_several_threads_may_ask_at_once(cluster: kube.Cluster) -> None:
    with ThreadPoolExecutor(8) as threads:
        totals = list(threads.map(lambda _: cluster.deleting().total, range(40)))

    assert totals == [4] * 40


# -- refusals and failures of the server


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Refused),
        (403, Refused),
        (429, Refused),
        (404, Missing),
        (410, Garbled),
        (302, Garbled),
        (500, Garbled),
        (502, Unreachable),
        (503, Unreachable),
        (504, TimedOut),
    ],
)
def test_each_status_is_one_kind_of_outage_and_names_itself(
    cluster: kube.Cluster, fake: FakeApiServer, status: int, kind: type[Outage]
) -> None:
    fake.instead[PODS] = answering(b"\x1b[31mhostile\x1b[0m", status)

    with pytest.raises(kind, match=f"HTTP {status}") as raised:
        cluster.deleting()

    assert type(raised.value) is kind
    assert "hostile" not in str(raised.value)


def test_a_missing_right_is_named_as_the_rule_that_grants_it(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.forbidden = {"pods"}

    with pytest.raises(Refused) as raised:
        cluster.deleting()

    assert '{apiGroups: [""], resources: ["pods"], verbs: ["list"]}' in str(raised.value)
    assert "terminating rbac" in str(raised.value)


def test_a_redirect_is_not_followed_with_the_token(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    def away(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", fake.url + POD)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    fake.instead[PODS] = away

    with pytest.raises(Garbled):
        cluster.deleting()
    assert [each.path for each in fake.asked] == [PODS]


def test_a_server_that_says_nothing_is_given_up_in_time(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    def listen(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(1)

    fake.instead[PODS] = listen

    started = time.monotonic()
    with pytest.raises(TimedOut):
        cluster.deleting()

    assert time.monotonic() - started < 3


def test_a_server_that_drips_is_given_up_in_time(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    fake.instead[POD] = drip

    started = time.monotonic()
    with pytest.raises(TimedOut, match="did not end"):
        cluster.pod("prod", "web-7")

    assert time.monotonic() - started < 3


def test_an_answer_that_breaks_off_is_unreachable(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"items": [')
        handler.close_connection = True

    fake.instead[PODS] = cut

    with pytest.raises(Unreachable, match="cut"):
        cluster.deleting()


def test_a_flood_is_cut_at_the_cap(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" " * (1 << 20))

    fake.instead[POD] = flood

    with pytest.raises(Garbled, match="longer than 16 MiB"):
        cluster.pod("prod", "web-7")


def test_an_answer_in_another_encoding_is_garbled(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    def squeezed(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"nope")

    fake.instead[PODS] = squeezed

    with pytest.raises(Garbled):
        cluster.deleting()


def test_a_kept_alive_connection_that_the_server_closed_is_opened_again(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    cut = iter([True])

    def hang_up_once(handler: BaseHTTPRequestHandler) -> None:
        if next(cut, False):
            handler.close_connection = True
        else:
            send(handler, 200, b'{"metadata": {}, "items": []}', fake.date)

    fake.instead[PODS] = hang_up_once

    assert cluster.deleting().total == 0
