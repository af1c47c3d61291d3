"""
What a DELETE does to an object: preconditions, graces, finalizers.

Sources: k8s.io/apiserver, pkg/registry/rest/delete.go (BeforeDelete) and pkg/registry/generic/registry/store.go
(Delete, updateForGracefulDeletionAndFinalizers, markAsDeleting); k8s.io/kubernetes, pkg/registry/core/pod/strategy.go
(CheckGracefulDelete).
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from bot.demo.cluster.denials import DeniedError, bad_request, conflict, not_imitated
from bot.demo.cluster.kinds import PODS, Kind
from bot.demo.cluster.store import Object

Effect = Literal["removed", "marked", "nothing"]


@dataclass(frozen=True, slots=True)
class Options:
    """Of DeleteOptions, what is imitated."""

    grace_s: int | None = None
    uid: str | None = None
    version: str | None = None


def options_of(body: Mapping[str, Any], query: Mapping[str, str]) -> Options:
    """The body's words, or where there is no body the query's. Raises `DeniedError`."""
    if body.get("propagationPolicy", query.get("propagationPolicy", "Background")) != "Background":
        raise not_imitated("deletes that wait for dependents, or orphan them")
    if body.get("dryRun") or "dryRun" in query:
        raise not_imitated("dry runs")
    conditions = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds")
    if not body and "gracePeriodSeconds" in query:
        grace = query["gracePeriodSeconds"]
    try:
        wanted = None if grace is None else int(grace)
    except (TypeError, ValueError) as error:
        raise bad_request(f"gracePeriodSeconds: {grace} is no number") from error
    return Options(wanted, conditions.get("uid"), conditions.get("resourceVersion"))


def deleted(kind: Kind, found: Object, options: Options, now: datetime) -> tuple[Effect, Object]:
    """What becomes of it, and how it looks then. Raises `DeniedError`."""
    _check(kind, found, options)
    after = copy.deepcopy(found)
    metadata = after["metadata"]
    held = bool(metadata.get("finalizers"))
    if kind != PODS:  # no other kind here has a graceful strategy
        return ("marked", _marked(after, now)) if held else ("removed", after)
    if "deletionTimestamp" in metadata:
        before = metadata.get("deletionGracePeriodSeconds")
        if not before:  # its grace was over before it began: only a finalizer can have kept it
            return ("marked", _marked(after, now)) if held else ("removed", after)
        if options.grace_s is None or options.grace_s >= before:
            return "nothing", after  # on its way already, and a grace may only be shortened
        grace = options.grace_s or 0
        asked = datetime.fromisoformat(metadata["deletionTimestamp"]) - timedelta(seconds=before)
        _set(metadata, asked + timedelta(seconds=grace), grace)
    else:
        grace = _grace(found, options)
        _set(metadata, now + timedelta(seconds=grace), grace)
    return ("removed" if grace <= 0 and not held else "marked"), after


def lets_go(before: Object, after: Object) -> bool:
    """
    Whether an update that took the last finalizer removes the object.

    Only one whose grace is 0: until then its kubelet has to let go of it first. Source: store.go,
    ShouldDeleteDuringUpdate.
    """
    grace = before["metadata"].get("deletionGracePeriodSeconds")
    return grace == 0 and not after["metadata"].get("finalizers")


def stamp(at: datetime) -> str:
    """As metav1.Time writes it: whole seconds."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _check(kind: Kind, found: Object, options: Options) -> None:
    metadata = found["metadata"]
    if options.uid is not None and options.uid != metadata["uid"]:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({metadata['uid']}). "
            "The object might have been deleted and then recreated"
        )
        raise _differs(kind, metadata["name"], why)
    if options.version is not None and options.version != metadata["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({options.version}) does not match the ResourceVersion in record "
            f"({metadata['resourceVersion']}). The object might have been modified"
        )
        raise _differs(kind, metadata["name"], why)


def _differs(kind: Kind, name: str, why: str) -> DeniedError:
    """BeforeDelete names the kind, where every other conflict names the resource."""
    return conflict(Kind(group=kind.group, version=kind.version, kind=kind.kind, plural=kind.kind), name, why)


def _grace(pod: Object, options: Options) -> int:
    """CheckGracefulDelete: who was never on a node, or has ended, needs none."""
    if not pod["spec"].get("nodeName") or pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
        return 0
    if options.grace_s is not None:
        return options.grace_s
    return int(pod["spec"].get("terminationGracePeriodSeconds") or 0)


def _marked(after: Object, now: datetime) -> Object:
    """MarkAsDeleting: from now on it waits for its finalizers alone."""
    before = after["metadata"].get("deletionTimestamp")
    if before is None or datetime.fromisoformat(before) > now:
        after["metadata"]["deletionTimestamp"] = stamp(now)
    after["metadata"]["deletionGracePeriodSeconds"] = 0
    return after


def _set(metadata: Object, deadline: datetime, grace: int) -> None:
    if "deletionTimestamp" not in metadata and metadata.get("generation", 0) > 0:
        metadata["generation"] += 1
    metadata["deletionTimestamp"] = stamp(deadline)
    metadata["deletionGracePeriodSeconds"] = grace
