"""an index beside readers"""

from alembic import op

revision = "r002"
down_revision = "r001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX CONCURRENTLY ix_authors ON authors (id)")


def downgrade() -> None:
    op.execute("DROP INDEX CONCURRENTLY ix_authors")
