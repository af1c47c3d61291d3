"""The first schema: incidents, their executions and jobs, the audit chain, evidence, and the pause switch."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER audit_no_UPDATE BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'append only'); END",
        "CREATE TRIGGER audit_no_DELETE BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'append only'); END",
    ),
    "postgresql": (
        """
        CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'append only'; END $$
        """,
        """
        CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_append_only()
        """,
        """
        CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()
        """,
    ),
}


def upgrade() -> None:
    _audit()
    _evidence()
    _head()
    _incidents()
    _looked()
    _owners()
    _switch()
    _executions()
    _jobs()
    head = sa.table("head", sa.column("id"), sa.column("seq"), sa.column("hash"))
    op.execute(sa.insert(head).values(id=1, seq=0, hash="0" * 64))
    op.execute("INSERT INTO switch (id, paused, who, reason, since) VALUES (1, FALSE, '', '', NULL)")
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )


def _head() -> None:
    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("cluster", sa.String(length=200), nullable=False),
        sa.Column("hold_kind", sa.String(length=20), nullable=False),
        sa.Column("hold_name", sa.String(length=400), nullable=False),
        sa.Column("phase", sa.String(length=20), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("opened", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("incidents_by_hold", "incidents", ["cluster", "hold_kind", "hold_name", "opened"], unique=False)
    op.create_index(
        "one_open_incident_per_hold",
        "incidents",
        ["cluster", "hold_kind", "hold_name"],
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )


def _looked() -> None:
    op.create_table(
        "looked",
        sa.Column("cluster", sa.String(length=200), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("cluster"),
    )


def _owners() -> None:
    op.create_table(
        "owners",
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("seen", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("owner"),
    )


def _switch() -> None:
    op.create_table(
        "switch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def _executions() -> None:
    op.create_table(
        "executions",
        sa.Column("op", sa.String(length=32), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("cluster", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=400), nullable=False),
        sa.Column("node", sa.String(length=300), nullable=True),
        sa.Column("repair", sa.String(length=40), nullable=False),
        sa.Column("cause", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("claimed", sa.String(32), nullable=False),
        sa.Column("intent", sa.String(32), nullable=True),
        sa.Column("ended", sa.String(32), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("blamed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incidents.id"],
        ),
        sa.PrimaryKeyConstraint("op"),
    )
    op.create_index("one_execution_per_plan", "executions", ["plan"], unique=True)
    op.create_index(
        "one_lock_per_place",
        "executions",
        ["cluster", "place"],
        unique=True,
        sqlite_where=sa.text("state IN ('checking', 'acting', 'verifying', 'unsettled')"),
        postgresql_where=sa.text("state IN ('checking', 'acting', 'verifying', 'unsettled')"),
    )
    op.create_index(
        "one_running_per_cluster",
        "executions",
        ["cluster"],
        unique=True,
        sqlite_where=sa.text("state IN ('checking', 'acting', 'verifying')"),
        postgresql_where=sa.text("state IN ('checking', 'acting', 'verifying')"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("effect", sa.String(length=20), nullable=False),
        sa.Column("op", sa.String(length=32), nullable=False),
        sa.Column("due", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("finished", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incidents.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("jobs_due", "jobs", ["finished", "owner", "due"], unique=False)
    op.create_index(
        "one_act_per_operation",
        "jobs",
        ["op"],
        unique=True,
        sqlite_where=sa.text("effect = 'act'"),
        postgresql_where=sa.text("effect = 'act'"),
    )
