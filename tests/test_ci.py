"""What `.ci/run` and `pytest` do on a fresh machine, staged with commands that only take notes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.engine import MAX_SHRINKING_SECONDS

ROOT = Path(__file__).parent.parent

NOTING = """#!/bin/sh
for word in "$@"; do words="$words|$word"; done
echo "$(basename "$(dirname "$(dirname "$0")")") $(basename "$0")$words" >> "$NOTES"
exit ${ENDS_WITH:-0}
"""
"""A command of an environment: notes the environment's name, its own and what it was given."""

PYTHON3 = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 1
mkdir -p "$3/bin"
echo "PATH=$3/bin:$PATH" > "$3/bin/activate"
for name in pip pytest qiskit-modes; do cp "$NOTING" "$3/bin/$name"; done
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout of which only the way into it is real."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "scripts").mkdir()
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    shutil.copy(ROOT / "README.md", tmp_path)
    for name, text in {
        "noting": NOTING,
        "bin/python3": PYTHON3,
        "scripts/check": 'echo "checked $*" >> "$NOTES"',
    }.items():
        (tmp_path / name).write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def ci(checkout, **environment):
    """Run `.ci/run` there; returns its exit code and what its commands noted."""
    notes = checkout / "notes"
    done = subprocess.run(
        [checkout / ".ci" / "run"],
        env={
            "PATH": f"{checkout / 'bin'}:/usr/bin:/bin",
            "NOTES": str(notes),
            "NOTING": str(checkout / "noting"),
            **environment,
        },
        capture_output=True,
        text=True,
    )
    return done, notes.read_text().splitlines() if notes.exists() else []


def test_ci_types_the_commands_of_the_readme_to_the_letter(checkout):
    done, notes = ci(checkout)
    assert done.returncode == 0, done.stderr
    assert notes[1] == "checked --full --without-tests"
    assert notes[2:] == [
        "readme pip|install|-e|.",
        "readme qiskit-modes|demo",
        "readme pip|install|-e|.[test]",
        "readme pytest",
    ], "in an environment of their own, and the tests last"


def test_ci_follows_the_readme(checkout):
    readme = checkout / "README.md"
    changed = readme.read_text().replace('".[test]" && pytest\n', '".[other]" && pytest "a b" -x\n')
    assert changed != readme.read_text()
    readme.write_text(changed)
    _, notes = ci(checkout)
    assert notes[-2:] == ["readme pip|install|-e|.[other]", "readme pytest|a b|-x"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("## Two commands\n", "## Commands\n"), ('pip install -e ".[test]" && pytest\n', "")],
)
def test_ci_fails_where_the_readme_does_not_show_two_commands(checkout, old, new):
    readme = checkout / "README.md"
    readme.write_text(readme.read_text().replace(old, new))
    done, notes = ci(checkout)
    assert done.returncode == 1
    assert "not two commands" in done.stderr
    assert not any(note.startswith("readme") for note in notes)


def test_ci_ends_as_the_command_ended_that_failed(checkout):
    noting = checkout / "noting"
    noting.write_text(NOTING.replace("exit", '[ "$(basename "$0")" = pytest ] || exit 0\nexit'))
    done, notes = ci(checkout, ENDS_WITH="2")
    assert done.returncode == 2
    assert notes[-1] == "readme pytest"


@pytest.fixture
def suite(tmp_path):
    """A checkout with this suite's settings, a test, and programs that tell that they ran."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("tests/server/scripts", "tests/somewhere/else", "tests", "qiskit_modes"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    programs = ["tests/server/scripts/accounts.py", "tests/somewhere/else/any.py", "tests/it.py"]
    for program in programs:
        (tmp_path / program).write_text("import sys\nprint('RAN', file=sys.stderr)\nsys.argv[1]\n")
    (tmp_path / "tests" / "test_it.py").write_text("def test_it():\n    pass\n")
    (tmp_path / "qiskit_modes" / "it.py").write_text('"""Add.\n\n>>> 1 + 1\n2\n"""\n')
    return tmp_path


FEW_PLUGINS = "-p no:cacheprovider -p no:qiskit_modes -p no:nbmake -p no:schemathesis"
"""What plugins import takes a second, in each process."""


def test_programs_below_tests_are_never_imported_by_collection(suite):
    """`pytest` is typed with nothing behind it, in an environment without nbmake."""
    script = shutil.which("pytest")
    assert script
    done = subprocess.run(
        ["pytest"],
        executable=script,
        cwd=suite,
        env={**os.environ, "PYTEST_ADDOPTS": FEW_PLUGINS},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "RAN" not in done.stdout + done.stderr
    assert "2 passed" in done.stdout, "the test, and the doctest of the package"


@pytest.mark.parametrize(
    ("named", "divided"),
    [
        ([], True),
        (["tests"], False),
        pytest.param(["-s"], False, marks=pytest.mark.slow),
        pytest.param(["-n0"], False, marks=pytest.mark.slow),
    ],
)
def test_only_the_whole_suite_is_divided_among_processes(tmp_path, named, divided):
    """A single test starts no process, and can be run where pytest-xdist is not installed."""
    done = run_suite(
        tmp_path,
        "import os\n"
        "def test_where():\n"
        f"    assert ('PYTEST_XDIST_WORKER' in os.environ) is {divided}\n",
        *named,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_test_that_ends_its_process_ends_the_whole_suite_too(tmp_path):
    """It fails by its name, and the suite does not wait for ever."""
    died = "import os\ndef test_before(): pass\ndef test_dies(): os._exit(1)\n"
    done = run_suite(tmp_path, died)
    assert done.returncode == 1, done.stdout
    assert "crashed while running 'tests/test_one.py::test_dies'" in done.stdout


def run_suite(folder, tests, *arguments):
    """Run pytest on a suite of one file of tests, with this one's settings."""
    (folder / "tests").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
    (folder / "tests" / "test_one.py").write_text(tests)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=folder,
        env={
            **{key: value for key, value in os.environ.items() if "PYTEST" not in key},
            "PYTEST_ADDOPTS": FEW_PLUGINS,
        },
        capture_output=True,
        text=True,
    )


@given(st.none())
def test_a_search_that_finds_something_has_the_time_to_tell_of_it(request, nothing):
    assert nothing is None
    told = request.config.getoption("timeout")
    seconds = told or request.node.get_closest_marker("timeout").args[0]
    assert seconds >= 120 + MAX_SHRINKING_SECONDS
    assert Phase.explain not in settings().phases
