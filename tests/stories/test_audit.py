"""Whoever edits the audit log in the database is found, with the row: by the chain, its head, or a kept anchor."""

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.core.audit import Broken, Entry, Head, Link, chained, verified
from bot.edges.store import Sql, anchors, open_store, verification
from bot.edges.store.tables import TRIGGERS, audit, head

ROWS, EDITS = 10_000, 200
START = datetime(2026, 11, 20, tzinfo=UTC)

Edit = Callable[[sa.Connection, int, random.Random], int]


class UndoneError(Exception):
    """Ends an edit, so that the next one finds the log whole."""


def entry(n: int, who: str = "ada") -> Entry:
    return Entry(
        at=START + timedelta(seconds=n), kind="voted", who=who, incident=n % 40, says={"n": n, "plan": "9f2c41d7"}
    )


def filled(url: str, rows: int) -> Sql:
    store = open_store(url, migrate=True)
    with store.writing() as tx:
        for n in range(1, rows + 1):
            tx.note(entry(n))
    return store


def changed(connection: sa.Connection, at: int, /, **values: object) -> None:
    connection.execute(sa.update(audit).where(audit.c.seq == at).values(**values))


def row_of(connection: sa.Connection, seq: int) -> Link:
    row = connection.execute(sa.select(audit).where(audit.c.seq == seq)).one()
    return Link(row.seq, bytes(row.body), row.prev, row.hash, row.incident)


def a_byte(connection: sa.Connection, seq: int, chance: random.Random) -> int:
    body = bytearray(row_of(connection, seq).body)
    body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    changed(connection, seq, body=bytes(body))
    return seq


def its_text(connection: sa.Connection, seq: int, _: random.Random) -> int:
    """With the hash that fits it: the row after it does not."""
    link, forged = row_of(connection, seq), entry(seq, "ben").body()
    changed(connection, seq, body=forged, hash=chained(seq, link.prev, forged))
    return seq + 1


def its_hash(connection: sa.Connection, seq: int, chance: random.Random) -> int:
    changed(connection, seq, hash=f"{chance.getrandbits(256):064x}")
    return seq


def its_predecessor(connection: sa.Connection, seq: int, chance: random.Random) -> int:
    changed(connection, seq, prev=f"{chance.getrandbits(256):064x}")
    return seq


def its_place(connection: sa.Connection, seq: int, _: random.Random) -> int:
    changed(connection, seq, incident=4_711)
    return seq


def deleted(connection: sa.Connection, seq: int, _: random.Random) -> int:
    connection.execute(sa.delete(audit).where(audit.c.seq == seq))
    return seq


def swapped(connection: sa.Connection, seq: int, _: random.Random) -> int:
    changed(connection, seq, seq=-1)
    changed(connection, seq + 1, seq=seq)
    changed(connection, -1, seq=seq + 1)
    return seq


def inserted(connection: sa.Connection, seq: int, _: random.Random) -> int:
    """A row that fits the one before it; all that come after it move on."""
    prev, forged = row_of(connection, seq).prev, entry(0, "ben").body()
    for query in ("UPDATE audit SET seq = -seq - 1 WHERE seq >= {}", "UPDATE audit SET seq = -seq WHERE seq < 0"):
        connection.exec_driver_sql(query.format(seq))
    new = {"seq": seq, "incident": 0, "body": forged, "prev": prev, "hash": chained(seq, prev, forged)}
    connection.execute(sa.insert(audit).values(**new))
    return seq + 1


def cut(connection: sa.Connection, seq: int, _: random.Random) -> int:
    """The tail, and the head with it: the anchor alone still knows."""
    before = row_of(connection, seq - 1)
    connection.execute(sa.delete(audit).where(audit.c.seq >= seq))
    connection.execute(sa.update(head).values(seq=before.seq, hash=before.hash))
    return seq


EDITORS: tuple[Edit, ...] = (
    a_byte,
    its_text,
    its_hash,
    its_predecessor,
    its_place,
    deleted,
    swapped,
    inserted,
    cut,
)


def edited(
    store: Sql, edit: Edit, seq: int, chance: random.Random, kept: Mapping[int, str]
) -> tuple[int, Head | Broken]:
    """The row that should be named, and the answer; afterwards it was never done."""
    with suppress(UndoneError), store.turn() as connection:
        for trigger in TRIGGERS[connection.dialect.name]:
            on = " ON audit" if connection.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}{on}")
        result = edit(connection, seq, chance), verification(connection, kept)
        raise UndoneError
    return result


def found(store: Sql, edits: int, rows: int, anchor: Path) -> int:
    """How many of so many edits are found with the row that was expected. The log is whole before and afterwards."""
    anchors.write(anchor, store.head())
    kept = anchors.read(anchor)
    assert store.verify(kept) == store.head()
    chance, count = random.Random(7), 0  # noqa: S311  # the same edits each time
    for n in range(edits):
        expected, answer = edited(store, EDITORS[n % len(EDITORS)], chance.randrange(2, rows), chance, kept)
        count += isinstance(answer, Broken) and answer.seq == expected
    assert store.verify(kept) == store.head()
    return count


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_every_edit_of_a_long_log_is_found_with_its_row(tmp_path: Path) -> None:
    store = filled(f"sqlite:///{tmp_path / 'terminating.db'}", ROWS)

    count = found(store, EDITS, ROWS, tmp_path / "anchors")

    print(f"\n{count} of {EDITS} edits found, each with its row, in a log of {store.head().seq:,} rows")
    store.close()
    assert count == EDITS


def test_without_an_anchor_a_cut_tail_is_found_only_by_the_stored_head(tmp_path: Path) -> None:
    store = filled(f"sqlite:///{tmp_path / 'terminating.db'}", 10)
    whole, top = list(store.links()), store.head()
    tail_cut = whole[:7]
    anchor = {top.seq: top.hash}

    assert verified(tail_cut, {}, top) == Broken(8, "the log ends at row 7; its head says 10: the tail was cut")
    assert verified(tail_cut, {}, Head(7, tail_cut[-1].hash)) == Head(7, tail_cut[-1].hash)
    assert isinstance(verified(tail_cut, anchor, Head(7, tail_cut[-1].hash)), Broken)
    assert isinstance(verified(whole, {3: "f" * 64}, top), Broken)
    store.close()
