"""create halls"""

import sqlalchemy as sa
from alembic import op

revision = "l001"
down_revision = "c002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("halls", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("halls")
