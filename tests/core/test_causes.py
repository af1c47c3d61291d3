"""Judging: three-valued, total, and every cause ends in exactly one of three places with its reason."""

from collections.abc import Mapping
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt, ne
from types import ModuleType
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from bot.core.facts import Fact, Known, Unknown, Value
from tests.core.samples import UNTOLD, Answers, facts

OPERATORS = {">=": ge, "<=": le, ">": gt, "<": lt, "==": eq, "!=": ne}


class Line(NamedTuple):
    """One condition, before it is made of the module under test: a tuple of values, or an operator and a number."""

    fact: str
    wanted: tuple[Value, ...] | tuple[str, int]

    def made(self, causes: ModuleType) -> Any:
        if self.wanted[:1] and self.wanted[0] in OPERATORS:
            return causes.Condition(self.fact, causes.Compared(*self.wanted))
        return causes.Condition(self.fact, causes.OneOf(self.wanted))

    def answer(self, answers: Answers) -> bool | None:
        """The same rule in other words."""
        value = answers.get(self.fact, UNTOLD)
        if isinstance(value, Unknown):
            return None
        if self.wanted[0] not in OPERATORS:
            return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in self.wanted)
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return bool(OPERATORS[str(self.wanted[0])](value, self.wanted[1]))


class Book(NamedTuple):
    id: str
    when: tuple[Line, ...]
    supported_by: tuple[Line, ...] = ()
    explains: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    def made(self, causes: ModuleType) -> Any:
        return causes.Cause(
            id=self.id,
            title=self.id,
            runtimes=self.runtimes,
            when=tuple(line.made(causes) for line in self.when),
            supported_by=tuple(line.made(causes) for line in self.supported_by),
            shown=self.shown,
            because="",
            repairs=(),
            prevent="",
            sources=(),
            explains=self.explains,
        )

    @property
    def lines(self) -> tuple[Line, ...]:
        return (Line("api.node.runtime", self.runtimes), *self.when) if self.runtimes else self.when


NAMES = ("a", "b", "c")
LINES = st.builds(
    Line,
    st.sampled_from(NAMES),
    st.one_of(
        st.sampled_from([(1,), (True,), (1, 2), ("x",), ("x", "y"), (False,)]),
        st.tuples(st.sampled_from(sorted(OPERATORS)), st.integers(0, 2)),
    ),
)
BOOKS = st.lists(
    st.builds(
        Book,
        id=st.sampled_from(("p", "q", "r", "s")),
        when=st.lists(LINES, min_size=1, max_size=3).map(tuple),
        supported_by=st.lists(LINES, max_size=2).map(tuple),
        explains=st.lists(st.sampled_from(("p", "q", "r", "s")), max_size=1).map(tuple),
        runtimes=st.sampled_from([(), (), ("docker",), ("docker", "containerd")]),
        shown=st.lists(st.sampled_from(NAMES), max_size=2).map(tuple),
    ),
    max_size=4,
    unique_by=lambda book: book.id,
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        **{
            name: st.sampled_from([UNTOLD, 0, 1, 2, True, False, "x", "y", datetime(2025, 1, 1, tzinfo=UTC)])
            for name in NAMES
        },
        "api.node.runtime": st.sampled_from(["docker", "docker", "containerd", UNTOLD]),
    },
)
ALL_ANSWERS = st.lists(ANSWERS, max_size=3)


def judge(causes: ModuleType, books: list[Book], *pods: Answers) -> Any:
    subjects = [causes.Subject(container=None, name=str(n), facts=facts(pod)) for n, pod in enumerate(pods)]
    return causes.judge([book.made(causes) for book in books], subjects)


def matches(verdict: Any) -> list[str]:
    found = (verdict.cause, *verdict.also, *verdict.consequences)
    return [cause.id for cause in found if cause is not None]


def ids(pairs: tuple[tuple[Any, Any], ...]) -> list[str]:
    return [cause.id for cause, _ in pairs]


