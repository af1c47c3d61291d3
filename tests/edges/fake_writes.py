"""
How the fake API server changes its objects: deletes with preconditions, graces and finalizers, and JSON patches.

As the real one does it: k8s.io/apiserver, pkg/registry/rest/delete.go, and pkg/registry/core/pod/strategy.go.
"""

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

Object = dict[str, Any]
GRACE_S = 30  # of a pod that names none


class NoError(Exception):
    """The API server's no: nothing was changed."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


def deleted(held: list[Object], found: Object, options: Mapping[str, Any], now: datetime) -> str:
    """What became of it: "removed", "marked" with a new deadline, or nothing."""
    metadata = found["metadata"]
    wanted = options.get("preconditions", {}).get("uid", metadata["uid"])
    if wanted != metadata["uid"]:
        differ = f"the UID in the precondition ({wanted}) does not match the UID in record ({metadata['uid']})."
        again = "The object might have been deleted and then recreated"
        raise NoError(409, "Conflict", f"{differ} {again}")
    grace, before = _grace(found, options), metadata.get("deletionGracePeriodSeconds")
    asked = now
    if "deletionTimestamp" in metadata and before:
        if "gracePeriodSeconds" not in options or grace >= before:
            return ""  # it is on its way, and a grace can only be shortened
        asked = datetime.fromisoformat(metadata["deletionTimestamp"]) - timedelta(seconds=before)
    if grace == 0 and not metadata.get("finalizers"):
        held.remove(found)
        return "removed"
    if "deletionTimestamp" in metadata and before == 0:
        return ""
    deadline = (asked + timedelta(seconds=grace)).isoformat().replace("+00:00", "Z")
    metadata |= {"deletionTimestamp": deadline, "deletionGracePeriodSeconds": grace}
    return "marked"


def _grace(found: Object, options: Mapping[str, Any]) -> int:
    """A pod without a node, or one that has finished, needs none."""
    if not found["spec"].get("nodeName") or found.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    return int(options.get("gracePeriodSeconds", found["spec"].get("terminationGracePeriodSeconds", GRACE_S)))


def patched(held: list[Object], found: Object, patch: list[Mapping[str, Any]], content_type: str) -> str:
    """RFC 6902: test, add and remove, all or nothing; "" where nothing is different."""
    if content_type != "application/json-patch+json":
        raise NoError(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
    changed = copy.deepcopy(found)
    try:
        for step in patch:
            _apply(changed, step)
    except (LookupError, TypeError, ValueError) as error:
        text = "the server rejected our request due to an error in our request"
        raise NoError(422, "Invalid", text) from error
    if changed == found:
        return ""
    found.clear()
    found.update(changed)
    metadata = found["metadata"]
    if metadata.get("deletionGracePeriodSeconds") == 0 and not metadata.get("finalizers"):
        held.remove(found)
        return "removed"
    return "patched"


def _apply(found: Object, step: Mapping[str, Any]) -> None:
    *way, last = (key.replace("~1", "/").replace("~0", "~") for key in step["path"].split("/")[1:])
    parent: Any = found
    for key in way:
        parent = parent[int(key) if isinstance(parent, list) else key]
    place: Any = int(last) if isinstance(parent, list) else last
    match step["op"]:
        case "test" if parent[place] != step["value"]:
            raise ValueError(f"testing value {step['path']} failed")
        case "add":
            parent[place] = step["value"]
        case "remove":
            del parent[place]
