"""The first schema."""

import sqlalchemy as sa
from alembic import op

from supersede.web.database.columns import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_FROZEN = {  # nobody changes or removes an entry through the database either
    "sqlite": [
        "CREATE TRIGGER ledger_frozen_{what} BEFORE {what} ON ledger"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    ],
    "postgresql": [
        "CREATE TRIGGER ledger_frozen_{what} BEFORE {what} ON ledger"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_frozen()"
    ],
}


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "jobs",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", UtcTime(), nullable=False),
        sa.Column("attempt", BIG, nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease", UtcTime(), nullable=True),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("started", UtcTime(), nullable=True),
        sa.Column("finished", UtcTime(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_about"), "jobs", ["about"], unique=False)
    op.create_index("ix_jobs_state_due", "jobs", ["state", "due"], unique=False)
    op.create_table(
        "ledger",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger")),
        sa.UniqueConstraint("hash", name=op.f("uq_ledger_hash")),
    )
    op.create_index(op.f("ix_ledger_stream"), "ledger", ["stream"], unique=False)
    op.create_table(
        "ledger_head",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_head")),
    )
    op.create_table(
        "teams",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("folded", name=op.f("uq_teams_folded")),
        sa.UniqueConstraint("name", name=op.f("uq_teams_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("removed", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("folded", name=op.f("uq_users_folded")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("seen", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "files",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("added_by", BIG, nullable=True),
        sa.Column("added", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name=op.f("fk_files_added_by_users")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_files")),
    )
    op.create_table(
        "invitations",
        sa.Column("id", BIG, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("team_id", BIG, nullable=True),
        sa.Column("made_by", BIG, nullable=True),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("expires", UtcTime(), nullable=False),
        sa.Column("used_by", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["made_by"], ["users.id"], name=op.f("fk_invitations_made_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_invitations_team_id_teams")
        ),
        sa.ForeignKeyConstraint(
            ["used_by"], ["users.id"], name=op.f("fk_invitations_used_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("hash", name=op.f("uq_invitations_hash")),
    )
    op.create_table(
        "role_grants",
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_role_grants_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", "role", name=op.f("pk_role_grants")),
    )
    op.create_table(
        "rounds",
        sa.Column("id", BIG, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("table_hash", sa.Text(), nullable=False),
        sa.Column("public_hash", sa.Text(), nullable=True),
        sa.Column("model_hash", sa.Text(), nullable=True),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("registration", sa.Text(), nullable=False),
        sa.Column("opens", UtcTime(), nullable=False),
        sa.Column("closes", UtcTime(), nullable=False),
        sa.Column("disclose_on", sa.Date(), nullable=True),
        sa.Column("per_team", BIG, nullable=False),
        sa.Column("per_day", BIG, nullable=False),
        sa.Column("capacity", BIG, nullable=False),
        sa.Column("answer_every", sa.Float(), nullable=False),
        sa.Column("opened_by", BIG, nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("closed", UtcTime(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("audit", sa.JSON(), nullable=True),
        sa.Column("report_hash", sa.Text(), nullable=True),
        sa.Column("patched_hash", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["opened_by"], ["users.id"], name=op.f("fk_rounds_opened_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
    )
    op.create_table(
        "sign_ins",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("seen", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_ins_user_id_users")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sign_ins")),
    )
    op.create_index(op.f("ix_sign_ins_user_id"), "sign_ins", ["user_id"], unique=False)
    op.create_table(
        "team_members",
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("team_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_team_members_team_id_teams")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_team_members_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_team_members")),
    )
    op.create_index(op.f("ix_team_members_team_id"), "team_members", ["team_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", BIG, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("revoked", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
    )
    op.create_index(op.f("ix_tokens_user_id"), "tokens", ["user_id"], unique=False)
    op.create_table(
        "used_forms",
        sa.Column("id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_used_forms_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_used_forms")),
        sa.UniqueConstraint("user_id", "form", name=op.f("uq_used_forms_user_id_form")),
    )
    op.create_index("ix_used_forms_at", "used_forms", ["at"], unique=False)
    op.create_table(
        "candidates",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("round_id", BIG, nullable=True),
        sa.Column("file_hash", sa.Text(), nullable=True),
        sa.Column("made_by", BIG, nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by"], ["users.id"], name=op.f("fk_candidates_made_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["round_id"], ["rounds.id"], name=op.f("fk_candidates_round_id_rounds")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidates")),
        sa.UniqueConstraint("folded", name=op.f("uq_candidates_folded")),
        sa.UniqueConstraint("name", name=op.f("uq_candidates_name")),
    )
    op.create_table(
        "findings",
        sa.Column("id", BIG, nullable=False),
        sa.Column("round_id", BIG, nullable=False),
        sa.Column("team_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("disclose_on", sa.Date(), nullable=True),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("entry", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["round_id"], ["rounds.id"], name=op.f("fk_findings_round_id_rounds")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_findings_team_id_teams")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_findings_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sa.UniqueConstraint("team_id", "form", name=op.f("uq_findings_team_id_form")),
    )
    op.create_index(op.f("ix_findings_round_id"), "findings", ["round_id"], unique=False)
    op.create_index(op.f("ix_findings_team_id"), "findings", ["team_id"], unique=False)
    op.create_table(
        "round_teams",
        sa.Column("round_id", BIG, nullable=False),
        sa.Column("team_id", BIG, nullable=False),
        sa.Column("joined", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id"], ["rounds.id"], name=op.f("fk_round_teams_round_id_rounds")
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_round_teams_team_id_teams")
        ),
        sa.PrimaryKeyConstraint("round_id", "team_id", name=op.f("pk_round_teams")),
    )
    op.create_index(op.f("ix_round_teams_team_id"), "round_teams", ["team_id"], unique=False)
    op.create_table(
        "submissions",
        sa.Column("id", BIG, nullable=False),
        sa.Column("round_id", BIG, nullable=False),
        sa.Column("team_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("answer_hash", sa.Text(), nullable=True),
        sa.Column("base", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("public", sa.JSON(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("sent", UtcTime(), nullable=True),
        sa.Column("judged", UtcTime(), nullable=True),
        sa.Column("answered", UtcTime(), nullable=True),
        sa.Column("number", BIG, nullable=True),
        sa.Column("entry", BIG, nullable=True),
        sa.Column("receipt", sa.JSON(), nullable=True),
        sa.Column("job_id", BIG, nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_submissions_job_id_jobs")),
        sa.ForeignKeyConstraint(
            ["round_id"], ["rounds.id"], name=op.f("fk_submissions_round_id_rounds")
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_submissions_team_id_teams")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_submissions_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
        sa.UniqueConstraint("round_id", "number", name=op.f("uq_submissions_round_id_number")),
        sa.UniqueConstraint("team_id", "form", name=op.f("uq_submissions_team_id_form")),
    )
    op.create_index(
        "ix_submissions_round_state", "submissions", ["round_id", "state"], unique=False
    )
    op.create_index(
        "ix_submissions_team_round", "submissions", ["team_id", "round_id", "state"], unique=False
    )
    op.create_table(
        "reviews",
        sa.Column("id", BIG, nullable=False),
        sa.Column("candidate_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("report_hash", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("labels", BIG, nullable=True),
        sa.Column("continues", BIG, nullable=True),
        sa.Column("job_id", BIG, nullable=True),
        sa.Column("made_by", BIG, nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("finished", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_reviews_candidate_id_candidates")
        ),
        sa.ForeignKeyConstraint(
            ["continues"], ["reviews.id"], name=op.f("fk_reviews_continues_reviews")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_reviews_job_id_jobs")),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_reviews_made_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(op.f("ix_reviews_candidate_id"), "reviews", ["candidate_id"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("id", BIG, nullable=False),
        sa.Column("review_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("entry", BIG, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_approvals_review_id_reviews")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_approvals_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index(op.f("ix_approvals_review_id"), "approvals", ["review_id"], unique=False)
    op.create_table(
        "label_tasks",
        sa.Column("id", BIG, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("table_hash", sa.Text(), nullable=False),
        sa.Column("design", sa.Text(), nullable=False),
        sa.Column("design_hash", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("aims", sa.JSON(), nullable=False),
        sa.Column("per_item", BIG, nullable=False),
        sa.Column("review_id", BIG, nullable=True),
        sa.Column("made_by", BIG, nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("decided", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["made_by"], ["users.id"], name=op.f("fk_label_tasks_made_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_label_tasks_review_id_reviews")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_tasks")),
    )
    op.create_table(
        "label_items",
        sa.Column("id", BIG, nullable=False),
        sa.Column("task_id", BIG, nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["label_tasks.id"], name=op.f("fk_label_items_task_id_label_tasks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_items")),
        sa.UniqueConstraint("task_id", "item", name=op.f("uq_label_items_task_id_item")),
        sa.UniqueConstraint("task_id", "position", name=op.f("uq_label_items_task_id_position")),
    )
    op.create_table(
        "looks",
        sa.Column("id", BIG, nullable=False),
        sa.Column("task_id", BIG, nullable=False),
        sa.Column("labels", BIG, nullable=False),
        sa.Column("estimates", sa.JSON(), nullable=False),
        sa.Column("decided", sa.Boolean(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["label_tasks.id"], name=op.f("fk_looks_task_id_label_tasks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_looks")),
        sa.UniqueConstraint("task_id", "labels", name=op.f("uq_looks_task_id_labels")),
    )
    op.create_table(
        "assignments",
        sa.Column("id", BIG, nullable=False),
        sa.Column("item_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("given", UtcTime(), nullable=False),
        sa.Column("expires", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["label_items.id"], name=op.f("fk_assignments_item_id_label_items")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_assignments_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
        sa.UniqueConstraint("item_id", "user_id", name=op.f("uq_assignments_item_id_user_id")),
    )
    op.create_index("ix_assignments_user_state", "assignments", ["user_id", "state"], unique=False)
    op.create_table(
        "labels",
        sa.Column("id", BIG, nullable=False),
        sa.Column("item_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("given", UtcTime(), nullable=False),
        sa.Column("undone", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["item_id"], ["label_items.id"], name=op.f("fk_labels_item_id_label_items")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_labels_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
        sa.UniqueConstraint("user_id", "form", name=op.f("uq_labels_user_id_form")),
    )
    op.create_index("ix_labels_item_undone", "labels", ["item_id", "undone"], unique=False)
    engine = op.get_bind().dialect.name
    if engine == "postgresql":
        op.execute(
            "CREATE FUNCTION ledger_frozen() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
        )
    for what in ("UPDATE", "DELETE"):
        for statement in _FROZEN[engine]:
            op.execute(statement.format(what=what))
    op.execute(f"INSERT INTO ledger_head (id, number, hash) VALUES (1, 0, '{'0' * 64}')")  # noqa: S608
