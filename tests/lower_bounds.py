"""Prints the lowest versions that a pyproject.toml declares, as constraints for pip."""

import re
import sys
import tomllib
from pathlib import Path


def constraints(pyproject: Path) -> list[str]:
    """Give `name==version` for each requirement `name[extra]>=version` of the package and its extras.

    Tools for work on it (`test`, `dev` and `docs`) are not what users install, and stay at their newest.
    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    users = [extras[name] for name in extras if name not in ("test", "dev", "docs")]
    groups = [project["dependencies"], *users]
    found = [re.fullmatch(r"([\w.-]+)(?:\[[^\]]*\])?>=([\w.]+)", each) for group in groups for each in group]
    return sorted({f"{match[1]}=={match[2]}" for match in found if match})


if __name__ == "__main__":
    sys.stdout.write("\n".join(constraints(Path(sys.argv[1]))) + "\n")
