"""What a person reads on a terminal, where the rows of `core.cards` are laid out."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from bot import probes
from bot.core.diagnoses import diagnose
from bot.core.facts import NodeAnswers, NodeName, PodUid, Value, known
from bot.core.pods import Asked, Container, Pod, Question
from bot.edges import console
from bot.settings import playbooks
from tests.core.samples import CONTAINER

UID = PodUid("852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111")
WHY = "asking node0 failed: the key is encrypted. Name a key without a passphrase."


def test_a_node_that_cannot_be_asked_says_why_once_in_each_part_of_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    asked = Asked(uid=UID, namespace="prod", name="zookeeper0-0", containers=(CONTAINER,))
    silent = probes.silence(Question(runtime="docker", pods=(asked,)), WHY)
    api: dict[str, Value] = {
        "api.pod.deleting": True,
        "api.pod.stuck": True,
        "api.pod.finalizers": 0,
        "api.node.exists": True,
        "api.node.ready": False,
        "api.node.runtime": "docker",
    }
    pod = Pod(
        cluster="lab",
        namespace="prod",
        name="zookeeper0-0",
        uid=UID,
        deadline=datetime(2026, 11, 23, tzinfo=UTC),
        grace=timedelta(seconds=30),
        finalizers=(),
        owner=None,
        node=NodeName("node0"),
        containers=(Container(name="zookeeper", id=CONTAINER, state="running"),),
    )
    around = NodeAnswers(pods={UID: {name: known(name, value, "kubectl") for name, value in api.items()}})

    console.show_diagnosis(diagnose(pod, (around, silent), playbooks()), timedelta(seconds=1))

    shown = " ".join(capsys.readouterr().out.split())
    assert "node-notready-or-unreachable" in shown
    assert f"the node not known: {WHY}" in shown
    assert shown.count(WHY.rstrip(".")) == 3  # the layers, the repair that is not offered, and what could not be asked
    assert "facts " + WHY in shown
    assert "Next" not in shown  # nothing destructive follows from a key that does not open


def test_an_answer_that_cannot_be_written_is_one_line() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "bot", "playbooks", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == "writing the answer failed: No space left on device. Look at where the output goes.\n"
