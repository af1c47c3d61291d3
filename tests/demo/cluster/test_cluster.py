"""What the contract cannot say of a real API server in a test's time: old versions, rights, streams, an end."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.core.facts import NodeName
from bot.demo.cluster import Cluster
from bot.demo.cluster.deletes import Options
from bot.demo.cluster.kinds import EVENTS, NODES, PODS
from bot.edges import kube
from bot.ports import Refused
from tests.demo.contract_kube import Kube

_NOW = datetime(2026, 11, 23, 20, 30, tzinfo=UTC)
PLACE = "/api/v1/namespaces/default/pods"


def of(cluster: Cluster, token: str = "") -> Kube:
    return Kube(url=cluster.url, token=token or cluster.users.admin_token, ca=cluster.ca)


def test_a_token_for_what_is_forgotten_has_expired_and_offers_a_way_on(cluster: Cluster) -> None:
    asked = of(cluster)
    for name in "abc":
        asked.pod(name)
    first = asked.get(f"{PLACE}?limit=1")
    asked.pod("d")
    cluster.registry.store.compact(cluster.registry.store.version)

    late = asked.ask("GET", f"{PLACE}?limit=1&continue={first['metadata']['continue']}")
    rest = asked.get(f"{PLACE}?continue={late.content['metadata']['continue']}")

    assert (late.code, late.content["reason"]) == (410, "Expired")
    assert late.content["message"].startswith("The provided continue parameter is too old")
    assert [each["metadata"]["name"] for each in rest["items"]] == ["b", "c", "d"]


def test_a_watch_from_what_is_forgotten_says_so_in_its_stream(cluster: Cluster) -> None:
    asked = of(cluster)
    asked.pod("a")
    cluster.registry.store.compact(cluster.registry.store.version)

    events = list(asked.watch(f"{PLACE}?watch=true&resourceVersion=1"))

    assert [(each["type"], each["object"]["code"], each["object"]["reason"]) for each in events] == [
        ("ERROR", 410, "Expired")
    ]


def test_a_watch_has_a_bookmark_before_its_end(cluster: Cluster) -> None:
    asked = of(cluster)
    version = asked.pod("a")["metadata"]["resourceVersion"]
    cluster.registry.place(NODES, {"metadata": {"name": "n"}, "spec": {}})

    path = f"{PLACE}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion={version}"
    events = list(asked.watch(path))

    assert [each["type"] for each in events][:1] == ["BOOKMARK"]
    assert events[0]["object"] == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": str(cluster.registry.store.version)},
    }


def test_events_have_no_watch_cache(cluster: Cluster) -> None:
    for name in "abc":
        cluster.registry.place(EVENTS, {"metadata": {"name": name, "namespace": "default"}, "involvedObject": {}})

    found = of(cluster).get("/api/v1/events?limit=2&resourceVersion=0")

    assert len(found["items"]) == 2
    assert found["metadata"]["continue"]


def test_the_bot_may_do_what_its_role_says_and_no_more(cluster: Cluster) -> None:
    bot, admin = of(cluster, cluster.users.bot_token), of(cluster)
    admin.pod("a", node="")

    codes = {
        "get pods": bot.ask("GET", f"{PLACE}/a").code,
        "kube-system": bot.ask("GET", "/api/v1/namespaces/kube-system").code,
        "default": bot.ask("GET", "/api/v1/namespaces/default").code,
        "list nodes": bot.ask("GET", "/api/v1/nodes").code,
        "watch pods": bot.ask("GET", f"{PLACE}?watch=true").code,
        "create pods": bot.ask("POST", PLACE, {"metadata": {"name": "b"}}).code,
        "delete pods": bot.delete(f"{PLACE}/a").code,
    }

    assert codes == {
        "get pods": 200,
        "kube-system": 200,
        "default": 403,
        "list nodes": 403,
        "watch pods": 403,
        "create pods": 403,
        "delete pods": 200,
    }


def test_what_is_not_imitated_is_not_made_up(cluster: Cluster) -> None:
    asked = of(cluster)
    asked.pod("a")

    answers = [
        asked.delete(f"{PLACE}/a", propagationPolicy="Foreground"),
        asked.delete(f"{PLACE}/a", dryRun=["All"]),
        asked.patch(f"{PLACE}/a", {}, "application/strategic-merge-patch+json"),
        asked.ask("PUT", f"{PLACE}/a", {}),
        asked.ask("GET", f"{PLACE}?labelSelector=app%20in%20(a,b)"),
        asked.ask("GET", f"{PLACE}/a/log"),
    ]

    assert [each.code for each in answers] == [501] * len(answers)
    assert "deletionTimestamp" not in asked.metadata("a")


def test_the_bots_own_edge_reads_and_writes_it(cluster: Cluster) -> None:
    admin = of(cluster)
    uid = admin.pod("held", finalizers=["example.com/a"])["metadata"]["uid"]
    node = cluster.registry.place(NODES, {"metadata": {"name": "n"}, "spec": {}, "status": {}})["metadata"]["uid"]
    edge = kube.connect("prod-eu", cluster.kubeconfig, "prod-eu")
    try:
        swept = edge.deleting()
        deleted = edge.delete_pod("default", "held", uid)
        removed = edge.remove_finalizer("default", "held", uid, "example.com/a")
        forced = edge.force_delete_pod("default", "held", uid)
        cordoned = edge.cordon(NodeName("n"), node, unschedulable=True)

        assert (swept.total, swept.pods) == (1, ())
        assert [each.outcome for each in (deleted, removed, forced, cordoned)] == ["done"] * 4
        assert edge.uid() == admin.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
        assert edge.find("held") == ()
        assert edge.node(NodeName("n")).unschedulable is True
    finally:
        edge.close()


def test_its_certificate_is_its_own(cluster: Cluster, tmp_path: Path) -> None:
    strange = tmp_path / "kubeconfig"
    with Cluster("another", cluster.clock) as other:
        strange.write_text(cluster.kubeconfig.read_text().replace(str(cluster.ca), str(other.ca)))
        edge = kube.connect("prod-eu", strange, None)
        with pytest.raises(Refused, match="certificate"):
            edge.deleting()
        edge.close()


def test_it_ends_with_its_context_whoever_is_connected(cluster: Cluster) -> None:
    with Cluster("short", cluster.clock) as short:
        place = urlsplit(short.url)
        watching = of(short).watch(f"{PLACE}?watch=true")
        short.registry.place(PODS, {"metadata": {"name": "a", "namespace": "default"}, "spec": {}, "status": {}})
        assert next(watching)["type"] == "ADDED"
        context = ssl.create_default_context(cafile=str(short.ca))
        idle = context.wrap_socket(
            socket.create_connection((place.hostname, place.port or 0)), server_hostname="127.0.0.1"
        )
        left = short.kubeconfig.parent

    assert list(watching) == []
    assert idle.recv(1) == b""
    idle.close()
    assert not left.exists()
    assert not [each.name for each in threading.enumerate() if "short" in each.name]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((place.hostname, place.port or 0))


def test_two_writers_take_turns(cluster: Cluster) -> None:
    of(cluster).pod("counted")

    def count() -> None:
        for _ in range(50):
            cluster.registry.change(
                PODS,
                ("default", "counted"),
                lambda pod: {
                    **pod,
                    "metadata": {
                        **pod["metadata"],
                        "labels": {"n": str(int(pod["metadata"].get("labels", {}).get("n", "0")) + 1)},
                    },
                },
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert of(cluster).metadata("counted")["labels"] == {"n": "200"}


def test_a_change_is_remembered_for_five_minutes() -> None:
    moment = [_NOW]
    cluster = Cluster("unentered", lambda: moment[0])
    place = {"metadata": {"name": "a", "namespace": "default"}, "spec": {}, "status": {}}
    version = int(cluster.registry.place(PODS, place)["metadata"]["resourceVersion"])
    moment[0] += timedelta(minutes=6)

    cluster.registry.delete(PODS, ("default", "a"), Options(grace_s=0))

    assert cluster.registry.store.compacted == version
    assert [each.after is None for each in cluster.registry.store.since(PODS, version)] == [False, True]


def test_nobody_else_can_take_its_port(cluster: Cluster) -> None:
    port = urlsplit(cluster.url).port or 0

    with pytest.raises(OSError, match="in use"), Cluster("second", cluster.clock, port):
        pass
