"""
What a command meets in these stories, in this process and on loopback: an API server, a node's sshd, a settings file.

The pod is the founding incident's, as it was captured: prod/zookeeper0-0, stuck on node0.
"""

import json
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from typer.testing import CliRunner, Result

from bot.cli import app
from bot.probes.frames import Frame
from tests.edges.fake_apiserver import Certificate, FakeApiServer, Object, kubeconfig
from tests.edges.hostile_sshd import HostileSshd, known_hosts_line
from tests.probes.replay import CAPTURES

STATE = CAPTURES / "founding-docker-18.09.9" / "stuck"
POD = "prod/zookeeper0-0"
NODE = "node0"
CONTAINER = "ebe2ddd9ed5b1fe0a2e775f892ec32926dd83b59804c998475ca9b9986445d1f"


@dataclass(slots=True, kw_only=True)
class World:
    """One cluster, `lab`, whose settings are written anew by `settled`; its node listens once `node` was called."""

    folder: Path
    certificate: Certificate
    api: FakeApiServer
    key: Path
    running: ExitStack
    sshd: HostileSshd | None = None
    pinned: paramiko.PKey | None = None  # instead of the node's own host key

    @property
    def settings(self) -> Path:
        return self.folder / "terminating.yaml"

    @property
    def pod(self) -> Object:
        return self.api.objects["/api/v1/pods"][0]

    def node(self, sshd: HostileSshd) -> HostileSshd:
        """The node's sshd from now on; it ends with the test."""
        self.sshd = self.running.enter_context(sshd)
        return self.sshd

    def settled(self, limit: str = "20s", **ssh: object) -> None:
        """Writes the settings; without a node, its port is one where nobody listens."""
        config = kubeconfig(self.folder, self.api.url, self.certificate.file)
        self.write({"lab": self.cluster(config, limit, **ssh)})

    def cluster(self, config: Path, limit: str = "20s", **ssh: object) -> Object:
        known = self.folder / "known_hosts"
        port = self.sshd.port if self.sshd else nobodys_port()
        if self.sshd:
            known.write_text(known_hosts_line(f"[127.0.0.1]:{port}", self.pinned or self.sshd.host_keys[0]))
        way = {"user": "ada", "key": str(self.key), "known_hosts": str(known), "limit": limit, **ssh}
        return {
            "kubeconfig": str(config),
            "context": "here",
            "ssh": way,
            "nodes": {NODE: {"address": "127.0.0.1", "port": port}},
        }

    def write(self, clusters: Object) -> None:
        self.settings.write_text(json.dumps({"clusters": clusters}))  # JSON is YAML

    def run(self, *words: str) -> Result:
        """`terminating WORDS` with these settings, in this process; a bug raises here."""
        return terminating(*words, "--config", str(self.settings), home=self.folder)


def terminating(*words: str, home: Path) -> Result:
    runner = CliRunner(env={"HOME": str(home), "NO_COLOR": "1", "FORCE_COLOR": None, "COLUMNS": None})
    return runner.invoke(app, words, catch_exceptions=False)


def founding_api() -> FakeApiServer:
    objects = {"/api/v1/pods": [_body("pod-json")], "/api/v1/nodes": [_body("node-json")]}
    return FakeApiServer(objects={**objects, "/api/v1/events": _body("events")["items"]})


def wire(frames: Iterable[Frame]) -> bytes:
    """As the node program sends them."""
    parts = [
        f"{each.name} {each.exit_code} {each.ms} {len(each.out)} {len(each.err)}\n".encode() + each.out + each.err
        for each in frames
    ]
    return b"".join((*parts, b"end 0 20 0 0\n"))


def line_of(result: Result) -> str:
    """The one line that is all a failed command says."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    line = result.stderr.removesuffix("\n")
    assert line
    assert line.isprintable(), result.stderr
    return line


def nobodys_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _body(name: str) -> Any:
    """What was recorded, without the line that says what recorded it."""
    return json.loads((STATE / f"{name}.txt").read_text().split("\n", 1)[1])
