"""Real answers of real API servers, and answers that no API server should give."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.facts import BY_NAME, ContainerId, Facts, Known, NodeName, PodUid, Unknown
from bot.core.pods import Container
from bot.probes import api

DATA = Path(__file__).parent / "data" / "api"
NOW = datetime(2026, 11, 23, 20, 30, tzinfo=UTC)
ALLOWED = timedelta(seconds=60)
FOUNDING = "ebe2ddd9ed5b1fe0a2e775f892ec32926dd83b59804c998475ca9b9986445d1f"
ID = "a" * 64


def captured(name: str) -> bytes:
    _, _, rest = (DATA / f"{name}.txt").read_text().partition("\n")
    return rest.partition("# stderr")[0].encode()


def read(raw: bytes) -> api.PodAnswer:
    return api.read_pod(raw, "prod-eu", NOW, ALLOWED)


def pod(**parts: Any) -> bytes:
    """A pod with only what is given beside its names; `metadata`, `spec` and `status` are merged in."""
    metadata = {"name": "p", "namespace": "prod", "uid": "u-1", **parts.pop("metadata", {})}
    return json.dumps({"kind": "Pod", "metadata": metadata, **parts}).encode()


def said(facts: Facts) -> dict[str, object]:
    return {
        name: fact.answer.value if isinstance(fact.answer, Known) else f"? {fact.answer.why}"
        for name, fact in facts.items()
    }


# -- pods, as recorded


def test_the_founding_pod_is_stuck_with_a_running_container() -> None:
    answer = read(captured("founding-stuck-pod-json"))

    assert answer.pod.full_name == "prod/zookeeper0-0"
    assert answer.pod.node == "node0"
    assert answer.pod.containers == (Container(name="zookeeper", id=ContainerId(FOUNDING), state="running"),)
    assert answer.runtime == "docker"
    assert answer.uid_on_node == answer.pod.uid == "852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111"
    assert said(answer.facts) == {
        "api.pod.deleting": True,
        "api.pod.stuck": True,
        "api.pod.asked": datetime(2026, 11, 23, 20, 25, 58, tzinfo=UTC),
        "api.pod.deadline": datetime(2026, 11, 23, 20, 26, 28, tzinfo=UTC),
        "api.pod.overdue_s": 212,
        "api.pod.grace_s": 30,
        "api.pod.finalizers": 0,
        "api.pod.finalizer_names": "",
        "api.pod.owner": "none",
        "api.pod.phase": "Running",
        "api.pod.qos": "Burstable",
        "api.pod.mirror": False,
        "api.pod.prestop": False,
        "api.pod.volumes": 0,
        "api.pod.containers_running": 1,
        "api.pod.containers_ended": False,
    }
    assert said(answer.containers[ContainerId(FOUNDING)]) == {"api.container.state": "running"}


def test_a_pod_that_only_a_finalizer_holds_has_every_container_ended() -> None:
    facts = said(read(captured("k8s-1.34-finalizer-left-pod-json")).facts)

    assert facts["api.pod.finalizers"] == 1
    assert facts["api.pod.finalizer_names"] == "example.com/cleanup"
    assert facts["api.pod.containers_ended"] is True
    assert facts["api.pod.containers_running"] == 0


def test_a_pod_that_nobody_deleted_is_not_stuck_and_has_no_deadline() -> None:
    answer = read(captured("k8s-1.34-healthy-pod-json"))

    facts = said(answer.facts)
    assert answer.pod.deadline is None
    assert (facts["api.pod.deleting"], facts["api.pod.stuck"]) == (False, False)
    assert {facts[f"api.pod.{name}"] for name in ("asked", "deadline", "overdue_s", "grace_s")} == {
        "? nobody asked to delete it"
    }


def test_a_container_of_containerd_keeps_its_id_without_the_prefix() -> None:
    answer = read(captured("k8s-1.34-hung-shim-pod-json"))

    assert answer.runtime == "containerd"
    assert [each.id for each in answer.pod.containers] == [
        "cd4f06876c449a22ff100bd754100fef6ca2ebcd3fa7ca9b6327c8812139aa11"
    ]


@pytest.mark.parametrize(
    ("late", "stuck"), [(timedelta(seconds=-5), False), (ALLOWED, False), (ALLOWED + timedelta(seconds=1), True)]
)
def test_a_pod_is_stuck_only_past_its_deadline_and_the_allowance(late: timedelta, *, stuck: bool) -> None:
    deadline = (NOW - late).isoformat()

    facts = said(read(pod(metadata={"deletionTimestamp": deadline, "deletionGracePeriodSeconds": 30})).facts)

    assert facts["api.pod.stuck"] is stuck
    assert facts["api.pod.overdue_s"] == late.total_seconds()


# -- pods, part by part


def test_init_and_ephemeral_containers_count_too() -> None:
    running: dict[str, object] = {"state": {"running": {}}}
    status = {
        "containerStatuses": [{"name": "main", "containerID": f"docker://{ID}", "state": {"terminated": {}}}],
        "initContainerStatuses": [{"name": "sidecar", **running}],
        "ephemeralContainerStatuses": [{"name": "debug", **running}],
    }

    answer = read(pod(status=status))

    assert [(each.name, each.state) for each in answer.pod.containers] == [
        ("main", "terminated"),
        ("sidecar", "running"),
        ("debug", "running"),
    ]
    assert said(answer.facts)["api.pod.containers_running"] == 2


@pytest.mark.parametrize("bad", ["", "docker://abc", f"docker://{ID}/../x", ID.upper(), f"docker://{ID}\n0", 7, None])
def test_only_64_hex_digits_are_a_container_id(bad: object) -> None:
    answer = read(pod(status={"containerStatuses": [{"name": "main", "containerID": bad, "state": {"waiting": {}}}]}))

    assert answer.pod.containers == (Container(name="main", id=None, state="waiting"),)
    assert answer.containers == {}
    assert answer.runtime is None


def test_a_container_id_of_another_runtime_names_no_runtime_of_ours() -> None:
    answer = read(pod(status={"containerStatuses": [{"name": "main", "containerID": f"cri-o://{ID}", "state": {}}]}))

    assert answer.pod.containers[0].id == ID
    assert answer.runtime is None


def test_a_static_pod_is_known_to_its_node_by_the_hash_of_its_manifest() -> None:
    hashed = "d" * 32
    annotations = {"kubernetes.io/config.mirror": hashed, "kubernetes.io/config.hash": hashed}

    answer = read(pod(metadata={"annotations": annotations}))

    assert answer.pod.mirror
    assert answer.uid_on_node == PodUid(hashed)
    assert said(answer.facts)["api.pod.mirror"] is True


def test_a_mirror_without_a_usable_hash_keeps_its_own_uid() -> None:
    annotations = {"kubernetes.io/config.mirror": "x", "kubernetes.io/config.hash": "a,b=c"}

    assert read(pod(metadata={"annotations": annotations})).uid_on_node == "u-1"


def test_the_controlling_owner_is_the_owner() -> None:
    references = [
        {"apiVersion": "v1", "kind": "Bystander", "name": "x", "uid": "1"},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "zookeeper0", "uid": "2", "controller": True},
    ]

    answer = read(pod(metadata={"ownerReferences": references}))

    assert answer.owner == api.Owner(group="apps", kind="StatefulSet", name="zookeeper0", uid="2")
    assert said(answer.facts)["api.pod.owner"] == answer.pod.owner == "StatefulSet/zookeeper0"


def test_volumes_with_a_disk_behind_them_are_counted_and_claims_named() -> None:
    volumes = [
        {"name": "a", "persistentVolumeClaim": {"claimName": "data-0"}},
        {"name": "b", "ephemeral": {"volumeClaimTemplate": {}}},
        {"name": "c", "csi": {"driver": "x"}},
        {"name": "d", "nfs": {}},
        {"name": "e", "emptyDir": {}},
        {"name": "f", "projected": {}},
    ]

    answer = read(pod(spec={"volumes": volumes}))

    assert answer.claims == ("data-0", "p-b")
    assert said(answer.facts)["api.pod.volumes"] == 4


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_a_prestop_hook_of_any_container_is_seen(kind: str) -> None:
    hook = {"name": "main", "lifecycle": {"preStop": {"exec": {"command": ["sleep", "9"]}}}}

    assert said(read(pod(spec={kind: [hook]})).facts)["api.pod.prestop"] is True


def test_a_pending_pod_has_started_no_container() -> None:
    facts = said(read(pod(spec={"containers": [{"name": "main"}]}, status={"phase": "Pending"})).facts)

    assert (facts["api.pod.containers_running"], facts["api.pod.containers_ended"]) == (0, True)


def test_a_container_without_a_status_is_not_taken_for_ended() -> None:
    facts = said(read(pod(spec={"containers": [{"name": "main"}]}, status={"phase": "Running"})).facts)

    assert facts["api.pod.containers_ended"] == "? the kubelet has reported no status of main"
    assert facts["api.pod.containers_running"] == "? the kubelet has reported no status of main"


def test_one_running_container_settles_that_not_all_have_ended() -> None:
    status = {"phase": "Running", "containerStatuses": [{"name": "a", "state": {"running": {}}}]}

    facts = said(read(pod(spec={"containers": [{"name": "a"}, {"name": "b"}]}, status=status)).facts)

    assert facts["api.pod.containers_ended"] is False


def test_a_pod_with_nothing_but_names_is_unknown_in_the_rest() -> None:
    facts = said(read(pod()).facts)

    assert facts["api.pod.phase"] == "? the pod does not say"
    assert facts["api.pod.qos"] == "? the pod does not say"
    assert facts["api.pod.containers_ended"] == "? the pod has no status"


@pytest.mark.parametrize("grace", [None, -1, 2**40, "30", True, 1e300])
def test_a_grace_that_is_no_number_of_seconds_is_unknown(grace: object) -> None:
    metadata = {"deletionTimestamp": "2026-11-23T20:26:28Z", "deletionGracePeriodSeconds": grace}

    facts = said(read(pod(metadata=metadata)).facts)

    assert facts["api.pod.grace_s"] == facts["api.pod.asked"] == "? the pod does not say"
    assert facts["api.pod.overdue_s"] == 212


@pytest.mark.parametrize("node", ["", "../../api/v1/secrets", "a,b=c", "N" * 10, 7])
def test_a_node_name_that_kubernetes_does_not_give_is_no_node(node: object) -> None:
    assert read(pod(spec={"nodeName": node})).pod.node is None


def test_words_of_the_cluster_are_cleaned() -> None:
    status = {"phase": "\x1b[31mRun\u202ening\n", "containerStatuses": [{"name": "m\x07", "state": {}}]}

    answer = read(pod(metadata={"finalizers": ["a\u202eb", 7]}, status=status))

    assert answer.pod.finalizers == ("ab",)
    assert answer.pod.containers[0].name == "m"
    assert said(answer.facts)["api.pod.phase"] == "Running"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"<html>log in</html>",
        b"[" * 100_000,
        b'{"kind":"Pod","metadata":' + b"9" * 5000 + b"}",
        b'{"kind":"Status","code":404}',
        b'{"kind":"Pod"}',
        json.dumps({"kind": "Pod", "metadata": {"name": "../x", "namespace": "a", "uid": "u"}}).encode(),
        json.dumps({"kind": "Pod", "metadata": {"name": "x", "namespace": "a/b", "uid": "u"}}).encode(),
        json.dumps({"kind": "Pod", "metadata": {"name": "x", "namespace": "a", "uid": "u,v=w"}}).encode(),
        json.dumps({"kind": "Pod", "metadata": {"name": "x" * 254, "namespace": "a", "uid": "u"}}).encode(),
    ],
)
def test_what_is_no_pod_is_refused(raw: bytes) -> None:
    with pytest.raises(api.NotAPodError):
        read(raw)


@pytest.mark.parametrize(
    "time", ["soon", "2026-11-23", "2026-11-23T20:26:28", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", 7]
)
def test_a_deadline_that_is_no_time_is_never_taken_for_no_deadline(time: object) -> None:
    with pytest.raises(api.NotAPodError, match="deletionTimestamp"):
        read(pod(metadata={"deletionTimestamp": time}))


# -- nodes


def test_the_founding_node_is_ready_and_runs_docker() -> None:
    node = api.read_node(captured("founding-stuck-node-json"), NodeName("node0"), NOW)

    assert (node.exists, node.address, node.runtime) == (True, "192.0.2.10", "docker")
    assert said(node.facts) == {
        "api.node.exists": True,
        "api.node.ready": True,
        "api.node.ready_reason": "KubeletReady",
        "api.node.ready_for_s": 1785,
        "api.node.kubelet_version": "v1.20.2",
        "api.node.runtime": "docker",
        "api.node.runtime_version": "18.9.9",
    }


def test_the_founding_node_says_which_machine_it_is_and_which_boot() -> None:
    raw = captured("founding-stuck-node-json")
    recorded = json.loads(raw)

    node = api.read_node(raw, NodeName("node0"), NOW)

    assert node.uid == recorded["metadata"]["uid"]
    assert node.boot_id == recorded["status"]["nodeInfo"]["bootID"]
    assert node.machine_id == recorded["status"]["nodeInfo"]["machineID"]
    assert node.unschedulable is False


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("4C4C4544-0034-5210-8053-B4C04F4D3132", "4c4c4544003452108053b4c04f4d3132"),
        ("4c4c4544003452108053b4c04f4d3132", "4c4c4544003452108053b4c04f4d3132"),
        ("", None),
        ("uninitialized", None),
        ("4c4c4544003452108053b4c04f4d31", None),
        ("4c4c4544003452108053b4c04f4d3132; reboot", None),
        (7, None),
    ],
)
def test_a_machine_id_is_as_in_its_file_or_unknown(given: object, read: str | None) -> None:
    assert api.read_node(node_json(nodeInfo={"machineID": given}), NodeName("n"), NOW).machine_id == read


@pytest.mark.parametrize("given", ["", "a b", "a\x1b[31m;b", "x" * 65, None, 7])
def test_an_identity_of_a_node_that_is_none_is_unknown(given: object) -> None:
    raw = {"kind": "Node", "metadata": {"name": "n", "uid": given}, "status": {"nodeInfo": {"bootID": given}}}

    node = api.read_node(json.dumps(raw).encode(), NodeName("n"), NOW)

    assert (node.uid, node.boot_id) == (None, None)


@pytest.mark.parametrize(
    ("spec", "cordoned"),
    [({"unschedulable": True}, True), ({"unschedulable": False}, False), ({}, False), ({"unschedulable": "yes"}, None)],
)
def test_a_node_is_cordoned_where_its_spec_says_so(spec: object, cordoned: bool | None) -> None:
    raw = {"kind": "Node", "metadata": {"name": "n"}, "spec": spec}

    assert api.read_node(json.dumps(raw).encode(), NodeName("n"), NOW).unschedulable is cordoned


@pytest.mark.parametrize("node", [api.lost_node(NodeName("n")), api.unread_node(NodeName("n"), "why")])
def test_a_node_that_was_not_read_has_no_identities(node: api.NodeAnswer) -> None:
    assert (node.uid, node.boot_id, node.machine_id, node.unschedulable) == (None, None, None, None)


def test_a_node_of_containerd_says_so() -> None:
    node = api.read_node(captured("k8s-1.34-hung-shim-node-json"), NodeName("node3"), NOW)

    assert node.runtime == "containerd"
    assert said(node.facts)["api.node.kubelet_version"] == "v1.34.9"


def node_json(**status: object) -> bytes:
    return json.dumps({"kind": "Node", "metadata": {"name": "n"}, "status": status}).encode()


def test_a_node_without_a_heartbeat_is_not_ready() -> None:
    condition = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}

    facts = said(api.read_node(node_json(conditions=[{"type": "Other"}, condition]), NodeName("n"), NOW).facts)

    assert facts["api.node.ready"] is False
    assert facts["api.node.ready_reason"] == "NodeStatusUnknown"
    assert facts["api.node.ready_for_s"] == "? no time of its last change"


def test_a_condition_without_a_reason_is_ready_all_the_same() -> None:
    facts = said(api.read_node(node_json(conditions=[{"type": "Ready", "status": "True"}]), NodeName("n"), NOW).facts)

    assert facts["api.node.ready"] is True
    assert facts["api.node.ready_reason"] == "? it gives no reason"


def test_another_runtime_is_named_as_given_and_not_probed() -> None:
    node = api.read_node(node_json(nodeInfo={"containerRuntimeVersion": "cri-o://1.30.1"}), NodeName("n"), NOW)

    assert node.runtime is None
    assert said(node.facts)["api.node.runtime"] == "cri-o"


def test_a_bare_node_exists_and_the_rest_is_unknown() -> None:
    node = api.read_node(node_json(), NodeName("n"), NOW)

    assert (node.exists, node.address, node.runtime) == (True, None, None)
    assert [name for name, fact in node.facts.items() if isinstance(fact.answer, Known)] == ["api.node.exists"]


@pytest.mark.parametrize(
    ("addresses", "chosen"),
    [
        ([("Hostname", "n.example.com"), ("InternalIP", "10.0.0.7")], "10.0.0.7"),
        ([("ExternalIP", "203.0.113.9"), ("Hostname", "n.example.com")], "n.example.com"),
        ([("InternalIP", "-oProxyCommand=x"), ("Hostname", "n")], "n"),
        ([("InternalIP", "fd00::7")], "fd00::7"),
        ([("InternalIP", "")], None),
    ],
)
def test_the_address_is_the_internal_ip_else_the_host_name(
    addresses: list[tuple[str, str]], chosen: str | None
) -> None:
    raw = node_json(addresses=[{"type": kind, "address": address} for kind, address in addresses])

    assert api.read_node(raw, NodeName("n"), NOW).address == chosen


@pytest.mark.parametrize("raw", [b"", b'{"kind":"Pod"}', b'{"kind":"Node","metadata":{"name":"other"}}'])
def test_what_is_not_this_node_says_nothing_about_it(raw: bytes) -> None:
    node = api.read_node(raw, NodeName("n"), NOW)

    assert (node.exists, node.address) == (None, None)
    assert all(isinstance(fact.answer, Unknown) for fact in node.facts.values())
    assert set(node.facts) == set(api.NODE_FACTS)


def test_a_node_that_is_not_there_does_not_exist_and_the_rest_is_unknown() -> None:
    node = api.lost_node(NodeName("n"))

    assert node.exists is False
    assert said(node.facts)["api.node.exists"] is False
    assert said(node.facts)["api.node.ready"] == "? there is no Node n"


def test_without_a_node_name_every_node_fact_is_unknown() -> None:
    node = api.unread_node(None, "the pod has no node")

    assert set(said(node.facts).values()) == {"? the pod has no node"}


# -- events, owners, volumes


def test_failed_kills_are_counted_with_their_repeats() -> None:
    raw = captured("founding-stuck-events")

    facts = said(api.read_events(raw, "kubectl get events"))

    expected = sum(each["count"] for each in json.loads(raw)["items"] if each["reason"] == "FailedKillPod")
    assert facts["api.events.failed_kills"] == expected > 0
    assert facts["api.events.last"] == "Killing: Stopping container zookeeper"


def test_the_newest_event_is_found_by_whichever_time_it_has() -> None:
    items = [
        {"reason": "Old", "lastTimestamp": "2026-11-23T20:00:00Z"},
        {"reason": "New", "message": "m\u202e", "series": {"lastObservedTime": "2026-11-23T20:09:00.5Z", "count": 3}},
        {"reason": "Timeless"},
        {"reason": "Born", "metadata": {"creationTimestamp": "2026-11-23T20:01:00Z"}},
        {"reason": "Micro", "eventTime": "2026-11-23T20:02:00.123456Z"},
        7,
    ]

    facts = said(api.read_events(json.dumps({"items": items}).encode(), "x"))

    assert facts == {"api.events.failed_kills": 0, "api.events.last": "New: m"}


def test_no_events_are_no_failed_kills_and_no_last_word() -> None:
    assert said(api.read_events(b'{"items": []}', "x")) == {
        "api.events.failed_kills": 0,
        "api.events.last": "? no event of it is kept any more",
    }


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"items": 7}'])
def test_what_is_no_list_of_events_is_unknown(raw: bytes) -> None:
    assert set(said(api.read_events(raw, "x")).values()) == {"? the API server's answer is no list of events"}


def test_a_failed_kill_in_a_series_counts_its_repeats() -> None:
    raw = json.dumps({"items": [{"reason": "FailedKillPod", "series": {"count": 4}}, {"reason": "FailedKillPod"}]})

    assert said(api.read_events(raw.encode(), "x"))["api.events.failed_kills"] == 5


def test_attached_volumes_are_those_of_the_node() -> None:
    items = [
        {"spec": {"nodeName": "n", "source": {"persistentVolumeName": "pv-1"}}},
        {"spec": {"nodeName": "other", "source": {"persistentVolumeName": "pv-2"}}},
        {},
    ]

    assert api.attached(json.dumps({"items": items}).encode(), NodeName("n")) == {"pv-1"}


def test_a_claim_names_its_volume_once_it_is_bound() -> None:
    assert api.volume_of_claim(b'{"spec": {"volumeName": "pv-1"}}') == "pv-1"
    assert api.volume_of_claim(b"{}") is None


def test_an_owner_has_an_owner_and_a_uid_of_its_own() -> None:
    above = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "9", "controller": True}
    raw = json.dumps({"metadata": {"uid": "8", "ownerReferences": [above]}}).encode()

    assert api.uid(raw) == "8"
    assert api.uid(b'{"metadata": {"uid": "no uid"}}') == ""
    assert str(api.owner(raw)) == "Deployment/d"
    assert api.owner(b"{}") is None


# -- whatever comes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                ["deletionGracePeriodSeconds", "finalizers", "ownerReferences", "annotations"], JSON
            ),
        ),
        "spec": JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(["nodeName", "containers", "volumes"], JSON)),
        "status": JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(["phase", "containerStatuses"], JSON)),
    },
)


@given(PARTS)
def test_any_pod_gives_each_fact_once_with_its_declared_type(parts: dict[str, Any]) -> None:
    answer = read(pod(**parts))

    assert_declared(answer.facts)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    with suppress(api.NotAPodError):
        assert_declared(read(raw).facts)
    assert_declared(api.read_node(raw, NodeName("n"), NOW).facts)
    assert_declared(api.read_events(raw, "x"))
    api.attached(raw, NodeName("n"))
    api.owner(raw)
    api.uid(raw)
    api.volume_of_claim(raw)


@given(JSON)
def test_any_status_of_a_node_gives_declared_facts(status: object) -> None:
    raw = json.dumps({"kind": "Node", "metadata": {"name": "n"}, "status": status}).encode()

    assert_declared(api.read_node(raw, NodeName("n"), NOW).facts)


def assert_declared(facts: Facts) -> None:
    for name, fact in facts.items():
        assert fact.name == name
        if isinstance(fact.answer, Known):
            assert type(fact.answer.value) is BY_NAME[name].type
        else:
            assert fact.answer.why
