"""The hash of a version file changes with what it does, and with nothing else."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from migrator.revisions import fingerprint as module
from migrator.revisions.fingerprint import file_hash, fingerprint, tree_hash

WRITTEN = '''"""add orders

Revises: 0f0f
"""
from alembic import op
import sqlalchemy as sa

revision = '1a2b'  # its id


def upgrade() -> None:
    """Upgrade schema."""
    op.create_table('orders', sa.Column('id', sa.BigInteger(), nullable=False), sa.Column('note', sa.Text()))
    if (op.get_bind().dialect.name == 'postgresql'): op.execute('create index on orders (id)')
    for name in ('a', u'b'): op.execute(f'analyze {name!r:>{10}}' ' now')
    del (name, op)


class Kept:
    """What is kept."""

    days = 0X1E + 1_000
'''
REFORMATTED = """'''another message

Revises: something else
'''

# A comment.
from alembic import op
import sqlalchemy as sa

revision = "1a2b"


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text()),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("create index on orders (id)")
    for name in (
        "a",
        "b",
    ):
        op.execute(f"analyze {name!r:>{10}} now")
    del name, op


class Kept:
    days = 0x1E + 1000
"""
# Syntax that versions of Python have kept in different trees, and constants of every type.
DEMANDING = '''"""A docstring."""
from __future__ import annotations
import a.b as c
from . import d
@d.e(f=1, *g, **h)
async def upgrade(i, /, j: int = 2, *k, l=None, **m) -> None:
    """Another."""
    async with n as o, p: await q
    return [r async for r in s if not r or r <= 1.5]
class T(U, metaclass=V):
    w: list[int]
    x = {**y, "z": (1, True, "1", 1.0, 1j, b"1", None, ..., -0x10, 1e999)}
match aa:
    case {"k": [1, *bb], **cc} | Dd(ee=None) if (ff := gg): pass
    case _: raise hh from ii
try:
    jj = f"a{kk}b" "c" f"{ll!r:>{mm}.2f}{nn=}{oo:}" f"" "é\\ud800"
except* (Pp, Qq) as rr:
    lambda ss, *tt: (yield)
else:
    uu[1:2, ::3] @= vv if ww else xx
'''
# Databases hold such hashes: with another figure here, every applied revision counts as edited.
HASH_OF_DEMANDING = "e8544fef73ec00826791f6fcc7991288c719e55892d96b3f5b07d2791c10013b"
OTHER_PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")


def test_formatting_comments_and_docstrings_keep_the_hash() -> None:
    assert tree_hash(REFORMATTED) == tree_hash(WRITTEN)


def test_a_formatter_keeps_the_hash() -> None:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]

    ran = subprocess.run(command, input=WRITTEN, capture_output=True, text=True, check=True)

    assert ran.stdout != WRITTEN
    assert tree_hash(ran.stdout) == tree_hash(WRITTEN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'1a2b'", "'1a2c'"),
        ("nullable=False", "nullable=True"),
        ("nullable=False", "nullable=0"),
        ("nullable=False", "nullable=None"),
        ("nullable=False", "unique=False"),
        ("1_000", "1_000.0"),
        ("1_000", "'1000'"),
        (" + ", " - "),
        (" == ", " != "),
        ("'orders'", "'order'"),
        ("!r:", "!s:"),
        (":>{10}", ""),
        ("del (name, op)", "del (name)"),
        ("def upgrade", "async def upgrade"),
        ("sa.Text()", "sa.Text"),
        ("    days", "    more = 1\n    days"),
        ("    days", "    'no docstring' 'this' and 1\n    days"),
        ("class Kept:", "class Kept(dict):"),
        ("import sqlalchemy as sa", "import sqlalchemy"),
    ],
)
def test_whatever_changes_the_meaning_changes_the_hash(old: str, new: str) -> None:
    assert WRITTEN.count(old) == 1

    assert tree_hash(WRITTEN.replace(old, new)) != tree_hash(WRITTEN)


def test_constants_of_different_types_differ() -> None:
    written = ["1", "True", "'1'", "1.0", "1j", "b'1'", "'True'", "None", "'None'", "...", "()", "[]", "f'1'"]

    assert len({tree_hash(f"x = {each}") for each in written}) == len(written)


def test_a_text_below_the_docstring_counts() -> None:
    body = "def upgrade():\n    'docstring'\n    'text'\n"

    assert tree_hash(body) != tree_hash(body.replace("text", "other"))
    assert tree_hash(body) == tree_hash(body.replace("docstring", "other"))


def test_what_stands_where_is_not_mixed_up() -> None:
    written = ["f(a, b)", "f(a)(b)", "f((a, b))", "f(a), b", "f([a], b)", "f([a, b])", "f(a=b)", "f(*a, b)"]

    assert len({tree_hash(each) for each in written}) == len(written)


def test_line_ends_and_encoding_do_not_count() -> None:
    text = "# -*- coding: {} -*-\nx = 'é'\n"

    hashes = {
        tree_hash(text),
        tree_hash(text.format("latin-1").encode("latin-1")),
        tree_hash(text.format("utf-8").replace("\n", "\r\n").encode("utf-8-sig")),
    }

    assert len(hashes) == 1


def test_the_hash_is_the_one_that_databases_hold() -> None:
    assert tree_hash(DEMANDING) == HASH_OF_DEMANDING


@pytest.mark.parametrize("python", OTHER_PYTHONS)
def test_another_python_gives_the_same_hash(python: str) -> None:
    found = shutil.which(python)
    if found is None or python == f"python3.{sys.version_info.minor}":
        pytest.skip(f"no other {python} here")
    # That Python has none of our dependencies, and needs none.
    code = (
        "import sys; sys.path.append(sys.argv[1]); from migrator.revisions.fingerprint import tree_hash;"
        " print(tree_hash(sys.stdin.buffer.read()))"
    )
    root = Path(str(module.__file__)).parents[2]
    ran = subprocess.run(
        [found, "-B", "-I", "-c", code, str(root)], input=DEMANDING.encode(), capture_output=True
    )
    if ran.returncode and b"command not found" in ran.stderr:
        pytest.skip(f"{found} is a shim without its Python")

    assert ran.stdout.decode().strip() == HASH_OF_DEMANDING, ran.stderr.decode()


def test_a_deep_tree_and_a_huge_number_are_hashed() -> None:
    deep = "x = " + " + ".join(["y"] * 900)

    assert tree_hash(deep) != tree_hash(deep.replace("y", "z", 1))
    assert tree_hash("x = 0x1" + "0" * 10_000) != tree_hash("x = 0x2" + "0" * 10_000)


@pytest.mark.parametrize(
    "source",
    ["def upgrade(:\n", b"x = '\xff'\n", "x = 1\0", "(" * 300 + ")" * 300],
    ids=["grammar", "encoding", "null", "nesting"],
)
def test_what_python_cannot_parse_is_a_syntax_error(source: str | bytes) -> None:
    with pytest.raises(SyntaxError):
        tree_hash(source)


@pytest.mark.filterwarnings("error")
def test_an_invalid_escape_is_not_our_business() -> None:
    assert tree_hash("x = '\\d'") == tree_hash("x = '\\\\d'")


def test_a_file_has_both_sums(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(WRITTEN.encode())

    found = fingerprint(path)

    assert (found.tree, found.file) == (tree_hash(WRITTEN), hashlib.sha256(WRITTEN.encode()).hexdigest())
    assert file_hash(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
