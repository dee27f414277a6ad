"""What the routes take and give, as JSON."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, model_validator

from examples.api.models import OrderStatus, PaymentMethod

# The bounds are those of the columns, so that a value too large is the client's error and not ours.
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
Quantity = Annotated[int, Field(ge=1, le=1000)]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]  # PostgreSQL stores every character but NUL.
Line = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=320, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$"
    ),
]
Code = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
Attributes = dict[Text, Text | bool | int | FiniteFloat]


class UserIn(BaseModel):
    """A new user."""

    email: Email
    full_name: Line


class ProductIn(BaseModel):
    """A new product."""

    sku: Code
    name: Line
    description: Text = ""
    price: Price
    attributes: Attributes = {}


class OrderItemIn(BaseModel):
    """A line of a new order."""

    product_id: Id
    quantity: Quantity = 1


class OrderIn(BaseModel):
    """A new order."""

    user_id: Id
    items: Annotated[list[OrderItemIn], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _names_each_product_once(self) -> Self:
        if len({item.product_id for item in self.items}) < len(self.items):
            raise ValueError("an order names each product once, with its quantity")
        return self


class PaymentIn(BaseModel):
    """The payment of an order, in full."""

    method: PaymentMethod
    reference: Code


class _FromModel(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class UserOut(_FromModel):
    """A user."""

    id: int
    email: str
    full_name: str
    is_active: bool
    created_at: datetime


class ProductOut(_FromModel):
    """A product."""

    id: int
    sku: str
    name: str
    description: str
    price: Decimal
    is_available: bool
    created_at: datetime
    attributes: Attributes


class OrderItemOut(_FromModel):
    """A line of an order."""

    product_id: int
    quantity: int
    unit_price: Decimal


class PaymentOut(_FromModel):
    """A payment."""

    id: int
    method: PaymentMethod
    amount: Decimal
    reference: str
    created_at: datetime


class OrderOut(_FromModel):
    """An order with its lines and payments."""

    id: int
    user_id: int
    status: OrderStatus
    created_at: datetime
    total: Decimal
    items: list[OrderItemOut]
    payments: list[PaymentOut]
