"""How long a diagnosis takes, as ratios within one run: against bare SSH, and against a person typing the same."""

import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from statistics import median

import pytest

from bot.app import Program
from bot.core.facts import NodeName
from bot.edges import ssh
from bot.probes import frames
from bot.settings import load, playbooks, shipped
from tests.lab import harm
from tests.lab.cluster import Lab
from tests.lab.conftest import Bot
from tests.lab.reading import until_late

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

ROUNDS = 10


@pytest.fixture(scope="module")
def stuck(lab: Lab, bot: Bot) -> Iterator[str]:
    """A pod stuck by a lost exit event, where every question is answered at once; an account that may type freely."""
    lab.pod("lost", lab.node1, memory="32Mi")
    container = lab.container("lost")
    harm.lost_exit_event(lab, lab.node1, "lost")
    until_late(bot, "lost")
    lab.node1.run(
        "ssh-keygen -q -t ed25519 -N '' -f /run/free && cat /run/free.pub >>/home/terminating/.ssh/authorized_keys"
    )
    lab.node1.run("echo 'terminating ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/free")
    yield container
    lab.node1.start_kubelet()


def timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def by_hand(lab: Lab, command: str) -> None:
    """As a person does it: one ssh call for one command."""
    subprocess.run(
        ["ssh", "-F", "none", "-i", f"{lab.node1.folder}/run/free", "-p", str(lab.node1.port), "-o", "BatchMode=yes",
         "-o", f"UserKnownHostsFile={lab.known_hosts}", "terminating@127.0.0.1", command],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True,
    )  # fmt: skip


def slowest_probe_s(lab: Lab, container: str) -> float:
    """By the node program's own clock, of one run of it."""
    uid = lab.read("lost")["metadata"]["uid"]
    target = ssh.Target(
        name=NodeName("node1"), host="127.0.0.1", port=lab.node1.port, user="terminating", key=lab.node1.key,
        known_hosts=(lab.known_hosts,), become="none", program="installed",
    )  # fmt: skip
    with ssh.Pool((shipped("node") / "terminating-node").read_bytes()) as pool:
        words = ("probe", "docker", "6", uid, container)
        answer = frames.read(pool.ask(target, words, timedelta(seconds=20)))
    return max(frame.ms for frame in answer.values()) / 1000


def commands(lab: Lab, container: str) -> list[str]:
    """What the node program asks, typed out."""
    uid = lab.read("lost")["metadata"]["uid"]
    ctr = "sudo -n ctr -a /var/run/docker/containerd/containerd.sock -n moby"
    pid = harm.process_of(lab.node1, container)
    shim = harm.shim_of(lab.node1, container)
    return [
        "sudo -n docker version",
        "sudo -n docker info",
        "sudo -n docker ps -a --no-trunc",
        f"sudo -n docker inspect {container}",
        f"{ctr} version",
        f"{ctr} task ls",
        f"{ctr} task ps {container}",
        f"{ctr} shim --id {container} state",
        f"cat /proc/{shim}/stat /proc/{shim}/cgroup; ls /proc/{pid} || true",
        f"find /sys/fs/cgroup -name '*{container}*' || true",
        "sudo -n dmesg",
        f"sudo -n grep {uid} /var/log/messages",
        f"grep {uid} /proc/1/mountinfo || true",
        "df -P -k; df -P -i",
        "cat /proc/sys/kernel/random/boot_id /etc/machine-id; date +%s; uname -r",
        "pgrep -x kubelet || true",
    ]


def test_a_diagnosis_against_bare_ssh_and_against_the_same_commands_typed(
    stuck: str, lab: Lab, bot: Bot, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = commands(lab, stuck)
    with Program(load(bot.settings), playbooks()) as program:
        found = program.diagnose("default/lost", lambda _: None)
        assert found.diagnosis.verdict.cause is not None
        assert found.diagnosis.verdict.cause.id == "docker-lost-exit-event"
        diagnoses, bare, probes, hands = [], [], [], []
        for _ in range(ROUNDS):
            diagnoses.append(timed(lambda: program.diagnose("default/lost", lambda _: None)))
            bare.append(timed(lambda: by_hand(lab, "true")))
            probes.append(slowest_probe_s(lab, stuck))
            hands.append(sum(timed(lambda command=command: by_hand(lab, command)) for command in typed))  # type: ignore[misc]

    floor = median(d / (b + p) for d, b, p in zip(diagnoses, bare, probes, strict=True))
    gain = median(h / d for h, d in zip(hands, diagnoses, strict=True))

    with capsys.disabled():
        print(
            f"\ndiagnose {median(diagnoses):.3f} s; bare ssh {median(bare):.3f} s + "
            f"slowest probe {median(probes):.3f} s; ratio {floor:.2f} (at most 1.5, median of {ROUNDS})"
        )
        print(
            f"the same {len(typed)} commands, one ssh call each: {median(hands):.3f} s; "
            f"÷ diagnose: {gain:.1f} (at least 4, median of {ROUNDS})"
        )
    assert floor <= 1.5
    assert gain >= 4
