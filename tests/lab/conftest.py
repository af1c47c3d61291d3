"""The cluster, up once for all tests; the bot's account there has what the bot's own commands print, and no more."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.cluster import Lab, Node, installed

Json = dict[str, Any]
REPAIRS = """
database: sqlite:///terminating.db
vote_key: terminating.key
people:
  ada: {request: [lab], approve: [lab]}
  ben: {request: [lab], approve: [lab]}
  second-line: {approve: [lab]}
repairs:
  rates: {wide_half_hour: 20, wide_day: 20}
  storm: {nodes: 9, within: 1m}
  verify_within: 1m
"""


class Bot:
    """`terminating`, as a person types it."""

    def __init__(self, lab: Lab, settings: Path) -> None:
        self.lab, self.settings = lab, settings
        self.kubeconfig = Path()

    def set_up(self, *nodes: Node, repairs: bool = False) -> None:
        """Each node as `terminating node-setup` sets it up: for looking only, or for repairs."""
        more = ("--repairs",) if repairs else ()
        script = self.run("node-setup", "--key", f"{self.lab.node1.key}.pub", *more).stdout
        for node in nodes:
            node.set_up(script)

    def clusters(self, *nodes: Node) -> str:
        addresses = "".join(f"\n      {node.name}: {{address: 127.0.0.1, port: {node.port}}}" for node in nodes)
        return f"""
clusters:
  lab:
    kubeconfig: {self.kubeconfig}
    overdue: 5s
    sweep: 2s
    ssh: {{user: terminating, key: {self.lab.node1.key}, known_hosts: {self.lab.known_hosts}, program: installed}}
    nodes:{addresses}
"""

    def for_repairs(self, *nodes: Node) -> Path:
        """Settings of a bot that repairs, with rights of its own and people who may agree."""
        settings = self.lab.folder / "repairs.yaml"
        if nodes:
            self.set_up(*nodes, repairs=True)
            manifest = self.run("rbac", "--name", "repairing", "--repairs").stdout
            self.kubeconfig = self.lab.grant(manifest, "terminating", "repairing")
            settings.write_text(f"{self.clusters(*nodes)}{REPAIRS}")
        return settings

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "bot", *words]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
        )

    def diagnose(self, pod: str) -> Json:
        done = self.run("diagnose", pod, "--config", str(self.settings), "-o", "json")
        assert done.returncode == 0, done.stderr
        answer: Json = json.loads(done.stdout)
        return answer

    def scan(self) -> Json:
        done = self.run("scan", "--config", str(self.settings), "-o", "json")
        assert done.returncode == 0, done.stderr
        answer: Json = json.loads(done.stdout)
        return answer


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab(installed()) as up:
        sys.stderr.write(f"\nthe lab was up in {up.took:.0f} s\n")
        yield up


@pytest.fixture(scope="session")
def bot(lab: Lab) -> Bot:
    bot = Bot(lab, lab.folder / "terminating.yaml")
    bot.set_up(lab.node1, lab.node2)
    bot.kubeconfig = lab.grant(bot.run("rbac").stdout, "terminating", "terminating")
    bot.settings.write_text(bot.clusters(lab.node1, lab.node2))
    return bot
