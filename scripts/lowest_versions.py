"""Print the lowest versions that pyproject.toml allows, as requirements for scripts/test-lowest."""

import re
import sys
import tomllib
from pathlib import Path


def lowest(requirement: str) -> str:
    """Return a requirement that only the lowest version meets, with its bug fixes.

    Example:
        >>> lowest("qiskit>=2.3,<3"), lowest("rich>=13.9.4")
        ('qiskit~=2.3.0', 'rich==13.9.4')
    """
    exactly = r"~=\1.0" if requirement.count(".") == 1 else r"==\1"
    return re.sub(r">=([\d.]+).*", exactly, requirement)


if __name__ == "__main__":
    project = tomllib.loads(Path(sys.argv[1]).read_text())["project"]
    extras = project["optional-dependencies"]
    own = ("store", "postgresql", "server", "distributed")
    for each in [*project["dependencies"], *(each for name in own for each in extras[name])]:
        if not each.startswith(project["name"]):
            print(lowest(each))
