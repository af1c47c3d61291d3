"""Every object with its versions, as etcd keeps them: one counter for all, and a memory of some minutes."""

import copy
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.demo.cluster.kinds import Kind

Object = dict[str, Any]
Key = tuple[str, str]  # namespace (empty where there is none) and name; in their order lists come
Clock = Callable[[], datetime]

KEPT = timedelta(minutes=5)  # kube-apiserver, --etcd-compaction-interval


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is None for one that came, `after` None for one that went."""

    version: int
    at: datetime
    kind: Kind
    key: Key
    before: Object | None
    after: Object | None

    @property
    def last(self) -> Object:
        """The object as it was left; one that went has the version at which it did."""
        if self.after is not None:
            return self.after
        left = dict(self.before or {})
        return {**left, "metadata": {**left["metadata"], "resourceVersion": str(self.version)}}


class Store:
    """
    Objects that were handed out are never changed afterwards, and nobody may change one.

    `turn` is held for everything that reads and then writes; it wakes whoever waits for the next change.
    """

    def __init__(self, clock: Clock) -> None:
        self.turn = threading.Condition(threading.RLock())
        self._clock = clock
        self._objects: dict[Kind, dict[Key, Object]] = {}
        self._changes: list[Change] = []
        self.version = 1
        self.compacted = 1  # what is older is forgotten

    def get(self, kind: Kind, key: Key) -> Object | None:
        with self.turn:
            return self._objects.get(kind, {}).get(key)

    def all(self, kind: Kind) -> Mapping[Key, Object]:
        """By key, in order."""
        with self.turn:
            return dict(sorted(self._objects.get(kind, {}).items()))

    def all_at(self, kind: Kind, version: int) -> Mapping[Key, Object]:
        """As it was then. `version` has not been forgotten."""
        with self.turn:
            found = dict(self._objects.get(kind, {}))
            for change in reversed(self._changes):
                if change.version <= version:
                    break
                if change.kind != kind:
                    continue
                if change.before is None:
                    found.pop(change.key, None)
                else:
                    found[change.key] = change.before
            return dict(sorted(found.items()))

    def put(self, kind: Kind, content: Object) -> Object:
        """Made or replaced, with the next version; what was kept is returned."""
        with self.turn:
            made = copy.deepcopy(content)
            key = key_of(made)
            return self._changed(kind, key, made)

    def remove(self, kind: Kind, key: Key) -> None:
        with self.turn:
            self._changed(kind, key, None)

    def since(self, kind: Kind, version: int) -> tuple[Change, ...]:
        with self.turn:
            return tuple(each for each in self._changes if each.version > version and each.kind == kind)

    def compact(self, version: int) -> None:
        """What was before is forgotten: who asks for it is told that it is gone."""
        with self.turn:
            self.compacted = max(self.compacted, version)
            self._changes = [each for each in self._changes if each.version > self.compacted]
            self.turn.notify_all()

    def _changed(self, kind: Kind, key: Key, after: Object | None) -> Object:
        objects, now = self._objects.setdefault(kind, {}), self._clock()
        self.version += 1
        change = Change(self.version, now, kind, key, objects.get(key), after)
        if after is None:
            del objects[key]
        else:
            after["metadata"]["resourceVersion"] = str(self.version)
            objects[key] = after
        self._changes.append(change)
        old = [each.version for each in self._changes if now - each.at > KEPT]
        if old:
            self.compact(old[-1])
        self.turn.notify_all()
        return change.last


def key_of(content: Mapping[str, Any]) -> Key:
    metadata = content["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
