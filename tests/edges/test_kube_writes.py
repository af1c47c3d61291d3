"""Writes at the wire: each bound to a UID, sent at most once, and its answer taken for what it says and no more."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from itertools import count, cycle
from pathlib import Path

import pytest

from bot.core.acts import Acted
from bot.core.facts import NodeName, PodUid
from bot.edges import kube
from bot.ports import Garbled, Missing, Refused
from tests.edges.fake_apiserver import Act, FakeApiServer, Object, certificate, kubeconfig, send
from tests.edges.kube_parts import NODE_UID, POD, PODS, SHORT, one_stuck_pod, pod, serving

UID = PodUid("uid-web-7")
NODE = NodeName("node1")
ROUNDS = 200


@pytest.fixture
def fake() -> FakeApiServer:
    return one_stuck_pod()


@pytest.fixture
def cluster(fake: FakeApiServer, tmp_path: Path) -> Iterator[kube.Cluster]:
    with serving(tmp_path, fake) as cluster:
        yield cluster


@pytest.fixture
def patient(fake: FakeApiServer, tmp_path: Path) -> Iterator[kube.Cluster]:
    """For many rounds: that one of them is slow on a busy machine is no part of what they show."""
    with serving(tmp_path, fake, timedelta(seconds=20)) as cluster:
        yield cluster


def answering(status: int, body: bytes = b"") -> Act:
    return lambda handler: send(handler, status, body, None)


# -- what is done, and to which object


def test_a_pod_is_asked_for_again_with_its_own_grace(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.objects[PODS] = [pod("web-7")]

    assert cluster.delete_pod("prod", "web-7", UID) == Acted("done", "the API server did it (HTTP 200)")
    assert fake.effects == [("delete marked", UID)]
    assert fake.objects[PODS][0]["metadata"]["deletionTimestamp"] == "2026-11-23T20:30:30Z"


def test_a_pod_that_is_being_deleted_is_as_it_was_after_another_delete(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    assert cluster.delete_pod("prod", "web-7", UID).outcome == "done"
    assert fake.effects == []


def test_a_force_delete_takes_the_object_unless_a_finalizer_holds_it(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    fake.objects[PODS] = [pod("web-7", late_s=300), pod("held", late_s=300, finalizers=["a/b"])]

    assert cluster.force_delete_pod("prod", "web-7", UID).outcome == "done"
    assert cluster.force_delete_pod("prod", "held", PodUid("uid-held")).outcome == "done"

    assert fake.effects == [("delete removed", UID), ("delete marked", "uid-held")]
    assert [each["metadata"]["name"] for each in fake.objects[PODS]] == ["held"]


@pytest.mark.parametrize("force", [True, False])
def test_a_pod_that_was_recreated_just_before_the_delete_is_left_alone(
    patient: kube.Cluster, fake: FakeApiServer, *, force: bool
) -> None:
    """Swapped between what was read and what is looked at, each time."""
    uids = count()

    def swap() -> None:
        fake.objects[PODS] = [pod("web-7", late_s=300, uid=f"another-{next(uids)}")]

    delete = patient.force_delete_pod if force else patient.delete_pod
    answers = set()
    for _ in range(ROUNDS):
        read = patient.pod("prod", "web-7").pod.uid
        fake.swap = swap
        acted = delete("prod", "web-7", read)
        answers.add((acted.outcome, acted.why))
        fake.swap = None

    assert answers == {("not-done", "another pod has that name now")}
    assert fake.effects == []


def test_whenever_pods_are_recreated_only_those_that_were_read_are_deleted(
    patient: kube.Cluster, fake: FakeApiServer
) -> None:
    """A controller that deletes and recreates at any moment, beside us."""
    uids, over, uneven_s = count(), threading.Event(), cycle((0.0005, 0.004, 0.12, 0.001, 0.002))

    def recreate() -> None:
        while not over.is_set():
            with fake.turn:
                fake.objects[PODS] = [pod("web-7", uid=f"uid-{next(uids)}")]
            over.wait(next(uneven_s))

    controller = threading.Thread(target=recreate)
    controller.start()
    approved, done = set(), set()
    try:
        for _ in range(ROUNDS):
            try:
                read = patient.pod("prod", "web-7").pod.uid
            except Missing:
                continue
            approved.add(read)
            if patient.force_delete_pod("prod", "web-7", read).outcome == "done":
                done.add(read)
    finally:
        over.set()
        controller.join()

    assert {uid for _, uid in fake.effects} == done <= approved
    assert 0 < len(done) < len(approved), "both happened"


def test_what_is_gone_is_not_deleted_twice(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    cluster.force_delete_pod("prod", "web-7", UID)

    again = cluster.force_delete_pod("prod", "web-7", UID)

    assert (again.outcome, again.why) == ("not-done", "the pod is gone")
    assert len(fake.effects) == 1


def test_one_finalizer_is_removed_wherever_it_stands(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.objects[PODS] = [pod("web-7", late_s=300, finalizers=["a/b", "c/d", "e/f"])]

    assert cluster.remove_finalizer("prod", "web-7", UID, "c/d").outcome == "done"
    assert fake.objects[PODS][0]["metadata"]["finalizers"] == ["a/b", "e/f"]


@pytest.mark.parametrize("now", [["c/d", "a/b"], ["x/y"], [], None])
def test_a_list_of_finalizers_that_changed_meanwhile_is_left_alone(
    cluster: kube.Cluster, fake: FakeApiServer, now: list[str] | None
) -> None:
    fake.objects[PODS] = [pod("web-7", late_s=300, finalizers=["a/b", "c/d"])]

    def swap() -> None:
        fake.objects[PODS][0]["metadata"]["finalizers"] = now

    fake.swap = swap
    answer = cluster.remove_finalizer("prod", "web-7", UID, "c/d")

    assert (answer.outcome, answer.why) == (
        "not-done",
        "the pod is no longer as it was just read, or the change is not valid",
    )
    assert fake.effects == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"uid": "another"}, "another pod has that name now"),
        ({"finalizers": ["x/y"]}, "the pod has no finalizer c/d"),
        ({"finalizers": None}, "the pod has no finalizer c/d"),
        ({"name": "web-8"}, "the pod is gone"),
    ],
)
def test_a_finalizer_is_removed_from_exactly_that_pod(
    cluster: kube.Cluster, fake: FakeApiServer, change: Object, why: str
) -> None:
    held = pod("web-7", late_s=300, finalizers=["c/d"])
    held["metadata"] |= change
    fake.objects[PODS] = [held]

    assert cluster.remove_finalizer("prod", "web-7", UID, "c/d") == Acted("not-done", why)
    assert [each.verb for each in fake.asked] == ["get"]


def test_a_finalizer_of_a_pod_that_cannot_be_read_stays(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.forbidden = {"pods"}

    answer = cluster.remove_finalizer("prod", "web-7", UID, "c/d")

    assert answer.outcome == "not-done"
    assert answer.why.startswith("nothing was sent: get pods prod/web-7 on ")


def test_a_node_is_cordoned_and_uncordoned_once(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    changes = [cluster.cordon(NODE, NODE_UID, unschedulable=wanted) for wanted in (False, True, True, False, False)]

    assert [each.outcome for each in changes] == ["not-done", "done", "not-done", "done", "not-done"]
    assert (changes[0].why, changes[2].why) == ("it is not cordoned", "it is already cordoned")
    assert changes[1].said == ("it was schedulable before",)
    assert changes[3].said == ("it was cordoned before",)
    assert fake.effects == [("patch patched", NODE_UID)] * 2


def test_another_node_of_that_name_is_left_alone(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    assert cluster.cordon(NODE, "another", unschedulable=True) == Acted("not-done", "another node has that name now")

    def swap() -> None:
        fake.objects["/api/v1/nodes"][0]["metadata"]["uid"] = "another"

    fake.swap = swap
    swapped = cluster.cordon(NODE, NODE_UID, unschedulable=True)

    assert swapped.why == "the node is no longer as it was just read, or the change is not valid"
    assert cluster.cordon(NodeName("node2"), NODE_UID, unschedulable=True) == Acted("not-done", "the node is gone")
    assert fake.effects == []


def test_a_node_that_cannot_be_read_is_not_cordoned(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.forbidden = {"nodes"}

    assert cluster.cordon(NODE, NODE_UID, unschedulable=True) == Acted(
        "not-done", "nothing was sent: the node could not be read before: no right to get nodes (HTTP 403)"
    )


# -- the cluster's own UID


def test_the_uid_of_a_cluster_is_read_each_time(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    assert cluster.uid() == "uid-of-the-cluster"

    fake.objects["/api/v1/namespaces"][0]["metadata"]["uid"] = "uid-of-another"

    assert cluster.uid() == "uid-of-another"


def test_without_its_uid_a_cluster_is_none_that_is_known(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    del fake.objects["/api/v1/namespaces"][0]["metadata"]["uid"]
    for _ in range(2):
        with pytest.raises(Garbled, match="no UID"):
            cluster.uid()

    fake.forbidden = {"namespaces"}
    with pytest.raises(Refused, match=r"resourceNames: ..kube-system"):
        cluster.uid()


# -- what the answer means


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
        (302, "unknown"),
        (400, "not-done"),
        (401, "not-done"),
        (403, "not-done"),
        (404, "not-done"),
        (405, "not-done"),
        (408, "unknown"),
        (409, "not-done"),
        (410, "not-done"),
        (412, "not-done"),
        (415, "not-done"),
        (422, "not-done"),
        (429, "not-done"),
        (499, "unknown"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "unknown"),
        (504, "unknown"),
        (599, "unknown"),
    ],
)
def test_each_status_means_one_thing(cluster: kube.Cluster, fake: FakeApiServer, status: int, outcome: str) -> None:
    fake.instead[f"delete {POD}"] = answering(status, b'{"message": "no \\u001b[31m<!channel>"}')

    got = cluster.delete_pod("prod", "web-7", UID)

    assert got.outcome == outcome
    assert all(text.isprintable() for text in (got.why, *got.said))
    assert got.said[:1] == (() if outcome == "done" else (f"HTTP {status}: no <!channel>",))
    assert len(fake.asked) == 1


def test_a_missing_right_is_named_as_a_role_writes_it(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    fake.forbidden = {"delete pods"}

    answer = cluster.delete_pod("prod", "web-7", UID)

    assert (answer.outcome, answer.why) == ("not-done", "the API server forbids it")
    assert 'the right for it is {apiGroups: [""], resources: ["pods"], verbs: ["delete"]}' in answer.said


def test_a_conflict_is_another_pod_only_where_it_is_about_a_uid(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    storage = b'{"message": "Precondition failed: UID in precondition: uid-web-7, UID in object meta: "}'
    words = {}
    for body in (storage, b'{"message": "the object has been modified"}', b""):
        fake.instead[f"delete {POD}"] = answering(409, body)
        words[body] = cluster.delete_pod("prod", "web-7", UID).why

    assert words[storage] == "another pod has that name now"
    assert set(words.values()) == {"another pod has that name now", "it conflicts with another change"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"message": 7}', b'"x"', b"[" * 50_000, b"\xff\xfe"])
def test_whatever_the_body_of_a_refusal_it_is_one(cluster: kube.Cluster, fake: FakeApiServer, body: bytes) -> None:
    fake.instead[f"delete {POD}"] = answering(404, body)

    assert cluster.delete_pod("prod", "web-7", UID) == Acted("not-done", "the pod is gone", ("HTTP 404",))


@pytest.mark.parametrize(("status", "outcome"), [(200, "done"), (404, "not-done")])
def test_a_status_counts_when_its_body_is_cut_off_or_drips(
    cluster: kube.Cluster, fake: FakeApiServer, status: int, outcome: str
) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    fake.instead[f"delete {POD}"] = drip

    started = time.monotonic()
    assert cluster.delete_pod("prod", "web-7", UID).outcome == outcome
    assert time.monotonic() - started < 3


def test_a_server_that_never_answers_leaves_it_unknown(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    over = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        over.wait(5)

    fake.instead[f"delete {POD}"] = wait

    answer = cluster.delete_pod("prod", "web-7", UID)
    over.set()

    assert answer == Acted(
        "unknown", "delete pods was sent, and then: no answer in its time; whether it was done is not known"
    )


def test_an_encryption_that_breaks_after_the_request_leaves_it_unknown(
    cluster: kube.Cluster, fake: FakeApiServer
) -> None:
    """A TLS fault is no proof by itself that nothing was sent."""

    def garble(handler: BaseHTTPRequestHandler) -> None:
        with socket.socket(fileno=os.dup(handler.connection.fileno())) as beneath:
            beneath.sendall(b"no TLS record at all")
        handler.close_connection = True

    fake.instead[f"delete {POD}"] = garble

    answer = cluster.delete_pod("prod", "web-7", UID)

    assert answer.outcome == "unknown"
    assert "delete pods was sent, and then: no TLS with it" in answer.why


def test_a_kept_connection_that_the_server_closed_does_no_harm(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    def answer_and_hang_up(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, json.dumps(fake.objects[PODS][0]).encode(), fake.date)
        handler.close_connection = True

    fake.instead[POD] = answer_and_hang_up
    cluster.pod("prod", "web-7")

    assert cluster.force_delete_pod("prod", "web-7", UID).outcome == "done"
    assert [each.verb for each in fake.asked] == ["get", "delete"]


# -- nothing was sent


def test_nobody_listening_means_nothing_was_sent(tmp_path: Path, fake: FakeApiServer) -> None:
    with serving(tmp_path, fake) as cluster:
        pass

    assert cluster.delete_pod("prod", "web-7", UID) == Acted(
        "not-done", "nothing was sent: no connection: Connection refused"
    )


def test_a_name_that_does_not_resolve_means_nothing_was_sent(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "https://nobody.invalid:6443", certificate(tmp_path).file)

    answer = kube.connect("prod-eu", file, None, limit=SHORT).delete_pod("prod", "web-7", UID)

    assert answer == Acted("not-done", "nothing was sent: its host name does not resolve")


def test_a_certificate_of_a_stranger_means_nothing_was_sent(tmp_path: Path, fake: FakeApiServer) -> None:
    with serving(tmp_path, fake):
        (tmp_path / "other").mkdir()
        file = kubeconfig(tmp_path, fake.url, certificate(tmp_path / "other").file)

        answer = kube.connect("prod-eu", file, None, limit=SHORT).delete_pod("prod", "web-7", UID)

    assert answer.outcome == "not-done"
    assert answer.why.startswith("nothing was sent: its certificate ")
    assert fake.asked == []


def test_a_server_that_never_finishes_the_handshake_got_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        cluster = kube.connect("prod-eu", kubeconfig(tmp_path, url, certificate(tmp_path).file), None, limit=SHORT)

        answer = cluster.delete_pod("prod", "web-7", UID)

    assert answer.outcome == "not-done"
    assert answer.why.startswith("nothing was sent: ")


def test_a_proxy_that_is_away_got_nothing(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        proxy: Object = {"proxy-url": f"http://127.0.0.1:{held.getsockname()[1]}"}
        file = kubeconfig(tmp_path, "https://127.0.0.1:1", certificate(tmp_path).file, **proxy)

        answer = kube.connect("prod-eu", file, None).delete_pod("prod", "web-7", UID)

    assert answer == Acted("not-done", "nothing was sent: the proxy of the kubeconfig cannot be reached")


def test_a_ca_that_is_no_longer_there_means_nothing_was_sent(tmp_path: Path, fake: FakeApiServer) -> None:
    with serving(tmp_path, fake) as cluster:
        next(tmp_path.glob("127*.pem")).unlink()

        answer = cluster.delete_pod("prod", "web-7", UID)

    assert answer.outcome == "not-done"
    assert answer.why.startswith("nothing was sent: ")
    assert fake.asked == []


def test_a_name_that_kubernetes_does_not_give_is_never_sent(cluster: kube.Cluster, fake: FakeApiServer) -> None:
    assert cluster.delete_pod("prod", "../nodes/node1", UID) == Acted(
        "not-done", "nothing was sent: Kubernetes gives no such name"
    )
    assert fake.asked == []
