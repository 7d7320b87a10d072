import io
import os
import sys

import pytest
from rich.console import Console

from qiskit_modes.runtime.progress.outlook import End, Outlook, clock_face
from qiskit_modes.runtime.progress.terminal_line import TerminalLine
from tests.runtime.fake_terminal import FakeTerminal

BATCH = Outlook("batch 1f on x", 3, 12, "this job, 2 s", End(61.0, "its limit"))
DRAWN = (
    "batch 1f on x ━━━━──────────── 3/12 jobs done · QPU: this job, 2 s · its limit in 1:01 · 0:05"
)


@pytest.fixture
def terminal():
    return FakeTerminal()


@pytest.fixture
def line_on(monkeypatch):
    """Makes a line on a terminal that stdout and stderr go to from then on."""

    def make(terminal, **options):
        # Here and not in a fixture: pytest puts its own streams back when the test begins.
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(sys, "stderr", terminal)
        return TerminalLine(terminal, Console(file=terminal, **{"width": 120, **options}))

    return make


def test_it_comes_and_goes_below_a_line_that_is_not_finished(terminal, line_on):
    line = line_on(terminal)
    print("running ...", end="")
    line.draw(BATCH, 5.0)
    assert terminal.screen == ["running ...", DRAWN, "", ""]
    line.draw(BATCH, 6.0)
    assert terminal.screen[1].endswith("0:06")
    line.erase()
    assert terminal.screen == ["running ...", "", "", ""]
    print(" done")
    assert terminal.screen[0] == "running ... done"


def test_it_scrolls_in_the_last_row(terminal, line_on):
    line = line_on(terminal)
    print("1\n2\n3\n4", end="")
    line.draw(BATCH, 5.0)
    assert terminal.screen == ["2", "3", "4", DRAWN]
    line.erase()
    print("!")
    assert terminal.screen == ["2", "3", "4!", ""]


def test_what_is_printed_meanwhile_stands_above_it(terminal, line_on):
    line = line_on(terminal)
    line.draw(BATCH, 5.0)
    print("energy", -1.1)
    print("half a line", end="", file=sys.stderr)
    assert terminal.screen == ["energy -1.1", "half a line", DRAWN, ""]
    sys.stdout.writelines([", and the other half\n", "more\n"])
    assert terminal.screen == ["half a line, and the other half", "more", "", DRAWN]
    line.erase()
    assert terminal.screen[3] == ""


def test_streams_are_what_they_were_when_it_is_gone(terminal, line_on):
    line = line_on(terminal)
    line.draw(BATCH, 5.0)
    assert sys.stdout is not terminal
    assert sys.stdout.encoding == "utf-8"
    assert sys.stdout.isatty()
    line.erase()
    line.erase()
    assert sys.stdout is terminal
    assert sys.stderr is terminal


def test_what_others_put_around_a_stream_meanwhile_stays(terminal, line_on, monkeypatch):
    line = line_on(terminal)
    line.draw(BATCH, 5.0)
    guard, theirs = sys.stdout, io.StringIO()
    monkeypatch.setattr(sys, "stdout", theirs)
    line.erase()
    assert sys.stdout is theirs
    guard.write("still the way to the terminal")
    assert terminal.screen[0] == "still the way to the terminal"


def test_a_file_is_not_guarded(terminal, line_on, monkeypatch):
    line, file = line_on(terminal), io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    line.draw(BATCH, 5.0)
    assert sys.stdout is file
    line.erase()


def test_a_child_process_prints_as_if_there_were_no_line(terminal, line_on, monkeypatch):
    line = line_on(terminal)
    line.draw(BATCH, 5.0)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    sent = terminal.sent
    sys.stdout.write("from the child")
    assert terminal.sent == sent + "from the child"
    line.erase()


def test_a_narrow_terminal_gets_one_row(terminal, line_on):
    line_on(terminal, width=30).draw(BATCH, 5.0)
    assert terminal.screen[1] == DRAWN[:28] + "…"
    assert terminal.screen[2] == ""


def test_plain_characters_where_others_cannot_be_shown(terminal, line_on):
    terminal.encoding = "ascii"
    line_on(terminal).draw(BATCH, 5.0)
    assert terminal.screen[1].isascii()
    assert "####............ 3/12 jobs done | QPU" in terminal.screen[1]


def test_jobs_that_come_one_by_one_have_no_bar(terminal, line_on):
    line = line_on(terminal)
    line.draw(Outlook("session 2a on x", 0, None, "free", None), 5.0)
    assert terminal.screen[1] == "session 2a on x · QPU: free · 0:05"
    line.draw(Outlook("session 2a on x", 7, None, "free", None), 3600.0)
    assert terminal.screen[1] == "session 2a on x 7 jobs done · QPU: free · 1:00:00"


def test_only_a_terminal_that_can_move_gets_one(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")  # colours in a file make no terminal of it
    assert TerminalLine.on(None) is None
    assert TerminalLine.on(io.StringIO()) is None
    assert TerminalLine.on(FakeTerminal()) is not None
    monkeypatch.setenv("TERM", "dumb")
    assert TerminalLine.on(FakeTerminal()) is None


def test_a_clock_face_has_no_negative_times():
    assert clock_face(-3.0) == "0:00"
