"""The cluster, up once for all tests; the bot's account there has what the bot's own commands print, and no more."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.cluster import Lab, installed

Json = dict[str, Any]


class Bot:
    """`terminating`, as a person types it."""

    def __init__(self, lab: Lab, settings: Path) -> None:
        self.lab, self.settings = lab, settings

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
    settings = lab.folder / "terminating.yaml"
    bot = Bot(lab, settings)
    script = bot.run("node-setup", "--key", f"{lab.node1.key}.pub").stdout
    for node in (lab.node1, lab.node2):
        node.set_up(script)
    kubeconfig = lab.grant(bot.run("rbac").stdout, "terminating", "terminating")
    settings.write_text(
        f"""
clusters:
  lab:
    kubeconfig: {kubeconfig}
    overdue: 5s
    ssh: {{user: terminating, key: {lab.node1.key}, known_hosts: {lab.known_hosts}, program: installed}}
    nodes:
      node1: {{address: 127.0.0.1, port: {lab.node1.port}}}
      node2: {{address: 127.0.0.1, port: {lab.node2.port}}}
"""
    )
    return bot
