"""Known passwords are taken out of any text, in every form, and harmless words stay."""

from __future__ import annotations

import io
from urllib.parse import quote, quote_plus

import pytest
from sqlalchemy import URL

from migrator import secrets
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("no_secrets_known")


def sqlalchemys(password: str) -> str:
    """As SQLAlchemy writes a password into a URL."""
    url = URL.create("postgresql", "u", password, "h").render_as_string(hide_password=False)
    return url.removeprefix("postgresql://u:").removesuffix("@h")


@pytest.mark.parametrize("password", [PASSWORD, 'it\'s a "quoted" \\one', "new\nline+plus", "密码密码密码"])
def test_every_form_of_a_password_is_removed(password: str) -> None:
    secrets.register(password)
    forms = [
        password,
        quote(password),
        quote(password, safe=""),
        quote_plus(password),
        sqlalchemys(password),
        sqlalchemys(password).replace("%", "%%"),
        repr(password)[1:-1],
    ]
    for form in forms:
        assert secrets.scrub(f"before {form} after {form}.") == "before *** after ***."


def test_a_longer_password_is_not_spoilt_by_a_shorter_one_within_it() -> None:
    secrets.register("secret")
    secrets.register("secret-and-more")
    assert secrets.scrub("secret-and-more, secret") == "***, ***"


@pytest.mark.parametrize(("password", "harmless"), [("app", ()), ("postgres", ("postgres", "localhost"))])
def test_a_word_that_is_also_a_password_goes_only_where_a_password_stands(
    password: str, harmless: tuple[str, ...]
) -> None:
    secrets.register(password, harmless=harmless)
    assert secrets.scrub(f"the {password} of {password}s") == f"the {password} of {password}s"
    assert secrets.scrub(f"postgresql://x:{password}@h/{password}") == f"postgresql://x:***@h/{password}"
    assert secrets.scrub(f"password={password}") == "password=***"
    assert secrets.scrub(f"PASSWD: '{password}'") == "PASSWD: '***'"


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_password_hides_nothing(nothing: str | None) -> None:
    secrets.register(nothing)
    assert secrets.scrub("any text") == "any text"


def test_a_scrubbing_stream_writes_everything_but_secrets() -> None:
    secrets.register("Hidden12")
    under = io.StringIO()
    stream = secrets.scrubbing(under)
    print("said", "Hidden12", file=stream, flush=True)
    stream.writelines(["Hidden12", "\n"])
    assert stream.write("Hidden12") == len("Hidden12")
    assert under.getvalue() == "said ***\n***\n***"
    assert not stream.isatty()
