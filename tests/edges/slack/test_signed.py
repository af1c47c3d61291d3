"""Signatures: Slack's own example, the edges of the window, and what was heard before."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.edges.slack.signed import WINDOW, Forged, Repeated, Seal, Seals
from tests.edges.slack.signing import SECRET, seal

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
STAMP = str(int(NOON.timestamp())).encode()


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def test_the_example_of_slacks_own_documentation_is_accepted() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    seals = Seals("8f742231b10e8888abcd99yyyzzz85a5", Clock(datetime.fromtimestamp(1_531_420_618, UTC)))

    seals.accept(seals.read([b"1531420618"], [signature]), body)

    with pytest.raises(Repeated):
        seals.accept(Seal(b"1531420618", signature), body)


@pytest.mark.parametrize(("off", "is_in_time"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_five_minutes_both_ways_are_in_time(off: int, is_in_time: bool) -> None:
    seals = Seals(SECRET, Clock(NOON + timedelta(seconds=off)))
    if is_in_time:
        assert seals.read([STAMP], [seal(STAMP, b"")]) == Seal(STAMP, seal(STAMP, b""))
    else:
        with pytest.raises(Forged, match="another time"):
            seals.read([STAMP], [seal(STAMP, b"")])


@given(
    st.integers(-300, 300),
    st.lists(st.integers(0, 120), max_size=20),
    st.lists(st.binary(max_size=2), min_size=1, max_size=5),
)
def test_nothing_is_accepted_twice_for_as_long_as_it_could_be_sent(
    off: int, steps: list[int], bodies: list[bytes]
) -> None:
    """`off`: how far the signer's clock is from ours; others are heard meanwhile."""
    clock = Clock(NOON - timedelta(seconds=off))
    seals, accepted = Seals(SECRET, clock), 0
    for n, step in enumerate([0, *steps]):
        clock.now += timedelta(seconds=step)
        other = str(int(clock.now.timestamp())).encode()
        body = b"%d %b" % (n, bodies[n % len(bodies)])
        seals.accept(seals.read([other], [seal(other, body)]), body)
        try:
            seals.accept(seals.read([STAMP], [seal(STAMP, b"the one")]), b"the one")
            accepted += 1
        except (Repeated, Forged):
            pass

    assert accepted == 1


def test_what_can_no_longer_be_sent_is_forgotten() -> None:
    clock = Clock(NOON)
    seals = Seals(SECRET, clock)
    for n in range(3_000):
        clock.now = NOON + timedelta(seconds=n)
        stamp = str(int(clock.now.timestamp())).encode()
        seals.accept(seals.read([stamp], [seal(stamp, b"")]), b"")

    assert len(seals._heard) == 2 * WINDOW.total_seconds() + 1


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(Seals(SECRET, Clock(NOON)))
