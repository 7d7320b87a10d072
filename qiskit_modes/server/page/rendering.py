"""Templates, the script and the style, and answers with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from fastapi import Response
from jinja2 import Environment, PackageLoader, StrictUndefined

import qiskit_modes
from qiskit_modes.server.page.words import duration, plural, short

__all__ = ["asset", "page", "part"]

_TYPES = {
    "style.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}
_ASSETS = {
    name: files("qiskit_modes.server.page").joinpath("static", name).read_bytes() for name in _TYPES
}
"""What the page consists of beside its text."""

_HEADERS = {
    # Nothing from elsewhere, nothing within other pages, no script but ours.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _moment(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M:%S")


_templates = Environment(
    loader=PackageLoader("qiskit_modes.server.page"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)
_templates.filters.update(moment=_moment, duration=duration, plural=plural, short=short)
_templates.globals["version"] = qiskit_modes.__version__


def asset(name: str) -> Response | None:
    """Return a part of the page beside its text, or None if there is none of this name."""
    if name not in _ASSETS:
        return None
    return Response(
        _ASSETS[name], media_type=_TYPES[name], headers={**_HEADERS, "Cache-Control": "no-cache"}
    )


def part(template: str, content: Mapping[str, Any]) -> str:
    """Return the part of a page that changes while somebody looks."""
    return _templates.get_template(f"{template}.html").render(content)


def page(
    template: str,
    content: Mapping[str, Any],
    *,
    title: str,
    live: str = "",
    status: int = 200,
    whole: bool = True,
) -> Response:
    """Return a whole page.

    Args:
        template: The name of its part that changes.
        content: What that part shows.
        title: Of the page.
        live: The address from which it is told of changes; empty for none.
        status: Of the answer.
        whole: Whether who looks may see what all instances do.
    """
    text = _templates.get_template("base.html").render(
        content, title=title, live=live, inside=f"{template}.html", here=template, whole=whole
    )
    return Response(text, status, _HEADERS, "text/html; charset=utf-8")
