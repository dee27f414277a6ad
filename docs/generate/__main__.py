"""`make docs`: write the generated parts of the documentation anew, and say which files changed."""

from __future__ import annotations

import os
import sys

from docs.generate.console import variables
from docs.generate.paths import ROOT
from docs.generate.pictures import pictures
from docs.generate.reference import reference_pages
from docs.generate.sessions import SESSIONS, played


def main() -> int:
    """Write every generated text that is not what its file says already; gives the exit code."""
    # What leads to databases of whoever runs this must not reach a page.
    for name in set(os.environ) - set(variables()):
        del os.environ[name]
    texts = {**reference_pages(), **pictures()}
    for session in SESSIONS:
        texts |= played(session)
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
