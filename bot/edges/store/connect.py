"""Engines: how each database is opened, so that a commit is durable and a wait has an end."""

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from bot.core.hostile import plain
from bot.ports import Refused, Unreachable

_BUSY_S = 5  # how long one writer waits for another; a transaction lasts milliseconds
_POOL = 16


def connected(url: str) -> sa.Engine:
    """Nothing is read yet. Raises `Refused` for a URL or a file that cannot be used."""
    try:
        made = sa.make_url(url)
    except exc.ArgumentError as error:
        raise Refused("opening the database", "the setting `database`", "it is no database URL", _FORMS) from error
    match made.get_backend_name():
        case "sqlite":
            return _sqlite(made)
        case "postgresql":
            return _postgresql(made)
        case other:
            raise Refused("opening the database", shown(made), f"{plain(other)} is not supported", _FORMS)


def shown(url: sa.URL) -> str:
    """Without a password."""
    return plain(url.render_as_string(hide_password=True))


def _sqlite(url: sa.URL) -> sa.Engine:
    path = Path(url.database or "")
    if not url.database or url.database == ":memory:":
        raise Refused("opening the database", shown(url), "it names no file", _FORMS)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # what it holds is nobody else's business
    except OSError as error:
        then = "Make its folder, and let this user write there."
        raise Unreachable("opening the database", shown(url), error.strerror or "it failed", then) from error
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_S}, pool_size=_POOL, max_overflow=0)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    limits = (
        f"-c statement_timeout={2 * _BUSY_S}s -c lock_timeout={2 * _BUSY_S}s -c idle_in_transaction_session_timeout=60s"
    )
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=_POOL,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"connect_timeout": _BUSY_S, "options": limits, "application_name": "terminating"},
    )


_FORMS = "Write sqlite:///FILE or postgresql://USER@HOST/NAME."
