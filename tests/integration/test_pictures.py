"""Pictures of a terminal show what the commands show there."""

from __future__ import annotations

import pytest

from docs.generate.pictures import FOLDER, pictures, words


@pytest.mark.slow
def test_the_pictures_are_what_the_commands_show() -> None:
    for path, picture in pictures().items():
        assert words(picture) == words(path.read_text(encoding="utf-8")), f"{path.name}: run make docs"


def test_the_words_of_a_picture_are_its_lines() -> None:
    text = words((FOLDER / "downgrade.svg").read_text(encoding="utf-8"))

    assert text.splitlines()[0] == "$ migrator downgrade -1 --env production --no-input"
    assert "hint: Add --confirm production" in text.splitlines()
