"""Deliberate faults: each one character or word away from the program, each the kind a hurried change brings in."""

from typing import NamedTuple


class Fault(NamedTuple):
    module: str
    text: str  # stands exactly once in the module's source
    instead: str
    why: str


FAULTS = (
    Fault(
        "facts",
        "isinstance(fact.answer, Known) or isinstance(result[name].answer, Unknown)",
        "True",
        "a later unknown hides an answer",
    ),
    Fault("facts", " or isinstance(fact.answer, Known)", "", "the earlier of two answers stays"),
    Fault(
        "pods", "return overdue(pod, now) > allowed", "return overdue(pod, now) >= allowed", "stuck a moment too soon"
    ),
    Fault("pods", "now - pod.deadline", "now - pod.deadline - pod.grace", "the grace is counted twice"),
    Fault("pods", "timedelta.min if pod", "timedelta.max if pod", "a pod that nobody deletes is stuck"),
    Fault("pods", "ended = all(", "ended = any(", "a finalizer is blamed while a container runs"),
    Fault("pods", "(ended or not on_a_node)", "ended", "a finalizer on a lost node is not seen"),
    Fault(
        "causes",
        "    if fact is None or isinstance(fact.answer, Unknown):\n        return None\n    value",
        "    if fact is None or isinstance(fact.answer, Unknown):\n        return False\n    value",
        "unknown counts as no: causes are ruled out that are not",
    ),
    Fault("causes", "type(value) is type(wanted) and ", "", "1 counts as yes"),
    Fault("causes", "return value >= number", "return value > number", "one OOM kill is none"),
    Fault("causes", "        if answer is False:\n", "        if not answer:\n", "what is not known rules out"),
    Fault(
        "causes",
        "in answers if answer is None):",
        "in answers if answer is False):",
        "unknown counts as yes",
    ),
    Fault(
        "causes",
        "*self.when) if self.runtimes",
        "*self.when) if False",
        "the runtime is not looked at",
    ),
    Fault("causes", "max(held, key", "min(held, key", "the container with the least support is shown"),
    Fault("causes", "return min(untold, key", "return max(untold, key", "more is said to be unknown than need be"),
    Fault("causes", "match[0].id not in explained", "match[0].id in explained", "a consequence leads"),
    Fault("causes", "-len(match[0].lines) - match[1].support", "-len(match[0].lines)", "support orders nothing"),
    Fault(
        "causes",
        "miss[1].of - miss[1].held, -miss",
        "miss[1].held - miss[1].of, -miss",
        "the farthest miss comes first",
    ),
    Fault(
        "causes",
        "for line in cause.supported_by if holds(line, subject.facts)]",
        "for line in cause.supported_by]",
        "what speaks against is shown as support",
    ),
    Fault(
        "repairs",
        '    if alive is None:\n        return f"the container',
        '    if alive == 0:\n        return f"the container',
        "not known to live counts as dead",
    ),
    Fault("repairs", "if left != 0 else None", "if left == 0 else None", "what is left in the cgroup is not counted"),
    Fault(
        "repairs", "    if left is None:\n", "    if left == -1:\n", "a cgroup that could not be read counts as empty"
    ),
    Fault("repairs", "found < (20, 10, 0)", "found < (18, 9, 0)", "docker stop is offered where it does nothing"),
    Fault("repairs", "docker > (23, 0, 0)", "docker >= (23, 0, 0)", "23.0.0 is thought to notice"),
    Fault("repairs", "containerd >= (1, 5, 10)", "containerd >= (1, 4, 10)", "1.4.13 is thought to tell the pid"),
    Fault("repairs", " and containerd != (1, 6, 0)", "", "1.6.0 is thought to tell the pid"),
    Fault(
        "repairs",
        '("shim.pid", "shim.started", "shim.shared")',
        '("shim.pid", "shim.started")',
        "a shim of unknown reach is killed",
    ),
    Fault("repairs", 'if scene.value("process.recycled") is True:', "if False:", "a stranger's process may be killed"),
    Fault(
        "repairs", 'if scene.value("process.recycled") is None:', "if False:", "a pid nobody looked at may be killed"
    ),
    Fault(
        "repairs",
        "for subject in (scene.subject, *scene.siblings):",
        "for subject in (scene.subject,):",
        "a sibling that lives is forgotten",
    ),
    Fault(
        "repairs", "if finalizers is None:", 'if finalizers == "":', "a finalizer that could not be read counts as none"
    ),
    Fault(
        "repairs",
        "stateless = isinstance(owner, str) and not",
        "stateless = not isinstance(owner, str) or not",
        "an owner that could not be read counts as stateless",
    ),
    Fault("repairs", 'if mode != "process":', 'if mode == "none":', "a restart that stops every container is offered"),
    Fault(
        "repairs",
        'is not True:\n        return Withheld(repair=repair, why="its containers',
        'is False:\n        return Withheld(repair=repair, why="its containers',
        "a finalizer goes while containers may run",
    ),
    Fault(
        "repairs",
        'and "api.container.state" not in other.facts',
        "",
        "a workload named like a pause container is not counted",
    ),
    Fault(
        "repairs",
        'if scene.value("cgroup.frozen") is not True:',
        'if scene.value("cgroup.frozen") is False:',
        "what may not be frozen is thawed",
    ),
    Fault(
        "repairs",
        "        case False:\n            touches",
        "        case False | None:\n            touches",
        "what is not known is told as known",
    ),
)
