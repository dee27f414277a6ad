"""wider price"""

import sqlalchemy as sa
from alembic import op

revision = "a3"
down_revision = "a2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("books") as batch:
        batch.alter_column("price", existing_type=sa.Numeric(10, 2), type_=sa.Numeric(12, 2))


def downgrade() -> None:
    with op.batch_alter_table("books") as batch:
        batch.alter_column("price", existing_type=sa.Numeric(12, 2), type_=sa.Numeric(10, 2))
