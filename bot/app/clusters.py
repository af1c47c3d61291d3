"""
Every configured cluster and its nodes: connections, and the looks that people and the bot take at them.

It decides nothing: facts go to `core`, and what comes back is handed on.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Self

from bot import probes
from bot.core.causes import Cause
from bot.core.diagnoses import Diagnosed, Diagnosis, diagnose
from bot.core.facts import Fact, NodeAnswers, NodeName, Unknown
from bot.core.hostile import plain
from bot.core.pods import Asked, Pod, Question, hold, overdue, stuck
from bot.core.scans import Looked, Scan, Stuck
from bot.edges import kube, ssh
from bot.ports import Garbled, Missing, Outage, Refused
from bot.probes import api, frames
from bot.settings import ClusterSettings, Settings, shipped

Say = Callable[[str], None]

_FORM = 'Say POD or NAMESPACE/POD, each of lower-case letters, digits, "-" and "." (253 characters at most).'
PROBE_SHARE = 0.3  # of a node's time, for each question there; a hung shim costs all of it
READERS = 8  # pods of one cluster that are read at once


@dataclass(frozen=True, slots=True)
class Answered:
    """What a node said, whole and read; or nothing, and why."""

    answers: NodeAnswers
    raw: bytes
    outage: Outage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    answer: api.PodAnswer
    node: api.NodeAnswer
    diagnosis: Diagnosis
    raw: bytes
    took: timedelta


def named(clusters: Sequence[ClusterSettings], name: str, asked: str, of: str) -> ClusterSettings:
    """Raises `Missing` where there is none: for what was asked, of which words."""
    for each in clusters:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in clusters)
    raise Missing(asked, plain(of), f"no cluster {plain(name)}", f"There are: {known}.")


class Program:
    """Every configured cluster and its nodes; connections are made when first needed, and kept."""

    def __init__(self, settings: Settings, causes: Iterable[Cause]) -> None:
        self._settings = settings
        self._causes = tuple(causes)
        self._open = ExitStack()
        self._clusters: dict[str, kube.Cluster] = {}
        self._connecting = Lock()
        self._nodes = self._open.enter_context(ssh.Pool((shipped("node") / "terminating-node").read_bytes()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def scan(self, say: Say) -> Scan:
        """Looks at every cluster at once; one that fails is in the answer with its reason and hides no other."""
        began = monotonic()
        say(f"reading {len(self._settings.clusters)} clusters")
        with ThreadPoolExecutor(len(self._settings.clusters)) as threads:
            looks = list(threads.map(self._look, self._settings.clusters))
        found = sorted((each for _, pods in looks for each in pods), key=lambda each: each.overdue or timedelta())
        return Scan(
            clusters=tuple(looked for looked, _ in looks),
            stuck=tuple(reversed(found)),
            took=timedelta(seconds=monotonic() - began),
        )

    def diagnose(self, words: str, say: Say) -> Diagnosed:
        """
        One pod, named POD, NAMESPACE/POD or CLUSTER/NAMESPACE/POD.

        Raises an `Outage`: no such pod, several of that name, or a node that could not be asked where the API server
        alone does not tell the cause.
        """
        say(f"looking for {words}")
        settings, namespace, name = self.find(words)
        look = self.look(settings, namespace, name, self._causes, say)
        return Diagnosed(
            stuck=as_stuck(look.answer.pod, look.answer.at, node_exists=look.node.exists is not False),
            diagnosis=look.diagnosis,
            took=look.took,
        )

    def look(self, settings: ClusterSettings, namespace: str, name: str, causes: tuple[Cause, ...], say: Say) -> Look:
        """One live look at one pod and its node. Raises as `diagnose` does."""
        began = monotonic()
        cluster = self.cluster(settings)
        answer = cluster.pod(namespace, name)
        pod = answer.pod
        with ThreadPoolExecutor(1) as threads:
            rest = threads.submit(cluster.rest, answer)
            node = cluster.node(pod.node)
            question, idle = _question(answer, node), _not_asked(answer, node, settings.overdue)
            say("reading the API" if idle else f"asking {pod.node}")
            silent = Answered(probes.silence(question, idle), b"", None)
            said = silent if idle else self.ask(settings, question, pod.full_name, node)
            around = NodeAnswers(
                node=node.facts, pods={pod.uid: {**answer.facts, **rest.result()}}, containers=answer.containers
            )
        diagnosis = diagnose(pod, (around, said.answers), causes)
        if diagnosis.verdict.cause is None and not idle:
            _nothing_heard(said.answers, said.outage, pod)
        took = timedelta(seconds=monotonic() - began)
        return Look(answer=answer, node=node, diagnosis=diagnosis, raw=said.raw, took=took)

    def _look(self, settings: ClusterSettings) -> tuple[Looked, list[Stuck]]:
        began = monotonic()
        total, error, found = None, None, list[Stuck]()
        try:
            cluster = self.cluster(settings)
            sweep = cluster.deleting()
            late = [pod for pod in sweep.pods if stuck(pod, sweep.at, settings.overdue)]
            with ThreadPoolExecutor(READERS) as threads:
                pods = [pod for pod in threads.map(lambda pod: whole(cluster, pod), late) if pod is not None]
                names = sorted({pod.node for pod in pods if pod.node is not None})
                exists = {node.name: node.exists is not False for node in threads.map(cluster.node, names)}
            found = [as_stuck(pod, sweep.at, node_exists=exists.get(pod.node, False)) for pod in pods]
            total = sweep.total
        except Outage as outage:
            error = str(outage)
        return Looked(name=settings.name, pods=total, took=timedelta(seconds=monotonic() - began), error=error), found

    def find(self, words: str) -> tuple[ClusterSettings, str, str]:
        """The one pod that these words fit. Raises `Missing` for none, `Refused` for several."""
        places = self.places(words)
        if len(places) > 1:
            fits = ", ".join(f"{where.name}/{namespace}/{name}" for where, namespace, name in places[:5])
            more = f" and {len(places) - 5} more" if len(places) > 5 else ""  # noqa: PLR2004  # as many as fit a line
            raise Refused("finding the pod", plain(words), f"it fits {len(places)} pods", f"Say which: {fits}{more}.")
        return places[0]

    def places(self, words: str) -> Sequence[tuple[ClusterSettings, str, str]]:
        """Cluster, namespace and name of every pod that these words fit, one at least. Raises `Missing` for none."""
        *front, name = words.split("/")
        clusters = self._settings.clusters
        fit = all(front) and all(map(api.is_name, (*front[-1:], name)))
        if len(front) > 2 or not fit:  # noqa: PLR2004  # cluster and namespace
            raise Missing("finding the pod", f'"{plain(words)}"', "it is no pod's name", _FORM)
        if len(front) == 2:  # noqa: PLR2004  # the same
            return [(named(clusters, front[0], "finding the pod", words), front[1], name)]
        if front and len(clusters) == 1:
            return [(clusters[0], front[0], name)]
        namespace = front[0] if front else None
        with ThreadPoolExecutor(len(clusters)) as threads:
            found = list(threads.map(lambda each: self.cluster(each).find(name, namespace), clusters))
        places = [(where, pod.namespace, name) for where, pods in zip(clusters, found, strict=True) for pod in pods]
        if not places:
            where = ", ".join(each.name for each in clusters)
            raise Missing("finding the pod", where, f"there is no pod {plain(words)}", "Check its name and namespace.")
        return places

    def ask(self, settings: ClusterSettings, question: Question, pod: str, node: api.NodeAnswer) -> Answered:
        """What the node says, or that it says nothing and why: then every fact of it is unknown with that reason."""
        limit = settings.ssh.limit
        each_s = max(1, int(PROBE_SHARE * limit.total_seconds()))
        containers = tuple(id_ for each in question.pods for id_ in each.containers)
        ids = dict.fromkeys((*(each.uid for each in question.pods), *containers))
        words = ("probe", question.runtime, str(each_s), *ids)
        try:
            raw = self.told(settings, node, words, limit)
            heard = frames.read(raw)
            if containers and not any(name.endswith(containers) for name in heard):
                raise _nothing_of(pod, str(node.name))
            return Answered(probes.answers(heard, question, datetime.now(UTC)), raw, None)
        except frames.MalformedError as error:
            outage: Outage = Garbled("reading the probe", str(node.name), str(error), "Look at the node's login shell.")
        except Outage as error:
            outage = error
        return Answered(probes.silence(question, str(outage)), b"", outage)

    def told(self, settings: ClusterSettings, node: api.NodeAnswer, words: tuple[str, ...], limit: timedelta) -> bytes:
        """What the node program printed for these words."""
        return self._nodes.ask(self._target(settings, node), words, limit)

    def _target(self, settings: ClusterSettings, node: api.NodeAnswer) -> ssh.Target:
        name = node.name or NodeName("")
        given = settings.nodes.get(name)
        address = (given.address if given else None) or node.address
        if address is None:
            what = "Name one under `nodes` in the settings."
            raise Refused("asking the node", plain(name), "the API server knows no address for it", what)
        said, user = settings.ssh, self._settings.user
        usual = ssh.from_openssh_config(self._settings.ssh_config, name, host=address, user=user)
        login = said.user or usual.user
        target = replace(
            usual,
            host=given.address if given and given.address else usual.host,
            port=(given.port if given else None) or said.port or usual.port,
            user=login,
            key=said.key or usual.key,
            known_hosts=said.known_hosts or usual.known_hosts,
            become=said.become or ("none" if login == "root" else "sudo"),
            program=said.program,
            agent=said.agent,
        )
        if said.jump is None:
            return target
        hop = said.jump
        way = replace(target, name=NodeName(hop.host), host=hop.host, port=hop.port, user=hop.user or target.user)
        return replace(target, jump=way)

    def cluster(self, settings: ClusterSettings) -> kube.Cluster:
        with self._connecting:
            if settings.name not in self._clusters:
                cluster = kube.connect(settings.name, settings.kubeconfig, settings.context, settings.overdue)
                self._open.callback(cluster.close)
                self._clusters[settings.name] = cluster
            return self._clusters[settings.name]


def whole(cluster: kube.Cluster, seen: Pod) -> Pod | None:
    """The pod with its node and containers; None if it went, or another took its name, since it was seen."""
    try:
        pod = cluster.pod(seen.namespace, seen.name).pod
    except Missing:
        return None
    return pod if pod.uid == seen.uid else None


def as_stuck(pod: Pod, now: datetime, *, node_exists: bool) -> Stuck:
    """A pod at this moment, with what holds it if it is being deleted."""
    if pod.deadline is None:
        return Stuck(pod=pod, overdue=None, hold=None)
    return Stuck(pod=pod, overdue=overdue(pod, now), hold=hold(pod, node_exists=node_exists))


def _question(answer: api.PodAnswer, node: api.NodeAnswer) -> Question:
    pod = answer.pod
    containers = tuple(each.id for each in pod.containers if each.id is not None)
    asked = Asked(uid=answer.uid_on_node, namespace=pod.namespace, name=pod.name, containers=containers)
    return Question(runtime=node.runtime or answer.runtime or "containerd", pods=(asked,))


def _not_asked(answer: api.PodAnswer, node: api.NodeAnswer, allowed: timedelta) -> str:
    """Why there is nothing to ask a node; empty where there is."""
    if not stuck(answer.pod, answer.at, allowed):
        return "the pod is not stuck, so its node was not asked"
    if answer.pod.node is None:
        return "the pod was never put on a node"
    return f"there is no node {answer.pod.node} to ask" if node.exists is False else ""


def _nothing_heard(said: NodeAnswers, outage: Outage | None, pod: Pod) -> None:
    """Raises, rather than showing a card of nothing but unknowns, when the node's side is missing altogether."""
    if outage is not None:
        raise outage
    told: list[Fact] = [fact for facts in said.containers.values() for fact in facts.values()]
    if told and all(isinstance(fact.answer, Unknown) for fact in told):
        raise _nothing_of(pod.full_name, str(pod.node))


def _nothing_of(pod: str, node: str) -> Garbled:
    why = f"its answer says nothing of the containers of {pod}"
    return Garbled("reading the probe", node, why, "See what the node program prints there.")
