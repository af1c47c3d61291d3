"""Which schema a database has: made where there is none, moved on where it is older, refused where it is not ours."""

import re
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from bot.core.hostile import plain
from bot.edges.store.tables import REVISION, TRIGGERS, head, metadata
from bot.ports import Garbled, Refused

MIGRATIONS = "bot.edges.store:migrations"
_VERSIONS = sa.table("alembic_version", sa.column("version_num", sa.String))
_OPENING = "opening the database"
_BACKUP = "Restore it from a backup."
_ONE_AT_A_TIME = 736572  # any number: who migrates holds it
_UPGRADING = Lock()  # alembic's `op` and `context` are one for the whole process, whatever thread asks
_NOISE = frozenset({"any", "array", "text", "character", "varying", "in"})  # how PostgreSQL writes `IN ('a', 'b')`


def check(
    connection: sa.Connection, name: str, *, migrate: bool, newest: str = REVISION, migrations: str = MIGRATIONS
) -> None:
    """Raises `Refused` for one that is newer, or not up to date; `Garbled` for one that is damaged."""
    if migrate and connection.dialect.name == "postgresql":  # of two processes that start at once, one migrates
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    found = _revision(connection, name)
    if found is not None and found > newest:
        why = f"its schema {found} is newer than this program, which knows {newest}"
        raise Refused(_OPENING, name, why, "Run the newer program.")
    if found != newest:
        if not migrate:
            why = "it is empty" if found is None else f"its schema {found} is older than {newest}"
            raise Refused(_OPENING, name, why, "Start `terminating run` once: it brings it up to date.")
        _upgrade(connection, name, found, migrations)
    if wrong := "; ".join(_faults(connection)):
        raise Garbled(_OPENING, name, f"it is damaged: {wrong}", _BACKUP)


def _revision(connection: sa.Connection, name: str) -> str | None:
    """None for an empty database; raises `Garbled` for one that is not this program's."""
    try:
        there = sa.inspect(connection).get_table_names()
    except exc.DatabaseError as error:  # SQLite reads its whole schema for that
        raise Garbled(_OPENING, name, f"it is damaged: {plain(str(error.orig))}", _BACKUP) from error
    if not there:
        return None
    rows = connection.execute(sa.select(_VERSIONS)).scalars().all() if _VERSIONS.name in there else []
    if not rows:
        raise Garbled(_OPENING, name, "it has tables, but not this program's", "Name another database.")
    if len(rows) != 1 or not re.fullmatch(r"\d{4}", rows[0], re.ASCII):
        raise Garbled(_OPENING, name, "it does not say which schema it has", _BACKUP)
    return str(rows[0])


def _upgrade(connection: sa.Connection, name: str, found: str | None, migrations: str) -> None:
    from alembic import command  # noqa: PLC0415  # it takes longer to import than most commands take
    from alembic.config import Config  # noqa: PLC0415  # the same
    from alembic.util import CommandError  # noqa: PLC0415  # the same

    config = Config()
    config.set_main_option("script_location", migrations)
    config.attributes["connection"] = connection
    try:
        with _UPGRADING:
            command.upgrade(config, "head")
    except CommandError as error:
        why = f"nothing leads on from its schema {found}: {plain(str(error))}"
        raise Garbled(_OPENING, name, why, _BACKUP) from error


def _faults(connection: sa.Connection) -> Iterator[str]:
    """What is missing or different. More than we made, beside our tables, is none of our business."""
    if connection.dialect.name == "sqlite":
        result = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if result != "ok":
            yield f"quick_check says {plain(str(result))}"
            return
    wanted, found = dict(_wanted(connection.dialect)), dict(_found(connection))
    for what, how in wanted.items():
        if what not in found:
            yield f"the {what} is missing"
        elif found[what] != how:
            yield f"the {what} is different"
    yield from (f"the {what} is not ours" for what in found if what.startswith("column") and what not in wanted)
    if f"table {head.name}" in found:
        count = connection.execute(sa.select(sa.func.count()).select_from(head)).scalar_one()
        if count != 1:
            yield f"{head.name} has {count} rows, not one"


def _wanted(dialect: sa.Dialect) -> Iterator[tuple[str, object]]:
    for table in metadata.tables.values():
        yield f"table {table.name}", ()
        yield f"primary key of {table.name}", [each.name for each in table.primary_key]
        for column in table.columns:
            yield f"column {table.name}.{column.name}", (column.type.compile(dialect), column.nullable)
            for key in column.foreign_keys:
                yield f"foreign key {table.name}.{column.name}", key.target_fullname
        for index in table.indexes:
            where = index.dialect_options[dialect.name]["where"]
            yield f"index {index.name}", ([each.name for each in index.columns], bool(index.unique), _words(where))
    for name, how in TRIGGERS[dialect.name].items():
        yield f"trigger {name}", _flat(how)


def _found(connection: sa.Connection) -> Iterator[tuple[str, object]]:
    inspector, dialect = sa.inspect(connection), connection.dialect
    there = inspector.get_table_names()
    for name in (each for each in metadata.tables if each in there):
        yield f"table {name}", ()
        yield f"primary key of {name}", inspector.get_pk_constraint(name)["constrained_columns"]
        for column in inspector.get_columns(name):
            yield f"column {name}.{column['name']}", (column["type"].compile(dialect), column["nullable"])
        for key in inspector.get_foreign_keys(name):
            yield (
                f"foreign key {name}.{'.'.join(key['constrained_columns'])}",
                f"{key['referred_table']}.{'.'.join(key['referred_columns'])}",
            )
        for index in inspector.get_indexes(name):
            where = index.get("dialect_options", {}).get(f"{dialect.name}_where")
            yield f"index {index['name']}", (index["column_names"], bool(index["unique"]), _words(where))
    for name, how in _triggers(connection).items():
        yield f"trigger {name}", _flat(how)


def _triggers(connection: sa.Connection) -> Mapping[str, str]:
    """Those that work, as `tables.TRIGGERS` has them."""
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
        if connection.dialect.name == "sqlite"
        else "SELECT tgname, tgtype || ' ' || prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
        " WHERE tgrelid = to_regclass('audit') AND tgenabled IN ('O', 'A') AND tgqual IS NULL"
    )
    return {str(name): str(how) for name, how in connection.exec_driver_sql(query)}


def _words(where: Any) -> list[str]:
    """What a partial index is about, however the database spells it."""
    words = re.findall(r"'[^']*'|\w+|<>|!=|[=<>]", str(where)) if where is not None else []
    return sorted({each for each in words if each.lower() not in _NOISE} - {"="})


def _flat(text: str) -> str:
    return " ".join(text.split())
