"""A bar in a notebook, made of HTML alone: nothing needs to be installed for it."""

from __future__ import annotations

import sys
from html import escape
from typing import Any

from qiskit_modes.runtime.progress.outlook import Outlook, clock_face

__all__ = ["NotebookBar", "notebook_bar"]


def notebook_bar() -> NotebookBar | None:
    """Return the bar of this process, or None if it is not the kernel of a notebook."""
    return _bar if type(_shell()).__name__ == "ZMQInteractiveShell" else None


def _shell() -> Any:
    ipython = sys.modules.get("IPython")  # whoever is in a notebook has imported it
    return None if ipython is None else ipython.get_ipython()


class NotebookBar:
    """The bar, below the cell that waits. Draws and erases may come from any thread.

    A cell has one bar, however often it comes and goes, so that no empty outputs are left behind.
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._cell: Any = None

    def draw(self, outlook: Outlook, seconds: float) -> None:
        """See `qiskit_modes.runtime.progress.progress.Surface`."""
        from IPython.display import HTML, display

        html, cell = HTML(_html(outlook, seconds)), getattr(_shell(), "execution_count", None)
        if self._handle is None or cell != self._cell:
            self._handle, self._cell = display(html, display_id=True), cell
        else:
            self._handle.update(html)

    def erase(self) -> None:
        """See `qiskit_modes.runtime.progress.progress.Surface`."""
        from IPython.display import HTML

        if self._handle is not None:
            self._handle.update(HTML(""))


_bar = NotebookBar()


def _html(outlook: Outlook, seconds: float) -> str:
    parts = [f"<b>{escape(outlook.subject)}</b>"]
    if outlook.total is not None and outlook.total > 1:
        parts.append(f'<progress value="{outlook.done}" max="{outlook.total}"></progress>')
    elif outlook.count:
        parts.append("·")
    if outlook.count:
        parts.append(outlook.count)
    parts.append(f"· QPU: {escape(outlook.holder)}")
    if outlook.pieces:
        parts.append(f"· {escape(outlook.pieces)}")
    if outlook.next_end is not None:
        parts.append(f"· {escape(outlook.next_end.what)} in {clock_face(outlook.next_end.seconds)}")
    parts.append(f"· {clock_face(seconds)}")
    return f"<small>{' '.join(parts)}</small>"
