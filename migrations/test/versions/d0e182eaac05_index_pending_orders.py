"""index pending orders

Revision ID: d0e182eaac05
Revises: 16619171fa2e
Create Date: 2026-02-24 08:15:42.097386

"""
from collections.abc import Sequence

from alembic import op
import sqlalchemy as sa

# revision identifiers, used by Alembic.
revision: str = 'd0e182eaac05'
down_revision: str | Sequence[str] | None = '16619171fa2e'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Upgrade schema."""
    # CONCURRENTLY, because orders is written to all day; PostgreSQL allows it outside a transaction only.
    with op.get_context().autocommit_block():
        # An earlier attempt that was cut short left an invalid index behind.
        op.drop_index(
            'ix_orders_pending', table_name='orders', if_exists=True, postgresql_concurrently=True
        )
        op.create_index(
            'ix_orders_pending',
            'orders',
            ['created_at'],
            unique=False,
            postgresql_where=sa.text("status = 'pending'"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """Downgrade schema."""
    with op.get_context().autocommit_block():
        op.drop_index(
            'ix_orders_pending', table_name='orders', if_exists=True, postgresql_concurrently=True
        )
