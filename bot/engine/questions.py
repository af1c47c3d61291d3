"""What people ask of the engine: answered from the record, and from what this process saw. Nothing is changed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from bot.core.consent import Group, Person, Right
from bot.core.facts import Unknown
from bot.core.guards import Around, Pause, Policy
from bot.core.phases import Incident
from bot.ports import Chat, Store, Watched, World, Writing


class Questions:
    def __init__(self, store: Store, world: World, chat: Chat, policy: Policy, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._world = world
        self._chat = chat
        self._policy = policy
        self._clock = clock
        self._blind: dict[str, str] = {}  # cluster -> why it could not be read the last time
        self._swept: dict[str, datetime] = {}

    def incidents(self) -> tuple[Incident, ...]:
        """The open ones, oldest first."""
        with self._store.writing() as tx:
            return tx.open()

    def history(self, limit: int) -> tuple[Incident, ...]:
        """The newest first, open or not."""
        with self._store.writing() as tx:
            return tx.history(limit)

    def paused(self) -> Pause | Unknown | None:
        with self._store.writing() as tx:
            return self._around(tx, {}, self._clock()).pause

    def rights(self, person: str) -> Mapping[str, frozenset[Right]]:
        """By cluster; nothing for who is not listed."""
        found: dict[str, frozenset[Right]] = {}
        for each in self.people().values():
            if each.has(person):
                found |= {name: found.get(name, frozenset()) | rights for name, rights in each.rights.items()}
        return found

    def people(self) -> Mapping[str, Person]:
        """It asks the chat who is in a group: never within a transaction."""
        return {
            name: replace(each, members=self._chat.members(name)) if isinstance(each, Group) else each
            for name, each in self._policy.people.items()
        }

    def watched(self) -> tuple[Watched, ...]:
        """By this process, since it began."""
        names = sorted({*self._swept, *self._blind})
        return tuple(
            Watched(cluster=name, swept=self._swept.get(name), blind=self._blind.get(name, "")) for name in names
        )

    def incident(self, id_: int) -> Incident | None:
        with self._store.writing() as tx:
            return tx.incident(id_)

    def _around(self, tx: Writing, playbooks: Mapping[str, str], now: datetime) -> Around:
        around = tx.around(playbooks, now)
        brake = self._world.brake()
        return replace(around, pause=Unknown(brake)) if brake else around
