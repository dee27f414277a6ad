"""Payments."""

import enum
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from examples.api.models.base import Base, CreatedAt, PrimaryKey, named_enum


class PaymentMethod(enum.StrEnum):
    """How the money came."""

    CARD = "card"
    BANK_TRANSFER = "bank_transfer"
    VOUCHER = "voucher"


class Payment(Base):
    """Money received for an order."""

    __tablename__ = "payments"
    __table_args__ = (CheckConstraint("amount >= 0", name="amount_not_negative"),)

    id: Mapped[PrimaryKey]
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    method: Mapped[PaymentMethod] = mapped_column(named_enum(PaymentMethod, "payment_method"))
    # Wider than a price: it is the sum of many.
    amount: Mapped[Decimal] = mapped_column(Numeric(18, 2))
    # The payment provider's own id. Unique, so that a message delivered twice is booked once.
    reference: Mapped[str] = mapped_column(String(100), unique=True)
    created_at: Mapped[CreatedAt]
