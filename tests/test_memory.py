"""How much memory there is: the machine's, or what a container may use of it."""

import psutil
import pytest

from qiskit_modes import memory

GIB = 1 << 30


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A file system of control groups, and the lines that tell where this process is."""
    control_groups = memory._control_groups

    def tell(line):
        own = tmp_path / "own"
        own.write_text(line + "\n")
        found = list(control_groups(tmp_path / "cgroup", own))
        monkeypatch.setattr(memory, "_control_groups", lambda: iter(found))
        return found

    return tmp_path / "cgroup", tell


def test_the_memory_is_the_machines_where_nothing_limits_it(groups):
    folder, tell = groups
    group(folder / "user", memory__max="max\n", memory__current="5\n", memory__stat="")
    assert tell("0::/user") == []
    assert memory.machine_bytes() == psutil.virtual_memory().total
    assert 0 < memory.free_bytes() <= memory.machine_bytes()


def test_the_smallest_limit_of_the_groups_around_counts(groups):
    folder, tell = groups
    group(folder, memory__max="max", memory__current="9", memory__stat="")
    stat = "anon 7\ninactive_file 1073741824\n"
    group(folder / "a", memory__max=f"{GIB * 2}", memory__current=f"{GIB}", memory__stat=stat)
    group(folder / "a/b", memory__max=f"{GIB}", memory__current=f"{GIB - 5}", memory__stat="")
    assert tell("0::/a/b") == [(GIB, GIB - 5), (2 * GIB, 0)]
    assert memory.machine_bytes() == min(GIB, psutil.virtual_memory().total)
    assert memory.free_bytes() == 5


def test_a_container_that_sees_only_its_own_group(groups):
    folder, tell = groups
    group(folder, memory__max=f"{GIB}", memory__current="0", memory__stat="")
    assert tell("0::/docker/4711") == [(GIB, 0)]


def test_the_first_version_of_control_groups(groups):
    folder, tell = groups
    files = {"memory__usage_in_bytes": "100", "memory__stat": "total_inactive_file 30\n"}
    group(folder / "memory/x", **files, memory__limit_in_bytes=f"{GIB}")
    group(folder / "memory", **files, memory__limit_in_bytes=f"{2**63 - 4096}")
    assert tell("4:cpu,memory:/x") == [(GIB, 70)]
    assert tell("4:cpu:/x") == []


@pytest.mark.parametrize("line", ["0::/x", "4:memory:/x"])
def test_files_that_cannot_be_read_are_no_limit(groups, line):
    folder, tell = groups
    group(folder / "x", memory__max="strange", memory__current="1")
    assert tell(line) == []
