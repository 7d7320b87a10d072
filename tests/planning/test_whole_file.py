"""Files are replaced by whole ones or not at all, whatever they are and wherever it ends."""

import os
import resource
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes import SamplerV2, record
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning.recording.whole_file import check_can_be_written, whole_file
from qiskit_modes.testing import Scenario


@contextmanager
def full_disk():
    """No file becomes larger than this; not for longer than needed, since pytest's own may grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write(path, text):
    with whole_file(path) as file:
        file.write_text(text)


def test_a_file_is_made_and_replaced(tmp_path):
    path = tmp_path / "run.json"
    for text in ("first", "second"):
        write(path, text)
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_on_a_full_disk_the_old_file_stays_and_the_error_names_it(tmp_path):
    path = tmp_path / "run.json"
    write(path, "old")
    with pytest.raises(OSError, match=r"run\.json"), full_disk():
        write(path, "new" * 1000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_in_between_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.json"
    write(path, "old")

    def fail():
        with whole_file(path) as file:
            file.write_text("ne")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_who_may_read_it_stays_so(tmp_path):
    path = tmp_path / "run.json"
    mask = os.umask(0o027)
    try:
        write(path, "new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        write(path, "newer")
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(mask)


def test_a_link_goes_on_leading_where_it_leads(tmp_path):
    path, link = tmp_path / "run.json", tmp_path / "latest.json"
    link.symlink_to(path)
    write(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="there is no such thing here")
def test_what_is_no_file_is_written_to():
    code = (
        "from qiskit_modes.planning.recording.whole_file import whole_file\n"
        "with whole_file('/dev/stdout') as file: file.write_text('all of it')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "all of it"


def test_what_cannot_be_is_said_before(tmp_path):
    with pytest.raises(InvalidInputError, match="is a directory"):
        check_can_be_written(tmp_path)
    with pytest.raises(InvalidInputError, match="no directory for"):
        check_can_be_written(tmp_path / "nowhere" / "run.json")
    check_can_be_written(tmp_path / "run.json")


def test_a_recording_on_a_full_disk_leaves_the_one_before(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("the one before")
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with Scenario(), pytest.raises(OSError, match=r"run\.json"), full_disk(), record(path):
        SamplerV2(AerSimulator()).run([circuit]).result()
    assert path.read_text() == "the one before"
