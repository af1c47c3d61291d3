"""The audit chain: whatever is done to a row, the first one that does not fit is named."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.audit import GENESIS, Broken, Entry, Head, Link, chained, verified

NOON = datetime(2025, 11, 20, 12, 0, tzinfo=UTC)


def entry(n: int) -> Entry:
    return Entry(at=NOON + timedelta(seconds=n), kind="seen", incident=n % 3, says={"n": n, "who": 'a "b" \u2028'})


def linked(seq: int, prev: str, body: bytes, incident: int) -> Link:
    return Link(seq, body, prev, chained(seq, prev, body), incident)


def chain(length: int) -> tuple[Link, ...]:
    links: list[Link] = []
    for n in range(1, length + 1):
        prev = links[-1].hash if links else GENESIS
        links.append(linked(n, prev, entry(n).body(), n % 3))
    return tuple(links)


WHOLE = chain(9)
HEAD = Head(9, WHOLE[-1].hash)
LAST = 9


def but(row: int, change: Callable[[Link], Link]) -> Sequence[Link]:
    return [change(link) if link.seq == row else link for link in WHOLE]


def rechained(link: Link) -> Link:
    return linked(link.seq, link.prev, entry(77).body(), 77 % 3)


def test_a_whole_chain_is_its_head() -> None:
    assert verified(WHOLE, {}, HEAD) == HEAD
    assert verified(iter(WHOLE), {3: WHOLE[2].hash, LAST: HEAD.hash}, HEAD) == HEAD


def test_an_empty_log_is_whole() -> None:
    assert verified((), {}, Head(0, GENESIS)) == Head(0, GENESIS)


def test_a_body_is_the_same_bytes_for_the_same_entry_and_names_its_incident_first() -> None:
    one = Entry(at=NOON, kind="seen", who="ada", incident=4, says={"b": 1, "a": [2]})
    same = Entry(at=NOON, kind="seen", who="ada", says={"a": [2], "b": 1}).about(4)

    assert one.body() == same.body()
    assert one.body() == (
        b'{"at":"2025-11-20T12:00:00+00:00","incident":4,"kind":"seen","says":{"a":[2],"b":1},"who":"ada"}'
    )


def test_the_same_moment_in_another_zone_is_the_same_bytes() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=2)))

    assert Entry(at=elsewhere, kind="seen").body() == Entry(at=NOON, kind="seen").body()


@pytest.mark.parametrize(
    ("links", "head", "row", "why"),
    [
        pytest.param(but(4, lambda x: replace(x, body=x.body + b" ")), HEAD, 4, "hash does not fit", id="a byte more"),
        pytest.param(but(4, lambda x: replace(x, hash="0" * 64)), HEAD, 4, "hash does not fit", id="another hash"),
        pytest.param(but(4, lambda x: replace(x, prev="0" * 64)), HEAD, 4, "row before it", id="another predecessor"),
        pytest.param(but(4, rechained), HEAD, 5, "row before it", id="rewritten with its own hash"),
        pytest.param(but(LAST, rechained), HEAD, LAST, "the head knows", id="the last one rewritten"),
        pytest.param(but(4, lambda x: replace(x, incident=2)), HEAD, 4, "filed under incident 2", id="misfiled"),
        pytest.param([*WHOLE[:3], *WHOLE[4:]], HEAD, 4, "row 4 is missing: row 5 follows row 3", id="deleted"),
        pytest.param(WHOLE[1:], HEAD, 1, "row 1 is missing", id="the first one deleted"),
        pytest.param([WHOLE[0], *WHOLE], HEAD, 1, "row 2 is missing: row 1 follows", id="one twice"),
        pytest.param([*WHOLE[:5], WHOLE[6], WHOLE[5], *WHOLE[7:]], HEAD, 6, "row 6 is missing", id="in another order"),
        pytest.param(WHOLE[:7], HEAD, 8, "the tail was cut", id="the tail cut"),
        pytest.param(WHOLE, Head(7, WHOLE[6].hash), 8, "added by another hand", id="more than the head knows"),
        pytest.param(WHOLE, Head(LAST, "0" * 64), LAST, "the head knows", id="another head"),
        pytest.param((), HEAD, 1, "the tail was cut", id="all of it gone"),
    ],
)
def test_a_changed_log_is_found_and_its_first_row_that_does_not_fit_is_named(
    links: Sequence[Link], head: Head, row: int, why: str
) -> None:
    found = verified(links, {}, head)

    assert isinstance(found, Broken)
    assert (found.seq, why in found.why) == (row, True), found


def test_a_tail_cut_together_with_its_head_is_found_by_an_anchor_alone() -> None:
    cut = Head(7, WHOLE[6].hash)

    assert verified(WHOLE[:7], {}, cut) == cut
    found = verified(WHOLE[:7], {5: WHOLE[4].hash, LAST: HEAD.hash}, cut)
    assert found == Broken(8, "the log ends at row 7; row 9 is kept in the anchor file")


def test_a_log_written_anew_is_found_by_an_anchor_alone() -> None:
    anew = chain(LAST + 1)[1:]
    links: list[Link] = []
    for n, link in enumerate(anew, 1):
        links.append(linked(n, links[-1].hash if links else GENESIS, link.body, link.incident))
    head = Head(LAST, links[-1].hash)

    assert verified(links, {}, head) == head
    assert verified(links, {5: WHOLE[4].hash}, head) == Broken(
        5, "row 5 is not the one whose hash is kept in the anchor file"
    )


def test_a_body_that_is_none_of_ours_is_found_even_with_its_hash() -> None:
    found = verified([linked(1, GENESIS, b"[]", 0)], {}, Head(1, chained(1, GENESIS, b"[]")))

    assert isinstance(found, Broken)


@given(st.integers(1, LAST), st.integers(0, 7), st.data())
def test_no_bit_of_a_body_can_be_flipped_unseen(row: int, bit: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WHOLE[row - 1].body) - 1))

    def flipped(link: Link) -> Link:
        body = bytearray(link.body)
        body[at] ^= 1 << bit
        return replace(link, body=bytes(body))

    found = verified(but(row, flipped), {}, HEAD)

    assert isinstance(found, Broken)
    assert found.seq == row


def test_parts_cannot_be_moved_from_one_to_the_next() -> None:
    assert chained(1, "ab", b"c") != chained(1, "a", b"bc")
    assert chained(11, "a", b"c") != chained(1, "1a", b"c")
