"""Engines: how each database is opened, so that a commit is durable and a wait has an end."""

import os
import stat
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from bot.core.hostile import plain
from bot.ports import Garbled, Missing, Outage, Refused, Unreachable

READING = "reading"  # the execution option of a transaction that only reads
_OPENING = "opening the database"
_FORMS = "Write sqlite:///FILE or postgresql://USER@HOST/NAME."
_BUSY_S = 5  # how long one writer waits for another on SQLite; a transaction lasts milliseconds
_TURN_S = 10  # the same on PostgreSQL; whoever is stopped within a transaction has lost it by then
_POOL = 16
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_ELSEWHERE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "lustre", "gfs2", "ocfs2", "fuse.sshfs"})
_MOUNTS = Path("/proc/self/mountinfo")


def connected(url: str, *, create: bool) -> sa.Engine:
    """Nothing is read yet. Raises an Outage for a URL or a file that cannot be used."""
    try:
        made = sa.make_url(url)
    except (exc.ArgumentError, ValueError) as error:  # ValueError: a port that is no number
        raise Refused(_OPENING, "the setting `database`", "it is no database URL", _FORMS) from error
    match made.get_backend_name():
        case "sqlite":
            return _sqlite(made, create=create)
        case "postgresql":
            return _postgresql(made)
        case other:
            raise Refused(_OPENING, shown(made), f"{plain(other)} is not supported", _FORMS)


def shown(url: sa.URL) -> str:
    """Without a password, wherever it stood."""
    return plain(url.set(drivername=url.get_backend_name(), query={}, password=None).render_as_string())


def secrets(url: sa.URL) -> tuple[str, ...]:
    return tuple(str(each) for each in (url.password, url.query.get("password"), url.query.get("sslpassword")) if each)


def filesystem(path: Path, mounts: str) -> str:
    """The type of what is mounted where this file is; empty where that is not to be found out. See proc(5)."""
    found, longest = "", -1
    for line in mounts.splitlines():
        fields = line.split(" ")
        if "-" not in fields:
            continue
        point = fields[4].replace("\\040", " ")
        if len(point) >= longest and path.is_relative_to(point):
            found, longest = fields[fields.index("-") + 1], len(point)
    return found


def _sqlite(url: sa.URL, *, create: bool) -> sa.Engine:
    name = shown(url)
    if not url.database or url.database == ":memory:" or url.query:
        raise Refused(_OPENING, name, "it names no file", _FORMS)
    path = Path(url.database).absolute()
    _check_file(path, name, create=create)
    engine = sa.create_engine(
        url.set(database=str(path)),
        connect_args={"timeout": _BUSY_S},
        pool_size=_POOL,
        max_overflow=0,
        pool_timeout=_TURN_S,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get(READING)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _check_file(path: Path, name: str, *, create: bool) -> None:
    """What it holds is nobody else's business, and its locks work on this machine alone."""
    try:
        mounted = filesystem(path.parent.resolve(), _MOUNTS.read_text()) if _MOUNTS.exists() else ""
        if mounted in _ELSEWHERE:
            raise _refused(
                name, f"it is on a network file system ({mounted})", "Name a file on a disk of this machine."
            )
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600))
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise _missing(path, name) from error
    except OSError as error:
        why = error.strerror or "it failed"
        raise Unreachable(_OPENING, name, why, "Let this user read and write the file and its folder.") from error
    if not stat.S_ISREG(mode):
        raise Garbled(_OPENING, name, "it is no file", "Name another one.")
    if mode & _OTHERS:
        raise _refused(name, f"others may use it (mode {stat.S_IMODE(mode):o})", f"Run: chmod 600 {plain(str(path))}")


def _missing(path: Path, name: str) -> Outage:
    if not path.parent.is_dir():
        return Unreachable(_OPENING, name, "its folder does not exist", "Make it, and let this user write there.")
    return Missing(_OPENING, name, "it does not exist", "Start `terminating run` once: it makes it.")


def _refused(name: str, why: str, then: str) -> Refused:
    return Refused(_OPENING, name, why, then)


def _postgresql(url: sa.URL) -> sa.Engine:
    limits = {
        "statement_timeout": f"{_TURN_S}s",
        "lock_timeout": f"{_TURN_S}s",
        "idle_in_transaction_session_timeout": f"{_TURN_S}s",
        "synchronous_commit": "on",  # an intent that is on record stays on record
    }
    own = url.query.get("options", "")
    options = " ".join([*([own] if isinstance(own, str) else own), *(f"-c {k}={v}" for k, v in limits.items())])
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=_POOL,
        max_overflow=0,
        pool_timeout=_TURN_S,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",  # whatever the server's default: a turn sees what the one before it wrote
        hide_parameters=True,
        connect_args={
            "connect_timeout": _BUSY_S,
            "options": options.strip(),
            "application_name": "terminating",
            "client_encoding": "utf8",
            # A server that is gone without a word is noticed within a turn.
            "keepalives_idle": _BUSY_S,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": _TURN_S * 1000,
        },
    )