def test_a_condition_answers_yes_no_or_unknown(causes: ModuleType) -> None:
    noon = datetime(2025, 11, 20, 12, tzinfo=UTC)
    table: list[tuple[Value | Unknown, tuple[Any, ...], bool | None]] = [
        ("running", ("running",), True),
        ("exited", ("running",), False),
        ("exited", ("running", "exited"), True),
        ("exited", (), False),
        (UNTOLD, ("running",), None),
        (True, (True,), True),
        (True, (1,), False),
        (1, (True,), False),
        (noon, (noon,), True),
        (2, (">=", 2), True),
        (1, (">=", 2), False),
        (2, ("<=", 2), True),
        (3, ("<=", 2), False),
        (3, (">", 2), True),
        (2, (">", 2), False),
        (1, ("<", 2), True),
        (2, ("<", 2), False),
        (2, ("==", 2), True),
        (1, ("==", 2), False),
        (1, ("!=", 2), True),
        (2, ("!=", 2), False),
        (UNTOLD, ("!=", 2), None),
        (True, (">=", 1), None),
        ("2", (">=", 1), None),
        (noon, (">=", 1), None),
    ]

    answers = [
        (value, wanted, causes.holds(Line("a", wanted).made(causes), facts({"a": value}))) for value, wanted, _ in table
    ]

    assert answers == table
    assert causes.holds(Line("a", (1,)).made(causes), {}) is None


def test_every_line_must_hold(causes: ModuleType) -> None:
    book = Book("p", (Line("a", (1,)), Line("b", (2,))))

    assert matches(judge(causes, [book], {"a": 1, "b": 2})) == ["p"]
    assert matches(judge(causes, [book], {"a": 1, "b": 1})) == []
    assert matches(judge(causes, [book], {"a": 1, "b": UNTOLD})) == []
    assert matches(judge(causes, [book], {"a": 1})) == []


def test_the_runtime_rules_a_cause_out_like_any_other_fact(causes: ModuleType) -> None:
    book = Book("p", (Line("a", (1,)),), runtimes=("docker",))
    somewhere = Book("q", (Line("a", (1,)),))

    verdict = judge(causes, [book, somewhere], {"a": 1, "api.node.runtime": "containerd"})

    assert matches(verdict) == ["q"]
    assert verdict.ruled_out[0][1].fact == Fact("api.node.runtime", Known("containerd"), "asked for api.node.runtime")
    assert ids(judge(causes, [book], {"a": 1}).could_not_tell) == ["p"]


def test_the_first_line_that_fails_is_the_reason(causes: ModuleType) -> None:
    book = Book("p", (Line("a", (1,)), Line("b", (2,)), Line("c", (3,))))

    verdict = judge(causes, [book], {"a": 1, "b": 0, "c": 0})

    ((_, failed),) = verdict.ruled_out
    assert (failed.line.fact, failed.fact.answer, failed.held, failed.of) == ("b", Known(0), 1, 3)


def test_a_line_that_fails_rules_out_whatever_else_is_unknown(causes: ModuleType) -> None:
    book = Book("p", (Line("a", (1,)), Line("b", (2,))))

    verdict = judge(causes, [book], {"a": UNTOLD, "b": 0})

    assert ids(verdict.ruled_out) == ["p"]
    assert verdict.ruled_out[0][1].fact.name == "b"
    assert verdict.unknown == ()


def test_every_fact_that_nobody_could_tell_is_named_once_with_its_reason(causes: ModuleType) -> None:
    books = [Book("p", (Line("a", (1,)), Line("b", (">=", 1)))), Book("q", (Line("a", (1,)), Line("c", (3,))))]

    verdict = judge(causes, books, {"a": UNTOLD, "b": "many"})

    assert ids(verdict.could_not_tell) == ["p", "q"]
    assert verdict.unknown == (
        Fact("a", UNTOLD, "asked for a"),
        Fact("b", Unknown("many is not of a kind that can be compared so"), "asked for b"),
        Fact("c", Unknown("not asked"), ""),
    )


def test_the_nearest_miss_comes_first(causes: ModuleType) -> None:
    far = Book("a-far", (Line("a", (0,)), Line("b", (0,)), Line("c", (0,))))
    near = Book("z-near", (Line("a", (1,)), Line("b", (1,)), Line("c", (0,))))
    shorter = Book("m-near", (Line("a", (0,)), Line("b", (1,))))
    twin = Book("b-near", shorter.when)

    verdict = judge(causes, [far, shorter, near, twin], {"a": 1, "b": 1, "c": 1})

    assert ids(verdict.ruled_out) == ["z-near", "b-near", "m-near", "a-far"]


