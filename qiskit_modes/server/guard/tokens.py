"""API keys, and the access tokens that they are exchanged for: the ways to use the server."""

from __future__ import annotations

import hmac
import secrets
import time
from typing import Any

import jwt

from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["Tokens"]

_LIFETIME_SECONDS = 3600
"""That of IBM Cloud's access tokens; the client fetches a new one before it is over."""

_ALGORITHM = "HS256"


class Tokens:
    """Gives access tokens for the API key of a server, and checks them.

    Args:
        key: The API key; None if everybody may use the server.
        secret: What access tokens are signed with; None for a new one, so that they end with the
            server. The key is part of it: another key ends them too.
    """

    def __init__(self, key: str | None, secret: bytes | None = None) -> None:
        self._key = key
        secret = secrets.token_bytes(32) if secret is None else secret
        self._secret = hmac.digest(secret, (key or "").encode(), "sha256")

    def exchange(self, key: str) -> dict[str, Any]:
        """Return an access token for an API key, as IBM Cloud's sign-in does.

        Raises:
            ApiError: 400 if the key is not that of the server.
        """
        if not self._is_ours(key):
            raise ApiError(400, Code.INVALID, "Provided API key could not be found.")
        now = int(time.time())
        claims = {"iss": "qiskit_modes", "iat": now, "exp": now + _LIFETIME_SECONDS}
        return {
            "access_token": jwt.encode(claims, self._secret, algorithm=_ALGORITHM),
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": _LIFETIME_SECONDS,
            "expiration": now + _LIFETIME_SECONDS,
        }

    def check(self, authorization: str | None) -> None:
        """Check the header of a request.

        Args:
            authorization: ``"Bearer ..."`` with an access token, or ``"apikey ..."`` with the key.

        Raises:
            ApiError: 401 if it is neither, and the server has a key.
        """
        if self._key is None:
            return
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() == "apikey" and self._is_ours(given):
            return
        if scheme.lower() == "bearer":
            try:
                jwt.decode(given, self._secret, algorithms=[_ALGORITHM])
            except jwt.InvalidTokenError:
                pass
            else:
                return
        raise ApiError(
            401,
            Code.REFUSED,
            "This server wants a token: set QISKIT_IBM_TOKEN to the one that it was started with",
        )

    def _is_ours(self, key: str) -> bool:
        return self._key is None or hmac.compare_digest(key.encode(), self._key.encode())
