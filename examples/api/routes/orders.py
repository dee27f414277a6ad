"""Orders: place one, look at it, pay it."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, status
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from examples.api.extensions.database import Session
from examples.api.models import Order, OrderItem, OrderStatus, Payment, Product, User
from examples.api.schemas import Id, OrderIn, OrderItemIn, OrderOut, PaymentIn

router = APIRouter(prefix="/orders", tags=["orders"])

OrderId = Annotated[Id, Path()]


@router.post("", status_code=status.HTTP_201_CREATED, response_model=OrderOut)
async def place_order(order_in: OrderIn, session: Session) -> Order:
    """Place an order at today's prices."""
    user = await session.get(User, order_in.user_id)
    if user is None or not user.is_active:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no active user {order_in.user_id}.")
    prices = await _prices(session, order_in.items)
    items = [OrderItem(**item.model_dump(), unit_price=prices[item.product_id]) for item in order_in.items]
    order = Order(user_id=user.id, items=items, payments=[])
    session.add(order)
    await session.flush()
    return order


@router.get("/{order_id}", response_model=OrderOut)
async def get_order(order_id: OrderId, session: Session) -> Order:
    """An order with its lines and payments."""
    return await _load(session, order_id)


@router.post("/{order_id}/payments", status_code=status.HTTP_201_CREATED, response_model=OrderOut)
async def pay_order(order_id: OrderId, payment_in: PaymentIn, session: Session) -> Order:
    """Book the payment of a pending order, in full."""
    order = await _load(session, order_id, lock=True)
    if order.status is not OrderStatus.PENDING:
        raise HTTPException(status.HTTP_409_CONFLICT, f"The order is {order.status}, not pending.")
    order.payments.append(Payment(**payment_in.model_dump(), amount=order.total))
    order.status = OrderStatus.PAID
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(status.HTTP_409_CONFLICT, "This payment is booked already.") from error
    return order


async def _load(session: AsyncSession, order_id: int, *, lock: bool = False) -> Order:
    """The order, or 404; locked, no other request can change it before this one has committed."""
    query = select(Order).where(Order.id == order_id)
    query = query.options(selectinload(Order.items), selectinload(Order.payments))
    order = await session.scalar(query.with_for_update() if lock else query)
    if order is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no order {order_id}.")
    return order


async def _prices(session: AsyncSession, items: list[OrderItemIn]) -> dict[int, Decimal]:
    """The price of each product by its id, or 409 with the ids that are not on sale."""
    wanted = {item.product_id for item in items}
    query = select(Product.id, Product.price).where(Product.id.in_(wanted), Product.is_available)
    prices = {row.id: row.price for row in await session.execute(query)}
    if missing := sorted(wanted - prices.keys()):
        raise HTTPException(status.HTTP_409_CONFLICT, f"Not on sale: {', '.join(map(str, missing))}.")
    return prices
