"""What else is on a node, in numbers and names: what a plan that hits the whole node would hit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLoad:
    pods: int  # that have not finished
    stateful: tuple[str, ...]  # "StatefulSet/kafka", each once
    alone: tuple[str, ...]  # "namespace/name" of pods that nothing would start again
    single: tuple[str, ...]  # "namespace/Kind/name" of controllers whose only pod is here
    budgets_at_zero: tuple[str, ...]  # "namespace/name" of PodDisruptionBudgets that allow none and fit a pod here
