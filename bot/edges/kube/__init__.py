"""
The API server: the only door of `kubernetes` (credentials, TLS) and `msgspec` (lists).

Every call raises only the outages of `bot.ports`, unless it says that it raises none. Time is the API server's own (its
`Date`), so a wrong clock here makes no pod overdue. A `Cluster` serves several threads at once.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.core.acts import Acted
from bot.core.facts import ContainerId, Facts, NodeName, PodUid, known, merged
from bot.core.load import NodeLoad
from bot.core.pods import Pod, stuck
from bot.edges.kube import credentials, load, reviews, writes
from bot.edges.kube.lists import ANY_PAGE, PAGE, Metadata, again_if_gone, pages, pods
from bot.edges.kube.lists import pod as pod_of
from bot.edges.kube.requests import (
    ATTACHMENTS,
    CLAIM,
    EVENTS,
    JOB,
    NAMESPACE,
    NODE,
    POD,
    PODS,
    PODS_OF_NAMESPACE,
    REPLICASET,
    Names,
    Request,
)
from bot.edges.kube.server import NOTHING, Server
from bot.ports import Garbled, Missing, Outage
from bot.probes import api

DEFAULT_OVERDUE = timedelta(seconds=60)  # the same as the setting's
DEFAULT_LIMIT = timedelta(seconds=15)  # for each request; a healthy server answers within a second

_OWNED = {("apps", "ReplicaSet"): REPLICASET, ("batch", "Job"): JOB}  # owners that have one above them


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One consistent look at the pods of a cluster."""

    total: int
    pods: tuple[Pod, ...]  # of those, the ones looked for; metadata only: no node, no containers
    at: datetime  # the API server's time when it answered


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswers:
    """All that the API says about one pod; `facts` are those of the pod's and of the node's scope together."""

    pod: api.PodAnswer
    node: api.NodeAnswer
    facts: Facts
    containers: Mapping[ContainerId, Facts]


def connect(
    name: str,
    kubeconfig: Path | None,
    context: str | None,
    overdue: timedelta = DEFAULT_OVERDUE,
    limit: timedelta = DEFAULT_LIMIT,
) -> "Cluster":
    """
    Load the credentials; nothing is sent to the API server yet. Raises `Refused` when they cannot be used.

    Without `kubeconfig` and `context`: the pod's own service account where this runs in a pod, else the default
    kubeconfig. Facts call a pod stuck when it is overdue by more than `overdue`; `limit` is for each request.
    """
    return Cluster(name, Server(name, credentials.load(name, kubeconfig, context), limit), overdue)


