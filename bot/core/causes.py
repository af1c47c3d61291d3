"""
What is stuck and why, judged from facts alone: no clock, no network. A question for the node is a probe.

A condition answers yes, no or unknown, and only yes counts. What was ruled out, and what could not be told, comes from
the same lines that name the cause.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, assert_never

from bot.core.facts import ContainerId, Fact, Facts, Unknown, Value
from bot.core.pods import Runtime

Operator = Literal[">=", "<=", ">", "<", "==", "!="]


@dataclass(frozen=True, slots=True)
class OneOf:
    """The fact is one of these values."""

    values: tuple[Value, ...]

    def __str__(self) -> str:
        return " or ".join(said(value) for value in self.values)


@dataclass(frozen=True, slots=True)
class Compared:
    """The fact is a number, and stands so to this one."""

    operator: Operator
    number: int

    def __str__(self) -> str:
        return f"{self.operator} {self.number}"


@dataclass(frozen=True, slots=True)
class Condition:
    fact: str
    test: OneOf | Compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """
    One playbook file. `explains` names causes that are only this one's consequence when both hold.

    `clear_for`: how long it has to stay clear before a repair is believed. `digest`: sha256 of the file, 64 hex digits.
    """

    id: str
    title: str
    runtimes: tuple[Runtime, ...]
    when: tuple[Condition, ...]
    supported_by: tuple[Condition, ...]
    shown: tuple[str, ...]
    because: str
    repairs: tuple[str, ...]
    prevent: str
    sources: tuple[str, ...]
    explains: tuple[str, ...]
    clear_for: timedelta = timedelta(seconds=20)
    digest: str = ""

    @property
    def lines(self) -> tuple[Condition, ...]:
        """What must hold, the runtime first: it rules a cause out like any other fact."""
        return (Condition("api.node.runtime", OneOf(self.runtimes)), *self.when) if self.runtimes else self.when


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One container of the pod with all that is known around it, or the pod alone where it has no container."""

    container: ContainerId | None
    name: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Failed:
    """The first line that does not hold, with the fact that says so; `held` of `of` lines do."""

    line: Condition
    fact: Fact
    held: int
    of: int


@dataclass(frozen=True, slots=True)
class Untold:
    """No line fails, but these facts are not known."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Holds:
    """Every line holds; `support` of the supporting lines do too."""

    subject: Subject
    support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    The cause, or None when no cause fits, with everything that speaks for and against.

    `also` are other causes that hold and that nothing explains away: with any of them, a person should look twice.
    """

    cause: Cause | None
    subject: Subject | None
    evidence: tuple[Fact, ...]
    also: tuple[Cause, ...]
    consequences: tuple[Cause, ...]
    ruled_out: tuple[tuple[Cause, Failed], ...]  # the nearest miss first: fewest lines fail, of those most lines hold
    could_not_tell: tuple[tuple[Cause, Untold], ...]

    @property
    def unknown(self) -> tuple[Fact, ...]:
        """Each fact that a cause needed and nobody could tell, once."""
        return tuple({fact.name: fact for _, untold in self.could_not_tell for fact in untold.facts}.values())


def said(value: Value) -> str:
    """A value as people read it: yes and no, times in UTC to the second."""
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case int() | str():
            return str(value)
        case _:
            assert_never(value)


def holds(condition: Condition, facts: Facts) -> bool | None:
    """None when the fact is not known, or not of a kind that can be so compared."""
    fact = facts.get(condition.fact)
    if fact is None or isinstance(fact.answer, Unknown):
        return None
    value = fact.answer.value
    match condition.test:
        case OneOf(values):
            return any(type(value) is type(wanted) and value == wanted for wanted in values)
        case Compared(operator, number):
            return _compared(value, operator, number) if type(value) is int else None
        case _:
            assert_never(condition.test)


def judge(causes: Sequence[Cause], subjects: Sequence[Subject]) -> Verdict:
    """Every cause against every subject. Total: no causes or no subjects make a verdict without a cause."""
    judged = [(cause, _finding(cause, subjects)) for cause in causes] if subjects else []
    matches = [(cause, finding) for cause, finding in judged if isinstance(finding, Holds)]
    matches.sort(key=lambda match: (-len(match[0].lines) - match[1].support, match[0].id))
    explained = {id_ for cause, _ in matches for id_ in cause.explains}
    leading = [match for match in matches if match[0].id not in explained] or matches
    # With a container at fault, the others are ruled out by what is known of that one.
    about = [leading[0][1].subject] if leading else subjects
    out = [cause for cause, finding in judged if isinstance(finding, Failed)]
    misses = [(cause, finding) for cause in out if isinstance(finding := _finding(cause, about), Failed)]
    return Verdict(
        cause=leading[0][0] if leading else None,
        subject=leading[0][1].subject if leading else None,
        evidence=_evidence(leading[0][0], leading[0][1].subject) if leading else (),
        also=tuple(cause for cause, _ in leading[1:]),
        consequences=tuple(cause for cause, _ in matches if cause not in {c for c, _ in leading}),
        ruled_out=tuple(sorted(misses, key=lambda miss: (miss[1].of - miss[1].held, -miss[1].held, miss[0].id))),
        could_not_tell=tuple((cause, finding) for cause, finding in judged if isinstance(finding, Untold)),
    )


def _finding(cause: Cause, subjects: Sequence[Subject]) -> Holds | Untold | Failed:
    """The best any subject does: holds (most support), else not told, else the nearest miss."""
    findings = [_on(cause, subject) for subject in subjects]
    if held := [finding for finding in findings if isinstance(finding, Holds)]:
        return max(held, key=lambda finding: finding.support)
    if untold := [finding for finding in findings if isinstance(finding, Untold)]:
        return min(untold, key=lambda finding: len(finding.facts))
    return max((finding for finding in findings if isinstance(finding, Failed)), key=lambda miss: miss.held)


def _on(cause: Cause, subject: Subject) -> Holds | Untold | Failed:
    answers = [(line, holds(line, subject.facts)) for line in cause.lines]
    for line, answer in answers:
        if answer is False:
            held = sum(1 for _, other in answers if other)
            return Failed(line, subject.facts[line.fact], held, len(answers))
    if unknown := tuple(_fact(line.fact, subject.facts) for line, answer in answers if answer is None):
        return Untold(unknown)
    return Holds(subject, sum(1 for line in cause.supported_by if holds(line, subject.facts)))


def _fact(name: str, facts: Facts) -> Fact:
    fact = facts.get(name)
    if fact is None:
        return Fact(name, Unknown("not asked"), "")
    if isinstance(fact.answer, Unknown):
        return fact
    return Fact(name, Unknown(f"{said(fact.answer.value)} is not of a kind that can be compared so"), fact.source)


def _evidence(cause: Cause, subject: Subject) -> tuple[Fact, ...]:
    """The facts that decided, then those that support, then those the playbook wants shown where they are known."""
    deciding = [line.fact for line in cause.lines]
    supporting = [line.fact for line in cause.supported_by if holds(line, subject.facts)]
    shown = [
        name for name in cause.shown if name in subject.facts and not isinstance(subject.facts[name].answer, Unknown)
    ]
    return tuple(subject.facts[name] for name in dict.fromkeys((*deciding, *supporting, *shown)))


def _compared(value: int, operator: Operator, number: int) -> bool:
    match operator:
        case ">=":
            return value >= number
        case "<=":
            return value <= number
        case ">":
            return value > number
        case "<":
            return value < number
        case "==":
            return value == number
        case "!=":
            return value != number
        case _:
            assert_never(operator)
