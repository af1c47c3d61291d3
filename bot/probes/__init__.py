"""
One parser per question to a node, pure: bytes in, facts out. Nothing here asks anything or knows what time it is.

A parser never raises, whatever the bytes: what it cannot read is a fact that is not known, with the reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.core.facts import BY_NAME, ContainerId, Fact, NodeAnswers, PodUid, Scope, unknown
from bot.core.hostile import plain
from bot.core.pods import Question
from bot.probes import containerd, docker, kernel, kubelet, node, processes, shims
from bot.probes.discovery import arrive
from bot.probes.frames import Frames
from bot.probes.visit import NODE, Findings, Visit


@dataclass(frozen=True, slots=True)
class Probe:
    """`parse` yields each of `facts` once for the node, for every pod asked after or for every container found."""

    name: str
    facts: tuple[str, ...]
    parse: Callable[[Visit], Findings]


ALL: tuple[Probe, ...] = (
    Probe("node.identity", node.IDENTITY, node.identity),
    Probe("node.disk", node.DISK, node.disk),
    Probe("node.units", node.UNITS, node.units),
    Probe("node.mounts", node.MOUNTS, node.mounts),
    Probe("docker.daemon", docker.DAEMON, docker.daemon),
    Probe("docker.ps", docker.LISTED, docker.listed),
    Probe("docker.inspect", docker.INSPECTED, docker.inspected),
    Probe("containerd.daemon", containerd.DAEMON, containerd.daemon),
    Probe("containerd.tasks", containerd.TASKS, containerd.known_tasks),
    Probe("shims.serving", shims.SERVED, shims.serving),
    Probe("shims.answering", shims.ANSWERS, shims.answering),
    Probe("processes.own", processes.INIT, processes.own),
    Probe("processes.left", processes.CGROUP, processes.left),
    Probe("processes.daemons", processes.DAEMONS, processes.daemons),
    Probe("kernel.log", kernel.LOG, kernel.log),
    Probe("kubelet.log", kubelet.LOG, kubelet.log),
)


def answers(frames: Frames, question: Question, now: datetime) -> NodeAnswers:
    """What the node said, as facts. `now` is when the answer came, by the bot's clock."""
    visit = arrive(frames, question, now)
    pods: dict[str, dict[str, Fact]] = {asked.uid: {} for asked in question.pods}
    containers: dict[str, dict[str, Fact]] = {container: {} for container in visit.containers}
    heard: Mapping[Scope, dict[str, dict[str, Fact]]] = {"node": {NODE: {}}, "pod": pods, "container": containers}
    for probe in ALL:
        for subject, fact in probe.parse(visit):
            heard[BY_NAME[fact.name].scope][subject][fact.name] = fact
    return NodeAnswers(
        node=heard["node"][NODE],
        pods={PodUid(uid): found for uid, found in pods.items()},
        containers={ContainerId(id_): found for id_, found in containers.items()},
        belongs={id_: found.pod for id_, found in visit.containers.items() if found.pod is not None},
        names={id_: found.name for id_, found in visit.containers.items() if found.name},
    )


def silence(question: Question, why: str) -> NodeAnswers:
    """The node could not be asked: nothing that it would have said is known, and `why` says so."""
    reason = plain(why)
    belongs = {container: asked.uid for asked in question.pods for container in asked.containers}
    return NodeAnswers(
        node=_silent("node", reason),
        pods={asked.uid: _silent("pod", reason) for asked in question.pods},
        containers={container: _silent("container", reason) for container in belongs},
        belongs=belongs,
    )


def _silent(scope: Scope, why: str) -> Mapping[str, Fact]:
    names = (name for probe in ALL for name in probe.facts if BY_NAME[name].scope == scope)
    return {name: unknown(name, why, "ssh") for name in names}
