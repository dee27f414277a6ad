"""README.md and docs/ are the manual: what they say of commands, options, keys and exit codes is true."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator.cli.app import COMMANDS
from migrator.config.configfile import read_dotenv
from migrator.config.settings import KEYS, Key, Settings
from migrator.config.url import parse_url
from migrator.database.connecting.engine import _EXTRAS
from migrator.errors import ExitCode
from tests.conftest import ROOT, Ran

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/**/*.md"))}
REFERENCE = PAGES[ROOT / "docs" / "reference" / "commands.md"]
SETTINGS = PAGES[ROOT / "docs" / "reference" / "settings.md"]
FAMILY = {command.name: command.alias_of or command.name for command in COMMANDS}


@pytest.mark.parametrize("name", [command.name for command in COMMANDS if command.alias_of is None])
def test_every_command_is_in_the_readme(name: str) -> None:
    assert re.search(rf"^\| `migrator {name}\b", README, re.MULTILINE)


def test_every_alias_is_in_the_readme() -> None:
    aliases = [command.name for command in COMMANDS if command.alias_of]

    assert [name for name in aliases if not re.search(rf"[Aa]lias: `{name}`", README)] == []


@pytest.mark.parametrize("name", [command.name for command in COMMANDS if command.alias_of is None])
def test_every_option_of_a_command_is_in_its_chapter_of_the_reference(
    name: str, migrator: Callable[..., Ran]
) -> None:
    common = _options(migrator("--help").out)
    chapter = REFERENCE.partition(f"\n### {name}\n")[2].partition("\n##")[0]
    if "(#options-for-tenants)" in chapter:
        chapter += REFERENCE.partition("\n## Options for tenants\n")[2]

    own = [names for names in _options(migrator(name, "--help").out) if names not in common]

    assert [names for names in own if not all(_written(each, chapter) for each in names)] == []


def test_every_common_option_is_in_the_readme_by_each_of_its_names(migrator: Callable[..., Ran]) -> None:
    completion = {"--install-completion", "--show-completion", "--help", "-h", "--version"}
    names = {name for names in _options(migrator("--help").out) for name in names}

    assert len(names) >= 10
    assert [name for name in names - completion if not _written(name, README)] == []


def _options(text: str) -> list[list[str]]:
    """Give the options that help lists, each with all its names."""
    lines = re.findall(r"^  (-.*?)(?:  |$)", text, re.MULTILINE)
    return [re.findall(r"(?<![\w-])--?[a-z][-a-z]*", line) for line in lines]


def _written(option: str, text: str) -> bool:
    return re.search(rf"[` ]{option}(?![-\w])", text) is not None


def test_every_key_of_the_migrator_section_is_in_the_manual_with_its_default() -> None:
    for key in KEYS.values():
        row = re.search(rf"^\| `{key.name}` \| (.*?) \| (.*) \|$", SETTINGS, re.MULTILINE)
        assert row is not None, f"the key {key.name} is not in the manual"
        assert row.groups() == (key.default, key.meaning)


def test_the_manual_names_no_key_that_is_not_there() -> None:
    assert re.findall(r"^\| `([a-z_]+)` \|", SETTINGS, re.MULTILINE) == list(KEYS)


@pytest.mark.parametrize("key", [key for key in KEYS.values() if re.fullmatch(r"`[\w.]+`", key.default)])
def test_the_default_in_the_manual_is_that_of_the_settings(key: Key) -> None:
    read = key.read(key.default.strip("`"))

    assert getattr(Settings(), key.name) in (read, None if key.name == "log_table" else read)


def test_the_exit_codes_in_the_readme_are_those_of_the_command() -> None:
    section = README.partition("## Exit codes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([\d, ]+) \|", section, re.MULTILINE)

    assert [int(code) for row in rows for code in row.split(",")] == sorted(ExitCode)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.stem)
def test_the_commands_in_the_examples_exist_and_take_the_options_given(
    page: Path, migrator: Callable[..., Ran]
) -> None:
    text = page.read_text(encoding="utf-8")
    lines = re.findall(r"\bmigrator ([a-z][-a-z]+)((?: [^`\n|;&]*)?)", text)
    for name, rest in lines:
        if name not in FAMILY:
            continue
        known = migrator(name, "--help").out
        used = re.findall(r"(?<= )--[a-z][-a-z]*", rest.partition(" -- ")[0])
        assert not [option for option in used if not re.search(rf"{option}\b", known)], (
            f"migrator {name}{rest}"
        )


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_what_a_source_distribution_takes_is_there() -> None:
    include = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

    assert [name for name in include if not (ROOT / name).exists()] == []


def test_every_extra_that_a_message_may_name_can_be_installed() -> None:
    assert set(_EXTRAS.values()) <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.slow
def test_long_tests_run_only_where_they_are_asked_for(shell: Callable[..., Ran]) -> None:
    collect = ["python", "-m", "pytest", "tests/soak", "--collect-only", "-p", "no:cacheprovider"]

    assert "test_embedded_soak.py::" not in shell(collect).out
    assert "test_embedded_soak.py::" in shell([*collect, "-m", "soak"]).out


def test_dollar_braces_in_dotenv_are_what_the_manual_says(tmp_path: Path) -> None:
    said = PAGES[ROOT / "docs" / "reference" / "environments.md"].partition("## Passwords")[2]
    assert "`${...}` is replaced" in said
    assert "every character" not in (ROOT / ".env.example").read_text(encoding="utf-8")

    (tmp_path / ".env").write_text(
        "A='it\\'s \\\\ #$ \"x\"'\nB='a${NOT_SET}b'\nC=postgresql://u:a%24{NOT_SET}b@h/d\n"
    )

    values = read_dotenv(tmp_path / ".env")
    assert (values["A"], values["B"]) == ('it\'s \\ #$ "x"', "ab")
    assert parse_url(values["C"], "a test").password == "a${NOT_SET}b"
