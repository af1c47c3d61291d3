"""The checker must be able to fail: each invariant is broken on purpose, in each of the ways it can be."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.core.audit import GENESIS, Head, Link, chained
from bot.core.guards import Window
from tests.crash.checker import Invariant, check
from tests.crash.history import Effect, History, Sent, Waiting
from tests.crash.matrix import Place, left
from tests.crash.people import Name
from tests.crash.scene import Parent
from tests.crash.world import CLUSTER, KEY, UID

Entry = dict[str, Any]
Break = Callable[[History], History]

ALWAYS = Window(
    name="always", days=frozenset(range(7)), start=0, end=24 * 60, zone=ZoneInfo("UTC"), clusters=frozenset({CLUSTER})
)


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Name, History]:
    """Good ones: a repair that was done, and one that a person settled."""
    place, found = Place(tmp_path_factory.mktemp("checker")), dict[Name, History]()
    with Parent() as parent:
        for story in ("straight", "unsettled"):
            with place.scene("sqlite", "node", story) as here:
                assert here.run(parent, "the-only", "") == 0
                here.over()
                found[story] = left(here)
    return found


def rewritten(history: History, edit: Callable[[list[Entry]], object]) -> History:
    """With an audit log that says something else, and whose chain is whole."""
    entries = [json.loads(link.body) for link in history.links]
    edit(entries)
    links, prev = [], GENESIS
    for seq, entry in enumerate(entries, 1):
        body = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
        links.append(Link(seq, body, prev, chained(seq, prev, body), entry["incident"]))
        prev = links[-1].hash
    return replace(history, links=tuple(links), head=Head(len(links), prev))


def nth(entries: list[Entry], kind: str) -> int:
    return next(at for at, entry in enumerate(entries) if entry["kind"] == kind)


def without(kind: str) -> Break:
    return lambda history: rewritten(history, lambda entries: entries.pop(nth(entries, kind)))


def saying(kind: str, **says: object) -> Break:
    return lambda history: rewritten(history, lambda entries: entries[nth(entries, kind)]["says"].update(says))


def by(kind: str, who: str) -> Break:
    return lambda history: rewritten(history, lambda entries: entries[nth(entries, kind)].update(who=who))


def with_row(before: str, kind: str, **says: object) -> Break:
    def insert(entries: list[Entry]) -> None:
        at = nth(entries, before)
        entries.insert(at, {"at": entries[at]["at"], "kind": kind, "who": "ada", "incident": 0, "says": says})

    return lambda history: rewritten(history, insert)


def execution(**values: Any) -> Break:
    return lambda history: replace(history, executions=(replace(history.executions[0], **values),))


def plan(**values: Any) -> Break:
    def change(history: History) -> History:
        ((digest, promised),) = history.promised.items()
        return replace(history, promised={digest: replace(promised, **values)})

    return change


def another_execution(**values: Any) -> Break:
    def add(history: History) -> History:
        first = history.executions[0]
        return replace(history, executions=(first, replace(first, op="f" * 32, **values)))

    return add


def begun_meanwhile(after: str, incident: int, plan_: str) -> Break:
    """Another incident of the same place has its last vote right after this row."""

    def add(history: History) -> History:
        def insert(entries: list[Entry]) -> None:
            at = nth(entries, after) + 1
            says = {"from": "proposed", "to": "checking", "plan": plan_}
            entry = {"at": entries[at - 1]["at"], "kind": "voted", "who": "ben", "incident": incident, "says": says}
            entries.insert(at, entry)

        (promised,) = history.promised.values()
        changed = rewritten(history, insert)
        return replace(changed, promised={**history.promised, plan_: replace(promised, digest=plan_)})

    return add


def failed_before(history: History) -> History:
    """Two of its like became unknown a minute ago."""
    (promised,) = history.promised.values()
    others = [letter * 64 for letter in "ef"]

    def insert(entries: list[Entry]) -> None:
        for incident, other in enumerate(others, 8):
            for row, (before, after) in enumerate(
                (("proposed", "checking"), ("acting", "unsettled"), ("unsettled", "open"))
            ):
                says = {"from": before, "to": after, "plan": other}
                entry = {"at": entries[0]["at"], "kind": "voted", "who": "ben", "incident": incident, "says": says}
                entries.insert(row, entry)

    changed = rewritten(history, insert)
    more = {other: replace(promised, digest=other) for other in others}
    return replace(changed, promised={**history.promised, **more})


def shown_nothing_of(phase: str) -> Break:
    return lambda history: replace(history, shown=tuple(each for each in history.shown if each.phase != phase))


def last_shown(history: History) -> History:
    return replace(history, shown=history.shown[:-1])


def shown_first_only(history: History) -> History:
    return replace(history, shown=history.shown[:1])


def body_changed(history: History) -> History:
    second = history.links[1]
    return replace(history, links=(history.links[0], replace(second, body=second.body + b" "), *history.links[2:]))


def tail_cut(history: History) -> History:
    return replace(history, links=history.links[:-1])


def never_ended(history: History) -> History:
    """The incident and its execution as they were while the outcome was unknown."""
    return execution(state="unsettled", ended=None)(shown_nothing_of("unsettled")(history))


def said_in(name: str, text: bytes) -> Break:
    return lambda history: replace(history, texts={**history.texts, name: text})


def _expired(history: History) -> History:
    (promised,) = history.promised.values()
    return plan(expires=promised.expires - timedelta(hours=1))(history)


def _sent(history: History, seq: int) -> History:
    (sent,) = history.sent
    return replace(history, sent=(Sent(op=sent.op, digest=sent.digest, seq=seq),))


def _job(history: History, owner: str) -> History:
    return replace(history, waiting=(Waiting(effect="look", owner=owner),))


def _policy(history: History, **values: Any) -> History:
    return replace(history, policy=replace(history.policy, **values))


def _hit(history: History, hit: str) -> History:
    (effect,) = history.effects
    return replace(history, effects=(Effect(op=effect.op, hit=hit),))


def _two_in_one_place(history: History) -> History:
    first = replace(history.executions[0], state="unsettled")
    return replace(history, executions=(first, replace(first, op="f" * 32, plan="e" * 64, state="checking")))


BROKEN: tuple[tuple[Invariant, str, Name, Break], ...] = (
    ("truth", "done, without an effect", "straight", lambda history: replace(history, effects=())),
    ("truth", "not done, with an effect", "straight", execution(state="not-done")),
    ("I1", "a double effect", "straight", lambda history: replace(history, effects=history.effects * 2)),
    ("I1", "sent twice", "straight", lambda history: replace(history, sent=history.sent * 2)),
    ("I1", "two executions of one plan", "straight", another_execution()),
    ("I2", "a vote that nobody cast", "straight", lambda history: replace(history, cast=())),
    ("I2", "no vote on record", "straight", without("voted")),
    ("I2", "a vote without a seal", "straight", saying("voted", seal="")),
    ("I2", "the requester's own vote", "straight", by("voted", "ada")),
    ("I2", "somebody else's name under a vote", "straight", by("voted", "mallory")),
    ("I2", "a vote against", "straight", saying("voted", ballot="reject")),
    ("I2", "a plan that nobody was shown", "straight", lambda history: replace(history, promised={})),
    ("I2", "one vote where two are needed", "straight", plan(risk="high")),
    ("I2", "a plan that had expired", "straight", _expired),
    ("I3", "sent before its intent", "straight", lambda history: _sent(history, seq=1)),
    ("I3", "no intent on record", "straight", without("rechecked")),
    ("I3", "sent without a last word", "straight", without("sending")),
    ("I3", "an effect of what was never sent", "straight", lambda history: replace(history, sent=())),
    ("I4", "acting for ever", "straight", execution(state="acting")),
    ("I4", "checking for ever", "straight", execution(state="checking")),
    ("I4", "a job of the dead", "straight", lambda history: _job(history, owner="owner-0")),
    ("I4", "unknown, and nobody asked", "unsettled", never_ended),
    ("I5", "unknown, and nobody told", "unsettled", shown_first_only),
    ("I5", "settled by somebody who had not been told", "unsettled", shown_nothing_of("unsettled")),
    ("I5", "an unknown that holds no lock", "unsettled", begun_meanwhile("reported", 2, "e" * 64)),
    ("I5", "people were told something else", "straight", last_shown),
    ("I6", "two at once in one cluster", "straight", begun_meanwhile("sending", 2, "e" * 64)),
    ("I6", "two in one place", "straight", _two_in_one_place),
    ("I7", "a row that was changed", "straight", body_changed),
    ("I7", "a tail that was cut", "straight", tail_cut),
    ("I7", "a change without a row", "straight", without("asked")),
    ("I7", "an end without a row", "straight", lambda history: rewritten(history, lambda entries: entries.pop())),
    ("I7", "an execution without a row", "straight", another_execution(plan="e" * 64)),
    ("I8", "sent while paused", "straight", with_row("sending", "paused", reason="")),
    ("I8", "sent in a blackout", "straight", lambda history: _policy(history, windows=(ALWAYS,))),
    ("I8", "sent after its like had failed", "straight", failed_before),
    ("I9", "a secret in the chat", "straight", said_in("chat", b"it is " + KEY)),
    ("I9", "a node's answer in a table", "straight", said_in("incidents", b"canary-4ab1e5")),
    ("I9", "a secret in the evidence", "straight", lambda history: replace(history, evidence=KEY)),
    ("I10", "another container", "straight", lambda history: _hit(history, "0" * 64)),
    ("I10", "a pod instead", "straight", lambda history: _hit(history, UID)),
)


@pytest.mark.parametrize("story", ["straight", "unsettled"])
def test_a_good_history_breaks_nothing(histories: Mapping[Name, History], story: Name) -> None:
    assert check(histories[story]) == ()
    assert histories[story].canary in histories[story].evidence


@pytest.mark.parametrize(
    ("invariant", "what", "story", "broken"), BROKEN, ids=[f"{i}: {what}" for i, what, _, _ in BROKEN]
)
def test_what_is_broken_is_found(
    histories: Mapping[Name, History], invariant: Invariant, what: str, story: Name, broken: Break
) -> None:
    found = check(broken(histories[story]))

    assert invariant in {each.invariant for each in found}, what


def test_every_invariant_is_broken_by_something() -> None:
    assert {invariant for invariant, _, _, _ in BROKEN} == {"truth", *(f"I{number}" for number in range(1, 11))}
