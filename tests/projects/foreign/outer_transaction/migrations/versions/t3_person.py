"""one more person"""

from alembic import op

revision = "t3"
down_revision = "t2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO people VALUES (3, 'bad')")


def downgrade() -> None:
    op.execute("DELETE FROM people WHERE id = 3")
