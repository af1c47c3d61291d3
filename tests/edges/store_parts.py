"""Databases for tests: a file of SQLite, and a PostgreSQL of Debian's that lives as long as the test run."""

import os
import pwd
import queue
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from bot.core.audit import GENESIS
from bot.edges.store import open_store, tables

WHERE = Path("/usr/lib/postgresql")


class NotInstalledError(Exception):
    """There is no PostgreSQL on this machine."""


def programs() -> Path:
    found = sorted(WHERE.glob("*/bin"))
    if not found:
        raise NotInstalledError("these tests need PostgreSQL's own programs. On Debian: apt-get install postgresql")
    return found[-1]


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a server of its own, on a socket in a folder of its own; gone with this process, however it ends."""
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path has 107 bytes
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    ids = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    become = ids if os.geteuid() == 0 else []
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    subprocess.run(
        [*become, programs() / "initdb", "-D", data, "-A", "trust", "-U", "terminating", "--no-sync"],
        check=True,
        **quiet,  # type: ignore[call-overload]  # plain keywords of it
    )
    server = subprocess.Popen(
        [*become, "setpriv", "--pdeathsig", "INT", programs() / "postgres", "-D", data, "-k", folder, "-h", "", "-F"],
        **quiet,  # type: ignore[call-overload]  # the same
    )
    url = f"postgresql://terminating@/postgres?host={folder}"
    try:
        _answers(url)
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # fast: it does not wait for its clients
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> None:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    until = time.monotonic() + 30
    while True:
        try:
            with engine.connect():
                break
        except sa.exc.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
    engine.dispose()


def fresh(url: str) -> str:
    """A new, empty database on the same server."""
    name = f"t{uuid.uuid4().hex[:16]}"
    _told(url, f"CREATE DATABASE {name}")
    return str(sa.make_url(url).set(database=name).render_as_string(hide_password=False))


def _told(url: str, what: str) -> None:
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(what)
    engine.dispose()


class Databases:
    """Databases of today's schema with nothing in them: copies of a file, and a few of PostgreSQL that are emptied."""

    def __init__(self, folder: Path, postgres: str = "") -> None:
        self._folder = folder
        self._postgres = postgres
        self._numbers = count()
        self._free: queue.SimpleQueue[str] = queue.SimpleQueue()
        open_store(f"sqlite:///{folder / 'template.db'}", migrate=True).close()

    @contextmanager
    def sqlite(self) -> Iterator[str]:
        path = self._folder / f"{next(self._numbers)}.db"
        shutil.copy(self._folder / "template.db", path)
        try:
            yield f"sqlite:///{path}"
        finally:
            for left in self._folder.glob(f"{path.name}*"):
                left.unlink()

    @contextmanager
    def postgres(self) -> Iterator[str]:
        try:
            url = self._free.get_nowait()
        except queue.Empty:
            url = fresh(self._postgres)
            open_store(url, migrate=True).close()
        try:
            yield url
        finally:
            _emptied(url)
            self._free.put(url)


def _emptied(url: str) -> None:
    """As its migration left it."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    names = ", ".join(table.name for table in tables.metadata.sorted_tables)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")  # no triggers: the audit log goes as well
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
        connection.execute(sa.insert(tables.head).values(id=1, seq=0, hash=GENESIS))
        connection.execute(sa.insert(tables.switch).values(id=1, paused=False, who="", reason=""))
