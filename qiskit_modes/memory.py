"""Memory of this machine: all of it, and the part that is free; and how people read sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["free_bytes", "machine_bytes", "size_of"]

_UNLIMITED = 1 << 60
"""Control groups write a number of this size, or a word, where there is no limit."""


def machine_bytes() -> int:
    """Return the memory of the machine, or of the container that this process may not exceed."""
    import psutil

    limits = [limit for limit, _ in _control_groups()]
    return min([int(psutil.virtual_memory().total), *limits])


def free_bytes() -> int:
    """Return how much memory programs may still take without others losing theirs."""
    import psutil

    left = [max(0, limit - used) for limit, used in _control_groups()]
    return min([int(psutil.virtual_memory().available), *left])


def size_of(count: int) -> str:
    """Return a number of bytes with the digits that matter.

    >>> size_of(12), size_of(2_560), size_of(3 * 2**30)
    ('12 B', '2.5 KiB', '3.0 GiB')
    """
    number, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:,.1f} {unit}"


def _control_groups(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> Iterator[tuple[int, int]]:
    """Yield limit and use of the control groups of this process; nothing where there are none."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        version_1 = bool(controllers)
        group = (root / "memory" if version_1 else root) / path.lstrip("/")
        names = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            if version_1
            else ("memory.max", "memory.current", "inactive_file")
        )
        # In a container the path may be the one outside, where only the root can be read.
        for folder in (group, *group.parents):
            found = _limit(folder, *names)
            if found is not None:
                yield found
            if folder == root:
                break


def _limit(folder: Path, limit: str, usage: str, cache: str) -> tuple[int, int] | None:
    """Return limit and use of a control group; what it could give back at once is not used."""
    try:
        most = int((folder / limit).read_text())
        used = int((folder / usage).read_text())
        given_back = [
            int(value)
            for name, value in map(str.split, (folder / "memory.stat").read_text().splitlines())
            if name == cache
        ]
    except (OSError, ValueError):  # not there, or the word for no limit
        return None
    return None if most >= _UNLIMITED else (most, max(0, used - sum(given_back)))
