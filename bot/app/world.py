"""
The clusters and their nodes as the engine sees them: sweeps, live looks, one act, and what became of it.

Each call is one errand to an edge, its answer turned into the words of `core`. Nothing is decided here.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from bot.app.clusters import READERS, Program, as_stuck, whole
from bot.core.acts import Acted
from bot.core.causes import Cause
from bot.core.facts import Facts, Known, NodeName, PodUid, Value
from bot.core.load import NodeLoad
from bot.core.phases import Incident, Looked, Member, Seen
from bot.core.plans import Examined, Plan, Target
from bot.core.pods import Asked, Hold, Pod, Question, Runtime, stuck
from bot.core.repairs import BY_ID
from bot.edges import kube
from bot.ports import Garbled, Missing, Outage, Refused, TimedOut
from bot.probes import api, record
from bot.settings import ClusterSettings, Settings, SettingsError, playbooks

ACT_LIMIT = timedelta(seconds=150)  # the node program ends its own work after 120
API_PATIENCE = timedelta(seconds=70)  # an API server ends a request after 60 (--request-timeout)

Clock = Callable[[], datetime]


class Clusters:
    """`ports.World` over a `Program`."""

    def __init__(self, settings: Settings, program: Program, clock: Clock, patience: timedelta = API_PATIENCE) -> None:
        self._settings = {each.name: each for each in settings.clusters}
        self._go_file = settings.repairs.go_file
        self._program = program
        self._clock = clock
        self._patience = patience

    def brake(self) -> str:
        if self._go_file is None or self._go_file.is_file():
            return ""
        return f"the file {self._go_file} is not there"

    def playbooks(self) -> Mapping[str, str]:
        try:
            return {cause.id: cause.digest for cause in playbooks(None)}
        except SettingsError:
            return {}

    def sweep(self, cluster: str, known: Sequence[Incident]) -> Mapping[Hold, Seen]:
        server, settings = self._at(cluster)
        swept = server.deleting()
        late = [pod for pod in swept.pods if stuck(pod, swept.at, settings.overdue)]
        with ThreadPoolExecutor(READERS) as threads:
            pods = [pod for pod in threads.map(lambda pod: whole(server, pod), late) if pod is not None]
            exists = self._exist(server, pods, threads)
            held: dict[Hold, list[Member]] = {}
            for pod in pods:
                found = as_stuck(pod, swept.at, node_exists=exists.get(pod.node, False))
                if found.hold is not None and pod.deadline is not None:
                    held.setdefault(found.hold, []).append(_member(pod))
            absent = [
                (incident.hold, member)
                for incident in known
                for member in incident.members
                if member.uid not in {each.uid for each in held.get(incident.hold, ())}
            ]
            elsewhere = {each.uid for members in held.values() for each in members}
            gone = dict(
                zip(
                    [(hold, member.uid) for hold, member in absent],
                    threads.map(lambda pair: pair[1].uid in elsewhere or _is_gone(server, pair[1]), absent),
                    strict=True,
                )
            )
        return {
            hold: Seen(
                members=tuple(sorted(held.get(hold, ()), key=lambda each: each.deadline)),
                gone=frozenset(uid for (where, uid), is_gone in gone.items() if where == hold and is_gone),
            )
            for hold in {*held, *(incident.hold for incident in known)}
        }

    def examine(self, cluster: str, namespace: str, name: str) -> Examined:
        server, settings = self._at(cluster)
        look = self._program.look(settings, namespace, name, _causes(), _silent)
        pod, node = look.answer.pod, look.node
        return Examined(
            diagnosis=look.diagnosis,
            cluster_uid=server.uid(),
            node=pod.node,
            node_exists=pod.node is not None and node.exists is not False,
            node_uid=node.uid,
            boot_id=node.boot_id,
            machine_id=node.machine_id,
            load=_load(server, pod.node if node.exists else None),
            raw=look.raw,
            stuck=stuck(pod, look.answer.at, settings.overdue),
            took=look.took,
        )

    def act(self, plan: Plan) -> Acted:
        try:
            if BY_ID[plan.repair].by == "api":
                return self._by_api(plan)
            return _as_acted(self._on_node(plan, ("do", plan.op, *node_words(plan)), ACT_LIMIT))
        except Refused as outage:  # to log in, to run a program; or the program, before it began
            return Acted("not-done", str(outage))
        except Outage as outage:
            return Acted("unknown", str(outage))

    def ask(self, plan: Plan, since: datetime) -> Acted:
        if BY_ID[plan.repair].by == "api":
            return self._seen_in_api(plan, since)
        settings = self._settings[plan.target.cluster]
        found = self._on_node(plan, ("status", plan.op), settings.ssh.limit)
        if found.result == "running":
            raise TimedOut("terminating-node status", plan.place, "the operation is still running", "Ask again.")
        return _as_acted(found)

    def look(self, plan: Plan) -> Looked:
        try:
            if plan.repair in ("node.cordon", "node.uncordon", "finalizer.remove"):  # other finalizers may hold the pod
                return self._looked_at_object(plan)
            found = self._looked_at_pod(plan)
        except Outage as outage:
            return Looked(op=plan.op, found="blind", says=str(outage))
        if found.found == "clear" and BY_ID[plan.repair].by == "node":
            return replace(found, beside=self._beside(plan))
        return found

    # ---- acts

    def _by_api(self, plan: Plan) -> Acted:
        target = plan.target
        try:
            server, _ = self._at(target.cluster)
            same = server.uid() == target.cluster_uid
        except Outage as outage:  # while reading: nothing was sent
            return Acted("not-done", str(outage))
        if not same:
            return Acted("not-done", "the cluster is another one than approved")
        match plan.repair:
            case "pod.delete":
                return server.delete_pod(target.namespace, target.pod, target.pod_uid)
            case "pod.force_delete":
                return server.force_delete_pod(target.namespace, target.pod, target.pod_uid)
            case "finalizer.remove":
                return server.remove_finalizer(target.namespace, target.pod, target.pod_uid, plan.words[0])
            case "node.cordon" | "node.uncordon" if target.node is not None and target.node_uid is not None:
                return server.cordon(target.node, target.node_uid, unschedulable=plan.repair == "node.cordon")
            case _:
                return Acted("not-done", f"nothing here carries out {plan.repair}")

    def _on_node(self, plan: Plan, words: tuple[str, ...], limit: timedelta) -> record.Record:
        server, settings = self._at(plan.target.cluster)
        node = server.node(plan.target.node)
        raw = self._program.told(settings, node, words, limit)
        try:
            return record.read(raw, plan.op)
        except record.NotARecordError as error:
            then = "See what its terminating-node prints there."
            raise Garbled(f"terminating-node {words[0]}", plan.place, str(error), then) from error

    def _seen_in_api(self, plan: Plan, since: datetime) -> Acted:
        """By the effect alone: an API server has no memory of a request."""
        found = self.look_in_api(plan)
        if found:
            return Acted("done", found)
        if self._clock() - since < self._patience:
            left = "its request may still be on its way"
            raise TimedOut(f"looking for the effect of {plan.repair}", plan.place, left, "Look again in a minute.")
        return Acted("not-done", "its effect is not to be seen, and the API server has long ended that request")

    def look_in_api(self, plan: Plan) -> str:
        """The effect of an API repair, in words; empty while there is none. Raises an Outage."""
        server, _ = self._at(plan.target.cluster)
        target = plan.target
        if plan.repair in ("node.cordon", "node.uncordon"):
            node = server.node(target.node)
            wanted = plan.repair == "node.cordon"
            return f"node {target.node} has it" if node.uid == target.node_uid and node.unschedulable is wanted else ""
        try:
            pod = server.pod(target.namespace, target.pod).pod
        except Missing:
            return "the pod is gone from the API server"
        if pod.uid != target.pod_uid:
            return "the pod is gone from the API server; another has its name"
        if plan.repair == "finalizer.remove" and plan.words[0] not in pod.finalizers:
            left = ", ".join(pod.finalizers)
            still = f"; the pod is still there, held by {left}" if left else "; the pod is still there for now"
            return f"the finalizer {plan.words[0]} is gone{still}"
        return ""

    # ---- verification

    def _looked_at_object(self, plan: Plan) -> Looked:
        found = self.look_in_api(plan)
        return Looked(op=plan.op, found="clear" if found else "held", says=found or "it is as it was")

    def _looked_at_pod(self, plan: Plan) -> Looked:
        server, settings = self._at(plan.target.cluster)
        gone = _is_gone(server, plan.target)
        node = server.node(plan.target.node)
        if plan.target.node is None or node.exists is False:
            says = "the pod is gone from the API server" if gone else "the API server still has the pod"
            return Looked(op=plan.op, found="clear" if gone else "held", says=says)
        left, blind = self._left_on_node(settings, plan, node)
        if blind:
            return Looked(op=plan.op, found="blind", says=blind)
        if gone and not left:
            says = f"the pod is gone from the API server, its containers from {plan.target.node}"
            return Looked(op=plan.op, found="clear", says=says)
        still = ("the API server still has the pod",) if not gone else ()
        return Looked(op=plan.op, found="held", says="; ".join((*still, *left)))

    def _left_on_node(self, settings: ClusterSettings, plan: Plan, node: api.NodeAnswer) -> tuple[tuple[str, ...], str]:
        """What the node still has of the container, in words; and why that is not known, if it is not."""
        target = plan.target
        containers = (target.container,) if target.container else ()
        asked = Asked(uid=target.pod_uid, namespace=target.namespace, name=target.pod, containers=containers)
        question = Question(runtime=node.runtime or "containerd", pods=(asked,))
        said = self._program.ask(settings, question, f"{target.namespace}/{target.pod}", node)
        if said.outage is not None:
            return (), str(said.outage)
        if target.container is None:
            return (), ""
        facts = said.answers.containers.get(target.container, {})
        return left_of(facts, question.runtime, force=plan.repair == "pod.force_delete")

    def _beside(self, plan: Plan) -> str:
        """What is proved does not hang on it."""
        try:
            found = self._on_node(plan, ("status", plan.op), self._settings[plan.target.cluster].ssh.limit)
        except Outage:
            return ""
        return record.beside(found, plan.target.pod_uid, str(plan.target.node))

    # ---- helpers

    def _at(self, cluster: str) -> tuple[kube.Cluster, ClusterSettings]:
        settings = self._settings.get(cluster)
        if settings is None:
            raise Missing("looking for the cluster", cluster, "it is not in the settings", "Put it back, or settle it.")
        return self._program.cluster(settings), settings

    def _exist(
        self, server: kube.Cluster, pods: Sequence[Pod], threads: ThreadPoolExecutor
    ) -> Mapping[NodeName | None, bool]:
        names = sorted({pod.node for pod in pods if pod.node is not None})
        return {node.name: node.exists is not False for node in threads.map(server.node, names)}


_ENDED = ("absent", "exited", "dead", "removing", "created")


def left_of(facts: Facts, runtime: Runtime, *, force: bool) -> tuple[tuple[str, ...], str]:
    """
    What a runtime or the kernel still has of a container, in words, and why that is not known, if it is not.

    A force delete takes the API object only: then it counts that no process is left.
    """
    docker, task, alive = (
        _value(facts, name) for name in ("docker.container.state", "containerd.task.status", "process.alive")
    )
    left = []
    if alive is True:
        left.append("its process is alive")
    if not force and isinstance(docker, str) and docker not in _ENDED:
        noticed = ", containerd has no task of it: docker has not noticed" if task == "absent" else ""
        left.append(f"docker still says {docker}{noticed}")
    if not force and isinstance(task, str) and task not in ("absent", "STOPPED"):
        left.append(f"containerd still says {task}")
    if left:
        return tuple(left), ""
    if alive is None and (force or (docker, task) not in (("absent", "absent"), (None, "absent"))):
        return (), "whether its process has ended is not known"
    if not force and (docker if runtime == "docker" else task) is None:
        return (), f"what {runtime} has of it is not known"
    return (), ""


def node_words(plan: Plan) -> tuple[str, ...]:
    """What follows the operation id: the verb, where it may run, and what it may hit."""
    return (plan.repair, plan.target.boot_id or "-", plan.target.machine_id or "-", *plan.words)


def _as_acted(found: record.Record) -> Acted:
    match found.result:
        case "done":
            return Acted("done", found.why, found.said)
        case "failed":  # it was begun, and what came of it is for the verification to see
            return Acted("done", f"its tool reported a failure: {found.why}", found.said)
        case "refused" | "burnt":
            return Acted("not-done", found.why, found.said)
        case "unknown" | "running":
            return Acted("unknown", found.why or f"the node says: {found.result}", found.said)


def _is_gone(server: kube.Cluster, pod: Member | Target) -> bool:
    """By a read that no cache answers. Raises an Outage, but not `Missing`."""
    uid: PodUid = pod.uid if isinstance(pod, Member) else pod.pod_uid
    name: str = pod.name if isinstance(pod, Member) else pod.pod
    try:
        return server.pod(pod.namespace, name).pod.uid != uid
    except Missing:
        return True


def _member(pod: Pod) -> Member:
    if pod.deadline is None:
        raise AssertionError("only pods that are being deleted are held")
    return Member(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        owner=pod.owner,
        deadline=pod.deadline,
        node=pod.node,
    )


def _causes() -> tuple[Cause, ...]:
    try:
        return playbooks(None)
    except SettingsError as error:
        raise Garbled(
            "reading the playbooks", "this machine", str(error.faults[0]), "See `playbooks check`."
        ) from error


def _load(server: kube.Cluster, node: NodeName | None) -> NodeLoad | None:
    """None where it could not be read: no number is better than a wrong one."""
    if node is None:
        return None
    try:
        return server.load(node)
    except Outage:
        return None


def _value(facts: Facts, name: str) -> Value | None:
    fact = facts.get(name)
    return fact.answer.value if fact is not None and isinstance(fact.answer, Known) else None


def _silent(_: str) -> None:
    pass
