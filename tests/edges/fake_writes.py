"""How the fake API server changes its objects: deletes with preconditions, graces and finalizers, and JSON patches."""

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]


def deleted(held: list[Object], found: Object, options: Mapping[str, Any], now: str) -> tuple[int, str, str]:
    """Status, reason, and what happened to it: removed, or marked with a new deadline. As the real one does it."""
    metadata = found["metadata"]
    wanted = options.get("preconditions", {}).get("uid", metadata["uid"])
    if wanted != metadata["uid"]:
        return 409, "Conflict", ""
    asked = options.get("gracePeriodSeconds")
    if asked == 0 and not metadata.get("finalizers"):
        held.remove(found)
        return 200, "", "removed"
    grace = 30 if asked is None else int(asked)
    if "deletionTimestamp" in metadata and grace >= metadata.get("deletionGracePeriodSeconds", 30):
        return 200, "", ""  # it is on its way, and a grace can only be shortened
    metadata |= {"deletionTimestamp": now, "deletionGracePeriodSeconds": grace}
    return 200, "", "marked"


def patched(held: list[Object], found: Object, patch: list[Mapping[str, Any]]) -> tuple[int, str, str]:
    """RFC 6902: test, add and remove. One that does not apply is a 422, and changes nothing."""
    for step in patch:
        keys = step["path"].strip("/").split("/")
        if step["op"] == "test" and _at(found, keys) != step["value"]:
            return 422, "Invalid", ""
    for step in patch:
        *way, last = step["path"].strip("/").split("/")
        parent: Any = _at(found, way) if way else found
        if step["op"] == "add":
            parent[last] = step["value"]
        elif step["op"] == "remove":
            parent.pop(int(last) if isinstance(parent, list) else last)
    metadata = found["metadata"]
    if (
        "deletionTimestamp" in metadata
        and not metadata.get("finalizers")
        and metadata.get("deletionGracePeriodSeconds") == 0
    ):
        held.remove(found)
        return 200, "", "removed"
    return 200, "", "patched"


def _at(found: Any, keys: list[str]) -> Any:
    for key in keys:
        if isinstance(found, list):
            found = found[int(key)] if int(key) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return found
