"""What goes wrong with a database: each time one of the outages, nothing half written, and no word too many."""

import os
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier
from typing import Self

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from bot.core.audit import Broken, Entry, verified
from bot.core.incidents import opened
from bot.core.phases import Incident
from bot.core.pods import Hold
from bot.edges.store import Sql, open_store
from bot.edges.store.connect import filesystem
from bot.edges.store.outages import Doing, outage
from bot.ports import Conflict, Garbled, Missing, Outage, Refused, TimedOut, Unreachable
from tests.core import incident_samples as given_
from tests.core.incident_samples import CLUSTER, HOLD, SEEN
from tests.edges.store_parts import fresh
from tests.edges.store_proxy import Cut, proxied


def entry() -> Entry:
    return Entry(at=SEEN, kind="seen")


def begun(store: Sql) -> Incident:
    with store.writing() as tx:
        return tx.save(opened(CLUSTER, HOLD, given_.seen(given_.member()), 0, SEEN), entry())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "terminating.db"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as folder:  # a socket's path has 107 bytes
        yield Path(folder)


# words


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.UniqueViolation(), Conflict),
        (psycopg.errors.ForeignKeyViolation(), Garbled),
        (psycopg.errors.RaiseException("append only"), Garbled),
        (psycopg.errors.InvalidPassword(), Refused),
        (psycopg.errors.InsufficientPrivilege(), Refused),
        (psycopg.errors.ReadOnlySqlTransaction(), Refused),
        (psycopg.errors.DiskFull(), Refused),
        (psycopg.errors.TooManyConnections(), Refused),
        (psycopg.errors.LockNotAvailable(), TimedOut),
        (psycopg.errors.QueryCanceled(), TimedOut),
        (psycopg.errors.AdminShutdown(), Unreachable),
        (psycopg.errors.UndefinedTable(), Garbled),
        (psycopg.errors.DeadlockDetected(), TimedOut),
        (psycopg.OperationalError("server closed the connection unexpectedly"), TimedOut),
        (exc.TimeoutError("QueuePool limit"), TimedOut),
        (exc.NoResultFound(), Garbled),
    ],
)
def test_what_a_database_says_becomes_the_outage_that_it_is(error: Exception, kind: type[Outage]) -> None:
    doing = Doing(what="writing", name="db", secrets=("swordfish",))
    wrapped = error if isinstance(error, exc.SQLAlchemyError) else exc.DBAPIError("INSERT", {}, error)

    assert type(outage(doing, wrapped)) is kind


def test_no_outage_shows_a_password_or_more_than_one_line() -> None:
    doing = Doing(what="opening the database", name="db", secrets=("swordfish",), connected=False)
    error = psycopg.OperationalError("\nbad \x1b[31mswordfish\n  and more swordfish")

    found = outage(doing, exc.DBAPIError("", {}, error))

    assert isinstance(found, Unreachable)
    assert found.why == "bad ***"
    assert str(found).isprintable()


def test_a_commit_without_an_answer_is_not_called_a_failure() -> None:
    found = outage(Doing(what="the commit", name="db"), psycopg.OperationalError("the connection is lost"))

    assert isinstance(found, TimedOut)
    assert "is not known" in found.then


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://terminating:swordfish@127.0.0.1:1/none?sslpassword=marlin",
        "postgresql://127.0.0.1:1/none?user=terminating&password=swordfish",
        "postgresql://terminating:swordfish@127.0.0.1:port/none",
        "postgresql+nothing://terminating:swordfish@127.0.0.1:1/none",
        "mysql://root:swordfish@127.0.0.1/x",
    ],
)
def test_a_server_that_is_not_there_is_told_without_the_password(url: str) -> None:
    with pytest.raises((Unreachable, Refused)) as caught:
        open_store(url, migrate=True)

    assert "swordfish" not in str(caught.value)
    assert "marlin" not in str(caught.value)


# SQLite


def test_only_who_may_makes_a_file(file: Path) -> None:
    with pytest.raises(Missing, match="does not exist"):
        open_store(f"sqlite:///{file}", migrate=False)

    assert not file.exists()


def test_a_file_that_others_may_use_is_refused(file: Path) -> None:
    open_store(f"sqlite:///{file}", migrate=True).close()
    file.chmod(0o640)

    with pytest.raises(Refused, match=r"others may use it \(mode 640\)"):
        open_store(f"sqlite:///{file}", migrate=True)


