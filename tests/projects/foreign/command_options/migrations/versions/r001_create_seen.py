"""create seen"""

from alembic import op

revision = "r001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE seen AS SELECT current_setting('shop.command') AS command")


def downgrade() -> None:
    op.drop_table("seen")
