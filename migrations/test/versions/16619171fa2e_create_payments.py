"""create payments

Revision ID: 16619171fa2e
Revises: 268165bdf2db
Create Date: 2026-02-17 13:48:19.602741

"""
from collections.abc import Sequence

from alembic import op
import sqlalchemy as sa

# revision identifiers, used by Alembic.
revision: str = '16619171fa2e'
down_revision: str | Sequence[str] | None = '268165bdf2db'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Upgrade schema."""
    op.create_table(
        'payments',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('order_id', sa.BigInteger(), nullable=False),
        sa.Column(
            'method', sa.Enum('card', 'bank_transfer', 'voucher', name='payment_method'), nullable=False
        ),
        sa.Column('amount', sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column('reference', sa.String(length=100), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.CheckConstraint('amount >= 0', name=op.f('ck_payments_amount_not_negative')),
        sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_payments_order_id_orders')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_payments')),
        sa.UniqueConstraint('reference', name=op.f('uq_payments_reference')),
    )
    op.create_index(op.f('ix_payments_order_id'), 'payments', ['order_id'], unique=False)


def downgrade() -> None:
    """Downgrade schema."""
    op.drop_table('payments')
    # Dropping the table leaves its type behind, and the next upgrade would fail on it.
    op.execute('DROP TYPE payment_method')
