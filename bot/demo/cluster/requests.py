"""From a request to an answer: whose turn it is, what is meant, and in which form it is told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bot.demo.cluster import patches
from bot.demo.cluster.deletes import options_of
from bot.demo.cluster.denials import (
    bad_request,
    forbidden,
    method_not_allowed,
    not_acceptable,
    not_imitated,
    unknown_format,
)
from bot.demo.cluster.kinds import BY_PATH, NAMESPACES, PODS, Kind
from bot.demo.cluster.lists import one, page
from bot.demo.cluster.registry import Registry
from bot.demo.cluster.store import Object
from bot.demo.cluster.users import User

_PARTIAL = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
_GROUP_VERSION = 3  # "apis", group, version; the core group has "api" and version
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    verb: str  # of HTTP
    path: str
    query: Mapping[str, str]
    accept: str
    content_type: str
    body: bytes
    user: User


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a path leads to; `name` empty: all of them."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Watching:
    """The answer is a stream of what changes."""

    place: Place
    partial: bool


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    content: Object


def place_of(path: str) -> Place | None:
    """None for what this API server does not have."""
    words = path.strip("/").split("/")
    cut = _GROUP_VERSION if words[0] == "apis" else _GROUP_VERSION - 1
    root, rest = "/" + "/".join(words[:cut]), words[cut:]
    match rest:
        case ["namespaces", namespace, plural, *more] if (root, plural) in BY_PATH and namespace:
            kind = BY_PATH[root, plural]
            return _place(kind, namespace, more) if kind.namespaced else None
        case [plural, *more] if (root, plural) in BY_PATH:
            kind = BY_PATH[root, plural]
            return None if kind.namespaced and more else _place(kind, "", more)
        case _:
            return None


def answered(registry: Registry, asked: Asked) -> Said | Watching | None:
    """None for a path that leads nowhere. Raises `DeniedError`."""
    if asked.path == "/version":
        version = {"major": "1", "minor": "20", "gitVersion": "v1.20.2", "platform": "linux/amd64"}
        return Said(HTTPStatus.OK, version)
    if asked.path == _REVIEW:
        return _reviewed(asked)
    place = place_of(asked.path)
    if place is None:
        return None
    kind = place.kind
    watching = asked.query.get("watch") in ("true", "1") and not place.name
    verb = _verb(asked.verb, place, watching=watching)
    if not asked.user.may(verb, kind.group, kind.plural, place.name):
        where = place.namespace if kind != NAMESPACES else place.name
        raise forbidden(kind, place.name, asked.user.name, verb, where)
    if place.subresource and (place.subresource != "status" or verb not in ("get", "patch")):
        raise not_imitated(f"{verb} of {kind.plural}/{place.subresource}")
    partial = _partial(asked.accept)
    if watching:
        return Watching(place, partial)
    return Said(*_done(registry, asked, place, verb, partial=partial))


def partial_of(content: Object) -> Object:
    return {**_PARTIAL, "metadata": content["metadata"]}


def _done(registry: Registry, asked: Asked, place: Place, verb: str, *, partial: bool) -> tuple[int, Object]:
    kind, key = place.kind, (place.namespace, place.name)
    match verb:
        case "list":
            return HTTPStatus.OK, _listed(registry, asked, place, partial=partial)
        case "get":
            found = one(registry.store, kind, key, asked.query)
        case "create":
            made = registry.create(kind, _object(asked), place.namespace)
            return HTTPStatus.CREATED, partial_of(made) if partial else made
        case "delete":
            effect, found = registry.delete(kind, key, options_of(_object(asked), asked.query))
            if effect == "removed" and kind != PODS:  # only pods are returned as they were: ReturnDeletedObject
                details = {"name": place.name, "kind": kind.plural, "uid": found["metadata"]["uid"]}
                return HTTPStatus.OK, {
                    "kind": "Status",
                    "apiVersion": "v1",
                    "metadata": {},
                    "status": "Success",
                    "details": details,
                }
        case "patch":
            found = registry.change(kind, key, lambda before: _patched(before, asked, place))
        case other:
            raise not_imitated(other)
    return HTTPStatus.OK, partial_of(found) if partial else found


def _patched(before: Object, asked: Asked, place: Place) -> Object:
    """Of its status only the status is taken, and of the whole all but the status."""
    after = patches.patched(before, asked.body, asked.content_type)
    if place.subresource:
        return {**before, "status": after.get("status", {})}
    return {**after, "status": before["status"]} if "status" in before else after


def _listed(registry: Registry, asked: Asked, place: Place, *, partial: bool) -> Object:
    metadata, items = page(registry.store, place.kind, place.namespace, asked.query)
    if partial:
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
        return {**head, "metadata": metadata, "items": [partial_of(each) for each in items]}
    bare = [{key: value for key, value in each.items() if key not in ("kind", "apiVersion")} for each in items]
    head = {"kind": f"{place.kind.kind}List", "apiVersion": place.kind.api_version}
    return {**head, "metadata": metadata, "items": bare}


def _place(kind: Kind, namespace: str, more: list[str]) -> Place | None:
    match more:
        case []:
            return Place(kind=kind, namespace=namespace)
        case [name]:
            return Place(kind=kind, namespace=namespace, name=name)
        case [name, subresource]:
            return Place(kind=kind, namespace=namespace, name=name, subresource=subresource)
        case _:
            return None


def _verb(method: str, place: Place, *, watching: bool) -> str:
    """As RBAC has it; k8s.io/apiserver, pkg/endpoints/request/requestinfo.go."""
    match method, bool(place.name):
        case "GET", True:
            return "get"
        case "GET", False:
            return "watch" if watching else "list"
        case "POST", False:
            return "create"
        case "PUT", True:
            return "update"
        case "PATCH", True:
            return "patch"
        case "DELETE", True:
            return "delete"
        case "DELETE", False:
            return "deletecollection"
        case _:
            raise method_not_allowed()


def _partial(accept: str) -> bool:
    """
    Whether metadata alone is wanted; the first clause that can be had counts.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
    """
    for clause in (accept or "*/*").split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        values = dict(each.partition("=")[::2] for each in parameters)
        if media not in ("application/json", "application/*", "*/*"):
            continue
        match values.get("as"):
            case None:
                return False
            case "PartialObjectMetadata" | "PartialObjectMetadataList" if (values.get("g"), values.get("v")) == (
                "meta.k8s.io",
                "v1",
            ):
                return True
            case _:
                continue  # a table, or a version of tomorrow: the next clause
    raise not_acceptable()


def _object(asked: Asked) -> Object:
    """The body; an empty one for none. Raises `DeniedError`."""
    if not asked.body:
        return {}
    media = asked.content_type.partition(";")[0].strip()
    if media not in ("", "application/json"):
        raise unknown_format("application/json, application/yaml, application/vnd.kubernetes.protobuf")
    try:
        content: Any = json.loads(asked.body)
    except ValueError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(content, dict):
        raise bad_request("couldn't get version/kind; json parse error: expected an object")
    return content


def _reviewed(asked: Asked) -> Said:
    """What somebody may do: everybody may ask that of themselves."""
    if asked.verb != "POST":
        raise method_not_allowed()
    review = _object(asked)
    wanted = (review.get("spec") or {}).get("resourceAttributes") or {}
    allowed = asked.user.may(
        wanted.get("verb", ""), wanted.get("group", ""), wanted.get("resource", ""), wanted.get("name", "")
    )
    return Said(HTTPStatus.CREATED, {**review, "status": {"allowed": allowed}})
