"""Four bots on one PostgreSQL, a thousand plans, and a hand that stops and wakes them at random."""

import json
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.core.guards import LOCKING
from bot.edges.store import open_store, tables
from tests.crash.checker import check
from tests.crash.history import read
from tests.crash.racer import Race, policy
from tests.crash.scene import ROOT
from tests.crash.world import CANARY, Kept
from tests.edges.store_parts import fresh

PLANS, BOTS, SEED = 1_000, 4, 20_251_120
SHORTEST_S, LONGEST_S = 0.05, 1.2  # of a stop
BETWEEN_S = (1.0, 5.0)  # two stops: whoever is stopped within a transaction stops the others as well
LOOKS_S, LIMIT_S = 0.02, 2_000

pytestmark = [pytest.mark.crash, pytest.mark.timeout(2_400)]


@dataclass(slots=True)
class Bot:
    process: subprocess.Popen[str]
    wakes: float | None = None  # when it is let go on

    def ended(self) -> int:
        """Its exit code, once nobody has anything more to say."""
        self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode

    @property
    def stopped(self) -> bool:
        return Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0] == "T"


@dataclass(slots=True)
class Watch:
    """Stops one after the other, and wakes whoever is stopped, also those who stopped themselves."""

    bots: Sequence[Bot]
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311  # drawn again the same
    stops: int = 0
    next: float = 0.0  # not before then

    def look(self) -> None:
        now = time.monotonic()
        for bot in self.bots:
            if bot.wakes is None and bot.stopped:
                self.stops += 1
                bot.wakes = now + self.chance.uniform(SHORTEST_S, LONGEST_S)
            elif bot.wakes is not None and now >= bot.wakes:
                bot.wakes = None
                bot.process.send_signal(signal.SIGCONT)
        if now >= self.next and all(bot.wakes is None for bot in self.bots):
            self.next = now + self.chance.uniform(*BETWEEN_S)
            self.chance.choice(self.bots).process.send_signal(signal.SIGSTOP)

    def end(self) -> None:
        """All of them, for good."""
        for bot in self.bots:
            bot.process.send_signal(signal.SIGCONT)
            bot.wakes = None


@contextmanager
def bots(folder: Path, url: str) -> Iterator[Sequence[Bot]]:
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("ab"))
        races = [Race(folder=str(folder), url=url, number=n, of=BOTS, plans=PLANS, seed=SEED + n) for n in range(BOTS)]
        started = [_bot(race, log.fileno()) for race in races]
        try:
            yield started
        finally:
            for bot in started:
                bot.process.kill()
                bot.process.communicate()


def _bot(race: Race, log: int) -> Bot:
    return Bot(
        subprocess.Popen(
            [sys.executable, "-m", "tests.crash.racer", json.dumps(asdict(race))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            text=True,
        )
    )


def test_four_bots_and_a_thousand_plans_make_one_execution_each(postgres_url: str, tmp_path: Path) -> None:
    url, kept = fresh(postgres_url), Kept(tmp_path)
    open_store(url, migrate=True).close()
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    began = time.monotonic()
    with bots(tmp_path, url) as running:
        watch = Watch(running)
        while not (len(kept.lines("voted")) == BOTS and settled(engine)):
            assert time.monotonic() - began < LIMIT_S, "\n".join(kept.lines("log")[-30:])
            watch.look()
            select.select([], [], [], LOOKS_S)
        watch.end()
        ends = [bot.ended() for bot in running]
    took = time.monotonic() - began
    takeovers = taken_over(engine)
    engine.dispose()

    history = read(url, kept, policy(PLANS), CANARY)
    effects = Counter(each.op for each in history.effects)
    states = Counter(each.state for each in history.executions)
    answers = Counter(kept.lines("answers"))
    print(
        f"\n{PLANS} plans, {BOTS} processes, {watch.stops} stops, {takeovers} takeovers: "
        f"executions {len(history.executions)} ({', '.join(f'{name} {count}' for name, count in states.items())}), "
        f"effects {len(effects)}, double effects {effects.total() - len(effects)}, "
        f"votes refused {sum(n for said, n in answers.items() if not said.endswith('accepted'))}, {took:.0f} s"
    )
    assert ends == [0] * BOTS, "\n".join(kept.lines("log")[-30:])
    assert not (found := check(history)), "\n".join(map(str, found))
    assert len({each.plan for each in history.executions}) == len(history.executions) == PLANS
    assert answers["ben accepted"] <= PLANS
    assert {said for said in answers if said.endswith("accepted")} == {"ben accepted"}
    assert answers["ada own-request"]
    assert answers["outdated old-digest"]
    assert answers["mallory no-right"]
    assert takeovers


def settled(engine: sa.Engine) -> bool:
    """Every plan was executed, and nothing is left to do."""
    jobs, executions = tables.jobs, tables.executions
    with engine.connect() as connection:
        ended = sa.select(sa.func.count()).where(executions.c.state.not_in(LOCKING))
        left = sa.select(sa.func.count()).where(jobs.c.finished.is_(None))
        return connection.execute(ended).scalar_one() == PLANS and connection.execute(left).scalar_one() == 0


def taken_over(engine: sa.Engine) -> int:
    """Jobs that one process took and another finished, and acts whose process was taken for dead."""
    jobs, audit = tables.jobs, tables.audit
    again = sa.select(sa.func.sum(jobs.c.attempts - 1)).where(jobs.c.effect.not_in(("ask", "act")))
    with engine.connect() as connection:
        bodies = connection.execute(sa.select(audit.c.body)).scalars()
        lost = sum(b'"kind":"lost"' in bytes(body) for body in bodies)
        return lost + int(connection.execute(again).scalar_one() or 0)
