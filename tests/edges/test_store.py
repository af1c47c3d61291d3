"""The store's promises, on SQLite and PostgreSQL alike."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from bot.core.audit import GENESIS, Broken, Entry, Head, verified
from bot.core.facts import PodUid, Unknown
from bot.core.guards import Pause
from bot.core.incidents import opened
from bot.core.phases import Accepted, Closed, Diagnosed, Incident
from bot.core.pods import Hold
from bot.edges.store import Sql, anchors, open_store
from bot.edges.store.codec import decoded, encoded
from bot.ports import Conflict, Garbled, Missing, Outage, Refused, TimedOut
from tests.core import incident_samples as given_
from tests.core.incident_samples import CLUSTER, HOLD, SEEN

PLAN = given_.plan()
OTHER_HOLD = Hold(kind="finalizer", name="example.com/cleanup")


@pytest.fixture
def store(database: str) -> Iterator[Sql]:
    store = open_store(database, migrate=True)
    yield store
    assert not isinstance(verified(store.links(), {}, store.head()), Broken)
    store.close()


def entry(kind: str = "seen", at: datetime = SEEN) -> Entry:
    return Entry(at=at, kind=kind)


def begun(store: Sql, hold: Hold = HOLD, cluster: str = CLUSTER) -> Incident:
    with store.writing() as tx:
        return tx.save(opened(cluster, hold, given_.seen(given_.member()), 0, SEEN), entry())


def saved(store: Sql, incident: Incident, *effects: object) -> Incident:
    with store.writing() as tx:
        return tx.save(Accepted(incident, effects), entry())  # type: ignore[arg-type]  # effects are words


# what is kept


@pytest.mark.parametrize("name", given_.in_every_phase(PLAN))
def test_an_incident_of_every_phase_comes_back_equal(store: Sql, name: str) -> None:
    begun(store)
    incident = given_.in_every_phase(PLAN)[name]

    saved(store, incident)

    found = store.incident(1)
    assert found == incident
    if hasattr(incident.phase, "plan"):
        assert found.phase.plan.digest == incident.phase.plan.digest  # type: ignore[union-attr]  # of the same phase


@given(text=st.text(max_size=50), when=st.datetimes(timezones=st.just(UTC)), span=st.timedeltas())
def test_whatever_the_words_and_times_an_incident_comes_back_equal(text: str, when: datetime, span: timedelta) -> None:
    finding = replace(given_.finding(), sentences=(text,), at=when, took=span, cause=text)
    incident = replace(
        given_.first(given_.member(PodUid(text))), phase=Diagnosed(finding=finding), last=text, opened=when
    )

    assert decoded(encoded(incident), 1) == incident


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"phase": "sleeping"},
        {"state": {}},
        {"incident": {}},
        {"state": {"finding": None}},
        {"incident": {"id": "x"}},
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_name(change: dict[str, object]) -> None:
    document = json.loads(encoded(given_.in_every_phase(PLAN)["diagnosed"]))

    for text in (json.dumps({**document, **change}), "", "[]", "[" * 100_000):
        with pytest.raises(Garbled, match="incident on 1 failed"):
            decoded(text, 1)


def test_an_incident_is_found_by_its_hold_and_the_last_one_when_closed(store: Sql) -> None:
    first = begun(store)
    closed = replace(first, phase=Closed(outcome="resolved itself", at=SEEN))
    saved(store, closed)
    second = begun(store)
    begun(store, OTHER_HOLD)
    saved(store, replace(second, phase=Closed(outcome="resolved itself", at=SEEN)))

    with store.writing() as tx:
        found = tx.at(CLUSTER, HOLD)
        assert found is not None
        assert found.id == second.id
        assert tx.at("another", HOLD) is None
        assert tx.counted(CLUSTER, HOLD, SEEN - timedelta(days=7)) == 2
        assert tx.counted(CLUSTER, HOLD, SEEN + timedelta(seconds=1)) == 0
        assert [each.hold for each in tx.open()] == [OTHER_HOLD]
        assert tx.open("another") == ()
    assert [each.id for each in store.history(2)] == [3, 2]


def test_what_an_exception_interrupts_was_never_there(store: Sql) -> None:
    def interrupted() -> None:
        with store.writing() as tx:
            tx.save(opened(CLUSTER, HOLD, given_.seen(given_.member()), 0, SEEN), entry())
            tx.keep(1, b"raw", SEEN)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert store.history(5) == ()
    assert store.head().seq == 0
    assert store.bundle("0" * 64) is None


def test_an_evidence_bundle_is_kept_once_and_retired(store: Sql) -> None:
    begun(store)
    with store.writing() as tx:
        digests = {tx.keep(1, b"what the node said", SEEN) for _ in range(2)}
    digest = digests.pop()

    assert store.bundle(digest) == b"what the node said"
    store.retain(SEEN + timedelta(days=29))
    assert store.bundle(digest) is not None
    store.retain(SEEN + timedelta(days=31))
    assert store.bundle(digest) is None
    assert not digests


# the promises


def test_one_open_incident_per_hold(store: Sql) -> None:
    begun(store)

    with pytest.raises(Conflict):
        begun(store)
    begun(store, OTHER_HOLD)
    begun(store, cluster="another")


def test_one_execution_per_plan_place_and_cluster(store: Sql) -> None:
    for cluster, hold in ((CLUSTER, HOLD), (CLUSTER, OTHER_HOLD), ("another", HOLD)):
        begun(store, hold, cluster)
    mine = given_.execution(incident=1, state="checking", op="a" * 32, plan="a" * 64)

    def with_one(id_: int, hold: Hold, cluster: str, **changes: object) -> Incident:
        other = replace(mine, **{"incident": id_, "cluster": cluster, "op": "b" * 32, "plan": "b" * 64, **changes})  # type: ignore[arg-type]  # each by its own name
        return replace(given_.first(), id=id_, hold=hold, cluster=cluster, executions=(other,))

    saved(store, replace(given_.first(), executions=(mine,)))
    for conflicting in (
        with_one(2, OTHER_HOLD, CLUSTER, plan="a" * 64, state="done"),
        with_one(2, OTHER_HOLD, CLUSTER),
        with_one(2, OTHER_HOLD, CLUSTER, state="unsettled"),
        with_one(2, OTHER_HOLD, CLUSTER, place="elsewhere"),
    ):
        with pytest.raises(Conflict):
            saved(store, conflicting)
    saved(store, with_one(2, OTHER_HOLD, CLUSTER, place="elsewhere", state="unsettled"))
    saved(store, with_one(3, HOLD, "another", op="c" * 32, plan="c" * 64))


def test_an_act_is_one_job_for_ever(store: Sql) -> None:
    begun(store)
    incident = given_.acting(PLAN)
    saved(store, incident, "act")

    with pytest.raises(Conflict):
        saved(store, incident, "act")
    with store.writing() as tx:
        while (job := tx.take("me", SEEN)) is not None:
            tx.finish(job)
    store.retain(SEEN + timedelta(days=9))
    with pytest.raises(Conflict):
        saved(store, incident, "act")


def test_the_audit_log_only_grows(store: Sql) -> None:
    begun(store)

    for statement in ("UPDATE audit SET incident = 7", "DELETE FROM audit"):
        with pytest.raises(Outage), store.turn() as connection:
            connection.exec_driver_sql(statement)


# the outbox


def test_a_job_that_waits_already_is_not_made_twice(store: Sql) -> None:
    incident = begun(store)
    saved(store, incident, "tell", "diagnose")

    with store.writing() as tx:
        jobs = [tx.take("me", SEEN) for _ in range(3)]
    assert [job.effect for job in jobs if job] == ["tell", "diagnose"]


def test_two_of_one_kind_are_never_performed_at_once(store: Sql) -> None:
    incident = begun(store)
    with store.writing() as tx:
        first = tx.take("me", SEEN)
        assert first is not None
    saved(store, incident, "tell")

    with store.writing() as tx:
        assert [tx.take("other", SEEN), tx.take("other", SEEN)][1] is None
        tx.finish(first)
        again = tx.take("other", SEEN)
    assert again is not None
    assert (again.effect, again.attempts) == ("tell", 0)


def test_a_job_comes_again_when_it_is_due(store: Sql) -> None:
    begun(store)
    with store.writing() as tx:
        job, other = tx.take("me", SEEN), tx.take("me", SEEN)
        assert job is not None
        assert other is not None
        tx.finish(other)
        tx.again(job, SEEN + timedelta(seconds=4))

        assert tx.take("me", SEEN + timedelta(seconds=3)) is None
        again = tx.take("me", SEEN + timedelta(seconds=4))
    assert again is not None
    assert again.attempts == 1


def test_a_look_is_not_due_at_once(store: Sql) -> None:
    begun(store)
    with store.writing() as tx:
        while (job := tx.take("me", SEEN)) is not None:
            tx.finish(job)
    saved(store, given_.verifying(PLAN), "look")

    with store.writing() as tx:
        assert tx.take("me", SEEN) is None
        assert tx.take("me", SEEN + timedelta(seconds=3)) is not None


def test_jobs_of_the_dead_are_put_back_and_acts_are_handed_over(store: Sql) -> None:
    begun(store)
    saved(store, given_.acting(PLAN), "act")
    later, patience = SEEN + timedelta(minutes=5), timedelta(minutes=1)
    with store.writing() as tx:
        taken = [tx.take("dead", SEEN) for _ in range(3)]
        tx.beat("alive", later)

        assert tx.orphaned(SEEN + patience, patience) == ()
        orphans = tx.orphaned(later, patience)
        back = [tx.take("alive", later) for _ in range(3)]
    assert {job.effect for job in taken if job} == {"tell", "diagnose", "act"}
    assert [job.effect for job in orphans] == ["act"]
    assert {job.effect for job in back if job} == {"tell", "diagnose"}


def test_many_owners_never_get_the_same_job(database: str, store: Sql) -> None:
    for n in range(40):
        begun(store, Hold(kind="node", name=f"node-{n}"))

    def take_all(owner: str) -> list[int]:
        own, found = open_store(database, migrate=False), list[int]()
        while True:
            with own.writing() as tx:
                job = tx.take(owner, SEEN)
            if job is None:
                own.close()
                return found
            found.append(job.id)

    with ThreadPoolExecutor(4) as threads:
        taken = [id_ for ids in threads.map(take_all, "abcd") for id_ in ids]

    assert len(taken) == 80
    assert len(set(taken)) == 80


# what goes on around


def test_the_guards_are_told_what_goes_on(store: Sql) -> None:
    begun(store)
    begun(store, OTHER_HOLD)
    recent = given_.execution(incident=1, op="a" * 32, plan="a" * 64, claimed=SEEN)
    old = given_.execution(incident=1, op="b" * 32, plan="b" * 64, claimed=SEEN - timedelta(days=2))
    locking = replace(old, op="c" * 32, plan="c" * 64, state="unsettled", blamed=True)
    saved(store, replace(given_.first(), executions=(old, locking, recent)))

    with store.writing() as tx:
        tx.resume("", SEEN, entry("resumed"))
        tx.resume("", SEEN + timedelta(seconds=1), entry("resumed"))
        found = tx.around({"a-cause": "digest"}, SEEN)

    assert {each.op for each in found.executions} == {recent.op, locking.op}
    assert next(each for each in found.executions if each.op == locking.op) == locking
    assert found.struck == {CLUSTER: [(HOLD.name, SEEN)]}
    assert found.resumed == {"": SEEN + timedelta(seconds=1)}
    assert found.pause is None
    assert found.playbooks == {"a-cause": "digest"}


def test_the_pause_switch_is_set_and_ended(store: Sql) -> None:
    pause = Pause(who="ada", reason="network maintenance", since=SEEN)
    with store.writing() as tx:
        tx.pause(pause, entry("paused"))
        assert tx.around({}, SEEN).pause == pause
        tx.resume("", SEEN, entry("resumed"))
        assert tx.around({}, SEEN).pause is None


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM switch",
        "INSERT INTO switch (id, paused, who, reason) SELECT 2, paused, who, reason FROM switch",
        "UPDATE switch SET paused = TRUE",
    ],
)
def test_a_pause_switch_that_is_not_as_it_should_be_is_unknown(store: Sql, harm: str) -> None:
    with store.turn() as connection:
        connection.exec_driver_sql(harm)

    with store.writing() as tx:
        assert isinstance(tx.around({}, SEEN).pause, Unknown)


# which database it is


def test_an_empty_database_is_made_only_by_who_may(database: str) -> None:
    with pytest.raises((Missing, Refused), match=r"it is empty|it does not exist"):
        open_store(database, migrate=False)
    open_store(database, migrate=True).close()
    open_store(database, migrate=False).close()


@pytest.mark.parametrize(
    ("harm", "kind", "why"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", Refused, "newer than this program"),
        ("DROP TABLE evidence", Garbled, "evidence"),
        ("ALTER TABLE jobs ADD COLUMN more INTEGER", Garbled, "more"),
        ("DROP INDEX one_lock_per_place", Garbled, "one_lock_per_place"),
        ("DELETE FROM head", Garbled, "head has 0 rows"),
        ("INSERT INTO head (id, seq, hash) VALUES (2, 0, 'x')", Garbled, "head has 2 rows"),
        ("DELETE FROM alembic_version", Garbled, "not this program's"),
    ],
)
def test_a_database_that_is_not_ours_or_damaged_is_refused(
    database: str, harm: str, kind: type[Outage], why: str
) -> None:
    store = open_store(database, migrate=True)
    with store.turn() as connection:
        connection.exec_driver_sql(harm)
    store.close()

    for migrate in (True, False):
        with pytest.raises(kind, match=why):
            open_store(database, migrate=migrate)


def test_a_missing_trigger_is_damage(database: str) -> None:
    store = open_store(database, migrate=True)
    drops = {"sqlite": "DROP TRIGGER audit_no_DELETE", "postgresql": "DROP TRIGGER audit_no_change ON audit"}
    with store.turn() as connection:
        connection.exec_driver_sql(drops[connection.dialect.name])
    store.close()

    with pytest.raises(Garbled, match="trigger"):
        open_store(database, migrate=True)


def test_a_file_with_flipped_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "terminating.db"
    store = open_store(f"sqlite:///{path}", migrate=True)
    for n in range(50):
        begun(store, Hold(kind="node", name=f"node-{n}"))
    store.close()
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 : 4096 * 3 + 64] = b"\xff" * 64
    path.write_bytes(bytes(raw))

    with pytest.raises(Outage) as caught:
        open_store(f"sqlite:///{path}", migrate=True)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "nothing",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://root@localhost/x",
        "sqlite:////no/such/folder/terminating.db",
        "postgresql://terminating:secret@127.0.0.1:1/none",
    ],
)
def test_a_database_that_cannot_be_opened_is_one_clear_line(url: str) -> None:
    with pytest.raises(Outage) as caught:
        open_store(url, migrate=True)

    line = str(caught.value)
    assert line.isprintable()
    assert "secret" not in line


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "terminating.db"
    store = open_store(f"sqlite:///{path}", migrate=True)

    assert path.stat().st_mode & 0o077 == 0
    with store.turn() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]
    store.close()


def test_a_writer_that_waits_too_long_says_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'terminating.db'}"
    one, two = open_store(url, migrate=True), open_store(url, migrate=False)
    two._engine.dispose()
    two._engine = sa.create_engine(sa.make_url(url), connect_args={"timeout": 0.05})
    sa.event.listen(two._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))

    with one.writing() as tx:
        tx.note(entry())
        with pytest.raises(TimedOut, match="locked"), two.writing():
            pass
    one.close()
    two.close()


# anchors


def test_the_anchor_file_holds_heads(tmp_path: Path, store: Sql) -> None:
    path = tmp_path / "anchors"
    for _ in range(3):
        begun(store, Hold(kind="node", name=f"node-{_}"))
        anchors.write(path, store.head())

    kept = anchors.read(path)

    assert list(kept) == [1, 2, 3]
    assert not isinstance(verified(store.links(), kept, store.head()), Broken)


@pytest.mark.parametrize(
    "text", ["x", "1", f"0 {'a' * 64}", f"1 {'A' * 64}", f"1 {'a' * 64}\n1 {'b' * 64}", "\n", "\xff"]
)
def test_an_anchor_file_that_holds_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "anchors"
    path.write_text(text, encoding="latin-1")

    with pytest.raises(Garbled, match="no anchor"):
        anchors.read(path)


def test_an_anchor_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        anchors.read(tmp_path / "none")
    with pytest.raises(Refused):
        anchors.write(tmp_path / "no" / "such", Head(1, GENESIS))


def test_several_new_databases_are_made_side_by_side_in_one_process(tmp_path: Path) -> None:
    """Alembic keeps what it works on in globals: without turns, one thread's tables end up in another's database."""
    urls = [f"sqlite:///{tmp_path / f'{n}.db'}" for n in range(8)]

    with ThreadPoolExecutor(len(urls)) as threads:
        list(threads.map(lambda url: open_store(url, migrate=True).close(), urls))

    for url in urls:
        open_store(url, migrate=False).close()
