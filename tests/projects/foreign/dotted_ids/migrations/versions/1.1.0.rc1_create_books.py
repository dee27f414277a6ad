"""create books"""

import sqlalchemy as sa
from alembic import op

revision = "1.1.0.rc1"
down_revision = "1.0.0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("books", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("books")
