"""The tables, as the program of today uses them, on SQLite and PostgreSQL alike. The promises are unique indexes."""

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)


class RubbishError(ValueError):
    """Something stands in a column that this program never writes there."""


class Moment(TypeDecorator[datetime]):
    """UTC to the microsecond, as text of one length, so that its order is that of time on every database."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without its zone is not kept")
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise RubbishError("a time in it is none")
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:  # the 31st of November
            raise RubbishError("a time in it is none") from error


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", re.ASCII)

REVISION = "0002"  # the migration that makes these tables
metadata = MetaData()

LOCKING = "state IN ('checking', 'acting', 'verifying', 'unsettled')"
RUNNING = "state IN ('checking', 'acting', 'verifying')"


def _promise(name: str, table: Table, columns: tuple[str, ...], where: str) -> Index:
    clause = text(where)
    return Index(name, *(table.c[each] for each in columns), unique=True, sqlite_where=clause, postgresql_where=clause)


incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("cluster", String(200), nullable=False),
    Column("hold_kind", String(20), nullable=False),
    Column("hold_name", String(400), nullable=False),
    Column("phase", String(20), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("opened", Moment, nullable=False),
    Column("body", Text, nullable=False),
)
executions = Table(
    "executions",
    metadata,
    Column("op", String(32), primary_key=True),
    Column("plan", String(64), nullable=False),
    Column("incident", Integer, ForeignKey("incidents.id"), nullable=False),
    Column("cluster", String(200), nullable=False),
    Column("place", String(400), nullable=False),
    Column("node", String(300)),
    Column("repair", String(40), nullable=False),
    Column("cause", String(100), nullable=False),
    Column("state", String(20), nullable=False),
    Column("claimed", Moment, nullable=False),
    Column("intent", Moment),
    Column("ended", Moment),
    Column("why", Text, nullable=False),
    Column("blamed", Boolean, nullable=False),
)
jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", Integer, ForeignKey("incidents.id"), nullable=False),
    Column("effect", String(20), nullable=False),
    Column("op", String(32), nullable=False),
    Column("due", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("owner", String(64)),
    Column("finished", Moment),
)
audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("incident", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)
owners = Table(
    "owners",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("seen", Moment, nullable=False),
)
evidence = Table(
    "evidence",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("incident", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)
switch = Table(
    "switch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("paused", Boolean, nullable=False),
    Column("who", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Moment),
)
looked = Table(
    "looked",
    metadata,
    Column("cluster", String(200), primary_key=True),
    Column("at", Moment, nullable=False),
)

posts = Table(
    "posts",
    metadata,
    Column("incident", Integer, ForeignKey("incidents.id"), primary_key=True, autoincrement=False),
    Column("part", String(120), primary_key=True),
    Column("channel", String(40), nullable=False),
    Column("at", String(40), nullable=False),
    Column("body", Text, nullable=False),
)

PROMISES = (
    _promise("one_open_incident_per_hold", incidents, ("cluster", "hold_kind", "hold_name"), "is_open"),
    Index("one_execution_per_plan", executions.c.plan, unique=True),
    _promise("one_lock_per_place", executions, ("cluster", "place"), LOCKING),
    _promise("one_running_per_cluster", executions, ("cluster",), RUNNING),
    _promise("one_act_per_operation", jobs, ("op",), "effect = 'act'"),
)
Index("jobs_due", jobs.c.finished, jobs.c.owner, jobs.c.due)
Index("incidents_by_hold", incidents.c.cluster, incidents.c.hold_kind, incidents.c.hold_name, incidents.c.opened)

# Against accidents: who means harm drops them first, and is found by the chain. PostgreSQL's as pg_trigger has them:
# the bits of its type (1 each row, 2 before, 8 delete, 16 update, 32 truncate), and its function's source.
_RAISE = "BEGIN RAISE EXCEPTION 'append only'; END"
_ABORT = "BEGIN SELECT RAISE(ABORT, 'append only'); END"
TRIGGERS = {
    "sqlite": {
        "audit_no_DELETE": f"CREATE TRIGGER audit_no_DELETE BEFORE DELETE ON audit {_ABORT}",
        "audit_no_UPDATE": f"CREATE TRIGGER audit_no_UPDATE BEFORE UPDATE ON audit {_ABORT}",
    },
    "postgresql": {
        "audit_no_change": f"27 {_RAISE}",
        "audit_no_truncate": f"34 {_RAISE}",
    },
}
