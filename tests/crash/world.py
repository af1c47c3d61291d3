"""
The world of one case, as the bot's process sees it: the bot's own `Clusters`, with two hands replaced.

A node answers through a real `terminating-node` on an imitated root, started as sshd would: it outlives the process
that asked. What a look finds there is built by hand. The API server is reached over the wire. What was sent, and what
people were shown, is kept in files that outlive the process too.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from bot.app.clusters import Answered, Program
from bot.app.world import Clusters
from bot.core.causes import Cause, judge
from bot.core.consent import Person, Right
from bot.core.diagnoses import Diagnosis
from bot.core.facts import ContainerId, NodeAnswers, NodeName
from bot.core.guards import Policy, Rates
from bot.core.phases import Incident, Proposed, Unsettled, name_of
from bot.core.plans import Examined, Plan
from bot.core.pods import Question
from bot.core.repairs import ladder
from bot.ports import Missing, TimedOut, Unreachable
from bot.probes import api
from bot.settings import ClusterSettings, Repairs, Settings, Ssh, playbooks
from tests.core import samples
from tests.crash.points import Troubles, die
from tests.node.acting import BOOT, MACHINE
from tests.node.imitation import PROGRAM, SHELLS, Node

Kind = Literal["api", "node"]

CLUSTER, NODE, NAMESPACE, POD = "prod-eu", NodeName("node-17"), "prod", "billing-7c9f-x2x4q"
UID = samples.UID
PID = 4_194_000  # no process has it: above this machine's pid_max
CAUSE = "docker-lost-exit-event"
REPAIR: Mapping[Kind, str] = {"api": "pod.force_delete", "node": "container.stop"}
VOTERS: Mapping[Kind, tuple[str, ...]] = {"api": ("ben", "mallory"), "node": ("ben",)}
# What must stay where it is: the answer of a node in the evidence, the key of the votes in its file.
CANARY = "canary-4ab1e5"
KEY = b"a-key-that-nobody-may-see-5f0e31"


def policy() -> Policy:
    """Mallory may approve where two must agree; a verification that sees nothing soon gives up."""
    rights: Mapping[str, frozenset[Right]] = {CLUSTER: frozenset[Right](("request", "approve"))}
    people = {name: Person(id=name, rights=rights) for name in ("ada", "ben", "mallory")}
    return Policy(people=people, seal_key=KEY, own_node=None, verify_within=timedelta(seconds=20))


@dataclass(frozen=True, slots=True)
class Kept:
    """The files of one case. Whatever is written to them is there when the writer is killed a moment later."""

    folder: Path

    def add(self, name: str, line: str) -> None:
        file = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, f"{line}\n".encode())
        os.close(file)

    def lines(self, name: str) -> tuple[str, ...]:
        file = self.folder / name
        return tuple(file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    @property
    def node(self) -> Node:
        return Node(SHELLS["dash"], self.folder)

    def opened(self, gate: str) -> bool:
        """Lets whoever waits at this gate go on; whether somebody did."""
        try:
            os.close(os.open(self.folder / gate, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True


class Board:
    """`ports.Chat`. Each line is what people would read, with how far the audit log was."""

    def __init__(self, kept: Kept, head: Callable[[], int]) -> None:
        self._kept = kept
        self._head = head

    def members(self, group: str) -> frozenset[str]:
        raise AssertionError(f"nobody in these settings is in {group}")

    def show(self, incident: Incident, now: datetime) -> None:
        phase = incident.phase
        line: dict[str, object] = {
            "incident": incident.id,
            "phase": name_of(phase),
            "last": incident.last,
            "at": now.isoformat(),
            "seq": self._head(),
        }
        if isinstance(phase, Proposed):
            line |= {"digest": phase.plan.digest, "votes": [each.person for each in phase.votes]}
            self._kept.add("plans", json.dumps(shown(phase.plan), sort_keys=True))
        if isinstance(phase, Unsettled):
            line["asking"] = phase.asking
        self._kept.add("chat", json.dumps(line, sort_keys=True))


def shown(plan: Plan) -> Mapping[str, object]:
    """What people can hold a plan to: whom exactly it hits, who asked, until when."""
    target = plan.target
    return {
        "digest": plan.digest,
        "repair": plan.repair,
        "risk": plan.risk,
        "cause": plan.cause,
        "requester": plan.requester,
        "expires": plan.expires.isoformat(),
        "cluster": target.cluster,
        "place": plan.place,
        "hits": [str(target.container if plan.repair == "container.stop" else target.pod_uid)],
    }


@dataclass(slots=True)
class Hand:
    """Writes down that an act is sent, before it is, and how it will end for the process that sends it."""

    kept: Kept
    troubles: Troubles
    head: Callable[[], int]
    manner: str = ""

    def __call__(self, plan: Plan, manner: str) -> None:
        mishaps = [each for each in ("no reply", "cut off") if each in self.troubles.wanted]
        self.manner = manner or next((each for each in mishaps if self.troubles.first(each)), "")
        line = {"op": plan.op, "digest": plan.digest, "seq": self.head(), "manner": self.manner, "pid": os.getpid()}
        self.kept.add("sent", json.dumps(line, sort_keys=True))


class Wired(Program):
    """The SSH of this case: what it carries is run here, and what the probe would say is written by hand."""

    def __init__(self, settings: Settings, kept: Kept, hand: Hand) -> None:
        super().__init__(settings, ())
        self._kept = kept
        self._hand = hand

    def told(self, settings: ClusterSettings, node: api.NodeAnswer, words: tuple[str, ...], limit: timedelta) -> bytes:
        del settings, node
        if words[0] != "do":
            return self._heard(self._started(words, ""), limit)
        manner = self._hand.manner
        if manner == "lost":
            die()
        started = self._started(words, manner)
        if manner == "late":
            die()
        if manner in ("at work", "cut off"):
            self._kept.node.until(lambda: self._kept.has("at work"))
        if manner == "at work":
            die()
        if manner == "cut off":  # the node loses power: docker does it, and nobody writes down that it did
            os.killpg(started.pid, signal.SIGKILL)
            self._kept.opened("gate")
        answer = self._heard(started, limit)
        if manner in ("no reply", "cut off"):
            raise TimedOut("terminating-node do", NODE, "the connection ended", "It is asked what became of it.")
        return answer

    def ask(self, settings: ClusterSettings, question: Question, pod: str, node: api.NodeAnswer) -> Answered:
        del settings, pod, node
        if "look blind" in self._hand.troubles.wanted:
            outage = Unreachable("terminating-node probe", NODE, "nobody answers", "Look there.")
            return Answered(NodeAnswers(node={}, pods={}, containers={}), b"", outage)
        docker = "exited" if self._kept.has("effects") else "running"
        facts = samples.facts({**samples.DEAD, "docker.container.state": docker, "containerd.task.status": "absent"})
        containers = dict.fromkeys(question.pods[0].containers, facts)
        return Answered(NodeAnswers(node={}, pods={}, containers=containers), CANARY.encode(), None)

    def _started(self, words: tuple[str, ...], manner: str) -> subprocess.Popen[bytes]:
        node, before = self._kept.node, tuple[str, ...]()
        if manner == "late":
            os.mkfifo(node.folder / "start")
            before = ("dash", "-c", 'read -r go <"$MARK/start"; exec "$@"', "later")
        if manner in ("at work", "cut off"):
            os.mkfifo(node.folder / "gate")
        return subprocess.Popen(
            [*before, *node.shell, str(PROGRAM), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=node.variables() | {"OP": words[1]},
            start_new_session=True,
        )

    def _heard(self, started: subprocess.Popen[bytes], limit: timedelta) -> bytes:
        out, _ = started.communicate(timeout=limit.total_seconds())
        if b"\nresult running\n" in out and self._kept.opened("gate"):  # asked while it works: what it waited for
            self._kept.node.until(lambda: not self._kept.node.left())
        return out


@cache
def the_cause() -> Cause:
    """As the product ships it, but sooner believed; read once for all processes."""
    return replace(next(each for each in playbooks(None) if each.id == CAUSE), clear_for=timedelta(seconds=5))


class Here(Clusters):
    def __init__(self, settings: Settings, program: Program, clock: Callable[[], datetime]) -> None:
        super().__init__(settings, program, clock)
        self._wired = program
        self._here = settings.clusters[0]

    def playbooks(self) -> Mapping[str, str]:
        return {CAUSE: the_cause().digest}

    def examine(self, cluster: str, namespace: str, name: str) -> Examined:
        server = self._wired.cluster(self._here)
        pod = server.pod(namespace, name).pod
        node = server.node(pod.node)
        container = next(each.id for each in pod.containers)
        if container is None:
            raise Missing("get pods", cluster, "its container has no id", "Look.")
        subject = samples.subject(_facts(), name="billing", container=ContainerId(container))
        cause = the_cause()
        verdict = judge((cause,), (subject,))
        repairs = ladder(cause, subject, (subject,))
        return Examined(
            diagnosis=Diagnosis(pod=pod, verdict=verdict, subjects=(subject,), repairs=repairs),
            cluster_uid=server.uid(),
            node=pod.node,
            node_exists=node.exists is not False,
            node_uid=node.uid,
            boot_id=node.boot_id,
            machine_id=node.machine_id,
            load=None,
            raw=CANARY.encode(),
            stuck=True,
            took=timedelta(seconds=1),
        )


def _facts() -> samples.Answers:
    return {
        **samples.lost(samples.BOOKWORM),
        "node.boot_id": BOOT,
        "node.machine_id": MACHINE,
        "docker.container.pid": PID,
        "process.pid": PID,
    }


def settings(folder: Path) -> Settings:
    """Of one cluster; nothing but the go file of the repairs is read from it by what runs here."""
    ssh = Ssh(
        user=None,
        port=None,
        key=None,
        known_hosts=(),
        become=None,
        program="installed",
        agent=False,
        jump=None,
        limit=timedelta(seconds=20),
    )
    here = ClusterSettings(
        name=CLUSTER,
        kubeconfig=folder / "kubeconfig",
        context=None,
        overdue=timedelta(seconds=60),
        sweep=timedelta(seconds=30),
        ssh=ssh,
        nodes={},
    )
    repairs = Repairs(
        go_file=folder / "go",
        own_node=None,
        rates=Rates(),
        storm_nodes=3,
        storm_within=timedelta(minutes=10),
        verify_within=timedelta(minutes=5),
        windows=(),
    )
    return Settings(
        clusters=(here,),
        database="",
        vote_key=folder / "votes.key",
        people={},
        logins={},
        slack={},
        repairs=repairs,
        login="",
        user="",
        home=folder,
        ssh_config=folder / "ssh_config",
    )
