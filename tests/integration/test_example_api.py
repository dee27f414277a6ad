"""The sample application, used over HTTP on a fresh database that migrator has migrated."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncSession

from examples.api.config import get_settings
from examples.api.extensions.database import get_session
from examples.api.main import app, lifespan
from examples.api.models import User
from migrator.errors import NotAtHeadError

ROOT = Path(__file__).resolve().parents[2]

# What a migration can leave behind in the application's schema: relations, and types of their own.
CATALOGUE = """
    select relname from pg_class where relnamespace = 'public'::regnamespace
    union all
    select typname from pg_type where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')
"""


class Database(Protocol):
    """A fresh, empty PostgreSQL database."""

    url: str
    host: str
    port: int
    user: str
    password: str
    name: str


class Ran(Protocol):
    """A finished command."""

    code: int
    out: str
    err: str


class Migrator(Protocol):
    """Runs the command."""

    def __call__(self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran: ...


class OnTesting(Protocol):
    """Runs the command on the testing environment; a failure of it is the test's."""

    def __call__(self, *args: str) -> str: ...


@pytest.fixture
def testing(migrator: Migrator, postgres_database: Database) -> OnTesting:
    def run(*args: str) -> str:
        env = {"TESTING_DATABASE_URL": postgres_database.url}
        ran = migrator(*args, "--env", "testing", env=env, cwd=ROOT)
        assert ran.code == 0, ran.out + ran.err
        return ran.out

    return run


@pytest.fixture
def shop_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Gives the shop the database of a URL."""

    def settings(database: str) -> None:
        url = make_url(database)
        monkeypatch.setenv("POSTGRES_DB", str(url.database))
        monkeypatch.setenv("POSTGRES_USER", str(url.username))
        monkeypatch.setenv("POSTGRES_PASSWORD", str(url.password))
        monkeypatch.setenv("POSTGRES_HOST", str(url.host))
        monkeypatch.setenv("POSTGRES_PORT", str(url.port))
        get_settings.cache_clear()

    yield settings
    get_settings.cache_clear()


@pytest.fixture
def shop_settings(shop_at: Callable[[str], None], migrated_database: str) -> None:
    shop_at(migrated_database)


def visit(story: Callable[[AsyncClient], Awaitable[None]]) -> None:
    """Start the application, let the story use it, stop it."""

    async def serve() -> None:
        transport = ASGITransport(app=app)
        async with lifespan(app), AsyncClient(transport=transport, base_url="http://shop") as client:
            await story(client)

    asyncio.run(serve())


async def post(client: AsyncClient, path: str, body: object, *, status: int = 201) -> dict[str, object]:
    response = await client.post(path, json=body)
    assert response.status_code == status, response.text
    answer: dict[str, object] = response.json()
    return answer


async def order_two_cups(client: AsyncClient) -> dict[str, object]:
    """A user, a product and an order of two; the order."""
    user = await post(client, "/users", {"email": "Ada@Example.org", "full_name": "Ada"})
    cup = {"sku": "cup-1", "name": "Cup", "price": "9.95", "attributes": {"colour": "blue", "litres": 0.3}}
    product = await post(client, "/products", cup)
    items = [{"product_id": product["id"], "quantity": 2}]
    return await post(client, "/orders", {"user_id": user["id"], "items": items})


@pytest.mark.usefixtures("shop_settings")
def test_a_migrated_database_serves_an_order_from_its_placing_to_its_payment() -> None:
    async def story(client: AsyncClient) -> None:
        placed = await order_two_cups(client)
        assert (placed["status"], placed["total"]) == ("pending", "19.90")
        payments = f"/orders/{placed['id']}/payments"
        await post(client, payments, {"method": "card", "reference": "receipt-1"})

        order = (await client.get(f"/orders/{placed['id']}")).json()
        assert order["status"] == "paid"
        assert [(paid["method"], paid["amount"]) for paid in order["payments"]] == [("card", "19.90")]
        (user,) = (await client.get("/users")).json()
        assert (user["email"], user["is_active"]) == ("ada@example.org", True)
        (product,) = (await client.get("/products")).json()
        assert product["attributes"] == {"colour": "blue", "litres": 0.3}

    visit(story)


@pytest.mark.usefixtures("shop_settings")
def test_what_the_shop_refuses_leaves_the_migrated_database_as_it_was() -> None:
    async def story(client: AsyncClient) -> None:
        first = await order_two_cups(client)
        payment = {"method": "voucher", "reference": "receipt-1"}
        await post(client, f"/orders/{first['id']}/payments", payment)
        await post(client, f"/orders/{first['id']}/payments", payment | {"reference": "again"}, status=409)
        twin = {"email": "ada@example.org", "full_name": "Ada's twin"}
        await post(client, "/users", twin, status=409)
        second = await post(client, "/orders", {"user_id": first["user_id"], "items": first["items"]})
        await post(client, f"/orders/{second['id']}/payments", payment, status=409)

        assert (await client.get(f"/orders/{second['id']}")).json() == second
        assert len((await client.get(f"/orders/{first['id']}")).json()["payments"]) == 1
        assert len((await client.get("/users")).json()) == 1

    visit(story)


@pytest.mark.asyncio
async def test_a_route_works_on_the_session_of_its_test(
    async_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.dependency_overrides, get_session, lambda: async_session)

    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://shop") as client:
        await post(client, "/users", {"email": "Ada@Example.org", "full_name": "Ada"})

    user = (await async_session.scalars(select(User))).one()
    assert (user.email, user.is_active) == ("ada@example.org", True)


def test_the_application_starts_only_on_a_database_that_is_at_head(
    testing: OnTesting, postgres_database: Database, shop_at: Callable[[str], None]
) -> None:
    shop_at(postgres_database.url)

    async def story(_client: AsyncClient) -> None:
        raise AssertionError("it has started")

    with pytest.raises(NotAtHeadError, match="has no table alembic_version"):
        visit(story)
    testing("upgrade", "+1")
    with pytest.raises(NotAtHeadError) as raised:
        visit(story)
    assert raised.value.current == ("e9e6bc3ed6ca",)
    assert raised.value.hint == "Upgrade it: migrator upgrade --env testing"


def test_a_downgrade_to_base_leaves_no_table_and_no_type_of_the_application(
    testing: OnTesting, postgres_database: Database
) -> None:
    testing("upgrade")
    assert {"payments", "order_status", "ix_orders_pending"} <= catalogue(postgres_database)
    testing("downgrade", "base")
    assert catalogue(postgres_database) == set()
    testing("upgrade")
    assert {"payments", "order_status", "ix_orders_pending"} <= catalogue(postgres_database)


def test_a_check_at_the_head_of_testing_finds_nothing_to_change(testing: OnTesting) -> None:
    testing("upgrade")
    testing("check")


def catalogue(database: Database) -> set[str]:
    """The names of everything in the application's schema, Alembic's version table apart."""
    with psycopg.connect(database.url) as connection:
        names = {str(name) for (name,) in connection.execute(CATALOGUE).fetchall()}
    return {name for name in names if not name.startswith("alembic_version")}
