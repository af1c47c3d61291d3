"""Facts: a closed list, and two answers to one name."""

from datetime import datetime
from types import ModuleType

from hypothesis import given
from hypothesis import strategies as st

ANSWERS = st.one_of(st.none(), st.integers(0, 2))  # None: not known
LAYERS = st.lists(st.dictionaries(st.sampled_from("abc"), ANSWERS), max_size=4)


def test_every_fact_stands_once_in_the_catalogue(facts: ModuleType) -> None:
    names = [kind.name for kind in facts.CATALOGUE]

    assert len(names) == len(set(names))
    assert list(facts.BY_NAME) == names


def test_every_fact_has_a_type_a_scope_and_a_meaning(facts: ModuleType) -> None:
    for kind in facts.CATALOGUE:
        assert kind.type in (bool, int, str, datetime), kind
        assert kind.scope in ("pod", "node", "container"), kind
        assert kind.meaning, kind


def test_a_known_answer_wins_over_an_unknown_else_the_later(facts: ModuleType) -> None:
    early, late = facts.known("a", 1, "early"), facts.known("a", 2, "late")
    silent, mute = facts.unknown("a", "no answer", "early"), facts.unknown("a", "no such tool", "late")
    table = {
        (early, late): late,
        (early, mute): early,
        (silent, late): late,
        (silent, mute): mute,
        (early, mute, late): late,
        (silent, late, mute): late,
    }

    merged = {layers: facts.merged(*({"a": fact} for fact in layers))["a"] for layers in table}

    assert merged == table


@given(layers=LAYERS)
def test_merging_keeps_every_name_and_invents_nothing(facts: ModuleType, layers: list[dict[str, int | None]]) -> None:
    read = [
        {
            name: facts.unknown(name, "", str(n)) if value is None else facts.known(name, value, str(n))
            for name, value in layer.items()
        }
        for n, layer in enumerate(layers)
    ]

    merged = facts.merged(*read)

    for name in "abc":
        said = [layer[name] for layer in read if name in layer]
        known = [fact for fact in said if isinstance(fact.answer, facts.Known)]
        assert merged.get(name) == ((known or said)[-1] if said else None)
