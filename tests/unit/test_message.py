"""A message pasted into a docstring comes back as it was, whatever it holds."""

from __future__ import annotations

import ast
import random
import warnings

import pytest

from migrator.errors import UsageError
from migrator.revisions.version_text import docstring_safe

ORDINARY = [
    "add orders",
    'rename "users" to "people" in the shop',
    "it's 100 % done: ${name} {braces} %(percent)s ## no",
    "../../etc/passwd",
    "添加订单表 🎉 für Ærø",
    "first line\n\nsecond paragraph\twith a tab",
    "",
]
NASTY = [
    '"', '""', '"""', '""""', '"""""', '""""""', '"""""""', 'a"', 'a""', 'a"""', '"a', '"""a', 'the "orders"',
    "\\", "\\\\", "\\\\\\", 'a\\"', '\\"', '"\\', '\\"""', '""\\"', "\\n", "\\N{DASH}", "\\x", "\\u12",
    "C:\\new", "a\rb", "a\r\nb", "\r", "\n", "\n\n", "a\\\nb", "nul\0", "\x1b[31m", "\x7f\x85\x0c",
    "\u2028\u2029\ufeff", '"""\nimport os\nos.abort()\n"""', "a\n# coding: latin-1\né", "${1/0}", "%if\n##\n",
]  # fmt: skip
DANGEROUS = ["${", '"""', *'""\\\\\n\r\0\t anx{}%é中🎉#', "'"]
AFTERWARDS = ["\n\nRevision ID: 1a2b\n\n", "", " (end)\n"]


def docstring_of(message: str, afterwards: str) -> str:
    source = f'"""{docstring_safe(message)}{afterwards}"""\nrevision = "1a2b"\n'.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = ast.parse(source)
        names: dict[str, object] = {}
        exec(compile(source, "version.py", "exec"), names)
    assert names["revision"] == "1a2b"
    assert len(tree.body) == 2
    value = ast.get_docstring(tree, clean=False)
    assert value is not None
    return value


@pytest.mark.parametrize("afterwards", AFTERWARDS)
@pytest.mark.parametrize("message", ORDINARY + NASTY)
def test_python_reads_back_exactly_the_message(message: str, afterwards: str) -> None:
    assert docstring_of(message, afterwards) == message + afterwards


def test_python_reads_back_any_mixture_of_what_is_dangerous() -> None:
    choose = random.Random(20240229)
    for _ in range(3000):
        message = "".join(choose.choices(DANGEROUS, k=choose.randint(0, 9)))
        for afterwards in AFTERWARDS:
            assert docstring_of(message, afterwards) == message + afterwards, ascii(message)


@pytest.mark.parametrize("message", ORDINARY)
def test_an_ordinary_message_stays_as_it_is(message: str) -> None:
    assert docstring_safe(message) == message


def test_only_what_must_be_escaped_is() -> None:
    assert docstring_safe('a "b" and ""c"" or """d"""!') == 'a "b" and ""c"" or ""\\"d""\\"!'
    assert docstring_safe("tab\tand bell\a and \r") == "tab\tand bell\\x07 and \\r"


def test_a_running_module_has_the_message_as_its_doc() -> None:
    names: dict[str, object] = {}
    exec(f'"""{docstring_safe(chr(34) * 3 + " 中 " + chr(92))}\n"""', names)
    assert names["__doc__"] == '""" 中 \\\n'


@pytest.mark.parametrize("message", ["bad \udcff byte", "\ud83c half an emoji"])
def test_a_message_that_is_not_text_is_a_usage_error_that_says_where(message: str) -> None:
    with pytest.raises(UsageError, match=r"Character \d of the message cannot be written as UTF-8") as caught:
        docstring_safe(message)
    assert caught.value.hint
