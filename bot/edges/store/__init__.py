"""
The database: the only door of SQLAlchemy, Alembic and the drivers. One schema on SQLite and PostgreSQL.

Writers take turns: `BEGIN IMMEDIATE` on SQLite, the locked head of the audit chain on PostgreSQL. So whatever a
transaction read is still so when it commits. Every call raises only the outages of `bot.ports`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import exc

from bot.core.audit import Head, Link
from bot.core.phases import Incident
from bot.edges.store import schema, tables
from bot.edges.store.codec import decoded
from bot.edges.store.connect import connected, shown
from bot.edges.store.transaction import Transaction
from bot.ports import Conflict, Garbled, Outage, Unreachable

__all__ = ["Sql", "open_store"]

_PAGE = 1_000  # audit rows read at once


def open_store(url: str, *, migrate: bool) -> "Sql":
    """
    The database of this URL: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`.

    With `migrate` an empty or older one is brought up to date. Raises an Outage for one that cannot be reached, that is
    newer than this program, or that is damaged: nothing is repaired by guessing.
    """
    engine = connected(url)
    store = Sql(engine)
    try:
        with store.turn() as connection:
            schema.check(connection, store.name, migrate=migrate)
    except Outage:
        engine.dispose()
        raise
    return store


class Sql:
    """`ports.Store`. Several threads, and several processes, may use the same database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.name = shown(engine.url)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def turn(self) -> Iterator[sa.Connection]:
        """One transaction, everything that goes wrong in it as an Outage."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except exc.IntegrityError as error:
            then = "Look at the incident again."
            raise Conflict("writing", self.name, "somebody else was first", then) from error
        except exc.SQLAlchemyError as error:
            raise _outage(self.name, error) from error

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self.turn() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(tables.head.c.id).with_for_update())
            yield Transaction(connection, self.name)

    def incident(self, id_: int) -> Incident | None:
        with self.writing() as tx:
            return tx.incident(id_)

    def history(self, limit: int) -> tuple[Incident, ...]:
        """The newest first."""
        query = sa.select(tables.incidents).order_by(tables.incidents.c.id.desc()).limit(limit)
        with self.turn() as connection:
            return tuple(decoded(row.body, row.id) for row in connection.execute(query))

    def head(self) -> Head:
        with self.turn() as connection:
            row = connection.execute(sa.select(tables.head)).one()
            return Head(row.seq, row.hash)

    def links(self) -> Iterator[Link]:
        """The audit log from its first row, as it is stored."""
        last: int | None = None
        while True:
            query = sa.select(tables.audit).order_by(tables.audit.c.seq).limit(_PAGE)
            if last is not None:
                query = query.where(tables.audit.c.seq > last)
            with self.turn() as connection:
                rows = connection.execute(query).all()
            for row in rows:
                yield Link(row.seq, bytes(row.body), row.prev, row.hash, row.incident)
            if len(rows) < _PAGE:
                return
            last = rows[-1].seq

    def bundle(self, sha256: str) -> bytes | None:
        """An evidence bundle, whole; None once it was retired."""
        with self.turn() as connection:
            raw = connection.execute(
                sa.select(tables.evidence.c.raw).where(tables.evidence.c.sha256 == sha256)
            ).scalar_one_or_none()
            return None if raw is None else bytes(raw)

    def retain(self, now: datetime, evidence_days: int = 30, jobs_days: int = 1) -> None:
        """Lets go of what is older. The audit log and the incidents stay."""
        with self.writing() as tx:
            tx.retire(now - timedelta(days=evidence_days), now - timedelta(days=jobs_days))


def _outage(name: str, error: exc.SQLAlchemyError) -> Outage:
    if isinstance(error, exc.NoResultFound | exc.MultipleResultsFound):
        return Garbled("reading", name, "the head of its audit log is not one row", "Restore it from a backup.")
    words = str(getattr(error, "orig", None) or error).strip().splitlines()
    why = words[0] if words else type(error).__name__
    return Unreachable("using the database", name, why, "Look at its disk, its server and its log.")
