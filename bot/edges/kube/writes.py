"""
The writes: each one request, sent once, bound to a UID, and its answer taken for exactly what it says.

Done, provably not done, or not known: a write raises no outage. What the API server refused, it did not do; what was
cut off, nobody knows.
"""

import json
from http import HTTPStatus

from urllib3 import exceptions as http

from bot.core.acts import Acted
from bot.core.facts import NodeName, PodUid
from bot.core.hostile import plain
from bot.edges.kube.requests import DELETE_POD, PATCH_NODE, PATCH_POD, POD, Names, Request
from bot.edges.kube.server import NothingSentError, Server
from bot.ports import Missing, Outage
from bot.probes import api

_JSON, _PATCH = "application/json", "application/json-patch+json"
_UNCERTAIN = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)
_OK = range(200, 300)
_REFUSED = range(400, 500)


def delete_pod(server: Server, namespace: str, name: str, uid: PodUid, *, force: bool) -> Acted:
    """With its own grace, or with none: then the object goes at once, unless a finalizer holds it."""
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": uid},
        "propagationPolicy": "Background",
        **({"gracePeriodSeconds": 0} if force else {}),
    }
    return _written(server, DELETE_POD, {"namespace": namespace, "name": name}, options, _JSON)


def remove_finalizer(server: Server, namespace: str, name: str, uid: PodUid, finalizer: str) -> Acted:
    """One of them, wherever it stands in the list; the patch fails if the pod or the list has changed since."""
    names = {"namespace": namespace, "name": name}
    try:
        found = json.loads(bytes(server.read(POD, names).body))["metadata"]
        place = found.get("finalizers", []).index(finalizer)
    except Missing:
        return Acted("not-done", "the pod is gone")
    except Outage as outage:
        return Acted("not-done", f"the pod could not be read before the change: {outage.why}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Acted("not-done", f"the pod has no finalizer {plain(finalizer)}")
    path = f"/metadata/finalizers/{place}"
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": path, "value": finalizer},
        {"op": "remove", "path": path},
    ]
    return _written(server, PATCH_POD, names, patch, _PATCH)


def cordon(server: Server, node: NodeName, uid: str, before: api.NodeAnswer, *, unschedulable: bool) -> Acted:
    """`before` is the node as it was just read."""
    if before.uid != uid:
        return Acted("not-done", "the node is another one than approved")
    if before.unschedulable is unschedulable:
        return Acted("not-done", f"the node is {'' if unschedulable else 'not '}cordoned already")
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/spec/unschedulable", "value": unschedulable},
    ]
    return _written(server, PATCH_NODE, {"name": node}, patch, _PATCH)


def _written(server: Server, request: Request, names: Names, body: object, content_type: str) -> Acted:
    if not all(api.is_name(name) for name in names.values()):
        return Acted("not-done", "Kubernetes gives no such name: nothing was sent")
    try:
        status, answer = server.write(request, names, body, content_type)
    except NothingSentError as error:
        return Acted("not-done", f"nothing was sent: {error}")
    except Outage as outage:  # the credentials could not be renewed
        return Acted("not-done", f"nothing was sent: {outage.why}")
    except http.HTTPError as error:
        return Acted(
            "unknown", f"the connection to the API server broke after {request} was sent ({type(error).__name__})"
        )
    said = _message(answer)
    if status in _OK:
        return Acted("done", f"the API server took it (HTTP {status})")
    why = f"the API server refused it (HTTP {status}): {said}" if said else f"the API server refused it (HTTP {status})"
    if status in _REFUSED:
        return Acted("not-done", _meaning(status) or why, (why,))
    return Acted("unknown", f"the API server failed at it (HTTP {status}): whether it was done is not known", (why,))


def _meaning(status: int) -> str:
    match status:
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            return "the object is gone"
        case HTTPStatus.CONFLICT:
            return "it is another object of that name now, or it changed meanwhile"
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return "it is not as it was any more: the test of the change failed"
        case HTTPStatus.TOO_MANY_REQUESTS:
            return "the API server did not take it: it is overloaded, or a disruption budget says no"
        case _:
            return ""


def _message(answer: bytes) -> str:
    """What the Status object says, cleaned; nothing where it is none."""
    try:
        status = json.loads(answer)
        return plain(status["message"]) if isinstance(status["message"], str) else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
