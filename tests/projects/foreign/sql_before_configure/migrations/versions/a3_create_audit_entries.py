"""create audit.entries"""

import sqlalchemy as sa
from alembic import op

revision = "a3"
down_revision = "a2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("entries", sa.Column("id", sa.Integer(), primary_key=True), schema="audit")


def downgrade() -> None:
    op.drop_table("entries", schema="audit")
