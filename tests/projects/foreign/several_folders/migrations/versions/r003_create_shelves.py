"""create shelves"""

import sqlalchemy as sa
from alembic import op

revision = "r003"
down_revision = "m001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("shelves", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("shelves")
