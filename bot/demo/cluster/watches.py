"""
What changes, as it changes.

Sources: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes;
k8s.io/apiserver, pkg/storage/cacher/cacher.go (Watch, bookmarks) and watch_cache.go (too old resource version).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

from bot.demo.cluster.denials import DeniedError, bad_request, expired
from bot.demo.cluster.requests import Watching, partial_of
from bot.demo.cluster.selectors import Fits, selected
from bot.demo.cluster.store import Change, Object, Store

BOOKMARK_S = 60.0  # cacher.go, defaultBookmarkFrequency
_BEFORE_END_S = 2.0  # one bookmark so long before a watch ends; cacher.go, nextBookmarkTime
_LONGEST_S = 1800.0  # kube-apiserver, --min-request-timeout


@dataclass(slots=True, eq=False)
class Stream:
    """`events` ends after `timeoutSeconds`, or when the store's turn wakes it and `over` says so."""

    store: Store
    watching: Watching
    query: Mapping[str, str]
    over: bool = False

    def events(self) -> Iterator[Object]:
        """Raises `DeniedError` before the first event, for words that cannot be read."""
        place = self.watching.place
        fits = selected(place.kind, place.namespace, {**self.query, **_named(place.name)})
        version = _whole(self.query.get("resourceVersion", ""), 0)
        until = monotonic() + _whole(self.query.get("timeoutSeconds", ""), int(_LONGEST_S))
        return self._told(fits, version, until)

    def _told(self, fits: Fits, version: int, until: float) -> Iterator[Object]:
        with self.store.turn:
            oldest, now = self.store.compacted, self.store.version
            present = [] if version else list(self.store.all(self.watching.place.kind).values())
        if 0 < version < oldest:
            yield {"type": "ERROR", "object": _too_old(version, oldest).status}
            return
        yield from ({"type": "ADDED", "object": self._form(each)} for each in present if fits(each))
        version = version or now
        bookmark = min(monotonic() + BOOKMARK_S, max(until - _BEFORE_END_S, monotonic()))
        while not self.over and monotonic() < until:
            changes, version = self._next(version, min(bookmark, until))
            for change in changes:
                yield from self._event(change, fits)
            if monotonic() >= bookmark:
                bookmark = min(until, monotonic() + BOOKMARK_S)
                if self.query.get("allowWatchBookmarks") in ("true", "1"):
                    yield {"type": "BOOKMARK", "object": self._bookmark(version)}

    def _next(self, version: int, until: float) -> tuple[tuple[Change, ...], int]:
        """What has changed since, and the version that this leads to: nothing older can still come."""
        kind = self.watching.place.kind
        with self.store.turn:
            self.store.turn.wait_for(
                lambda: self.over or bool(self.store.since(kind, version)), max(0.0, until - monotonic())
            )
            return self.store.since(kind, version), self.store.version

    def _event(self, change: Change, fits: Fits) -> Iterator[Object]:
        """To a watch with a selector, what begins to fit has come, and what no longer does has gone."""
        was = change.before is not None and fits(change.before)
        fits_now = change.after is not None and fits(change.after)
        match was, fits_now:
            case False, True:
                yield {"type": "ADDED", "object": self._form(change.last)}
            case True, True:
                yield {"type": "MODIFIED", "object": self._form(change.last)}
            case True, False:
                yield {"type": "DELETED", "object": self._form(change.last)}
            case _:
                return

    def _form(self, content: Object) -> Object:
        return partial_of(content) if self.watching.partial else content

    def _bookmark(self, version: int) -> Object:
        kind = self.watching.place.kind
        content = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": {"resourceVersion": str(version)}}
        return self._form(content)


def _too_old(version: int, oldest: int) -> DeniedError:
    return expired(f"too old resource version: {version} ({oldest})")


def _named(name: str) -> dict[str, str]:
    return {"fieldSelector": f"metadata.name={name}"} if name else {}


def _whole(text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    try:
        return int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseUint: parsing "{text}": invalid syntax') from error
