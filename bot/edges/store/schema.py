"""Which schema a database has: made where there is none, moved on where it is older, refused where it is not ours."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.core.hostile import plain
from bot.edges.store.tables import TRIGGERS, head, metadata
from bot.ports import Garbled, Refused

_VERSIONS = "alembic_version"


def check(connection: sa.Connection, name: str, *, migrate: bool) -> None:
    """Raises `Refused` for one that is newer, or not up to date; `Garbled` for one that is damaged."""
    config = Config()
    config.set_main_option("script_location", "bot.edges.store:migrations")
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    newest = script.get_current_head()
    if connection.dialect.name == "postgresql":  # of two processes that start at once, one migrates
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(736572)"))
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None and sa.inspect(connection).get_table_names():
        raise Garbled("opening the database", name, "it has tables, but not this program's", "Name another database.")
    if found is not None and found not in {each.revision for each in script.walk_revisions()}:
        why = f"its schema {found} is newer than this program, which knows {newest}"
        raise Refused("opening the database", name, why, "Run the newer program.")
    if found != newest:
        if not migrate:
            why = "it is empty" if found is None else f"its schema {found} is older than {newest}"
            raise Refused("opening the database", name, why, "Start `terminating run` once: it brings it up to date.")
        command.upgrade(config, "head")
    if wrong := "; ".join(_faults(connection)):
        raise Garbled("opening the database", name, f"it is damaged: {wrong}", "Restore it from a backup.")


def _faults(connection: sa.Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        result = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if result != "ok":
            yield f"quick_check says {plain(str(result))}"
            return
    context = MigrationContext.configure(connection, opts={"include_object": _ours})
    for difference in compare_metadata(context, metadata):
        yield _named(difference)
    there = _triggers(connection)
    yield from (f"the trigger {name} is missing" for name in TRIGGERS[connection.dialect.name] if name not in there)
    count = connection.execute(sa.select(sa.func.count()).select_from(head)).scalar_one()
    if count != 1:
        yield f"{head.name} has {count} rows, not one"


def _triggers(connection: sa.Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    return set(connection.exec_driver_sql(query).scalars())


def _ours(_: object, name: str | None, kind: str, *__: object) -> bool:
    return not (kind == "table" and name == _VERSIONS)


def _named(difference: Any) -> str:
    """Alembic's differences are tuples, or lists of them for a column."""
    first = difference[0] if isinstance(difference, list) else difference
    what = [getattr(each, "name", each) for each in first[1:4] if each is not None]
    return f"{first[0]} {' '.join(str(each) for each in what)}"
