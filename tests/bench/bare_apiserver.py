"""A real etcd and kube-apiserver on loopback, without any node: for what only the API is asked."""

import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CACHE = Path("/var/cache/terminating-lab/kubernetes-1.20.2")  # what tests/lab/install builds
TOKEN = "bench-admin"  # noqa: S105  # of a server that lives for one test, on loopback
READY_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    url: str
    ca: Path
    kubeconfig: Path


def missing() -> str:
    """What is not installed; empty when all is there."""
    if not (CACHE / "kube-apiserver").is_file():
        return f"{CACHE} is empty: run tests/lab/install"
    return "" if shutil.which("etcd") else "etcd is not installed: run tests/lab/install"


@contextmanager
def bare_apiserver(folder: Path) -> Iterator[ApiServer]:
    etcd_port, peer_port, port = (_free_port() for _ in range(3))
    (folder / "tokens.csv").write_text(f'{TOKEN},bench,bench,"system:masters"\n')
    subprocess.run(["openssl", "genrsa", "-out", folder / "sa.key", "2048"], check=True, capture_output=True)
    with (folder / "log").open("wb") as log:
        started = [subprocess.Popen(_etcd(folder, etcd_port, peer_port), stdout=log, stderr=log)]
        try:
            started.append(subprocess.Popen(_apiserver(folder, etcd_port, port), stdout=log, stderr=log))
            url = f"https://127.0.0.1:{port}"
            ca = folder / "certs" / "apiserver.crt"
            _wait(url, ca, folder / "log")
            yield ApiServer(url=url, ca=ca, kubeconfig=_kubeconfig(folder, url, ca))
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(20)


def _etcd(folder: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        *("etcd", "--name=bench", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync"),
        *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
        *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=bench={peer}"),
    ]


def _apiserver(folder: Path, etcd_port: int, port: int) -> list[str]:
    return [
        *(str(CACHE / "kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{etcd_port}"),
        *(f"--secure-port={port}", "--bind-address=127.0.0.1", f"--cert-dir={folder / 'certs'}"),
        *(f"--service-account-key-file={folder / 'sa.key'}", f"--service-account-signing-key-file={folder / 'sa.key'}"),
        *("--service-account-issuer=https://bench.invalid", f"--token-auth-file={folder / 'tokens.csv'}"),
        *("--authorization-mode=RBAC", "--allow-privileged=true", "--disable-admission-plugins=ServiceAccount"),
        *("--max-requests-inflight=800", "--max-mutating-requests-inflight=400"),
    ]


def _wait(url: str, ca: Path, log: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            context = ssl.create_default_context(cafile=str(ca))
            request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310
            with urllib.request.urlopen(request, context=context, timeout=2):  # noqa: S310  # https to loopback
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.3)
    sys.stderr.write(log.read_text(errors="replace")[-4000:])
    raise AssertionError(f"no kube-apiserver within {READY_S} s")


def _kubeconfig(folder: Path, url: str, ca: Path) -> Path:
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "clusters": [{"name": "bench", "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": "bench", "user": {"token": TOKEN}}],
    }
    path.write_text(json.dumps(content))
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
