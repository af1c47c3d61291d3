"""
What a PATCH makes of an object, and whether that may be.

Sources: RFC 6902 and RFC 7386; k8s.io/apiserver, pkg/endpoints/handlers/patch.go; k8s.io/apimachinery,
pkg/api/validation/objectmeta.go; k8s.io/kubernetes, pkg/apis/core/validation/validation.go (ValidatePodUpdate).
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

from bot.demo.cluster.denials import (
    bad_request,
    conflict,
    does_not_apply,
    invalid,
    not_imitated,
    unknown_format,
)
from bot.demo.cluster.kinds import PODS, Kind
from bot.demo.cluster.store import Object

JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
_STRATEGIC, _APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def patched(found: Object, raw: bytes, content_type: str) -> Object:
    """A changed copy; all of a patch or nothing. Raises `DeniedError`."""
    media = content_type.partition(";")[0].strip()
    if media in (_STRATEGIC, _APPLY):
        raise not_imitated(f"patches of type {media}")
    if media not in (JSON_PATCH, MERGE_PATCH):
        raise unknown_format(f"{JSON_PATCH}, {MERGE_PATCH}, {_STRATEGIC}, {_APPLY}")
    try:
        patch = json.loads(raw)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error
    if media == MERGE_PATCH:
        if not isinstance(patch, dict):
            raise bad_request("error decoding patch: expected an object")
        merged: Object = _merged(copy.deepcopy(found), patch)
        return merged
    if not isinstance(patch, list) or not all(isinstance(step, dict) for step in patch):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    changed = copy.deepcopy(found)
    try:
        for step in patch:
            _apply(changed, step)
    except (LookupError, TypeError, ValueError) as error:
        raise does_not_apply() from error
    return changed


def check(kind: Kind, before: Object, after: Object) -> None:
    """Raises `DeniedError` for what no update may change."""
    name = before["metadata"]["name"]
    old, new = before["metadata"], after.get("metadata") or {}
    if new.get("name") != name:
        raise bad_request(f"the name of the object ({new.get('name', '')}) does not match the name on the URL ({name})")
    if new.get("resourceVersion", old["resourceVersion"]) != old["resourceVersion"]:
        again = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(kind, name, again)
    for field in _IMMUTABLE:
        if new.get(field) != old.get(field):
            why = f"Invalid value: {json.dumps(new.get(field, ''))}: field is immutable"
            raise invalid(kind, name, f"metadata.{field}", why)
    added = [each for each in new.get("finalizers") or () if each not in (old.get("finalizers") or ())]
    if "deletionTimestamp" in old and added:
        listed = ", ".join(f'"{each}"' for each in added)
        why = "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
        raise invalid(kind, name, "metadata.finalizers", f"{why}[]string{{{listed}}}", "FieldValueForbidden")
    if kind == PODS and after.get("spec") != before.get("spec"):
        why = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`, "
            "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds` or `spec.tolerations`"
        )
        raise invalid(kind, name, "spec", why, "FieldValueForbidden")


def _merged(found: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    whole = found if isinstance(found, dict) else {}
    for key, value in patch.items():
        if value is None:
            whole.pop(key, None)
        else:
            whole[key] = _merged(whole.get(key), value)
    return whole


def _apply(found: Object, step: Mapping[str, Any]) -> None:
    """Raises what Python raises where a path does not lead anywhere."""
    if not str(step["path"]).startswith("/"):
        raise ValueError(step["path"])
    *way, last = (key.replace("~1", "/").replace("~0", "~") for key in step["path"].split("/")[1:])
    parent: Any = found
    for key in way:
        parent = parent[_index(key, len(parent)) if isinstance(parent, list) else key]
    match step["op"]:
        case "test":
            if _at(parent, last) != step["value"]:
                raise ValueError(f"testing value {step['path']} failed")
        case "add" if isinstance(parent, list):
            parent.insert(len(parent) if last == "-" else _index(last, len(parent) + 1), step["value"])
        case "add":
            parent[last] = step["value"]
        case "replace":
            _at(parent, last)
            parent[_index(last, len(parent)) if isinstance(parent, list) else last] = step["value"]
        case "remove":
            del parent[_index(last, len(parent)) if isinstance(parent, list) else last]
        case unknown:
            raise ValueError(f"unexpected kind: {unknown}")


def _at(parent: Any, last: str) -> Any:
    return parent[_index(last, len(parent))] if isinstance(parent, list) else parent[last]


def _index(text: str, length: int) -> int:
    """A place of a list: digits alone, within it."""
    if not text.isdecimal() or int(text) >= length:
        raise LookupError(text)
    return int(text)
