"""orders and their sums"""

import sqlalchemy as sa
from alembic import op

revision = "m1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade(engine_name: str) -> None:
    globals()[f"upgrade_{engine_name}"]()


def downgrade(engine_name: str) -> None:
    globals()[f"downgrade_{engine_name}"]()


def upgrade_orders() -> None:
    op.create_table("orders", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade_orders() -> None:
    op.drop_table("orders")


def upgrade_reports() -> None:
    op.create_table("sums", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade_reports() -> None:
    op.drop_table("sums")
