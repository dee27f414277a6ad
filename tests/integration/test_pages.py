"""What the pages show is what their commands print: each page is run as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.generate.console import Step, play, rewritten
from docs.generate.paths import DOCS, ROOT
from docs.generate.sessions import SESSIONS, Session, play_session

# What these show needs a server, a project or a pipeline that their own tests make.
RUN_ELSEWHERE = ("deploy", "pipelines", "testing", "python", "adopt", "folders")
# The others take longer than their commands' own tests, and are written anew by `make docs`.
ALWAYS_RUN = ("tutorial", "README", "lint")


@pytest.mark.slow
@pytest.mark.parametrize(
    "session",
    [
        pytest.param(each, id=each.page.stem, marks=[] if each.page.stem in ALWAYS_RUN else pytest.mark.soak)
        for each in SESSIONS
    ],
)
def test_the_commands_of_a_page_print_what_it_shows(session: Session) -> None:
    played = play_session(session)

    assert played.blocks
    for each in played.blocks:
        assert each.real == each.written


def test_every_page_that_shows_what_a_command_prints_is_run() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]

    showing = {page for page in pages if "```console" in page.read_text(encoding="utf-8")}

    assert {page for page in showing if page.stem not in RUN_ELSEWHERE} == {each.page for each in SESSIONS}


PAGE = """\
```console
$ echo a0b1c2d3e4f5 took 0.10s
a0b1c2d3e4f5 took 9.99s

$ echo one \\
  two
one two
```

```text title="notes/a0b1c2d3e4f5.txt"
of a0b1c2d3e4f5
```

```diff
--- a/notes/a0b1c2d3e4f5.txt
+++ b/notes/a0b1c2d3e4f5.txt
@@ -1 +1 @@
-of a0b1c2d3e4f5
+by a0b1c2d3e4f5
```

```console
$ cat notes/*; exit 3
by a0b1c2d3e4f5
```
"""


def _steps(page: str, folder: Path) -> tuple[list[Step], list[Step]]:
    played = play(page, folder, lambda: None)
    written = [step for each in played.blocks for step in each.written]
    return written, [step for each in played.blocks for step in each.real]


def test_files_are_written_diffs_applied_and_commands_run_in_their_order(tmp_path: Path) -> None:
    written, real = _steps(PAGE, tmp_path)

    assert [step.output for step in real] == ["ID-0 took SECONDS", "one two", "by ID-0"]
    assert written == real


def test_an_id_that_is_another_in_each_run_is_followed(tmp_path: Path) -> None:
    (tmp_path / "random").write_text("ffffffffffff\n")
    page = "```console\n$ cat random\na0b1c2d3e4f5\n\n$ echo a0b1c2d3e4f5\na0b1c2d3e4f5\n```\n"

    played = play(page, tmp_path, lambda: None)

    assert [step.output for step in played.blocks[0].steps] == ["ffffffffffff", "ffffffffffff"]
    assert played.blocks[0].real == played.blocks[0].written


def test_another_word_is_seen(tmp_path: Path) -> None:
    written, real = _steps(PAGE.replace("one two\n", "one three\n", 1), tmp_path)

    assert [step.output for step in written if step not in real] == ["one three"]


def test_a_page_is_rewritten_only_where_it_is_wrong(tmp_path: Path) -> None:
    wrong = PAGE.replace("one two\n", "one three\n", 1)

    for page, expected in ((PAGE, PAGE), (wrong, PAGE.replace("9.99s", "0.10s"))):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        assert rewritten(page, play(page, folder, lambda: None)) == expected
