"""What else is on a node, counted from lists that are read whole: for plans that the whole node would feel."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from bot.core.facts import NodeName
from bot.core.hostile import plain
from bot.core.load import NodeLoad
from bot.edges.kube.lists import ANY_PAGE, Annotations, Metadata, Owner, again_if_gone, pages, pods
from bot.edges.kube.requests import BUDGETS, OLD_BUDGETS, PODS, Request
from bot.edges.kube.server import NOTHING, Server
from bot.ports import Garbled, Missing

T = TypeVar("T", bound=msgspec.Struct)
Controller = tuple[str, str, str]  # namespace, kind and name

_UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"


class _Metadata(msgspec.Struct, gc=False, rename="camel"):
    name: str
    namespace: str
    labels: dict[str, str] | None = None
    owner_references: list[Owner] | None = None
    annotations: Annotations | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class _Pod(msgspec.Struct, gc=False):
    metadata: _Metadata


class _Requirement(msgspec.Struct, gc=False):
    key: str
    operator: str
    values: list[str] | None = None


class _Selector(msgspec.Struct, gc=False, rename="camel"):
    match_labels: dict[str, str] | None = None
    match_expressions: list[_Requirement] | None = None


class _Spec(msgspec.Struct, gc=False):
    selector: _Selector | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    disruptions_allowed: int = 0


class _Budget(msgspec.Struct, gc=False):
    metadata: _Metadata
    spec: _Spec
    status: _Status | None = None  # none before its controller has seen it: it allows nothing yet


def of_node(server: Server, node: NodeName) -> NodeLoad:
    """Raises an outage."""
    here = [each.metadata for each in _items(server, PODS, _on(node), _Pod)]
    # A static pod's controller is the node itself, or nothing at all in older clusters: the kubelet starts it again.
    movable = [each for each in here if each.annotations is None or each.annotations.mirror is None]
    controllers = {each for each in map(_controller, movable) if each is not None}
    everywhere = _counted(server, controllers)
    return NodeLoad(
        pods=len(here),
        stateful=_clean(f"{kind}/{name}" for _, kind, name in controllers if kind == "StatefulSet"),
        alone=_clean(str(each) for each in movable if _controller(each) is None),
        single=_clean("/".join(each) for each in controllers if everywhere[each] <= 1),
        budgets_at_zero=_budgets_at_zero(server, here),
    )


def _on(node: NodeName) -> Mapping[str, str]:
    return {"fieldSelector": f"spec.nodeName={node},{_UNFINISHED}"}


def _counted(server: Server, controllers: set[Controller]) -> Counter[Controller | None]:
    """Their pods in the whole cluster; only these pods are kept while its list arrives."""
    if not controllers:
        return Counter()
    listed = pods(server, PODS, {"fieldSelector": _UNFINISHED}, NOTHING, lambda each: _controller(each) in controllers)
    return Counter(map(_controller, listed.kept))


def _controller(metadata: Metadata | _Metadata) -> Controller | None:
    nearest = next((each for each in metadata.owner_references or () if each.controller), None)
    return (metadata.namespace, nearest.kind, nearest.name) if nearest else None


def _budgets_at_zero(server: Server, here: list[_Metadata]) -> tuple[str, ...]:
    try:
        budgets, takes_all = _items(server, BUDGETS, NOTHING, _Budget), True
    except Missing:
        budgets, takes_all = _items(server, OLD_BUDGETS, NOTHING, _Budget), False
    return _clean(
        str(each.metadata)
        for each in budgets
        if (each.status is None or each.status.disruptions_allowed <= 0)
        and any(_fits(each, pod, takes_all=takes_all) for pod in here)
    )


def _fits(budget: _Budget, pod: _Metadata, *, takes_all: bool) -> bool:
    """An empty selector takes every pod of the namespace in policy/v1 (`takes_all`), and none in v1beta1."""
    selector = budget.spec.selector
    if budget.metadata.namespace != pod.namespace or selector is None:
        return False
    wanted, requirements = selector.match_labels or {}, selector.match_expressions or []
    if not wanted and not requirements:
        return takes_all
    labels = pod.labels or {}
    return wanted.items() <= labels.items() and all(_meets(labels, each) for each in requirements)


def _meets(labels: Mapping[str, str], wanted: _Requirement) -> bool:
    value, values = labels.get(wanted.key), wanted.values or []
    match wanted.operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return True  # an operator of tomorrow: rather one budget too many


def _items(server: Server, request: Request, query: Mapping[str, str], kind: type[T]) -> list[T]:
    """Of a list that is short, or is asked for with a selector."""
    decoder = msgspec.json.Decoder(kind)

    def read() -> list[T]:
        found: list[T] = []
        for page, _ in pages(server, request, query, NOTHING, ANY_PAGE):
            found += [decoder.decode(item) for item in page.items or ()]
        return found

    try:
        return again_if_gone(server, request, read)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise server.outage(Garbled, str(request), f"an item cannot be read: {plain(str(error))}") from error


def _clean(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({plain(name) for name in names}))
