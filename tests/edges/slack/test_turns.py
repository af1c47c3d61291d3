"""Turns: so many in so much time, each given once, plans first, and Slack's own rests in between."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.edges.slack.turns import POSTS, UPDATES, Pace, Turns
from bot.ports import Busy
from tests.town import Clock

HERE = "C0ONCALL"


class Senders:
    """Each comes when it was told to, or so many seconds later."""

    def __init__(self, late: Callable[[int], float] = lambda _: 0.0) -> None:
        self.clock = Clock()
        self.turns = Turns(self.clock)
        self.sent: list[tuple[float, str]] = []
        self._late = late
        self._waiting: dict[str, tuple[datetime, bool]] = {}
        self._tries = 0
        self._began = self.clock.now

    def come(self, who: str, pace: Pace = POSTS, *, first: bool = False) -> None:
        self._tries += 1
        try:
            self.turns.wait(pace, HERE, who, first=first)
            self.sent.append(((self.clock.now - self._began).total_seconds(), who))
        except Busy as busy:
            self._waiting[who] = self.clock.now + busy.after + timedelta(seconds=self._late(self._tries)), first

    def all_come(self, pace: Pace = POSTS) -> int:
        """Until nobody waits; how often somebody came."""
        while self._waiting:
            who = min(self._waiting, key=lambda each: self._waiting[each][0])
            at, first = self._waiting.pop(who)
            self.clock.now = max(self.clock.now, at)
            self.come(who, pace, first=first)
        return self._tries


def most_in(sent: list[tuple[float, str]], span: float) -> int:
    return max(sum(at <= other < at + span for other, _ in sent) for at, _ in sent)


def test_one_a_second_in_the_order_of_coming() -> None:
    senders = Senders()
    for number in range(300):
        senders.come(str(number))
    tries = senders.all_come()

    assert [who for _, who in senders.sent] == [str(number) for number in range(300)]
    assert most_in(senders.sent, 0.999) == 2  # only where they were the first
    assert senders.sent[-1][0] <= 299
    assert tries < 2 * 300  # each came once, and once more


def test_those_who_come_late_keep_to_the_pace_and_lose_no_time() -> None:
    senders = Senders(late=lambda tries: (tries * 7 % 10) / 10)
    for number in range(100):
        senders.come(str(number))
    tries = senders.all_come()

    assert len(senders.sent) == len({who for _, who in senders.sent}) == 100
    assert most_in(senders.sent, 9.999) <= 12
    assert senders.sent[-1][0] < 105
    assert tries < 4 * 100


def test_what_waits_for_people_goes_first_and_moves_the_others() -> None:
    senders = Senders()
    for number in range(50):
        senders.come(str(number))
    senders.come("plan", first=True)
    senders.come("another plan", first=True)
    tries = senders.all_come()

    order = [who for _, who in senders.sent]
    assert order.index("plan") <= 3
    assert order.index("another plan") <= 4
    assert most_in(senders.sent[2:], 0.999) == 1
    assert len(order) == 52
    assert tries < 4 * 52


def test_a_rest_that_slack_asks_for_is_everybodys() -> None:
    senders = Senders()
    for number in range(20):
        senders.come(str(number))
    senders.turns.rest(POSTS, HERE, timedelta(seconds=30))
    senders.turns.wait(POSTS, "C0OTHER", "of another channel", first=False)
    tries = senders.all_come()

    assert all(at >= 30 for at, _ in senders.sent[2:])
    assert senders.sent[-1][0] <= 30 + 20
    assert tries < 4 * 20


def test_changes_come_at_once_until_there_are_many() -> None:
    senders = Senders()
    for number in range(100):
        senders.come(str(number), UPDATES)
    senders.all_come(UPDATES)

    assert sum(at == 0 for at, _ in senders.sent) == 20
    assert most_in(senders.sent[20:], 60) <= 50


def test_a_turn_that_nobody_comes_for_is_forgotten() -> None:
    senders = Senders()
    for who in "abcdefgh":
        senders.come(who)
    senders.clock.pass_by(minutes=10)
    senders.come("x")
    senders.come("y")

    assert [who for _, who in senders.sent] == ["a", "b", "x", "y"]
