"""create records"""

import sqlalchemy as sa
from alembic import op

revision = "m001"
down_revision = "r002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("records", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("records")
