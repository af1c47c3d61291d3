"""What a database or its driver says, as one of the outages of `bot.ports`: one clean line without a password."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy import exc

from bot.core.hostile import plain
from bot.ports import Conflict, Garbled, Outage, Refused, TimedOut, Unreachable

DRIVERS = (sqlite3.Error, psycopg.Error)
COMMITTING = "the commit"

_CONFIGURE = "Look at the setting `database`, at the account and at its rights."
_BACKUP = "Restore it from a backup."
_AGAIN = "Nothing was written. It is tried again."
_READ_AGAIN = "Whether it was written is not known: what is there is read before anything else happens."
_SERVER = "Look at its disk, its server and its log."
_FIRST = "Look at the incident again."

# The beginning of SQLite's names of results (https://www.sqlite.org/rescode.html), and of PostgreSQL's SQLSTATEs
# (https://www.postgresql.org/docs/current/errcodes-appendix.html): the first that fits.
_KINDS: Sequence[tuple[str, type[Outage], str]] = (
    ("SQLITE_CONSTRAINT_UNIQUE", Conflict, _FIRST),
    ("SQLITE_CONSTRAINT_PRIMARYKEY", Conflict, _FIRST),
    ("SQLITE_BUSY", TimedOut, _AGAIN),
    ("SQLITE_LOCKED", TimedOut, _AGAIN),
    ("SQLITE_CANTOPEN", Unreachable, "Make its folder, and let this user write there."),
    ("SQLITE_READONLY", Refused, "Let this user write there."),
    ("SQLITE_PERM", Refused, "Let this user write there."),
    ("SQLITE_FULL", Refused, "Make room on its disk."),
    ("SQLITE_IOERR", Refused, "Look at its disk."),
    ("SQLITE", Garbled, _BACKUP),
    ("23505", Conflict, _FIRST),  # unique_violation
    ("08", Unreachable, _SERVER),
    ("25006", Refused, "It takes no writes: name the primary, not a standby."),
    ("28", Refused, _CONFIGURE),
    ("3D", Refused, _CONFIGURE),
    ("40", TimedOut, _AGAIN),
    ("42501", Refused, _CONFIGURE),
    ("53", Refused, "Make room for it: disk, memory or connections."),
    ("55P03", TimedOut, _AGAIN),  # lock_not_available
    ("57014", TimedOut, _AGAIN),  # query_canceled: statement_timeout
    ("57", Unreachable, _SERVER),
    ("58", Refused, _SERVER),
    ("", Garbled, _BACKUP),
)
_NO = ("authentication failed", "no pg_hba.conf entry", "does not exist", "permission denied", "not permitted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What is being done to which database; `secrets` are words that no message may hold."""

    what: str
    name: str
    secrets: tuple[str, ...] = ()
    connected: bool = True


def outage(doing: Doing, error: exc.SQLAlchemyError | sqlite3.Error | psycopg.Error) -> Outage:
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig is not None else error
    why = _why(cause, doing.secrets)
    kind, then = _kind(cause, doing)
    if kind is Conflict:
        return Conflict(doing.what, doing.name, "somebody else was first", then)
    if doing.what == COMMITTING:
        return TimedOut(doing.what, doing.name, why, _READ_AGAIN)
    return kind(doing.what, doing.name, why, then)


def _kind(cause: BaseException, doing: Doing) -> tuple[type[Outage], str]:
    name = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    if name:
        return next((kind, then) for start, kind, then in _KINDS if name.startswith(start))
    match cause:
        case exc.NoResultFound() | exc.MultipleResultsFound():
            return Garbled, _BACKUP
        case exc.TimeoutError():
            return TimedOut, _AGAIN
        case _ if not doing.connected and any(each in str(cause) for each in _NO):
            return Refused, _CONFIGURE
        case psycopg.OperationalError() | psycopg.InterfaceError() | sqlite3.OperationalError() | exc.DBAPIError():
            return (TimedOut, _SERVER) if doing.connected else (Unreachable, _SERVER)
        case psycopg.Error() | sqlite3.Error():
            return Garbled, _BACKUP
        case _:
            return (TimedOut, _SERVER) if doing.connected else (Unreachable, _SERVER)


def _why(cause: BaseException, secrets: Sequence[str]) -> str:
    if isinstance(cause, exc.NoResultFound | exc.MultipleResultsFound):
        return "what must be one row there is not one row"
    lines = [line for line in str(cause).splitlines() if line.strip()]
    text = lines[0] if lines else type(cause).__name__
    for secret in secrets:
        text = text.replace(secret, "***")
    return plain(text).rstrip(".")
