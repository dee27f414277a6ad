"""Reads a template: a folder of files that `init` writes, those that end in `.mako` filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from migrator.config.configfile import readable
from migrator.errors import ConfigurationError, UsageError
from migrator.faults import is_own_fault, own_fault
from migrator.results.written import TemplateInfo, TemplateList

# Written once for each environment, under the name of its file.
_ENVIRONMENT = "configs/environment.ini.mako"
# Its first line says what the template is for; it is not written.
_ABOUT = "about.txt"
# A version folder's template is Alembic's to fill in.
_ALEMBICS = "script.py.mako"
_IGNORED = "dot-gitignore"


@dataclass(frozen=True)
class Template:
    """A template: its files by their paths in the project, the ini's, and lines for .gitignore."""

    folder: Path
    environment: str
    filled: Mapping[str, str]
    copied: Mapping[str, bytes]
    ignored: tuple[str, ...]

    def environment_file(self, values: Mapping[str, Any]) -> bytes:
        """Give the ini file of an environment. Raises ConfigurationError."""
        return self._fill(_ENVIRONMENT, self.environment, values)

    def files(self, values: Mapping[str, Any]) -> dict[str, bytes]:
        """Give all other files by their paths in the project. Raises ConfigurationError."""
        made = {path: self._fill(path, text, values) for path, text in self.filled.items()}
        return dict(sorted({**self.copied, **made}.items()))

    def _fill(self, path: str, text: str, values: Mapping[str, Any]) -> bytes:
        try:
            return filled_in(text, values)
        # A template is somebody's own Python, which may raise anything.
        except Exception as exc:
            if is_own_fault(exc):
                raise own_fault(exc) from exc
            raise ConfigurationError(
                f"{path} of the template {self.folder} cannot be filled in: {' '.join(str(exc).split())}",
                hint="It is a Mako template; what it may use is listed in docs/how-to/templates.md.",
            ) from exc


def filled_in(text: str, values: Mapping[str, Any]) -> bytes:
    """Fill in a Mako template. Raises what Mako and the template's own Python raise."""
    from mako.template import Template as MakoTemplate

    return str(MakoTemplate(text, strict_undefined=True).render(**values)).encode()


def list_templates() -> TemplateList:
    """List the templates that come with migrator."""
    return TemplateList(tuple(TemplateInfo(each.name, _about(each)) for each in _own()))


def read_template(said: str, cwd: Path) -> Template:
    """Read the template of a name, or a folder as seen from `cwd`.

    Raises UsageError where there is none, ConfigurationError where it cannot be read or has no ini.
    """
    named = {each.name: each for each in _own()}
    folder = named.get(said) or (cwd / said)
    if not folder.is_dir():
        raise UsageError(
            f"There is no template {said}: no folder {folder}, and none of that name comes with migrator.",
            hint="See: migrator init --list-templates",
        )
    with readable(f"The template {folder}"):
        found = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not _is_leftover(path.relative_to(folder))
        }
    if _ENVIRONMENT not in found:
        raise ConfigurationError(
            f"The template {folder} has no {_ENVIRONMENT}.",
            hint=f"Begin with a copy of {named['default']}",
        )
    return _template(folder, found)


def _template(folder: Path, found: Mapping[str, bytes]) -> Template:
    filled: dict[str, str] = {}
    copied: dict[str, bytes] = {}
    for name, content in found.items():
        if name in (_ENVIRONMENT, _ABOUT, _IGNORED):
            continue
        if name.endswith(".mako") and Path(name).name != _ALEMBICS:
            filled[_target(name.removesuffix(".mako"))] = _text(content, folder / name)
        else:
            copied[_target(name)] = content
    ignored = _text(found.get(_IGNORED, b""), folder / _IGNORED).splitlines()
    return Template(
        folder,
        environment=_text(found[_ENVIRONMENT], folder / _ENVIRONMENT),
        filled=filled,
        copied=copied,
        ignored=tuple(line for line in ignored if line.strip()),
    )


def _own() -> list[Path]:
    folder = Path(str(files("migrator") / "templates"))
    return sorted(each for each in folder.iterdir() if (each / _ENVIRONMENT).is_file())


def _about(folder: Path) -> str:
    about = folder / _ABOUT
    return about.read_text(encoding="utf-8").strip().partition("\n")[0] if about.is_file() else ""


def _is_leftover(path: Path) -> bool:
    return "__pycache__" in path.parts or any(part.startswith(".") for part in path.parts)


def _target(name: str) -> str:
    """Give `.env.example` for `dot-env.example`: a file that begins with a dot is lost too easily."""
    *folders, last = name.split("/")
    return "/".join((*folders, last.replace("dot-", ".", 1) if last.startswith("dot-") else last))


def _text(content: bytes, path: Path) -> str:
    with readable(str(path)):
        return content.decode()
