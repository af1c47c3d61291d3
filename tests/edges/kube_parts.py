"""What the tests of the Kubernetes edge share: a fake API server with one stuck pod, and a cluster connected to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from bot.edges import kube
from tests.edges.fake_apiserver import NOW, FakeApiServer, Object, certificate, kubeconfig

SHORT = timedelta(seconds=1)
PODS = "/api/v1/pods"
POD = "/api/v1/namespaces/prod/pods/web-7"
BUDGETS, OLD_BUDGETS = (f"/apis/policy/{version}/poddisruptionbudgets" for version in ("v1", "v1beta1"))
NODE_UID = "5a7e6f0e-0d52-4a31-8f0b-6c8ad0a1b2c3"
ID = "c" * 64


@contextmanager
def serving(folder: Path, fake: FakeApiServer, limit: timedelta = SHORT) -> Iterator[kube.Cluster]:
    made = certificate(folder)
    server = fake.serve(made)
    cluster = kube.connect("prod-eu", kubeconfig(folder, fake.url, made.file), None, limit=limit)
    try:
        yield cluster
    finally:
        cluster.close()
        server.shutdown()
        server.server_close()


def pod(name: str, *, late_s: int | None = None, namespace: str = "prod", **metadata: object) -> Object:
    """`late_s` seconds past its deadline; None: nobody deleted it."""
    deleted = {
        "deletionTimestamp": (NOW - timedelta(seconds=late_s or 0)).isoformat().replace("+00:00", "Z"),
        "deletionGracePeriodSeconds": 30,
    }
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}],
            **(deleted if late_s is not None else {}),
            **metadata,
        },
        "spec": {
            "nodeName": "node1",
            "containers": [{"name": "main"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-7"}}],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {"name": "main", "containerID": f"containerd://{ID}", "state": {"running": {}}},
            ],
        },
    }


def controller(api_version: str, kind: str, name: str) -> Object:
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}


def one_stuck_pod() -> FakeApiServer:
    """A Deployment's pod with a claim, past its deadline on node1 beside another one, and an hour's events."""
    replicaset = {
        "kind": "ReplicaSet",
        "metadata": {
            "name": "web",
            "namespace": "prod",
            "uid": "uid-web",
            "ownerReferences": [controller("apps/v1", "Deployment", "web")],
        },
    }
    node = {
        "kind": "Node",
        "metadata": {"name": "node1", "uid": NODE_UID},
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "192.0.2.7"}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "nodeInfo": {"containerRuntimeVersion": "containerd://1.7.24", "kubeletVersion": "v1.34.9"},
        },
    }
    event = {
        "metadata": {"name": "e", "namespace": "prod"},
        "involvedObject": {"uid": "uid-web-7"},
        "reason": "FailedKillPod",
        "message": "error killing pod",
        "count": 3,
        "lastTimestamp": "2026-11-23T20:29:00Z",
    }
    claim = {"metadata": {"name": "data-7", "namespace": "prod"}, "spec": {"volumeName": "pv-7"}}
    attachment = {
        "metadata": {"name": "a"},
        "spec": {"nodeName": "node1", "source": {"persistentVolumeName": "pv-7"}},
    }
    return FakeApiServer(
        objects={
            PODS: [
                pod("web-7", late_s=300, ownerReferences=[controller("apps/v1", "ReplicaSet", "web")]),
                pod("web-8", late_s=90),
                pod("web-9", late_s=5),
                pod("web-10"),
            ],
            "/api/v1/nodes": [node],
            "/api/v1/namespaces": [{"metadata": {"name": "kube-system", "uid": "uid-of-the-cluster"}}],
            BUDGETS: [],
            OLD_BUDGETS: [],
            "/api/v1/events": [event],
            "/api/v1/persistentvolumeclaims": [claim],
            "/apis/apps/v1/replicasets": [replicaset],
            "/apis/batch/v1/jobs": [],
            "/apis/storage.k8s.io/v1/volumeattachments": [attachment],
        }
    )