class Cluster:
    def __init__(self, name: str, server: Server, overdue: timedelta) -> None:
        self.name = name
        self._server = server
        self._overdue = overdue

    def close(self) -> None:
        self._server.close()

    def deleting(self) -> Sweep:
        """
        Every pod that has a deadline, overdue or not, and how many pods there are in all.

        From the API server's watch cache, which may lag: before anything is done about a pod, read it with `pod`.
        """
        return self._sweep(PODS, _is_deleting)

    def find(self, name: str, namespace: str | None = None) -> tuple[Pod, ...]:
        """Pods of exactly this name, deleting or not, metadata only; none is an empty answer, not an outage."""
        if not api.is_name(name):
            return ()
        query = {"fieldSelector": f"metadata.name={name}"}
        if namespace is None:
            return self._sweep(PODS, _is_any, query).pods
        return self._sweep(PODS_OF_NAMESPACE, _is_any, query, {"namespace": namespace}).pods

    def pod(self, namespace: str, name: str) -> api.PodAnswer:
        """One request. Raises `Missing` where there is no such pod, and any other outage."""
        answer = self._server.read(POD, {"namespace": namespace, "name": name})
        try:
            return api.read_pod(bytes(answer.body), self.name, answer.at, self._overdue)
        except api.NotAPodError as error:
            raise self._server.outage(Garbled, f"{POD} {namespace}/{name}", str(error)) from error

    def node(self, name: NodeName | None) -> api.NodeAnswer:
        """One request. Raises no outage: what could not be read is unknown, with the reason."""
        if name is None:
            return api.unread_node(None, "the pod has no node")
        try:
            answer = self._server.read(NODE, {"name": name})
        except Missing:
            return api.lost_node(name)
        except Outage as outage:
            return api.unread_node(name, outage.why)
        return api.read_node(bytes(answer.body), name, answer.at)

    def uid(self) -> str:
        """The UID of the namespace kube-system, which is the cluster's own. Read each time: a proof is no memory."""
        found = api.uid(bytes(self._server.read(NAMESPACE, {"name": "kube-system"}).body))
        if not found:
            raise self._server.outage(Garbled, f"{NAMESPACE} kube-system", "the answer has no UID")
        return found

    def may(self, verb: str, api_group: str, resource: str, name: str = "") -> bool:
        """Whether this account has the right, by the API server's own word. Raises an outage."""
        return reviews.may(self._server, verb, api_group, resource, name)

    def load(self, node: NodeName) -> NodeLoad:
        """What else is on the node, from three lists. Raises an outage: a number that is not known is not guessed."""
        return load.of_node(self._server, node)

    # The writes: each is one request, sent at most once, that hits this UID or nothing. None raises an outage.

    def delete_pod(self, namespace: str, name: str, uid: PodUid) -> Acted:
        """With the pod's own grace. Of a pod that is being deleted already, this changes nothing."""
        return writes.delete_pod(self._server, namespace, name, uid, force=False)

    def force_delete_pod(self, namespace: str, name: str, uid: PodUid) -> Acted:
        """With no grace: the object goes at once, whatever the node does; a finalizer still holds it."""
        return writes.delete_pod(self._server, namespace, name, uid, force=True)

    def remove_finalizer(self, namespace: str, name: str, uid: PodUid, finalizer: str) -> Acted:
        """This one, wherever it stands in the list; the others stay."""
        try:
            found = self.pod(namespace, name).pod
        except Missing:
            return Acted("not-done", "the pod is gone")
        except Outage as outage:
            return Acted("not-done", f"nothing was sent: {outage}")
        return writes.remove_finalizer(self._server, found, uid, finalizer)

    def cordon(self, node: NodeName, uid: str, *, unschedulable: bool) -> Acted:
        """Or the reverse, where not `unschedulable`."""
        return writes.cordon(self._server, self.node(node), uid, unschedulable=unschedulable)

    def rest(self, answer: api.PodAnswer) -> Facts:
        """
        Events, owner chain, attachments and the number of stuck pods on its node, read side by side.

        Raises no outage: a part that could not be read is unknown, with the reason.
        """
        parts = (self._events, self._owners, self._attachments, self._neighbours)
        with ThreadPoolExecutor(len(parts)) as threads:
            return merged(*threads.map(lambda part: part(answer), parts))

    def around(self, namespace: str, name: str) -> ApiAnswers:
        """`pod`, then `node` and `rest` side by side. Raises only what `pod` raises."""
        answer = self.pod(namespace, name)
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(self.node, answer.pod.node)
            rest = self.rest(answer)
            node = asked.result()
        facts = merged(node.facts, answer.facts, rest)
        return ApiAnswers(pod=answer, node=node, facts=facts, containers=answer.containers)

    def _events(self, answer: api.PodAnswer) -> Facts:
        place, selector = answer.pod.namespace, f"involvedObject.uid={answer.uid_on_node}"
        source = f"kubectl -n {place} get events --field-selector {selector}"
        query = {"fieldSelector": selector, "limit": str(PAGE)}
        try:
            read = self._server.read(EVENTS, {"namespace": place}, query)
        except Outage as outage:
            return api.silence(api.EVENT_FACTS, outage.why, source)
        return api.read_events(bytes(read.body), source)

    def _owners(self, answer: api.PodAnswer) -> Facts:
        """The pod itself names the nearest owner; only a ReplicaSet or a Job has one above it."""
        fact, nearest, place = "api.pod.owner", answer.owner, answer.pod.namespace
        request = _OWNED.get((nearest.group, nearest.kind)) if nearest is not None else None
        if nearest is None or request is None:
            return {}
        source = f"kubectl -n {place} get {nearest.kind.lower()} {nearest.name} -o json"
        try:
            raw = bytes(self._server.read(request, {"namespace": place, "name": nearest.name}).body)
        except Missing:
            raw = b""
        except Outage as outage:
            return api.silence((fact,), outage.why, source)
        if api.uid(raw) != nearest.uid:  # gone, or another object of that name
            return {fact: known(fact, f"{nearest} (gone)", source)}
        above = api.owner(raw)
        return {fact: known(fact, f"{nearest}, {above}" if above is not None else str(nearest), source)}

    def _attachments(self, answer: api.PodAnswer) -> Facts:
        fact, node, source = "api.pod.attachments", answer.pod.node, "kubectl get volumeattachments -o json"
        if node is None or not answer.claims:
            return {fact: known(fact, 0, source)}
        try:
            volumes = {self._volume(answer.pod.namespace, claim) for claim in answer.claims}
            attached = self._attached(node)
        except Outage as outage:
            return api.silence((fact,), outage.why, source)
        return {fact: known(fact, len(volumes & attached), source)}

    def _volume(self, namespace: str, claim: str) -> str | None:
        return api.volume_of_claim(bytes(self._server.read(CLAIM, {"namespace": namespace, "name": claim}).body))

    def _attached(self, node: NodeName) -> frozenset[str]:
        def read() -> frozenset[str]:
            found: frozenset[str] = frozenset()
            for _, answer in pages(self._server, ATTACHMENTS, NOTHING, NOTHING, ANY_PAGE):
                found |= api.attached(bytes(answer.body), node)
            return found

        return again_if_gone(self._server, ATTACHMENTS, read)

    def _neighbours(self, answer: api.PodAnswer) -> Facts:
        fact, node = "api.node.terminating_pods", answer.pod.node
        if node is None:
            return api.silence((fact,), "the pod has no node", "kubectl get pods -A")
        selector = f"spec.nodeName={node}"
        source = f"kubectl get pods -A --field-selector {selector}"
        try:
            found = self._sweep(PODS, _is_deleting, {"fieldSelector": selector})
        except Outage as outage:
            return api.silence((fact,), outage.why, source)
        return {fact: known(fact, sum(stuck(pod, found.at, self._overdue) for pod in found.pods), source)}

    def _sweep(
        self, request: Request, wanted: Callable[[Metadata], bool], query: Names = NOTHING, names: Names = NOTHING
    ) -> Sweep:
        listed = pods(self._server, request, query, names, wanted)
        kept = tuple(pod_of(self.name, metadata) for metadata in listed.kept)
        return Sweep(total=listed.total, pods=kept, at=listed.at)


def _is_deleting(metadata: Metadata) -> bool:
    return metadata.deletion_timestamp is not None


def _is_any(_: Metadata) -> bool:
    return True
