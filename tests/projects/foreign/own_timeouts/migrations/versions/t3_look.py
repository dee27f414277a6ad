"""look at the timeouts"""

from alembic import op

revision = "t3"
down_revision = "t2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "INSERT INTO seen SELECT 't3', current_setting('lock_timeout'), current_setting('statement_timeout')"
    )


def downgrade() -> None:
    op.execute("DELETE FROM seen WHERE revision = 't3'")
