"""A terminal without a window: what it has been sent, as rows of characters."""

import re

_PIECES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x1b[D78M]|\r|\n|[^\x1b\r\n]+")


class FakeTerminal:
    """Understands what one line of progress and ordinary output need, and nothing else."""

    encoding = "utf-8"

    def __init__(self, rows=4):
        self.screen = [""] * rows
        self.row = self.column = 0
        self.sent = ""
        self._saved = (0, 0)

    def isatty(self):
        return True

    def fileno(self):
        raise OSError("no file behind it")

    def flush(self):
        pass

    def write(self, text):
        self.sent += text
        assert "".join(_PIECES.findall(text)) == text, f"not understood: {text!r}"
        for piece in _PIECES.findall(text):
            self._take(piece)
        return len(text)

    def _take(self, piece):
        match piece:
            case "\r":
                self.column = 0
            case "\n":
                self._down()
                self.column = 0
            case "\x1bD":
                self._down()
            case "\x1b7":
                self._saved = (self.row, self.column)
            case "\x1b8":
                self.row, self.column = self._saved
            case "\x1bM":
                assert self.row > 0, "this would scroll backwards"
                self.row -= 1
            case "\x1b[2K":
                self.screen[self.row] = ""
            case _ if piece.startswith("\x1b"):
                assert piece.endswith("m"), f"not understood: {piece!r}"
            case _:
                line = self.screen[self.row].ljust(self.column)
                after = line[self.column + len(piece) :]
                self.screen[self.row] = line[: self.column] + piece + after
                self.column += len(piece)

    def _down(self):
        if self.row == len(self.screen) - 1:
            self.screen = [*self.screen[1:], ""]
        else:
            self.row += 1
