"""Database URLs as text: what is read, what is shown, what is kept from being shown."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import make_url

from migrator import secrets
from migrator.config.url import address, masked, own_variable, parse_url, remember_passwords_in
from migrator.errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("no_secrets_known")


@pytest.mark.parametrize(
    ("written", "password"),
    [
        ("simple", "simple"),
        ("p%40ss", "p@ss"),
        ("p@ss", "p@ss"),
        ("p@s@s", "p@s@s"),
        ("@", "@"),
        ("p@ss:w/o?r#d", "p@ss:w/o?r#d"),
        ("p@s?s", "p@s?s"),
        ("p%25ss", "p%ss"),
        ("with space", "with space"),
        ("密码🔑", "密码🔑"),
    ],
)
def test_a_password_is_read_as_it_was_meant(written: str, password: str) -> None:
    url = parse_url(f"postgresql://app:{written}@db.example.com:5433/shop", "a test")
    assert (url.username, url.password) == ("app", password)
    assert (url.host, url.port, url.database) == ("db.example.com", 5433, "shop")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:pw@h/shop?options=a@b",
        "postgresql://app:pw@h?user=me@there&x=1@2",
    ],
)
def test_an_at_sign_in_a_parameter_is_no_part_of_the_password(text: str) -> None:
    url = parse_url(text, "a test")
    assert (url.password, url.host) == ("pw", "h")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://h/d",
        "postgresql+asyncpg:///d?host=/var/run/postgresql",
        "sqlite:///a b/c.db",
        "sqlite://",
        "postgresql://me@tenant:pw@h/d",
    ],
)
def test_other_urls_are_read_as_sqlalchemy_reads_them(text: str) -> None:
    assert parse_url(f" {text}\n", "a test") == make_url(text)


def test_the_short_name_that_hosting_services_use_is_understood() -> None:
    assert parse_url("postgres://h/d", "a test").drivername == "postgresql"
    assert parse_url("postgres+asyncpg://h/d", "a test").drivername == "postgresql+asyncpg"


@pytest.mark.parametrize(
    "text",
    ["", " ", "shop", "://", "h/d", "postgresql:/h", "postgresql://u:Hidden12@h:port/d", "//u:Hidden12@h"],
)
def test_what_is_no_url_is_an_error_that_names_the_place_and_not_the_text(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"from DATABASE_URL in \.env cannot be read") as caught:
        parse_url(text, "DATABASE_URL in .env")
    assert "Hidden" not in f"{caught.value} {caught.value.hint}"
    # A chained parser error would bring the text back with --traceback.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_unknown_driver_is_an_error_that_names_the_place() -> None:
    with pytest.raises(
        ConfigurationError, match=r"The driver postgresql\+nope in the database URL from --url"
    ):
        parse_url("postgresql+nope://h/d", "--url")


def test_a_port_that_is_none_is_an_error_that_names_the_place() -> None:
    with pytest.raises(ConfigurationError, match="The database URL from --url has the port 99999"):
        parse_url("postgresql://app:pw@h:99999/shop", "--url")
    assert parse_url("postgresql://app:pw@h:65535/shop", "--url").port == 65535


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://app:pw@h:5433/shop", "app@h:5433/shop"),
        ("postgresql://h/shop", "h/shop"),
        ("postgresql:///shop?host=/run/pg", "/run/pg/shop"),
        ("postgresql:///shop", "localhost/shop"),
        ("sqlite:///shop.db", "shop.db"),
        ("sqlite://", ":memory:"),
    ],
)
def test_an_address_says_where_and_never_the_password(text: str, shown: str) -> None:
    assert address(make_url(text)) == shown


def test_a_masked_url_shows_neither_the_password_nor_the_parameters() -> None:
    url = make_url("postgresql://app:Hidden12@h/d?password=Hidden34&sslmode=require")
    assert masked(url) == "postgresql://app:***@h/d"


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ("production", "PRODUCTION_DATABASE_URL"),
        ("eu-west", "EU_WEST_DATABASE_URL"),
        ("v1.2", "V1_2_DATABASE_URL"),
    ],
)
def test_an_environments_own_variable_is_a_name_that_shells_accept(environment: str, name: str) -> None:
    assert own_variable(environment) == name


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:Hidden12@h/d",
        "url=postgresql://app:Hidden12@h/d",
        "postgresql://app:Hidden12@h:not-a-port/d",
    ],
)
def test_a_password_in_some_text_is_hidden_from_then_on(text: str) -> None:
    remember_passwords_in(["nothing", "a@b", text])
    assert "Hidden12" not in secrets.scrub(f"said {text} and Hidden12")


@pytest.mark.parametrize(
    ("written", "shown"),
    [("Hid%2fden1", "Hid%2fden1"), ("Hid%2Fden1", "Hid/den1"), ("Hid@den1", "Hid%40den1")],
)
def test_a_password_is_hidden_as_it_was_written_and_in_its_other_forms(written: str, shown: str) -> None:
    parse_url(f"postgresql://app:{written}@h/d", "a test")
    assert secrets.scrub(f"<{shown}>") == "<***>"


def test_the_host_behind_a_password_stays_readable() -> None:
    remember_passwords_in(["postgresql://app:Hidden12@other-host:not-a-port/d?x=a@b"])
    assert secrets.scrub("Hidden12 at other-host") == "*** at other-host"


def test_the_password_of_each_of_several_urls_is_hidden() -> None:
    remember_passwords_in(["redis://:Hidden12@one-host:1 redis://:Hidden34@two-host:2,redis://:Hidden56@h"])
    assert secrets.scrub("Hidden12 Hidden34 Hidden56 one-host two-host") == "*** *** *** one-host two-host"


LONG = [
    "w" * 99_999,
    "w" * 99_999 + "://x:y@",
    "w://" * 25_000 + "@",
    "w://a:" * 9_999,
    "@" + " a://" * 20_000,
]


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_long_texts_are_looked_through_in_a_moment(text: str) -> None:
    begun = time.process_time()
    remember_passwords_in([text])
    assert time.process_time() - begun < 0.3
