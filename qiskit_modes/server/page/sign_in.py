"""Signing in to the page: a cookie instead of the header that programs send."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from fastapi import Response
from fastapi.responses import RedirectResponse

from qiskit_modes.server.app_state import AppState

__all__ = ["authorization_of", "forget", "is_page", "remember"]

_COOKIE = "qiskit_modes"
_FOLDER = "/ui"


def is_page(path: str) -> bool:
    """Return whether a path is one of the page."""
    return path == _FOLDER or path.startswith(_FOLDER + "/")


def authorization_of(path: str, authorization: str | None, cookie: str | None) -> str | None:
    """Return what a request has to show for itself; a cookie counts for the page alone.

    Args:
        path: What it asks for.
        authorization: Its header ``Authorization``.
        cookie: Its header ``Cookie``.
    """
    if authorization is not None or cookie is None or not is_page(path):
        return authorization
    try:
        found = SimpleCookie(cookie).get(_COOKIE)
    except CookieError:
        return None
    return None if found is None else f"Bearer {found.value}"


def remember(app_state: AppState, key: str, *, secure: bool) -> Response:
    """Sign somebody in, and lead to the page.

    Args:
        app_state: Whose tokens.
        key: The API key.
        secure: Whether the cookie is sent with TLS only.

    Raises:
        ApiError: If the key opens nothing; status 400.
    """
    given = app_state.tokens.exchange(key)
    response = RedirectResponse(_FOLDER, 303)
    response.set_cookie(
        _COOKIE,
        given["access_token"],
        max_age=given["expires_in"],
        path=_FOLDER,
        httponly=True,
        samesite="strict",
        secure=secure,
    )
    return response


def forget() -> Response:
    """Sign somebody out."""
    response = RedirectResponse(f"{_FOLDER}/signin", 303)
    response.delete_cookie(_COOKIE, path=_FOLDER)
    return response
