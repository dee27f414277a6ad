"""Users: create and list."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, status
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from examples.api.extensions.database import Session
from examples.api.models import User
from examples.api.schemas import UserIn, UserOut

router = APIRouter(prefix="/users", tags=["users"])


@router.post("", status_code=status.HTTP_201_CREATED, response_model=UserOut)
async def create_user(user_in: UserIn, session: Session) -> User:
    """Add a user; an email address belongs to one user only."""
    user = User(**user_in.model_dump())
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(status.HTTP_409_CONFLICT, "This email address is taken.") from error
    return user


@router.get("", response_model=list[UserOut])
async def list_users(
    session: Session,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> list[User]:
    """One page of the users, by id, beginning after a given id."""
    users = await session.scalars(select(User).where(User.id > after).order_by(User.id).limit(limit))
    return list(users)
