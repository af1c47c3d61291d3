"""
Lists in pages, and one object: which version of them is told.

Sources: https://kubernetes.io/docs/reference/using-api/api-concepts/; k8s.io/apiserver, pkg/storage/cacher/cacher.go
(GetToList, List: resourceVersion 0 comes from the watch cache, whole, whatever the limit) and
pkg/storage/etcd3/store.go (List, continue tokens).
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from bot.demo.cluster.denials import bad_request, expired, not_found, too_large_version
from bot.demo.cluster.kinds import Kind
from bot.demo.cluster.selectors import selected
from bot.demo.cluster.store import Key, Object, Store

FRESH_S = 3.0  # so long it waits for a version that is not there yet; cacher.go, blockTimeout
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
_ANY_VERSION = -1  # of a token that continues an expired list


def one(store: Store, kind: Kind, key: Key, query: Mapping[str, str]) -> Object:
    """Raises `DeniedError`."""
    _wait(store, _number(query.get("resourceVersion", "")))
    found = store.get(kind, key)
    if found is None:
        raise not_found(kind, key[1])
    return found


def page(store: Store, kind: Kind, namespace: str, query: Mapping[str, str]) -> tuple[Object, list[Object]]:
    """The list's metadata and its items. Raises `DeniedError`."""
    limit, token, version = _number(query.get("limit", "")), query.get("continue", ""), query.get("resourceVersion", "")
    fits = selected(kind, namespace, query)
    selecting = bool(query.get("fieldSelector") or query.get("labelSelector"))
    if token and version not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    with store.turn:
        start: Key | None = None
        if token:
            at, start = _token(token)
            if at != _ANY_VERSION and at < store.compacted:
                raise expired(_TOO_OLD, _continued(_ANY_VERSION, start))
            at = store.version if at == _ANY_VERSION else at
        else:
            _wait(store, _number(version))
            at = store.version
        if version == "0" and kind.cached and not token:
            limit = 0
        items = [
            (key, each) for key, each in store.all_at(kind, at).items() if fits(each) and (start is None or key > start)
        ]
    metadata: Object = {"resourceVersion": str(at)}
    if limit and len(items) > limit:
        metadata["continue"] = _continued(at, items[limit - 1][0])
        if not selecting:
            metadata["remainingItemCount"] = len(items) - limit
    return metadata, [each for _, each in (items[:limit] if limit else items)]


def _wait(store: Store, version: int) -> None:
    with store.turn:
        if not store.turn.wait_for(lambda: store.version >= version, FRESH_S):
            raise too_large_version(version, store.version)


def _number(text: str) -> int:
    try:
        return int(text or "0")
    except ValueError as error:
        raise bad_request(f'strconv.ParseUint: parsing "{text}": invalid syntax') from error


def _continued(version: int, last: Key) -> str:
    content = {"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(filter(None, last)) + "\0"}
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def _token(token: str) -> tuple[int, Key]:
    try:
        content: Any = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        version, start = int(content["rv"]), str(content["start"]).rstrip("\0")
    except (ValueError, TypeError, LookupError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    namespace, _, name = start.rpartition("/")
    return version, (namespace, name)
