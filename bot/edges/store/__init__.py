"""
The database: the only door of SQLAlchemy, Alembic and the drivers. One schema on SQLite and PostgreSQL.

Writers take turns: `BEGIN IMMEDIATE` on SQLite, the locked head of the audit chain on PostgreSQL. So whatever a
transaction read is still so when it commits. Every call raises only the outages of `bot.ports`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from bot.core.audit import Broken, Head, Link, verified
from bot.core.phases import Incident
from bot.edges.store import schema, tables
from bot.edges.store.connect import READING, connected, secrets, shown
from bot.edges.store.outages import COMMITTING, DRIVERS, Doing, outage
from bot.edges.store.tables import RubbishError
from bot.edges.store.transaction import Transaction
from bot.ports import Garbled, Outage, Post

__all__ = ["Sql", "open_store"]

_PAGE = 1_000  # audit rows read at once


def open_store(url: str, *, migrate: bool) -> "Sql":
    """
    The database of this URL: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`.

    With `migrate` an empty or older one is brought up to date. Raises an Outage for one that cannot be reached, that is
    newer than this program, or that is damaged: nothing is repaired by guessing.
    """
    store = Sql(connected(url, create=migrate))
    try:
        with store.turn(reading=not migrate) as connection:
            schema.check(connection, store.name, migrate=migrate)
    except Outage:
        store.close()
        raise
    return store


class Sql:
    """`ports.Store`. Several threads, and several processes, may use the same database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**_READER[engine.dialect.name])
        self.name = shown(engine.url)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def turn(self, *, reading: bool = False) -> Iterator[sa.Connection]:
        """
        One transaction, everything that goes wrong with the database in it as an Outage.

        One that only reads sees one state of the database, and nobody waits for it.
        """
        doing = Doing(what="opening the database", name=self.name, secrets=secrets(self._engine.url), connected=False)
        try:
            with (self._reader if reading else self._engine).connect() as connection, connection.begin():
                doing = replace(doing, what="reading" if reading else "writing", connected=True)
                yield connection
                doing = doing if reading else replace(doing, what=COMMITTING)
        except (exc.SQLAlchemyError, *DRIVERS) as error:
            raise outage(doing, error) from error
        except RubbishError as error:
            raise Garbled(doing.what, self.name, str(error), "Restore it from a backup.") from error

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self.turn() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(tables.head.c.id).with_for_update()).one()
            yield Transaction(connection, self.name)

    def incident(self, id_: int) -> Incident | None:
        with self.turn(reading=True) as connection:
            return Transaction(connection, self.name).incident(id_)

    def history(self, limit: int) -> tuple[Incident, ...]:
        """The newest first."""
        with self.turn(reading=True) as connection:
            return Transaction(connection, self.name).history(limit)

    def head(self) -> Head:
        with self.turn(reading=True) as connection:
            return _head(connection)

    def links(self) -> Iterator[Link]:
        """The audit log from its first row, as it is stored: no transaction stays open between two rows."""
        last: int | None = None
        while True:
            query = _LINKS.limit(_PAGE)
            if last is not None:
                query = query.where(tables.audit.c.seq > last)
            with self.turn(reading=True) as connection:
                rows = connection.execute(query).all()
            yield from map(_link, rows)
            if len(rows) < _PAGE:
                return
            last = rows[-1].seq

    def verify(self, anchors: Mapping[int, str]) -> Head | Broken:
        """The audit log and its head as they are at one moment, however busy the bot is meanwhile."""
        with self.turn(reading=True) as connection:
            return verification(connection, anchors)

    def bundle(self, sha256: str) -> bytes | None:
        """An evidence bundle, whole; None once it was retired."""
        query = sa.select(tables.evidence.c.raw).where(tables.evidence.c.sha256 == sha256)
        with self.turn(reading=True) as connection:
            raw = connection.execute(query).scalar_one_or_none()
            return None if raw is None else bytes(raw)

    def posts(self, incident: int) -> Mapping[str, Post]:
        query = sa.select(tables.posts).where(tables.posts.c.incident == incident)
        with self.turn(reading=True) as connection:
            rows = connection.execute(query).all()
        return {row.part: Post(part=row.part, channel=row.channel, at=row.at, body=row.body) for row in rows}

    def posted(self, incident: int, post: Post) -> None:
        values = {"channel": post.channel, "at": post.at, "body": post.body}
        key = (tables.posts.c.incident == incident, tables.posts.c.part == post.part)
        with self.turn() as connection:
            if not connection.execute(sa.update(tables.posts).where(*key).values(**values)).rowcount:
                connection.execute(sa.insert(tables.posts).values(incident=incident, part=post.part, **values))

    def retain(self, now: datetime, evidence_days: int = 30, jobs_days: int = 1) -> None:
        """Lets go of what is older. The audit log and the incidents stay."""
        with self.writing() as tx:
            tx.retire(now - timedelta(days=evidence_days), now - timedelta(days=jobs_days))


def verification(connection: sa.Connection, anchors: Mapping[int, str]) -> Head | Broken:
    head = _head(connection)
    with connection.execute(_LINKS, execution_options=_STREAMED) as rows:
        return verified(map(_link, rows), anchors, head)


# Whoever changes a body by hand on SQLite may leave text there: its bytes count.
_LINKS = sa.select(
    tables.audit.c.seq,
    sa.cast(tables.audit.c.body, sa.LargeBinary).label("body"),
    tables.audit.c.prev,
    tables.audit.c.hash,
    tables.audit.c.incident,
).order_by(tables.audit.c.seq)
_STREAMED = {"yield_per": _PAGE}
_READER: Mapping[str, Mapping[str, object]] = {
    "sqlite": {READING: True},
    "postgresql": {READING: True, "isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


def _head(connection: sa.Connection) -> Head:
    row = connection.execute(sa.select(tables.head)).one()
    return Head(row.seq, row.hash)


def _link(row: sa.Row[Any]) -> Link:
    return Link(row.seq, bytes(row.body), row.prev, row.hash, row.incident)
