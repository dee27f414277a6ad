"""use the new mood"""

from alembic import op

revision = "t3"
down_revision = "t2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO people VALUES (2, 'odd')")


def downgrade() -> None:
    op.execute("DELETE FROM people WHERE id = 2")
