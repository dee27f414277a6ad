"""one more person"""

from alembic import op

revision = "t2"
down_revision = "t1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO people VALUES (2, 'bad')")


def downgrade() -> None:
    op.execute("DELETE FROM people WHERE id = 2")
