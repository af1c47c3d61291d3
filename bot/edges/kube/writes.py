"""
The writes: each one request, sent at most once, bound to a UID, and its answer taken for what it says and no more.

Done, provably not done, or not known. What the API server refused, it did not do; what was cut off, nobody knows.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from bot.core.acts import Acted
from bot.core.facts import PodUid, Unknown
from bot.core.hostile import plain
from bot.core.pods import Pod
from bot.core.rights import as_rule
from bot.edges.kube.requests import DELETE_POD, PATCH_NODE, PATCH_POD, Names, Request
from bot.edges.kube.server import SUCCESS, LostError, NotSentError, Reply, Server
from bot.ports import Outage
from bot.probes import api

_JSON, _PATCH = "application/json", "application/json-patch+json"

# A closed list: with any other status, some server on the way may have said it about a request that was carried out.
_REFUSALS: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "the API server does not understand the request",
    HTTPStatus.UNAUTHORIZED: "the credentials have expired or are not accepted",
    HTTPStatus.FORBIDDEN: "the API server forbids it",
    HTTPStatus.NOT_FOUND: "the {kind} is gone",
    HTTPStatus.METHOD_NOT_ALLOWED: "the API server does not offer it",
    HTTPStatus.NOT_ACCEPTABLE: "the API server does not offer it",
    HTTPStatus.CONFLICT: "it conflicts with another change",
    HTTPStatus.GONE: "the {kind} is gone",
    HTTPStatus.PRECONDITION_FAILED: "another {kind} has that name now",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the API server does not offer it",
    HTTPStatus.UNPROCESSABLE_ENTITY: "the {kind} is no longer as it was just read, or the change is not valid",
    HTTPStatus.TOO_MANY_REQUESTS: "the API server is overloaded and did not take it",
}
_BEFORE = {
    True: "it was cordoned before",
    False: "it was schedulable before",
    None: "whether it was cordoned before is not known",
}
_KINDS = {"pods": "pod", "nodes": "node"}
_OF_ANOTHER = "UID in"  # both texts of a failed precondition have it, and nothing else that a delete is answered


def delete_pod(server: Server, namespace: str, name: str, uid: PodUid, *, force: bool) -> Acted:
    options: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": uid},
        "propagationPolicy": "Background",
    }
    if force:
        options["gracePeriodSeconds"] = 0
    return _written(server, DELETE_POD, {"namespace": namespace, "name": name}, options, _JSON)


def remove_finalizer(server: Server, found: Pod, uid: PodUid, finalizer: str) -> Acted:
    """`found` is the pod as it was just read; if its UID or its list has changed since, the patch does not apply."""
    if found.uid != uid:
        return Acted("not-done", "another pod has that name now")
    if finalizer not in found.finalizers:
        return Acted("not-done", f"the pod has no finalizer {plain(finalizer)}")
    place = f"/metadata/finalizers/{found.finalizers.index(finalizer)}"
    patch = (
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": place, "value": finalizer},
        {"op": "remove", "path": place},
    )
    return _written(server, PATCH_POD, {"namespace": found.namespace, "name": found.name}, patch, _PATCH)


def cordon(server: Server, found: api.NodeAnswer, uid: str, *, unschedulable: bool) -> Acted:
    """`found` is the node as it was just read, or why it could not be."""
    if found.exists is False:
        return Acted("not-done", "the node is gone")
    unread = found.facts["api.node.exists"].answer
    if found.name is None or isinstance(unread, Unknown):
        why = unread.why if isinstance(unread, Unknown) else "it has no name"
        return Acted("not-done", f"nothing was sent: the node could not be read before: {why}")
    if found.uid != uid:
        return Acted("not-done", "another node has that name now")
    if found.unschedulable is unschedulable:
        return Acted("not-done", "it is already cordoned" if unschedulable else "it is not cordoned")
    patch = (
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/spec/unschedulable", "value": unschedulable},
    )
    return _written(server, PATCH_NODE, {"name": found.name}, patch, _PATCH, _BEFORE[found.unschedulable])


def _written(server: Server, request: Request, names: Names, body: object, content_type: str, *before: str) -> Acted:
    try:
        reply = server.write(request, names, body, content_type)
    except NotSentError as error:
        return Acted("not-done", f"nothing was sent: {error}")
    except Outage as outage:  # no such name, or no credentials: before any connection
        return Acted("not-done", f"nothing was sent: {outage.why}")
    except LostError as error:
        return Acted("unknown", f"{request} was sent, and then: {error}; whether it was done is not known")
    if reply.status in SUCCESS:
        return Acted("done", f"the API server did it (HTTP {reply.status})", before)
    return _refused(request, reply)


def _refused(request: Request, reply: Reply) -> Acted:
    reason = _reason(reply.body)
    said: tuple[str, ...] = (f"HTTP {reply.status}: {reason}" if reason else f"HTTP {reply.status}",)
    why = _REFUSALS.get(reply.status)
    if why is None:
        return Acted("unknown", f"the API server failed at {request}: whether it was done is not known", said)
    if reply.status == HTTPStatus.FORBIDDEN:
        said += (f"the right for it is {as_rule(request.verb, request.api_group, request.resource)}",)
    if reply.status == HTTPStatus.CONFLICT and _OF_ANOTHER in reason:
        why = _REFUSALS[HTTPStatus.PRECONDITION_FAILED]
    return Acted("not-done", why.format(kind=_KINDS[request.resource]), said)


def _reason(answer: bytes) -> str:
    """The message of a Status object, cleaned; empty where there is none."""
    try:
        status = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    message = status.get("message") if isinstance(status, dict) else None
    return plain(message) if isinstance(message, str) else ""
