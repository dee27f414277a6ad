"""a new mood"""

from alembic import op

revision = "t2"
down_revision = "t1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TYPE mood ADD VALUE 'odd'")


def downgrade() -> None:
    pass
