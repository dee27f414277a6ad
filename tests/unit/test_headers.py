"""What a version file declares, read without running it."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from migrator.errors import RevisionsError
from migrator.revisions.headers import ComputedHeader, read_header
from migrator.revisions.version_folder import find_revision, real_version_files, version_files

ORDINARY = '''"""add orders

Revision ID: 1a2b
Revises: 0f0f
"""
from typing import Sequence, Union

from alembic import op

revision: str = "1a2b"
down_revision: Union[str, Sequence[str], None] = "0f0f"
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    revision = "not this one"
    raise SystemExit(revision)
'''


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def version(revision: str, down: str | None = None) -> str:
    return f'"""message of {revision}"""\nrevision = {revision!r}\ndown_revision = {down!r}\n'


def test_an_ordinary_file_is_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "1a2b_add_orders.py", ORDINARY)

    header = read_header(path)

    assert header is not None
    assert (header.path, header.revision, header.down_revision) == (path, "1a2b", ("0f0f",))
    assert (header.branch_labels, header.depends_on, header.doc) == ((), (), "add orders")


def test_a_file_is_never_executed(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    path = write(tmp_path / "a.py", version("a1") + f"open({str(trace)!r}, 'w').close()\n")

    assert read_header(path) is not None
    assert not trace.exists()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("None", ()),
        ("()", ()),
        ("'b1'", ("b1",)),
        ("'b' '1'", ("b1",)),
        ("('b1', 'c1')", ("b1", "c1")),
        ("['b1']", ("b1",)),
        ("{'c1', 'b1'}", ("b1", "c1")),
    ],
)
def test_every_way_to_write_ids_that_alembic_takes_is_read(
    tmp_path: Path, written: str, read: tuple[str, ...]
) -> None:
    text = f"revision = 'a1'\ndown_revision = {written}\nbranch_labels = {written}\ndepends_on = {written}\n"

    header = read_header(write(tmp_path / "a.py", text))

    assert header is not None
    assert (header.down_revision, header.branch_labels, header.depends_on) == (read, read, read)


def test_labels_dependencies_and_docstring_may_be_left_out(tmp_path: Path) -> None:
    header = read_header(write(tmp_path / "a.py", "revision = 'a1'\ndown_revision = None\n"))

    assert header is not None
    assert (header.branch_labels, header.depends_on, header.doc) == ((), (), "")


def test_the_last_assignment_counts_and_a_bare_annotation_does_not(tmp_path: Path) -> None:
    text = "revision = 'old'\nrevision = other = 'new'\nrevision: str\ndown_revision = None\n"

    header = read_header(write(tmp_path / "a.py", text))

    assert header is not None
    assert header.revision == "new"


def test_a_file_without_revision_has_no_header(tmp_path: Path) -> None:
    assert read_header(write(tmp_path / "shared.py", "def helper():\n    revision = 'a1'\n")) is None
    assert read_header(write(tmp_path / "cafe.py", "")) is None


def test_the_name_of_an_old_file_is_its_revision(tmp_path: Path) -> None:
    path = write(tmp_path / "4bac1.py", "down_revision = None\n")

    header = read_header(path)

    assert header is not None
    assert header.revision == "4bac1"
    assert find_revision([tmp_path], "4bac1") == path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("revision = make()\ndown_revision = None\n", "revision"),
        ("revision = 'a' + '1'\ndown_revision = None\n", "revision"),
        ("revision = f'a1'\ndown_revision = None\n", "revision"),
        ("revision, down_revision = 'a1', None\n", "revision"),
        ("if True:\n    revision = 'a1'\ndown_revision = None\n", "revision"),
        ("from ids import revision\ndown_revision = None\n", "revision"),
        ("import ids as revision\ndown_revision = None\n", "revision"),
        ("from ids import *\n", "revision"),
        ("def revision(): ...\ndown_revision = None\n", "revision"),
        ("revision = 'a'\nrevision += '1'\ndown_revision = None\n", "revision"),
        ("from ids import *\nrevision = 'a1'\n", "down_revision"),
        ("revision = 'a1'\ndown_revision = previous\n", "down_revision"),
        ("revision = 'a1'\ndown_revision = None\ndepends_on = [previous]\n", "depends_on"),
        ("revision = 'a1'\ndown_revision = None\nbranch_labels = (label(),)\n", "branch_labels"),
    ],
)
def test_a_computed_value_is_left_to_those_who_run_the_file(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(ComputedHeader) as caught:
        read_header(write(tmp_path / "a.py", text))

    assert caught.value.name == name
    assert caught.value.path == tmp_path / "a.py"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"revision = 'a1'\ndown_revision = (\n", "line 2"),
        (b"revision = 'a1'\n  down_revision = None\n", "line 2"),
        (b"revision = '\xff'\n", "line 1"),
        (b"# coding: klingon\n", ""),
        (b"revision = 'a1'\0\n", ""),
    ],
)
def test_a_file_that_is_not_python_is_named_with_the_line(tmp_path: Path, text: bytes, line: str) -> None:
    path = write(tmp_path / "broken.py", text)

    with pytest.raises(RevisionsError) as caught:
        read_header(path)

    assert str(path) in caught.value.message
    assert line in caught.value.message
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")

    with pytest.raises(RevisionsError, match=r"gone\.py cannot be read: No such file"):
        read_header(tmp_path / "gone.py")


def test_a_revision_without_down_revision_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RevisionsError, match="declares revision a1 but no down_revision"):
        read_header(write(tmp_path / "a.py", "revision = 'a1'\n"))


@pytest.mark.parametrize(
    "text", ["revision = 1\n", "revision = 'a1'\ndown_revision = 7\n", "revision = None\n"]
)
def test_an_id_that_is_not_text_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(RevisionsError, match="is not text"):
        read_header(write(tmp_path / "a.py", text))


def test_the_encoding_that_a_file_declares_is_obeyed(tmp_path: Path) -> None:
    latin = f'# coding: latin-1\n"""für"""\n{version("é1")}'.encode("latin-1")
    path = write(tmp_path / "latin.py", latin)

    header = read_header(path)

    assert header is not None
    assert (header.revision, header.doc) == ("é1", "für")
    assert find_revision([tmp_path], "é1") == path
    marked = read_header(write(tmp_path / "marked.py", b"\xef\xbb\xbf" + version("b1").encode()))
    assert marked is not None
    assert marked.revision == "b1"


def test_an_invalid_escape_in_a_file_is_no_warning_of_ours(tmp_path: Path) -> None:
    path = write(tmp_path / "a.py", version("a1") + "pattern = '\\d'\n")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_header(path) is not None


def test_the_files_are_those_that_alembic_loads_in_order(tmp_path: Path) -> None:
    for name in ["b.py", "a.py", ".hidden.py", "__init__.py", "__init__old.py", ".#a.py", "a.pyc", "n.txt"]:
        write(tmp_path / name, version(f"id_{name[0]}"))
    write(tmp_path / "__pycache__" / "c.py", version("c1"))
    write(tmp_path / "sub" / "d.py", version("d1"))

    names = [path.relative_to(tmp_path).as_posix() for path in version_files(tmp_path)]
    deep = [path.relative_to(tmp_path).as_posix() for path in version_files(tmp_path, recursive=True)]

    assert names == [".hidden.py", "a.py", "b.py"]
    assert deep == [".hidden.py", "a.py", "b.py", "sub/d.py"]


@pytest.mark.parametrize("recursive", [False, True])
def test_the_real_files_are_those_that_alembic_loads(recursive: bool, tmp_path: Path) -> None:
    folder, other = tmp_path / "versions", tmp_path / "other"
    for name in ["a.py", "sub/b.py", "sub/more/c.py", "x__pycache__/d.py", "__pycache__/below/e.py"]:
        write(folder / name, version(f"id_{Path(name).stem}"))
    for name in ["f.py", "g.txt", "__init__.py", "folder/h.py"]:
        write(other / name, version(f"other_{Path(name).stem}"))
    links = {"f.py": "f.py", "not_there.py": "nothing", "g.py": "g.txt", "i.py": "__init__.py", "j": "folder"}
    for name, target in {**links, "current": "k.py"}.items():
        (folder / name).symlink_to(other / target)
    write(other / "k.py", version("other_k"))

    scripts = ScriptDirectory(
        str(tmp_path), version_locations=[str(folder)], recursive_version_locations=recursive
    )
    loaded = sorted(script.path for script in scripts.walk_revisions())

    assert sorted(real_version_files([folder], recursive=recursive)) == loaded
    assert [Path(path).name for path in loaded if "other" in path] == ["f.py", "k.py"]


def test_a_link_to_itself_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to("a.py")

    (path,) = version_files(tmp_path)
    with pytest.raises(RevisionsError, match=r"a\.py cannot be read"):
        read_header(path)


def test_a_missing_folder_has_no_files(tmp_path: Path) -> None:
    assert list(version_files(tmp_path / "missing")) == []


def test_a_revision_is_found_among_files_that_only_mention_it_or_are_broken(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "revision = 'target1' +\n")
    write(tmp_path / "b.py", version("child1", down="target1"))
    write(tmp_path / "c.py", "revision = compute('target1')\n")
    (tmp_path / "d.py").symlink_to(tmp_path / "nowhere")
    path = write(tmp_path / "e.py", version("target1"))
    deep = write(tmp_path / "sub" / "f.py", version("deep1"))

    assert find_revision([tmp_path], "target1") == path
    assert find_revision([tmp_path], "target") is None
    assert find_revision([tmp_path], "deep1") == deep
    assert find_revision([tmp_path / "missing", tmp_path], "target1") == path
    assert find_revision([tmp_path / "missing"], "target1") is None


@pytest.mark.parametrize(
    "docstring",
    ["a\tb", "\n \u2003a\n    b", "first\n\n      deep\n    less\n \n", " a\n\tb\n  c", "\u00a0a\n \u00a0b"],
)
def test_a_docstring_is_what_the_module_of_the_file_has(docstring: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.py", version("a1"))
    path.write_text(f'"""{docstring}"""\n{path.read_text()}', encoding="utf-8")
    module: dict[str, str] = {}
    exec(path.read_text(encoding="utf-8"), module)

    header = read_header(path)

    assert header is not None
    assert header.description == module["__doc__"].strip()