def test_of_several_containers_the_best_finding_counts(causes: ModuleType) -> None:
    book = Book("p", (Line("a", (1,)), Line("b", (1,)), Line("c", (1,))), supported_by=(Line("d", (1,)),))
    bad: Answers = {"a": 0, "b": 0, "c": 0}
    near: Answers = {"a": 1, "b": 1, "c": 0}
    untold: Answers = {"a": 1, "b": UNTOLD, "c": UNTOLD}
    nearly_told: Answers = {"a": 1, "b": 1, "c": UNTOLD}
    good: Answers = {"a": 1, "b": 1, "c": 1}
    best: Answers = {**good, "d": 1}

    assert judge(causes, [book], bad, near, bad).ruled_out[0][1].held == 2
    assert [fact.name for fact in judge(causes, [book], near, untold, nearly_told).unknown] == ["c"]
    assert judge(causes, [book], untold, near, good, bad).subject.name == "2"
    assert judge(causes, [book], good, best, good).subject.name == "1"


def test_what_one_cause_explains_follows_it_and_does_not_lead(causes: ModuleType) -> None:
    root = Book("root", (Line("a", (1,)),), explains=("symptom",))
    symptom = Book("symptom", (Line("a", (1,)), Line("b", (1,)), Line("c", (1,))))
    other = Book("other", (Line("b", (1,)),))

    verdict = judge(causes, [root, symptom, other], {"a": 1, "b": 1, "c": 1})

    assert verdict.cause.id == "other"
    assert [cause.id for cause in verdict.also] == ["root"]
    assert [cause.id for cause in verdict.consequences] == ["symptom"]


def test_a_cause_that_does_not_hold_explains_nothing(causes: ModuleType) -> None:
    root = Book("root", (Line("a", (0,)),), explains=("symptom",))
    symptom = Book("symptom", (Line("a", (1,)),))

    assert judge(causes, [root, symptom], {"a": 1}).cause.id == "symptom"


def test_causes_that_explain_one_another_all_stay(causes: ModuleType) -> None:
    books = [Book("p", (Line("a", (1,)),), explains=("q",)), Book("q", (Line("a", (1,)),), explains=("p",))]

    verdict = judge(causes, books, {"a": 1})

    assert (verdict.cause.id, [cause.id for cause in verdict.also], verdict.consequences) == ("p", ["q"], ())


def test_more_lines_and_more_support_lead(causes: ModuleType) -> None:
    plain, supported = Book("a", (Line("a", (1,)),)), Book("b", (Line("a", (1,)),), (Line("b", (1,)),))
    precise = Book("c", (Line("a", (1,)), Line("b", (1,)), Line("c", (1,))))

    def order(*books: Book) -> list[str]:
        return matches(judge(causes, list(books), {"a": 1, "b": 1, "c": 1}))

    assert order(plain, supported) == ["b", "a"]
    assert order(plain, precise, supported) == ["c", "b", "a"]
    assert order(Book("z", plain.when), plain) == ["a", "z"]
    assert matches(judge(causes, [plain, supported], {"a": 1, "b": UNTOLD})) == ["a", "b"]


def test_evidence_is_what_decided_then_what_supports_then_what_is_shown(causes: ModuleType) -> None:
    book = Book(
        "p",
        (Line("a", (1,)), Line("b", (1,))),
        supported_by=(Line("c", (1,)), Line("d", (1,)), Line("e", (1,))),
        shown=("f", "a", "g", "h"),
        runtimes=("docker",),
    )
    answers: Answers = {"api.node.runtime": "docker", "a": 1, "b": 1, "c": 0, "d": 1, "e": UNTOLD, "f": 7, "g": UNTOLD}

    verdict = judge(causes, [book], answers)

    assert [fact.name for fact in verdict.evidence] == ["api.node.runtime", "a", "b", "d", "f"]


def test_no_causes_or_no_subjects_make_a_verdict_without_a_cause(causes: ModuleType) -> None:
    nothing = causes.Verdict(
        cause=None, subject=None, evidence=(), also=(), consequences=(), ruled_out=(), could_not_tell=()
    )

    assert judge(causes, []) == nothing
    assert judge(causes, [], {"a": 1}) == nothing
    assert judge(causes, [Book("p", (Line("a", (1,)),))]) == nothing


