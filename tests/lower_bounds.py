"""Prints the lowest versions that a pyproject.toml declares, as constraints for pip."""

import re
import sys
import tomllib
from pathlib import Path


def constraints(pyproject: Path) -> list[str]:
    """Give `name==version` for each requirement of the form `name[extra]>=version`."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    found = [re.fullmatch(r"([\w.-]+)(?:\[[^\]]*\])?>=([\w.]+)", each) for group in groups for each in group]
    return sorted({f"{match[1]}=={match[2]}" for match in found if match})


if __name__ == "__main__":
    sys.stdout.write("\n".join(constraints(Path(sys.argv[1]))) + "\n")