@pytest.mark.parametrize("content", [b"SQLite format 2\0" * 512, b"\0" * 4096, b"#!/bin/sh\n" * 999])
def test_a_file_of_another_kind_is_refused_and_left_alone(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.chmod(0o600)

    with pytest.raises(Outage):
        open_store(f"sqlite:///{file}", migrate=False)
    assert file.read_bytes() == content


def test_the_database_of_another_program_is_refused(file: Path) -> None:
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")
    other.close()
    file.chmod(0o600)

    with pytest.raises(Garbled, match="not this program's"):
        open_store(f"sqlite:///{file}", migrate=True)


def test_a_pipe_is_no_database(file: Path) -> None:
    os.mkfifo(file, 0o600)

    with pytest.raises(Garbled, match="no file"):
        open_store(f"sqlite:///{file}", migrate=True)


def test_a_full_disk_writes_nothing(file: Path) -> None:
    store = open_store(f"sqlite:///{file}", migrate=True)
    before = store.head()

    def overflow() -> None:
        with store.writing() as tx:
            tx._do.exec_driver_sql("PRAGMA max_page_count = 1")
            tx.note(entry())
            tx.keep(1, b"x" * (1 << 20), SEEN)

    with pytest.raises(Refused, match="full"):
        overflow()
    assert store.head() == before
    store.close()


def test_what_needs_an_incident_is_not_kept_without_one(database: str) -> None:
    store = open_store(database, migrate=True)

    with pytest.raises(Garbled), store.turn() as connection:
        connection.exec_driver_sql(
            "INSERT INTO jobs (incident, effect, op, due, attempts)"
            " VALUES (7, 'tell', '', '2026-01-01T00:00:00.000000+00:00', 0)"
        )
    store.close()


def test_a_reader_is_not_kept_waiting_by_a_writer(file: Path) -> None:
    store = open_store(f"sqlite:///{file}", migrate=True)

    with store.writing() as tx:
        tx.note(entry())
        assert store.head().seq == 0
    assert store.head().seq == 1
    store.close()


def test_the_log_is_verified_as_it_was_at_one_moment(database: str) -> None:
    store, busy = open_store(database, migrate=True), open_store(database, migrate=False)
    begun(store)

    with store.turn(reading=True) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar_one() == 1
        with busy.writing() as tx:
            tx.note(entry())
        assert connection.exec_driver_sql("SELECT seq FROM head").scalar_one() == 1
    assert store.verify({}) == busy.head()
    store.close()
    busy.close()


MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:40 / /srv rw shared:1 - nfs4 server:/srv rw
24 23 0:41 / /srv/my\\040disk rw - xfs /dev/sdb rw
not a line of it
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/lib", "ext4"), ("/srv", "nfs4"), ("/srv/a", "nfs4"), ("/srv/my disk/a", "xfs"), ("/srvx", "ext4")],
)
def test_the_file_system_of_a_folder_is_that_of_its_nearest_mount(path: str, kind: str) -> None:
    assert filesystem(Path(path), MOUNTS) == kind
    assert filesystem(Path(path), "") == ""


# both, from several sides at once


def test_of_many_that_start_at_once_each_finds_a_whole_database(database: str) -> None:
    together = Barrier(4)

    def start(_: int) -> int:
        together.wait(10)
        store = open_store(database, migrate=True)
        with store.writing() as tx:
            tx.note(entry())
        store.close()
        return 1

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(start, range(4))) == 4
    store = open_store(database, migrate=False)
    assert store.head().seq == 4
    assert not isinstance(store.verify({}), Broken)
    store.close()


def take_all(url: str, owner: str) -> list[int]:
    """What one process gets to do."""
    store, taken = open_store(url, migrate=False), list[int]()
    while True:
        with store.writing() as tx:
            if (job := tx.take(owner, SEEN)) is None:
                break
            taken.append(job.id)
        with store.writing() as tx:
            tx.finish(job)
    store.close()
    return taken


def test_of_several_processes_no_two_get_the_same_job(database: str) -> None:
    store = open_store(database, migrate=True)
    with store.writing() as tx:
        for n in range(60):
            hold = Hold(kind="node", name=f"node-{n}")
            tx.save(opened(CLUSTER, hold, given_.seen(given_.member()), 0, SEEN), entry())
    store.close()

    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        taken = [id_ for ids in processes.map(take_all, [database] * 3, "abc") for id_ in ids]

    assert sorted(taken) == list(range(1, 121))


