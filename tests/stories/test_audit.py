"""Whoever edits the audit log is found: by the chain, and by the anchor file where the tail was cut."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.audit import Broken, Entry, Head, Link, chained, verified
from bot.edges.store import anchors, open_store

ROWS, EDITS = 10_000, 200
START = datetime(2026, 11, 20, tzinfo=UTC)

Edit = Callable[[list[Link], int, random.Random], int]


def _byte(links: list[Link], at: int, chance: random.Random) -> int:
    body = bytearray(links[at].body)
    body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    links[at] = replace(links[at], body=bytes(body))
    return at


def _delete(links: list[Link], at: int, _: random.Random) -> int:
    del links[at]
    return at


def _swap(links: list[Link], at: int, _: random.Random) -> int:
    one, two = links[at], links[at + 1]
    links[at], links[at + 1] = replace(two, seq=one.seq), replace(one, seq=two.seq)
    return at


def _forge(links: list[Link], at: int, _: random.Random) -> int:
    """Another text, and the hash that fits it: the row after it does not."""
    body = links[at].body.replace(b"ada", b"ben")
    links[at] = replace(links[at], body=body, hash=chained(links[at].seq, links[at].prev, body))
    return at + 1


def _insert(links: list[Link], at: int, _: random.Random) -> int:
    row = links[at]
    links.insert(at, replace(row, body=b'{"kind":"forged"}', hash=chained(row.seq, row.prev, b'{"kind":"forged"}')))
    return at + 1


def _prev(links: list[Link], at: int, chance: random.Random) -> int:
    links[at] = replace(links[at], prev=f"{chance.getrandbits(256):064x}")
    return at


def _cut(links: list[Link], at: int, _: random.Random) -> int:
    del links[at:]
    return at


EDITORS: tuple[Edit, ...] = (_byte, _delete, _swap, _forge, _insert, _prev, _cut)


def test_every_edit_of_a_long_log_is_found_with_its_row(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'terminating.db'}", migrate=True)
    with store.writing() as tx:
        for n in range(ROWS):
            at = START + timedelta(seconds=n)
            tx.note(Entry(at=at, kind="voted", who="ada", incident=n % 40, says={"n": n, "plan": "9f2c41d7"}))
    anchor = tmp_path / "anchors"
    anchors.write(anchor, store.head())
    kept, whole, head = anchors.read(anchor), list(store.links()), store.head()
    assert verified(whole, kept, head) == head
    chance = random.Random(7)  # noqa: S311  # the same edits each time

    found = 0
    for n in range(EDITS):
        links = list(whole)
        row = EDITORS[n % len(EDITORS)](links, chance.randrange(1, ROWS - 2), chance)
        told = Head(links[-1].seq, links[-1].hash)  # whoever can edit rows can edit the stored head as well
        answer = verified(links, kept, told)
        found += isinstance(answer, Broken) and answer.seq == row + 1
    print(f"\n{found} of {EDITS} edits found, each with its row, in a log of {len(whole):,} rows")
    store.close()

    assert found == EDITS


def test_without_an_anchor_a_cut_tail_is_found_only_by_the_stored_head(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'terminating.db'}", migrate=True)
    with store.writing() as tx:
        for n in range(10):
            tx.note(Entry(at=START, kind="voted", says={"n": n}))
    whole, head = list(store.links()), store.head()
    cut = whole[:7]
    anchor = {head.seq: head.hash}

    assert verified(cut, {}, head) == Broken(8, "the log ends at row 7; its head says 10: the tail was cut")
    assert verified(cut, {}, Head(7, cut[-1].hash)) == Head(7, cut[-1].hash)
    assert isinstance(verified(cut, anchor, Head(7, cut[-1].hash)), Broken)
    assert isinstance(verified(whole, {3: "f" * 64}, head), Broken)
    store.close()
