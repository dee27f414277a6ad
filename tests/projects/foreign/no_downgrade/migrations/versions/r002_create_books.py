"""create books"""

import sqlalchemy as sa
from alembic import op

revision = "r002"
down_revision = "r001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("books", sa.Column("id", sa.Integer(), primary_key=True))
