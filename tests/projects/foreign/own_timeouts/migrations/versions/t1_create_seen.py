"""create seen"""

from alembic import op

revision = "t1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE seen (revision text, lock_timeout text, statement_timeout text)")


def downgrade() -> None:
    op.drop_table("seen")
