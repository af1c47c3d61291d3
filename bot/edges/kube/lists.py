"""Lists, page by page: only the fields that are needed are decoded, and a page is let go before the next is read."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from time import monotonic
from typing import Annotated, TypeVar

import msgspec

from bot.core.facts import PodUid
from bot.core.hostile import plain
from bot.core.pods import Pod
from bot.edges.kube.requests import Names, Request
from bot.edges.kube.server import Answer, Server, TokenGoneError
from bot.ports import Garbled, TimedOut

PAGE = 500  # items; what kubectl asks for
PAGE_CAP = 256 << 20  # bytes; a server that ignores "metadata only" and `limit` sends every pod whole
LIST_S = 120  # seconds for all pages; 20,000 pods take two


class _Owner(msgspec.Struct, gc=False):
    kind: str
    name: str
    controller: bool | None = None


class _Annotations(msgspec.Struct, gc=False):
    mirror: str | None = msgspec.field(name="kubernetes.io/config.mirror", default=None)


class Metadata(msgspec.Struct, gc=False, rename="camel"):
    name: str
    namespace: str
    uid: str
    deletion_timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    deletion_grace_period_seconds: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None
    finalizers: list[str] | None = None
    owner_references: list[_Owner] | None = None
    annotations: _Annotations | None = None


class _Item(msgspec.Struct, gc=False):
    metadata: Metadata


class _ListMetadata(msgspec.Struct, gc=False):
    next: str = msgspec.field(name="continue", default="")


class PodPage(msgspec.Struct, gc=False):
    metadata: _ListMetadata
    items: list[_Item] | None


class AnyPage(msgspec.Struct, gc=False):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None


T = TypeVar("T")
Page = TypeVar("Page", PodPage, AnyPage)
PODS_DECODED = msgspec.json.Decoder(PodPage)
ANY_DECODED = msgspec.json.Decoder(AnyPage)


def pages(
    server: Server, request: Request, query: Names, decoder: msgspec.json.Decoder[Page], names: Names
) -> Iterator[tuple[Page, Answer]]:
    """Raises an outage, and `TokenGoneError` when the API server no longer keeps the list that was begun."""
    until, token = monotonic() + LIST_S, ""
    while True:
        more = {"continue": token} if token else {}
        answer = server.read(request, names, {**query, "limit": str(PAGE), **more}, PAGE_CAP)
        try:
            page = decoder.decode(answer.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise server.outage(Garbled, str(request), f"the answer is no list: {plain(str(error))}") from error
        yield page, answer
        token = page.metadata.next
        del page, answer  # not kept while the next page is read
        if not token:
            return
        if monotonic() > until:
            raise server.outage(TimedOut, str(request), f"the list did not end in {LIST_S} s")


def again_if_gone(server: Server, request: Request, read: Callable[[], T]) -> T:
    """A continue token lives as long as etcd keeps its revision: five minutes by default."""
    for _ in range(2):
        try:
            return read()
        except TokenGoneError:
            continue
    raise server.outage(Garbled, str(request), "the list expired twice while it was read (HTTP 410)", "Try again later")


def pod(cluster: str, metadata: Metadata) -> Pod:
    owner = next((each for each in metadata.owner_references or () if each.controller), None)
    return Pod(
        cluster=cluster,
        namespace=plain(metadata.namespace),
        name=plain(metadata.name),
        uid=PodUid(plain(metadata.uid)),
        deadline=metadata.deletion_timestamp,
        grace=timedelta(seconds=metadata.deletion_grace_period_seconds or 0),
        finalizers=tuple(plain(each) for each in metadata.finalizers or ()),
        owner=f"{plain(owner.kind)}/{plain(owner.name)}" if owner else None,
        mirror=metadata.annotations is not None and metadata.annotations.mirror is not None,
    )
