"""Runs migrator's command line as with a release of another package that has renamed a name of its own.

`python -m tests.renamed MODULE,MODULE NAME ARGUMENT ...`: the name is another one wherever those modules have
it, before anything has imported them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType


class _Loader(SourceFileLoader):
    """Executes a module's source with a name renamed, past what is compiled of it."""

    def __init__(self, module: str, path: str, name: str) -> None:
        super().__init__(module, path)
        self._name = name

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source with the name renamed. Raises ValueError where it does not have it."""
        path = self.get_filename(fullname)
        source, count = re.subn(rf"\b{self._name}\b(?!=)", f"{self._name}_renamed", Path(path).read_text())
        if not count:
            raise ValueError(f"{fullname} has no {self._name}")
        return compile(source, path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, modules: Sequence[str], name: str) -> None:
        self._modules = modules
        self._name = name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find those modules in place of Python."""
        if fullname not in self._modules:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin, self._name)
        return spec


if __name__ == "__main__":
    modules, name, *arguments = sys.argv[1:]
    sys.meta_path.insert(0, _Finder(modules.split(","), name))
    from migrator.cli.main import main

    sys.exit(main(arguments))
