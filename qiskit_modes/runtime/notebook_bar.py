"""A bar in a notebook, made of HTML alone: nothing needs to be installed for it."""

from __future__ import annotations

import sys
from html import escape
from typing import Any

from qiskit_modes.runtime.outlook import Outlook, clock_face

__all__ = ["NotebookBar", "in_notebook"]


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")  # whoever is in a notebook has imported it
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


class NotebookBar:
    """The bar, below the cell that waits. Draws and erases may come from any thread."""

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, outlook: Outlook, seconds: float) -> None:
        """See `qiskit_modes.runtime.progress.Surface`."""
        self._put(_html(outlook, seconds))

    def erase(self) -> None:
        """See `qiskit_modes.runtime.progress.Surface`."""
        if self._handle is not None:
            self._put("")
            self._handle = None

    def _put(self, html: str) -> None:
        from IPython.display import HTML, display

        if self._handle is None:
            self._handle = display(HTML(html), display_id=True)
        else:
            self._handle.update(HTML(html))


def _html(outlook: Outlook, seconds: float) -> str:
    parts = [f"<b>{escape(outlook.subject)}</b>"]
    if outlook.total is None:
        parts += [f"· {outlook.done} jobs done"] if outlook.done else []
    elif outlook.total > 1:
        bar = f'<progress value="{outlook.done}" max="{outlook.total}"></progress>'
        parts.append(f"{bar} {outlook.done}/{outlook.total} jobs done")
    parts.append(f"· QPU: {escape(outlook.holder)}")
    if outlook.limit is not None:
        parts.append(f"· {escape(outlook.limit.what)} in {clock_face(outlook.limit.seconds)}")
    parts.append(f"· {clock_face(seconds)}")
    return f"<small>{' '.join(parts)}</small>"