class NthFails:
    """Of everything that changes something, on any engine: the N-th fails, once."""

    def __init__(self, nth: int) -> None:
        self.nth, self.count = nth, 0

    def __enter__(self) -> Self:
        sa.event.listen(sa.Engine, "before_cursor_execute", self._executes)
        sa.event.listen(sa.Engine, "commit", self._commits)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(sa.Engine, "before_cursor_execute", self._executes)
        sa.event.remove(sa.Engine, "commit", self._commits)

    def _executes(self, _: object, __: object, statement: str, *___: object) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN")):
            self._hit(statement)

    def _commits(self, _: object) -> None:
        self._hit("COMMIT")

    def _hit(self, what: str) -> None:
        self.count += 1
        if self.count == self.nth:
            raise exc.OperationalError(what, {}, sqlite3.OperationalError("disk I/O error"))


@pytest.mark.timeout(300)
def test_a_database_that_could_not_be_made_whole_was_not_begun(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    for nth in range(1, 99):
        url = f"sqlite:///{tmp_path / f'{nth}.db'}"
        if not database.startswith("sqlite"):
            url = fresh(request.getfixturevalue("postgres_url"))
        with NthFails(nth) as failing:
            if not _opens(url):
                with pytest.raises(Refused, match="it is empty"):
                    open_store(url, migrate=False)
        if failing.count < nth:
            break
        open_store(url, migrate=True).close()
    print(f"\nthe N-th call of making a database fails: {nth - 1} of {nth - 1} left nothing behind")
    assert nth > 20


def _opens(url: str) -> bool:
    try:
        open_store(url, migrate=True).close()
    except Outage:
        return False
    return True


# PostgreSQL


@pytest.mark.crash
@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_whose_answer_is_lost_is_read_afterwards(postgres_url: str, short_folder: Path, cut: Cut) -> None:
    url = fresh(postgres_url)
    open_store(url, migrate=True).close()
    with proxied(url, short_folder) as (proxy, by_proxy):
        store = open_store(by_proxy, migrate=False)
        proxy.cut = cut

        with pytest.raises(TimedOut, match="is not known"):
            begun(store)

        written = store.incident(1) is not None
        assert written == (cut == "after")
        assert store.head().seq == written
        if written:
            with pytest.raises(Conflict):
                begun(store)
        else:
            begun(store)
        assert len(store.history(9)) == 1
        assert not isinstance(verified(store.links(), {}, store.head()), Broken)
        store.close()


def _end_all_sessions(url: str) -> None:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        connection.exec_driver_sql(f"{query} AND pid <> pg_backend_pid()")


@pytest.mark.crash
def test_a_server_that_was_restarted_is_used_again(postgres_url: str) -> None:
    url = fresh(postgres_url)
    store = open_store(url, migrate=True)
    _end_all_sessions(url)
    begun(store)

    def interrupted() -> None:
        with store.writing() as tx:
            tx.note(entry())
            _end_all_sessions(url)
            tx.note(entry())

    with pytest.raises((TimedOut, Unreachable)):
        interrupted()
    assert store.head().seq == 1
    store.close()


@pytest.mark.crash
def test_an_account_that_may_only_read_is_refused(postgres_url: str) -> None:
    url = fresh(postgres_url)
    store = open_store(url, migrate=True)
    reader = f"reader_{sa.make_url(url).database}"
    with store.turn() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {reader} LOGIN")
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    own = sa.make_url(url).set(username=reader).render_as_string(hide_password=False)
    reading = open_store(own, migrate=False)

    with pytest.raises(Refused, match="permission denied"):
        begun(reading)
    assert reading.history(1) == ()
    reading.close()
    store.close()


@pytest.mark.crash
def test_a_database_or_an_account_that_is_not_there_is_refused(postgres_url: str) -> None:
    made = sa.make_url(postgres_url)
    for url in (made.set(database="none"), made.set(username="mallory")):
        with pytest.raises(Refused, match="does not exist"):
            open_store(url.render_as_string(hide_password=False), migrate=True)


@pytest.mark.crash
def test_a_server_that_never_answers_has_its_time(short_folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(short_folder / ".s.PGSQL.5432"))
        silent.listen()
        with pytest.raises(Unreachable):
            open_store(f"postgresql://terminating@/none?host={short_folder}", migrate=False)
