"""The figure that is returned: one of plotly that also does well as the last line of a cell."""

from __future__ import annotations

import re
from typing import Any

import plotly.graph_objects as go

__all__ = ["TimelineFigure"]


class TimelineFigure(go.Figure):
    """A figure of plotly; only how it shows itself is different.

    On a terminal it is one line, where plotly prints all data, and in a notebook it needs no
    `nbformat`.
    """

    def __repr__(self) -> str:
        words = re.sub(r"<[^>]*>", "", str(self.layout.title.text).replace("<br>", ": "))
        return f"<Figure: {words}; show() opens it, draw(save=FILE) writes it>"

    def show(self, *args: Any, **kwargs: Any) -> Any:
        """Show it, as every figure of plotly; from a terminal in the browser."""
        if not args and _is_on_terminal():
            kwargs.setdefault("renderer", "browser")  # plotly takes all of IPython for a notebook
        return super().show(*args, **kwargs)

    def _ipython_display_(self) -> None:
        if _is_on_terminal():
            print(repr(self))  # noqa: T201 - what IPython asks for
            return
        try:
            super()._ipython_display_()
        except ValueError:  # nbformat is missing, without which plotly shows nothing
            from IPython.display import display

            page = self.to_html(full_html=False, include_plotlyjs=True)
            display({"text/html": page, "text/plain": repr(self)}, raw=True)


def _is_on_terminal() -> bool:
    """Tell whether this is an IPython without a notebook."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is None
