"""Targets for a server of these tests, and the one way an ask may fail: one clear line, in time."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import paramiko
import pytest

from bot.core.facts import NodeName
from bot.edges.ssh import Pool, Target
from bot.ports import Outage
from tests.edges.hostile_sshd import HostileSshd, known_hosts_line, write_key

PROGRAM = b"#!/bin/sh\n" + b"# the node program\n" * 800
WORDS = ("probe", "docker", "8")
SOON = timedelta(seconds=8)
SHORT = timedelta(seconds=0.7)
TargetOf = Callable[..., Target]


def targets(folder: Path) -> TargetOf:
    """Makes targets whose host key is pinned: the server's own, or another."""
    key = write_key(folder / "id_ed25519")

    def target(sshd: HostileSshd, pinned: paramiko.PKey | None = None) -> Target:
        known = folder / f"known_hosts_{sshd.port}"
        known.write_text(known_hosts_line(f"[127.0.0.1]:{sshd.port}", pinned or sshd.host_keys[0]))
        return Target(
            name=NodeName("node1"),
            host="127.0.0.1",
            port=sshd.port,
            user="ada",
            key=key,
            known_hosts=(known,),
            become="sudo",
            program="piped",
        )

    return target


def refusal(pool: Pool, target: Target, limit: timedelta = SOON) -> Outage:
    """The outage of one ask, which must be one clear line that comes in time."""
    began = time.monotonic()
    with pytest.raises(Outage) as caught:
        pool.ask(target, WORDS, limit)
    assert time.monotonic() - began < limit.total_seconds() + 1.5
    line = str(caught.value)
    assert line.isprintable(), line
    assert len(line) < 900
    assert "terminating-node probe on node1 (127.0.0.1" in line
    return caught.value
