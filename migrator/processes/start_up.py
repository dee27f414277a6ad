"""What makes a process that does one thing start sooner."""

from __future__ import annotations

import gc
import sys
from types import ModuleType
from typing import cast


def defer_garbage_collection() -> None:
    """Leave out, until `imports_done`, what takes a tenth of the time and is for nothing."""
    # Nearly all that is made lives as long as the process. Until the imports are done there is no garbage.
    gc.set_threshold(100_000)
    gc.disable()
    # Alembic's templates are Mako's, which would import Pygments to colour pages that nobody sees.
    sys.modules.setdefault("mako.ext.pygmentplugin", cast(ModuleType, None))


def imports_done() -> None:
    """Look for garbage from now on: what is there by now is none."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
