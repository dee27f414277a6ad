"""Products: create and list."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, status
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from examples.api.extensions.database import Session
from examples.api.models import Product
from examples.api.schemas import ProductIn, ProductOut

router = APIRouter(prefix="/products", tags=["products"])


@router.post("", status_code=status.HTTP_201_CREATED, response_model=ProductOut)
async def create_product(product_in: ProductIn, session: Session) -> Product:
    """Add a product to the catalogue."""
    product = Product(**product_in.model_dump())
    session.add(product)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(status.HTTP_409_CONFLICT, "This SKU is taken.") from error
    return product


@router.get("", response_model=list[ProductOut])
async def list_products(
    session: Session,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> list[Product]:
    """One page of the products on sale, by id, beginning after a given id."""
    on_sale = select(Product).where(Product.is_available, Product.id > after)
    products = await session.scalars(on_sale.order_by(Product.id).limit(limit))
    return list(products)
