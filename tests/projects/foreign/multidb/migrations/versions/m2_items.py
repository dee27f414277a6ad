"""items and their counts"""

import sqlalchemy as sa
from alembic import op

revision = "m2"
down_revision = "m1"
branch_labels = None
depends_on = None


def upgrade(engine_name: str) -> None:
    globals()[f"upgrade_{engine_name}"]()


def downgrade(engine_name: str) -> None:
    globals()[f"downgrade_{engine_name}"]()


def upgrade_orders() -> None:
    op.create_table("items", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade_orders() -> None:
    op.drop_table("items")


def upgrade_reports() -> None:
    op.create_table("counts", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade_reports() -> None:
    op.drop_table("counts")
