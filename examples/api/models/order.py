"""Orders."""

import enum
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from examples.api.models.base import Base, CreatedAt, PrimaryKey, named_enum
from examples.api.models.order_item import OrderItem
from examples.api.models.payment import Payment


class OrderStatus(enum.StrEnum):
    """How far an order has come."""

    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


class Order(Base):
    """What a user ordered at one time."""

    __tablename__ = "orders"
    __table_args__ = (
        # The list of unpaid orders is read all the time and is a sliver of the table.
        Index("ix_orders_pending", "created_at", postgresql_where=text("status = 'pending'")),
    )

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    status: Mapped[OrderStatus] = mapped_column(
        named_enum(OrderStatus, "order_status"), server_default=OrderStatus.PENDING.value
    )
    created_at: Mapped[CreatedAt]

    # lazy="raise": a forgotten eager load is an error that names the relationship, not a query too many.
    items: Mapped[list[OrderItem]] = relationship(lazy="raise", order_by=OrderItem.id)
    payments: Mapped[list[Payment]] = relationship(lazy="raise", order_by=Payment.id)

    @property
    def total(self) -> Decimal:
        """The sum of the items, which must be loaded."""
        return sum((item.unit_price * item.quantity for item in self.items), start=Decimal("0.00"))
