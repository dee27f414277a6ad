"""A URL that pytest can show beside a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import URL


class ShownUrl(str):
    """A URL with its password, which its `repr` leaves out: pytest writes that of each argument of a test."""

    __slots__ = ("_shown",)
    _shown: str

    def __new__(cls, url: URL) -> ShownUrl:
        """Make one of a URL of SQLAlchemy's."""
        text = super().__new__(cls, url.render_as_string(hide_password=False))
        text._shown = url.render_as_string(hide_password=True)
        return text

    def __copy__(self) -> ShownUrl:
        """Give itself, which nothing changes."""
        return self

    def __deepcopy__(self, memo: object) -> ShownUrl:
        """Give itself, which nothing changes."""
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Be a plain text in another process, which may not have migrator."""
        return str, (str(self),)

    def __repr__(self) -> str:
        """Give the URL with `***` for the password, in quotes."""
        return repr(self._shown)