@given(books=BOOKS, pods=ALL_ANSWERS)
def test_every_cause_ends_in_exactly_one_place(causes: ModuleType, books: list[Book], pods: list[Answers]) -> None:
    verdict = judge(causes, books, *pods)

    places = [*matches(verdict), *ids(verdict.ruled_out), *ids(verdict.could_not_tell)]
    assert sorted(places) == sorted(book.id for book in books if pods)
    assert (verdict.cause is None) == (verdict.subject is None) == (not matches(verdict))


@given(books=BOOKS, pods=ALL_ANSWERS)
def test_each_place_is_the_right_one(causes: ModuleType, books: list[Book], pods: list[Answers]) -> None:
    answers = {book.id: [[line.answer(pod) for line in book.lines] for pod in pods] for book in books if pods}
    hold = {id_ for id_, found in answers.items() if any(all(pod) for pod in found)}
    out = {id_ for id_, found in answers.items() if all(False in pod for pod in found)}

    verdict = judge(causes, books, *pods)

    assert set(matches(verdict)) == hold
    assert set(ids(verdict.ruled_out)) == out
    misses = [(failed.of - failed.held, -failed.held) for _, failed in verdict.ruled_out]
    assert misses == sorted(misses)


@given(books=BOOKS, pod=ANSWERS, forgotten=st.sets(st.sampled_from((*NAMES, "api.node.runtime"))))
def test_knowing_less_never_makes_a_cause_hold_or_fail(
    causes: ModuleType, books: list[Book], pod: Mapping[str, Value], forgotten: set[str]
) -> None:
    less = {**pod, **dict.fromkeys(forgotten, UNTOLD)}

    before, after = judge(causes, books, pod), judge(causes, books, less)

    assert set(matches(after)) <= set(matches(before))
    assert set(ids(after.ruled_out)) <= set(ids(before.ruled_out))


@given(books=BOOKS)
def test_of_nothing_known_nothing_follows(causes: ModuleType, books: list[Book]) -> None:
    verdict = judge(causes, books, dict.fromkeys((*NAMES, "api.node.runtime"), UNTOLD))

    assert verdict.cause is None
    assert verdict.ruled_out == ()
    assert len(verdict.could_not_tell) == len(books)


@given(books=BOOKS, pods=ALL_ANSWERS)
def test_evidence_is_known_and_all_of_one_container(causes: ModuleType, books: list[Book], pods: list[Answers]) -> None:
    verdict = judge(causes, books, *pods)

    assert all(isinstance(fact.answer, Known) for fact in verdict.evidence)
    assert all(verdict.subject.facts[fact.name] == fact for fact in verdict.evidence)


def test_others_are_ruled_out_by_what_is_known_of_the_container_at_fault(causes: ModuleType) -> None:
    books = [Book("hung", (Line("a", ("x",)),)), Book("lost", (Line("b", (True,)), Line("c", (1,))))]
    at_fault: Answers = {"a": "x", "b": False, "c": 0}
    sandbox: Answers = {"a": "y", "b": True, "c": 2}  # nearer to the other cause, and not what is asked about

    verdict = judge(causes, books, sandbox, at_fault)

    assert verdict.cause.id == "hung"
    assert [(out.id, failed.line.fact, failed.held) for out, failed in verdict.ruled_out] == [("lost", "b", 0)]


def test_values_read_as_people_write_them(causes: ModuleType) -> None:
    noon = datetime(2025, 11, 20, 12, 1, 7, 999, tzinfo=UTC)

    said = [causes.said(value) for value in (True, False, 0, -3, "Up 2 minutes", noon)]

    assert said == ["yes", "no", "0", "-3", "Up 2 minutes", "2025-11-20T12:01:07Z"]


def test_conditions_read_as_people_write_them(causes: ModuleType) -> None:
    assert str(causes.OneOf(("STOPPED", "absent"))) == "STOPPED or absent"
    assert str(causes.OneOf((True,))) == "yes"
    assert str(causes.Compared(">=", 1)) == ">= 1"
