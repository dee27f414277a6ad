"""The shop's tables. All are imported here, so that relationships find their targets."""

from examples.api.models.base import Base
from examples.api.models.order import Order, OrderStatus
from examples.api.models.order_item import OrderItem
from examples.api.models.payment import Payment, PaymentMethod
from examples.api.models.product import Product
from examples.api.models.user import User

__all__ = ["Base", "Order", "OrderItem", "OrderStatus", "Payment", "PaymentMethod", "Product", "User"]
