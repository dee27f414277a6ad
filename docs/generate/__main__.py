"""`make docs`: write the generated parts of the documentation anew, and say which files changed.

Arguments choose parts: `reference`, `pictures`, or a page whose commands are run, such as `tutorial`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from docs.generate.console import variables
from docs.generate.paths import ROOT
from docs.generate.pictures import pictures
from docs.generate.reference import reference_pages
from docs.generate.sessions import SESSIONS, played

PARTS: Mapping[str, Callable[[], dict[Path, str]]] = {
    "reference": reference_pages,
    "pictures": pictures,
    **{session.page.stem: partial(played, session) for session in SESSIONS},
}


def main(chosen: Sequence[str]) -> int:
    """Write every text of the chosen parts, or of all, that its file does not have; gives the exit code."""
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        sys.stderr.write(f"no part is called {unknown[0]}; there are: {', '.join(PARTS)}\n")
        return 2
    # What leads to databases of whoever runs this must not reach a page.
    for name in set(os.environ) - set(variables()):
        del os.environ[name]
    for part in chosen or PARTS:
        for path, text in PARTS[part]().items():
            _write(path, text)
    return 0


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
