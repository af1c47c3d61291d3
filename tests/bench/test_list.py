"""What `Cluster.deleting()` costs on 20,000 pods, beside the official client's typed list. Run by `make bench`."""

import http.client
import json
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bench.bare_apiserver import TOKEN, ApiServer, bare_apiserver, missing

PODS, CONNECTIONS, DELETING = 20_000, 12, 5
MOST_RATIO, MOST_MIB = 1 / 12, 48

OURS = """
import json, sys, time
from pathlib import Path
from bot.edges import kube

def kib(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))

cluster = kube.connect("bench", Path(sys.argv[1]), None)
held, start = kib("VmRSS:"), time.monotonic()
sweep = cluster.deleting()
took = time.monotonic() - start
print(json.dumps({"s": took, "kib": kib("VmHWM:") - held, "total": sweep.total, "deleting": len(sweep.pods)}))
"""

TYPED = """
import json, sys, time
from kubernetes import client, config

config.load_kube_config(sys.argv[1])
api = client.CoreV1Api()
start = time.monotonic()
pods = api.list_pod_for_all_namespaces()
print(json.dumps({"s": time.monotonic() - start, "total": len(pods.items)}))
"""


@pytest.mark.bench
@pytest.mark.timeout(600)
@pytest.mark.skipif(missing() != "", reason=missing())
def test_a_list_of_20_000_pods_costs_a_twelfth_of_the_typed_client_and_48_mib(tmp_path: Path) -> None:
    with bare_apiserver(tmp_path) as server:
        _create_pods(server)
        runs = [(_measured(OURS, server), _measured(TYPED, server)) for _ in range(3)]

    ours, typed = (sorted(side, key=lambda run: run["s"])[1] for side in zip(*runs, strict=True))
    ratio, mib = ours["s"] / typed["s"], ours["kib"] / 1024
    print(f"list of 20,000 pods: ours {ours['s']:.2f} s, typed client {typed['s']:.1f} s, ", end="")
    print(f"ratio 1/{1 / ratio:.1f}, +{mib:.0f} MiB")
    assert (ours["total"], ours["deleting"], typed["total"]) == (PODS, DELETING, PODS)
    assert ratio <= MOST_RATIO
    assert mib <= MOST_MIB


def _measured(program: str, server: ApiServer) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", program, server.kubeconfig], check=True, capture_output=True, timeout=300
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _create_pods(server: ApiServer) -> None:
    """On a node that nobody serves, so that a delete leaves them Terminating."""
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(lambda first: _create_some(server, first), range(CONNECTIONS)))


def _create_some(server: ApiServer, first: int) -> None:
    host, _, port = server.url.removeprefix("https://").partition(":")
    context = ssl.create_default_context(cafile=str(server.ca))
    connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=60)
    for number in range(first, PODS, CONNECTIONS):
        _send(connection, "POST", "/api/v1/namespaces/default/pods", _pod(number))
        if number < DELETING:
            _send(connection, "DELETE", f"/api/v1/namespaces/default/pods/pod-{number:05}", {})
    connection.close()


def _send(connection: http.client.HTTPSConnection, method: str, path: str, body: object) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body), headers)
    response = connection.getresponse()
    said = response.read()
    assert response.status in (200, 201), said


def _pod(number: int) -> dict[str, object]:
    """An ordinary one of a Deployment: smaller pods make the typed client look better, larger ones worse."""
    app = f"app-{number % 200}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"pod-{number:05}",
            "labels": {"app": app, "tier": "backend", "pod-template-hash": "6d4cf56db6"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"{app}-6d4cf56db6",
                    "uid": "11111111-1111-1111-1111-111111111111",
                    "controller": True,
                }
            ],
        },
        "spec": {
            "nodeName": "nobody",
            "terminationGracePeriodSeconds": 30,
            "containers": [_container("main"), _container("proxy")],
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000},
            "volumes": [
                {"name": "settings", "configMap": {"name": app}},
                {"name": "scratch", "emptyDir": {}},
                {"name": "token", "secret": {"secretName": f"{app}-token"}},
            ],
        },
    }


def _container(name: str) -> dict[str, object]:
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "initialDelaySeconds": 5, "periodSeconds": 10}
    return {
        "name": name,
        "image": f"registry.invalid/team/{name}:1.2.3",
        "ports": [{"name": "http", "containerPort": 8080 if name == "main" else 9090}],
        "env": [{"name": f"SETTING_{index}", "value": "value"} for index in range(5)],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "livenessProbe": probe,
        "readinessProbe": probe,
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/settings", "readOnly": True},
            {"name": "scratch", "mountPath": "/scratch"},
            {"name": "token", "mountPath": "/var/run/secrets/token", "readOnly": True},
        ],
    }
