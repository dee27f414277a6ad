"""Commands that run no version file only read most of them, and know the same of them as Alembic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from migrator.bridge.config import alembic_config
from migrator.bridge.revision_files.loading import forget_loaded, load_scripts
from migrator.bridge.revision_files.unexecuted import UnexecutedScript
from migrator.config.select import Choice, Workspace, choose
from migrator.errors import RevisionsError
from migrator.revisions.stock_headers import frame_of
from tests.projects.small import revision_text, versions, write_revision
from tests.unit.test_graph import STOCK


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    """Read files anew in each test."""
    forget_loaded()
    yield
    forget_loaded()


def of(root: Path) -> tuple[Config, Workspace]:
    """Give the workspace of a project, and Alembic's configuration for it."""
    workspace = choose(Choice(cwd=root, process={}))
    return alembic_config(workspace), workspace


def read(root: Path, *, to_run: bool = False, unexecuted: bool = False) -> list[Script]:
    """Give the revisions, the first one first."""
    scripts = load_scripts(*of(root), to_run=to_run, unexecuted=unexecuted)
    return list(scripts.walk_revisions())[::-1]


def facts(scripts: ScriptDirectory) -> list[dict[str, Any]]:
    """Give all that Alembic keeps of each revision but its module, in Alembic's order."""
    kept = ("module", "_execute", "_description")
    return [
        {
            **{name: value for name, value in vars(each).items() if name not in kept},
            "doc": each.doc,
            "longdoc": each.longdoc,
            "log_entry": each.log_entry,
        }
        for each in scripts.walk_revisions()
    ]


def executed(scripts: list[Script]) -> list[str]:
    """Give the revisions whose files were executed."""
    return [each.revision for each in scripts if "module" in vars(each)]


def test_of_files_that_begin_alike_the_first_is_executed_and_any_that_is_asked_for(root: Path) -> None:
    for number in range(1, 5):
        write_revision(versions(root), f"r{number}", f"r{number - 1}" if number > 1 else None)

    scripts = read(root, unexecuted=True)

    # The first one follows nothing, which is written in another way.
    assert executed(scripts) == ["r1", "r2"]
    assert scripts[2].module.upgrade.__name__ == "upgrade"
    assert executed(scripts) == ["r1", "r2", "r3"]
    assert scripts[2].module is scripts[2].module


def test_what_alembic_keeps_of_revisions_is_the_same(root: Path) -> None:
    folder = versions(root)
    for name, down in (("a", None), ("b", "a"), ("c", "b"), ("d", "b"), ("e", "d")):
        write_revision(folder, name, down)
    merge = revision_text("f", None).replace("down_revision = None", "down_revision = ('c', 'e')")
    (folder / "f.py").write_text(merge)
    (folder / "g.py").write_text(merge.replace("'f'", "'g'").replace("('c', 'e')", "('f', 'b')"))
    labelled = revision_text("h", "g", message='a "quoted" message\n\nand more of it\n')
    labelled = labelled.replace("branch_labels = None", "branch_labels = ('fast',)")
    (folder / "h.py").write_text(labelled)
    (folder / "i.py").write_text(labelled.replace("'h'", "'i'").replace("fast", "slow"))

    plain = facts(load_scripts(*of(root)))
    forget_loaded()
    scripts = load_scripts(*of(root), unexecuted=True)

    assert sum(isinstance(each, UnexecutedScript) for each in scripts.walk_revisions()) == 5
    assert facts(scripts) == plain


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from alembic import op\n", "from alembic import op\nimport nothing_of_the_kind\n"),
        ("branch_labels = None\n", "branch_labels: Unknown = None\n"),
        ("\ndef upgrade():", "raise RuntimeError\n\n\ndef upgrade():"),
        ("def upgrade():", "def upgrade(at=Unknown):"),
        ("def upgrade():", "def upgrade() -> Unknown:"),
        ("def upgrade():", "@unknown\ndef upgrade():"),
        ("def downgrade():", "import nothing_of_the_kind\n\ndef downgrade():"),
        # A form feed puts what follows at the beginning of a line, and some take other ends of lines.
        ("def downgrade():", " \x0craise RuntimeError\n\ndef downgrade():"),
        ("def downgrade():", " \x0b\x0craise RuntimeError\n\ndef downgrade():"),
        ("\n\n\ndef downgrade():", "\rraise RuntimeError\n\n\ndef downgrade():"),
        ("\n\n\ndef upgrade():", "\n  # the first line\n  pass\n\n\ndef upgrade():"),
        ("branch_labels = None\n", "branch_labels: revision[4] = None\n"),
    ],
)
def test_a_file_that_may_not_load_is_executed_and_refused(old: str, new: str, root: Path) -> None:
    for name, down in (("r1", None), ("r2", "r1"), ("r3", "r2")):
        write_revision(versions(root), name, down)
    third = versions(root) / "r3.py"
    assert third.read_text().count(old) == 1
    third.write_text(third.read_text().replace(old, new))

    with pytest.raises(RevisionsError, match=r"r3\.py"):
        read(root, unexecuted=True)


@pytest.mark.parametrize("body", ["x = = 1", "x = = 1  # the revision", "break", '"""open'])
def test_a_file_of_a_known_frame_is_refused_in_the_same_words_once_it_is_asked_for(
    body: str, root: Path
) -> None:
    for name, down in (("r1", None), ("r2", "r1"), ("r3", "r2")):
        write_revision(versions(root), name, down, up=body if name == "r3" else "pass")

    with pytest.raises(RevisionsError) as plain:
        read(root)
    with pytest.raises(RevisionsError) as later:
        assert read(root, unexecuted=True)[2].module

    assert (later.value.message, later.value.hint) == (plain.value.message, plain.value.hint)


def test_who_runs_files_is_given_executed_ones(root: Path) -> None:
    names = [f"r{number}" for number in range(1, 5)]
    for name, down in zip(names, [None, *names], strict=False):
        write_revision(versions(root), name, down)

    assert executed(read(root, unexecuted=True)) == ["r1", "r2"]
    assert executed(read(root, to_run=True)) == names
    assert executed(read(root, unexecuted=True)) == ["r1", "r2"]
    assert executed(read(root)) == names
    # What is executed serves the others too.
    assert executed(read(root, unexecuted=True)) == names


def test_a_file_that_is_there_twice_is_alembics_to_judge(root: Path) -> None:
    folder = versions(root)
    for name, down in (("r1", None), ("r2", "r1"), ("r3", "r2")):
        write_revision(folder, name, down)
    (folder / "r4.py").symlink_to(folder / "r3.py")

    for unexecuted in (False, True):
        with pytest.raises(RevisionsError, match=r"more than one file: .*r3\.py and .*r4\.py"):
            read(root, unexecuted=unexecuted)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"0a"', '"0c"'),
        ("'x'", "'y'"),
        ('op.execute("SELECT 1")', "raise RuntimeError"),
        ("def upgrade", "# a comment\ndef upgrade"),
    ],
)
def test_texts_and_the_bodies_of_functions_are_no_part_of_a_frame(old: str, new: str) -> None:
    assert old in STOCK
    frame = frame_of(STOCK.encode())

    assert frame is not None
    assert frame_of(STOCK.replace(old, new).encode()) == frame


@pytest.mark.parametrize("name", ["__doc__", "revision", "branch_labels"])
def test_a_function_named_as_what_a_file_declares_is_a_part_of_no_frame(name: str) -> None:
    assert frame_of(STOCK.encode()) is not None
    assert frame_of(STOCK.replace("def upgrade", f"def {name}").encode()) is None
