"""create records"""

import sqlalchemy as sa
from alembic import op

revision = "music1"
down_revision = None
branch_labels = ("music",)
depends_on = "r001"


def upgrade() -> None:
    op.create_table("records", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("records")
