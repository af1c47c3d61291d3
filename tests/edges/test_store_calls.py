"""The N-th call of the database fails, for N = 1, 2, ... until none is hit: nothing half done, nothing done twice."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.core.audit import Broken, verified
from bot.core.phases import Closed
from tests.edges.store_parts import Databases
from tests.house import House


class NthFails:
    """Counts what is sent to the database, commits too, and lets one of them fail, once."""

    def __init__(self, engine: sa.Engine, nth: int) -> None:
        self.nth, self.count = nth, 0
        sa.event.listen(engine, "before_cursor_execute", self._executes)
        sa.event.listen(engine, "commit", self._commits)

    def _executes(self, *_: object) -> None:
        self._hit("statement")

    def _commits(self, _: sa.Connection) -> None:
        self._hit("commit")

    def _hit(self, what: str) -> None:
        self.count += 1
        if self.count == self.nth:
            raise sa.exc.OperationalError(what, {}, Exception(f"call {self.nth} fails"))


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_whichever_call_fails_the_story_ends_well(database: str, tmp_path: Path) -> None:
    server = "" if database.startswith("sqlite") else database
    databases = Databases(tmp_path, server)
    nth, hit = 0, True
    while hit:
        nth += 1
        with databases.postgres() if server else databases.sqlite() as url:
            hit = survives(url, nth)
    print(f"\nthe N-th database call fails: {nth - 1} of {nth - 1} survived")
    assert nth > 100


def survives(url: str, nth: int) -> bool:
    """Whether there was an N-th call at all."""
    house = House(url)
    failing = NthFails(house.store._engine, nth)
    house.drive()
    hit, failing.nth = failing.count >= nth, 0  # what is looked at afterwards does not fail
    found = house.newest()

    assert found is not None, nth
    assert isinstance(found.phase, Closed), (nth, found)
    assert len(house.town.done) == 1, (nth, house.town.done)
    assert [each.state for each in found.executions].count("done") == 1, (nth, found.executions)
    assert not isinstance(verified(house.store.links(), {}, house.store.head()), Broken), nth
    house.engine.stop()
    house.store.close()
    return hit
