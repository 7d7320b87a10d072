"""Finds, in a command, a Python that would not look at its environment.

Such a Python could not be kept on this machine. Asked by ``qiskit-modes run`` about the command it
is given, and by Python programs under it about what they start; for these only the standard
library is imported.
"""

from __future__ import annotations

import os
import re
import shlex

TYPE_CHECKING = False  # `typing` itself would take a third of the time
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PYTHON = re.compile(r"(?:python|pypy|py)w?[\d.]*[a-z]?(?:-dbg)?(?:\.exe)?", re.IGNORECASE)
_IGNORES_US = frozenset("EIS")
"""Options with which Python does not look at the environment, or for `sitecustomize`."""
_END_OPTIONS = frozenset("cm")
_TAKE_A_VALUE = frozenset("WX")
_LONG_WITH_VALUE = "--check-hash-based-pycs"
_LONGEST_FIRST_LINE = 256


def isolating_option(command: Sequence[str]) -> str | None:
    """Find the first Python in a command that is told not to look at its environment.

    Programs that start others (`env`, `nice`, a shell with its ``-c``) are seen through, and so is
    the first line of a script. What is an argument of a Python's own program is not looked at.

    Args:
        command: The program and its arguments.

    Returns:
        The Python with that option, such as ``python -I``; None if there is none.
    """
    if command:
        command = [*_interpreter(command[0]), *command]
    for index, word in enumerate(command):
        name = os.path.basename(word)
        if _PYTHON.fullmatch(name):
            option = _option(command[index + 1 :])
            return None if option is None else f"{name} {option}"
        if any(sign in word for sign in " \t\n;|&("):
            for part in _commands(word):
                if list(part) != [word] and (found := isolating_option(part)) is not None:
                    return found
    return None


def _option(arguments: Sequence[str]) -> str | None:
    """Return which of a Python's arguments has it ignore its environment."""
    words = iter(arguments)
    for word in words:
        if word == _LONG_WITH_VALUE:
            next(words, None)
        elif word in ("-", "--") or not word.startswith("-"):
            return None
        elif not word.startswith("--"):
            for index, flag in enumerate(word[1:], 1):
                if flag in _IGNORES_US:
                    return word
                if flag in _END_OPTIONS:
                    return None
                if flag in _TAKE_A_VALUE:
                    if index == len(word) - 1:
                        next(words, None)
                    break
    return None


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the commands in a shell's text, roughly: no shell is asked."""
    lexer = shlex.shlex(
        text.replace("`", ";").replace("\n", ";"), posix=True, punctuation_chars=True
    )
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # a quotation that is not closed, which the shell will refuse itself
        words = text.split()
    command: list[str] = []
    for word in words:
        if set(word) <= set("();<>|&"):
            yield command
            command = []
        else:
            command.append(word)
    yield command


def _interpreter(program: str) -> list[str]:
    """Return what a script's first line names, with its option."""
    import shutil

    path = shutil.which(program)
    try:
        with open(path or program, "rb") as file:
            line = file.readline(_LONGEST_FIRST_LINE)
    except (OSError, ValueError):
        return []
    return line[2:].decode(errors="replace").split() if line.startswith(b"#!") else []
