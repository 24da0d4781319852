"""What long rounds and long tasks count for each page lies in indexes; a ledger cannot be emptied."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
SAME_ROWS = True  # a backup of the version before is restored as it is


def upgrade() -> None:
    """Add the indexes, and on PostgreSQL a trigger for the one statement that had none."""
    counted = ["round_id", "team_id", "state", "answered", "sent"]
    op.create_index("ix_submissions_counted", "submissions", counted, unique=False)
    op.create_index("ix_label_items_next", "label_items", ["task_id", "state", "position"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER ledger_frozen_truncate BEFORE TRUNCATE ON ledger"
            " FOR EACH STATEMENT EXECUTE FUNCTION ledger_frozen()"
        )
