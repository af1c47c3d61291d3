"""A database, a row or a job that is not as this program left it: told with what is wrong, never guessed or mended."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from bot.core.audit import Broken, Entry
from bot.core.facts import Unknown
from bot.core.incidents import opened
from bot.core.phases import Accepted, Incident
from bot.edges.store import Sql, migrations, open_store, schema
from bot.edges.store.codec import decoded, encoded
from bot.edges.store.tables import REVISION, RUNNING, jobs
from bot.ports import Garbled, Job, Outage, Refused
from tests.core import incident_samples as given_
from tests.core.incident_samples import CLUSTER, HOLD, SEEN
from tests.edges.store_parts import fresh
from tests.stories.test_audit import filled, found

PLAN = given_.plan()
PHASES = given_.in_every_phase(PLAN)
FUNCTION = "CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql"
EACH_ROW = "FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
APPEND_ONLY = "BEGIN SELECT RAISE(ABORT, 'append only'); END"


@pytest.fixture
def store(database: str) -> Iterator[Sql]:
    store = open_store(database, migrate=True)
    yield store
    store.close()


def begun(store: Sql) -> Incident:
    with store.writing() as tx:
        return tx.save(opened(CLUSTER, HOLD, given_.seen(given_.member()), 0, SEEN), Entry(at=SEEN, kind="seen"))


def harmed(store: Sql, *statements: str) -> None:
    with store.turn() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


# the schema


def test_the_tables_are_those_of_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", schema.MIGRATIONS)

    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (("DROP INDEX one_lock_per_place",), "the index one_lock_per_place is missing"),
        (
            ("DROP INDEX one_lock_per_place", "CREATE INDEX one_lock_per_place ON executions (cluster, place)"),
            "the index one_lock_per_place is different",
        ),
        (
            (
                "DROP INDEX one_lock_per_place",
                f"CREATE UNIQUE INDEX one_lock_per_place ON executions (cluster, place) WHERE {RUNNING}",
            ),
            "the index one_lock_per_place is different",
        ),
        (
            (
                "DROP INDEX one_running_per_cluster",
                f"CREATE UNIQUE INDEX one_running_per_cluster ON executions (cluster) WHERE NOT ({RUNNING})",
            ),
            "the index one_running_per_cluster is different",
        ),
        (
            ("DROP INDEX one_act_per_operation", "CREATE UNIQUE INDEX one_act_per_operation ON jobs (op)"),
            "the index one_act_per_operation is different",
        ),
        (("ALTER TABLE looked RENAME COLUMN at TO moment",), "the column looked.at is missing"),
        (("ALTER TABLE looked ADD COLUMN more TEXT",), "the column looked.more is not ours"),
        (("DROP TABLE owners",), "the table owners is missing"),
        (
            ("DROP TABLE owners", "CREATE TABLE owners (owner VARCHAR(64) NOT NULL, seen VARCHAR(32) NOT NULL)"),
            "the primary key of owners is different",
        ),
        (
            ("DROP TABLE owners", "CREATE TABLE owners (owner VARCHAR(64) PRIMARY KEY NOT NULL, seen INTEGER)"),
            "the column owners.seen is different",
        ),
    ],
)
def test_a_promise_that_is_not_as_it_was_made_is_damage(database: str, harm: tuple[str, ...], what: str) -> None:
    store = open_store(database, migrate=True)
    harmed(store, *harm)
    store.close()

    for migrate in (True, False):
        with pytest.raises(Garbled, match=what):
            open_store(database, migrate=migrate)


@pytest.mark.parametrize(
    "harm",
    [
        {
            "sqlite": (
                "DROP TRIGGER audit_no_UPDATE",
                "CREATE TRIGGER audit_no_UPDATE BEFORE UPDATE ON audit BEGIN SELECT 1; END",
            ),
            "postgresql": (f"{FUNCTION} AS $$ BEGIN RETURN NEW; END $$",),
        },
        {
            "sqlite": (
                "DROP TRIGGER audit_no_UPDATE",
                f"CREATE TRIGGER audit_no_UPDATE BEFORE UPDATE ON audit WHEN OLD.seq > 9 {APPEND_ONLY}",
            ),
            "postgresql": ("ALTER TABLE audit DISABLE TRIGGER audit_no_change",),
        },
        {
            "sqlite": (
                "DROP TRIGGER audit_no_UPDATE",
                f"CREATE TRIGGER audit_no_UPDATE BEFORE UPDATE ON evidence {APPEND_ONLY}",
            ),
            "postgresql": (
                "DROP TRIGGER audit_no_change ON audit",
                f"CREATE TRIGGER audit_no_change BEFORE DELETE ON audit {EACH_ROW}",
            ),
        },
    ],
)
def test_a_trigger_that_does_not_do_its_work_is_damage(database: str, harm: dict[str, tuple[str, ...]]) -> None:
    store = open_store(database, migrate=True)
    with store.turn() as connection:
        statements = harm[connection.dialect.name]
    harmed(store, *statements)
    store.close()

    with pytest.raises(Garbled, match="the trigger audit_no_"):
        open_store(database, migrate=True)


@pytest.mark.crash
def test_the_audit_log_cannot_be_emptied_at_once(postgres_url: str) -> None:
    store = open_store(fresh(postgres_url), migrate=True)
    begun(store)

    with pytest.raises(Outage, match="append only"):
        harmed(store, "TRUNCATE audit")
    assert store.head().seq == 1
    store.close()


@pytest.mark.parametrize(
    ("harm", "kind", "why"),
    [
        ("UPDATE alembic_version SET version_num = '0003'", Refused, "newer than this program, which knows 0002"),
        ("UPDATE alembic_version SET version_num = 'main'", Garbled, "does not say which schema"),
        ("INSERT INTO alembic_version VALUES ('0000')", Garbled, "does not say which schema"),
        ("DROP TABLE alembic_version", Garbled, "not this program's"),
    ],
)
def test_a_database_that_does_not_say_what_it_is_is_refused(
    database: str, harm: str, kind: type[Outage], why: str
) -> None:
    store = open_store(database, migrate=True)
    harmed(store, harm)
    store.close()

    for migrate in (True, False):
        with pytest.raises(kind, match=why):
            open_store(database, migrate=migrate)


def test_a_database_of_a_time_that_nobody_remembers_is_refused(database: str) -> None:
    store = open_store(database, migrate=True)
    harmed(store, "UPDATE alembic_version SET version_num = '0000'")
    store.close()

    with pytest.raises(Refused, match="older than 0002"):
        open_store(database, migrate=False)
    with pytest.raises(Garbled, match="nothing leads on from its schema 0000"):
        open_store(database, migrate=True)


def test_an_older_database_is_moved_on_by_who_may(store: Sql, tmp_path: Path) -> None:
    begun(store)
    scripts = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, scripts)
    (scripts / "versions" / "m0003_third.py").write_text(
        "from alembic import op\n"
        'revision, down_revision = "0003", "0002"\n'
        "def upgrade(): op.create_index('jobs_by_incident', 'jobs', ['incident'])\n",
        encoding="utf-8",
    )
    newer: dict[str, Any] = {"newest": "0003", "migrations": str(scripts)}

    with pytest.raises(Refused, match="its schema 0002 is older than 0003"), store.turn() as connection:
        schema.check(connection, store.name, migrate=False, **newer)
    for migrate in (True, False):
        with store.turn() as connection:
            schema.check(connection, store.name, migrate=migrate, **newer)
    with store.turn() as connection:
        assert "jobs_by_incident" in {each["name"] for each in sa.inspect(connection).get_indexes("jobs")}
    assert [each.id for each in store.history(9)] == [1]


# rows


def without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda tree: tree.pop(name)


def set_to(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda tree: tree.update({name: value})


@pytest.mark.parametrize(
    ("phase", "where", "change", "why"),
    [
        ("open", ("incident",), without("last"), "not those that this program writes"),
        ("open", ("incident",), set_to("more", 1), "not those that this program writes"),
        ("open", (), set_to("more", 1), "not those that this program writes"),
        ("open", ("incident",), set_to("nth", "1"), "1 of its fields do not fit"),
        ("open", ("incident",), set_to("id", 2), "it is that of incident 2"),
        ("open", ("incident",), set_to("opened", "2025-11-20T12:14:00"), "a time in it has no zone"),
        ("open", ("incident", "hold"), set_to("kind", "shelf"), "1 of its fields do not fit"),
        ("open", (), set_to("format", 2), "format 2, this program reads 1"),
        ("open", (), set_to("phase", "Open"), "it is damaged"),
        ("open", (), set_to("phase", "closed"), "of its fields do not fit"),
        ("proposed", ("state", "plan", "target"), set_to("pid", 1.5), "1 of its fields do not fit"),
        ("proposed", ("state", "plan", "touches"), without("stateful"), "not those that this program writes"),
        ("checking", ("state", "plan"), set_to("words", ["other"]), "its plan is not the one that is carried out"),
        ("checking", ("incident",), set_to("executions", []), "its plan is not the one that is carried out"),
        ("acting", (), set_to("phase", "open"), "of its fields do not fit|not those|still runs"),
        (
            "verifying",
            ("incident", "executions", 0),
            set_to("state", "done"),
            "it is verifying, and its execution done",
        ),
        ("closed", ("incident", "executions", 0), set_to("state", "unsettled"), "still runs in it, and it is closed"),
    ],
)
def test_what_does_not_fit_into_an_incident_is_told(
    phase: str, where: tuple[str | int, ...], change: Callable[[dict[str, Any]], object], why: str
) -> None:
    document = tree = json.loads(encoded(PHASES[phase]))
    for step in where:
        tree = tree[step]
    change(tree)

    with pytest.raises(Garbled, match=why) as caught:
        decoded(json.dumps(document), 1)
    assert "reading incident on 1 failed" in str(caught.value)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE incidents SET cluster = 'elsewhere'",
        "UPDATE incidents SET hold_name = 'node-18'",
        "UPDATE incidents SET phase = 'closed'",
        "UPDATE incidents SET opened = '2025-11-20T12:14:00.000001+00:00'",
        "UPDATE incidents SET opened = 'yesterday'",
        "UPDATE incidents SET opened = '2025-11-31T12:14:00.000000+00:00'",
    ],
)
def test_an_incident_that_is_filed_as_another_one_is_garbled(store: Sql, harm: str) -> None:
    begun(store)
    harmed(store, harm)

    with pytest.raises(Garbled):
        store.incident(1)
    with pytest.raises(Garbled):
        store.history(1)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE switch SET since = 'yesterday'",
        "UPDATE switch SET since = '2025-11-20T12:14:00.000000+00:00'",
        "UPDATE switch SET paused = TRUE, since = 'yesterday'",
    ],
)
def test_a_pause_switch_of_another_hand_is_unknown(store: Sql, harm: str) -> None:
    harmed(store, harm)

    with store.writing() as tx:
        assert isinstance(tx.around({}, SEEN).pause, Unknown)


@pytest.mark.parametrize("value", ["maybe", "", 7, b"1"])
def test_a_pause_switch_that_is_neither_on_nor_off_is_unknown(tmp_path: Path, value: object) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'terminating.db'}", migrate=True)
    with store.turn() as connection:
        connection.exec_driver_sql("UPDATE switch SET paused = ?", (value,))

    with store.writing() as tx:
        assert isinstance(tx.around({}, SEEN).pause, Unknown)
    store.close()


def test_a_time_without_its_zone_is_not_kept(store: Sql) -> None:
    with pytest.raises(Outage, match="without its zone"), store.writing() as tx:
        tx.beat("me", datetime(2025, 11, 20))  # noqa: DTZ001  # that is the point


@pytest.mark.parametrize(
    ("harm", "same"),
    [
        ("UPDATE audit SET body = 'text' WHERE seq = 2", False),
        ("UPDATE audit SET body = 1 WHERE seq = 2", False),
        ("UPDATE audit SET body = CAST(body AS TEXT) WHERE seq = 2", True),
    ],
)
def test_a_body_that_is_no_longer_bytes_is_judged_by_its_bytes(tmp_path: Path, harm: str, same: bool) -> None:
    store = filled(f"sqlite:///{tmp_path / 'terminating.db'}", 3)
    harmed(store, "DROP TRIGGER audit_no_UPDATE", harm)

    answer = store.verify({})

    broken = Broken(2, "row 2 is not what was written: its hash does not fit its bytes")
    assert answer == (store.head() if same else broken)
    store.close()


@pytest.mark.crash
def test_edits_are_found_on_postgresql_too(postgres_url: str, tmp_path: Path) -> None:
    store = filled(fresh(postgres_url), 300)

    count = found(store, 27, 300, tmp_path / "anchors")

    print(f"\n{count} of 27 edits found on PostgreSQL")
    store.close()
    assert count == 27


# jobs


def test_who_slept_over_its_orphaning_changes_nothing(store: Sql) -> None:
    begun(store)
    late, patience = SEEN + timedelta(minutes=5), timedelta(minutes=1)

    def taken(owner: str, at: datetime) -> Job:
        with store.writing() as tx:
            while (job := tx.take(owner, at)) is not None and job.effect != "tell":
                tx.finish(job)
        assert job is not None
        return job

    old = taken("sleeper", SEEN)
    with store.writing() as tx:
        tx.orphaned(late, patience)
    new = taken("other", late)
    with store.writing() as tx:
        tx.finish(old)
        tx.again(old, late)

        assert tx.take("third", late) is None
        tx.again(new, late)
        once_more = tx.take("third", late)
    assert once_more is not None
    assert [each.attempts for each in (old, new, once_more)] == [0, 1, 2]


def test_an_act_of_the_dead_is_handed_over_until_it_is_finished(store: Sql) -> None:
    begun(store)
    with store.writing() as tx:
        tx.save(Accepted(given_.acting(PLAN), ("act",)), Entry(at=SEEN, kind="rechecked"))
    late, patience = SEEN + timedelta(minutes=5), timedelta(minutes=1)
    with store.writing() as tx:
        while tx.take("dead", SEEN) is not None:
            pass

    with store.writing() as tx:
        (act,) = tx.orphaned(late, patience)
        assert tx.orphaned(late, patience) == (act,)
    with store.writing() as tx:
        tx.finish(act)
        assert tx.orphaned(late, patience) == ()
        assert tx._do.execute(sa.select(jobs.c.op).where(jobs.c.effect == "act")).scalars().all() == [PLAN.op]


def test_what_waits_to_be_told_is_told_as_soon_as_there_is_more_to_tell(store: Sql) -> None:
    incident = begun(store)
    with store.writing() as tx:
        job = tx.take("me", SEEN)
        assert job is not None
        tx.again(job, SEEN + timedelta(minutes=1))
    with store.writing() as tx:
        tx.save(Accepted(incident, (job.effect,)), Entry(at=SEEN, kind="seen"))
        effects = [each.effect for each in (tx.take("me", SEEN), tx.take("me", SEEN)) if each]

    assert sorted(effects) == ["diagnose", "tell"]


def test_evidence_that_is_seen_again_is_kept_from_then_on(store: Sql) -> None:
    begun(store)
    with store.writing() as tx:
        digest = tx.keep(1, b"x" * (9 << 20), SEEN)
        assert tx.keep(1, b"x" * (9 << 20), SEEN + timedelta(days=20)) == digest

    store.retain(SEEN + timedelta(days=49))
    assert store.bundle(digest) == b"x" * (9 << 20)
    store.retain(SEEN + timedelta(days=51))
    assert store.bundle(digest) is None
