"""An engine over a real database and a town: driven step by step, as people and time would drive it."""

import json
from datetime import timedelta

from bot.core.phases import Closed, Diagnosed, Incident, Proposed, Unsettled
from bot.core.refusals import Refusal
from bot.core.spoken import Said, Wanted
from bot.edges.store import Sql, open_store
from bot.engine import Engine
from bot.ports import Outage
from tests.core import samples
from tests.town import CLUSTER, Board, Clock, Town, policy

POD = "zookeeper0-0"


class House:
    """An engine over a store that can be left and entered again."""

    def __init__(self, database: str) -> None:
        self.clock = Clock()
        self.town = Town(self.clock, stuck={POD: samples.UID})
        self.board = Board()
        self.store: Sql = open_store(database, migrate=True)
        self.engine = self.another("first")

    def another(self, owner: str) -> Engine:
        return Engine(self.store, self.town, self.board, policy(owner_patience=timedelta(0)), self.clock, owner)

    def work(self, engine: Engine | None = None, owner: str = "first") -> None:
        """Everything that is due, in this thread."""
        while True:
            with self.store.writing() as tx:
                job = tx.take(owner, self.clock())
            if job is None:
                return
            (engine or self.engine).perform(job)

    def later(self, **span: int) -> None:
        self.clock.pass_by(**span)
        self.work()

    def see(self) -> Incident:
        self.engine.sweep(CLUSTER)
        self.work()
        return self.incident()

    def newest(self) -> Incident | None:
        """A row that was rolled back may have used up a number."""
        return next(iter(self.store.history(1)), None)

    def incident(self) -> Incident:
        found = self.newest()
        assert found is not None
        return found

    def ask(self, repair: str = "container.stop", *, person: str = "ada", reason: str = "") -> Incident | Refusal:
        wanted = Wanted(incident=self.incident().id, pod=POD, repair=repair, option="", person=person, reason=reason)
        return self.engine.request(wanted)

    def vote(self, person: str = "ben", digest: str = "", typed: str = "") -> Incident | Refusal:
        phase = self.incident().phase
        plan = phase.plan.digest if isinstance(phase, Proposed) else "0" * 64
        said = Said(
            incident=self.incident().id,
            ballot="approve",
            person=person,
            digest=digest or plan[:8],
            via="a test",
            typed=typed,
        )
        return self.engine.vote(said)

    def approved(self) -> None:
        self.see()
        assert isinstance(self.ask(), Incident)
        assert isinstance(self.vote(), Incident)

    def kinds(self) -> list[str]:
        return [json.loads(link.body)["kind"] for link in self.store.links()]

    def drive(self, steps: int = 200) -> None:
        """Whatever the phase asks for next, until it is closed; an outage is what happens, and is tried again."""
        for _ in range(steps):
            try:
                if self._next():
                    return
            except Outage:
                self.clock.pass_by(seconds=1)

    def _next(self) -> bool:
        found = self.newest()
        if found is None:
            self.engine.sweep(CLUSTER)
            return False
        match found.phase:
            case Closed():
                return True
            case Diagnosed():
                if isinstance(self.ask(), Refusal):  # the same plan a second time, in the same instant
                    self.clock.pass_by(seconds=5)
            case Proposed():
                self.vote()
            case Unsettled(asking=False):
                self.engine.settle(found.id, "ben", "I looked", done=bool(self.town.done))
            case _:
                self.clock.pass_by(seconds=5)
        self.engine.tick()
        self.work()
        self.engine.sweep(CLUSTER)
        return False
