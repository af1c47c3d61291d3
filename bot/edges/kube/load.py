"""What else is on a node, counted from lists that are read whole: for plans that the whole node would feel."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from bot.core.facts import NodeName
from bot.core.hostile import plain
from bot.core.load import NodeLoad
from bot.edges.kube.lists import ANY_PAGE, again_if_gone, pages
from bot.edges.kube.requests import BUDGETS, OLD_BUDGETS, PODS, Request
from bot.edges.kube.server import NOTHING, Server
from bot.ports import Garbled, Missing

T = TypeVar("T", bound=msgspec.Struct)


class _Owner(msgspec.Struct, gc=False):
    kind: str
    name: str
    controller: bool | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str
    uid: str
    labels: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None


class _Pod(msgspec.Struct):
    metadata: _Metadata

    @property
    def owner(self) -> tuple[str, str, str] | None:
        nearest = next((each for each in self.metadata.owner_references or () if each.controller), None)
        return (self.metadata.namespace, nearest.kind, nearest.name) if nearest else None


class _Requirement(msgspec.Struct):
    key: str
    operator: str
    values: list[str] | None = None


class _Selector(msgspec.Struct, rename="camel"):
    match_labels: dict[str, str] | None = None
    match_expressions: list[_Requirement] | None = None


class _Spec(msgspec.Struct):
    selector: _Selector | None = None


class _Status(msgspec.Struct, rename="camel"):
    disruptions_allowed: int = 0


class _Budget(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec
    status: _Status


def load(server: Server, node: NodeName) -> NodeLoad:
    """Raises an outage: a number that is not known is not guessed."""
    unfinished = "status.phase!=Succeeded,status.phase!=Failed"
    here = _items(server, PODS, {"fieldSelector": f"spec.nodeName={node},{unfinished}"}, _Pod)
    everywhere = Counter(each.owner for each in _items(server, PODS, {"fieldSelector": unfinished}, _Pod))
    owners = {each.owner for each in here if each.owner is not None}
    try:
        request, budgets = BUDGETS, _items(server, BUDGETS, NOTHING, _Budget)
    except Missing:
        request, budgets = OLD_BUDGETS, _items(server, OLD_BUDGETS, NOTHING, _Budget)
    return NodeLoad(
        pods=len(here),
        stateful=_sorted(f"{kind}/{name}" for _, kind, name in owners if kind == "StatefulSet"),
        alone=_sorted(f"{each.metadata.namespace}/{each.metadata.name}" for each in here if each.owner is None),
        single=_sorted("/".join(owner) for owner in owners if everywhere[owner] == 1),
        budgets_at_zero=_sorted(
            f"{budget.metadata.namespace}/{budget.metadata.name}"
            for budget in budgets
            if budget.status.disruptions_allowed <= 0 and any(_fits(budget, pod, request) for pod in here)
        ),
    )


def _items(server: Server, request: Request, query: Mapping[str, str], kind: type[T]) -> list[T]:
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


def _fits(budget: _Budget, pod: _Pod, request: Request) -> bool:
    """An empty selector takes every pod of the namespace in policy/v1, and none in v1beta1."""
    if budget.metadata.namespace != pod.metadata.namespace or budget.spec.selector is None:
        return False
    labels, expressions = budget.spec.selector.match_labels or {}, budget.spec.selector.match_expressions or []
    if not labels and not expressions:
        return request is BUDGETS
    has = pod.metadata.labels or {}
    return all(has.get(key) == value for key, value in labels.items()) and all(
        _meets(has, each) for each in expressions
    )


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


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({plain(name) for name in names}))
