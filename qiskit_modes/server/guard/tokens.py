"""API keys, the access tokens that they are exchanged for, and what each of them opens.

What clients call their token is an API key: they exchange it at the door for an access token that
is good for an hour. Keys are the server's own, which opens everything; those of instances that it
was started with; and those in the store, which are made, listed and revoked while it runs. Of one
in the store is asked at every request, so that one that was revoked or has expired opens nothing
any more: not on connections that are open, nor with access tokens that were given for it before.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import jwt

from qiskit_modes.store.tokens import PREFIX, TokenRow, digest, id_of
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code, as_api_errors

__all__ = ["EVERYTHING", "Grant", "KeptTokens", "Tokens"]

_LIFETIME_SECONDS = 3600
"""That of IBM Cloud's access tokens; the client fetches a new one before it is over."""

_ALGORITHM = "HS256"

_SUBJECT = "sub"
"""Whose access token it is: the id of a token in the store, or an instance that has its own."""

_OF_INSTANCE = "instance:"
"""With what the subject begins in the latter case; no id of a token does."""

_FIRST_TOKEN_SECONDS = 1.0
"""How often a server that anybody may use looks whether there is a token in its store by now."""

_NOTED_EVERY_SECONDS = 60.0
"""How exactly it is known when a token was last used."""


@dataclass(frozen=True)
class Grant:
    """Instances that a request may use, and the token that says so."""

    instances: tuple[str, ...] | None
    """Ids of the instances; None for all, and for what the operator sees."""
    token: str | None = None
    """What may be shown of the token; None for the server's own, and where none is wanted."""


EVERYTHING = Grant(None)


class KeptTokens(Protocol):
    """The tokens in a store; see `qiskit_modes.store.tokens.StoredTokens`."""

    def exist(self) -> bool:
        """Return whether there ever was one."""

    def find(self, token_id: str) -> TokenRow | None:
        """Return a token as it is now."""


class Tokens:
    """Gives access tokens for API keys, and checks them. May be used from any thread.

    Args:
        key: The server's own API key; None for none.
        secret: What access tokens are signed with; None for a new one, so that they end with the
            server. The server's key is part of it for those that it was exchanged for: another key
            ends them too.
        of_instances: Keys of instances, by their ids.
        kept: Those in the store; None without one.
        note_use: Called with the id of one in the store that is used, once a minute.
    """

    def __init__(
        self,
        key: str | None,
        secret: bytes | None = None,
        *,
        of_instances: Mapping[str, str] | None = None,
        kept: KeptTokens | None = None,
        note_use: Callable[[str], None] = lambda _: None,
    ) -> None:
        secret = secrets.token_bytes(32) if secret is None else secret
        self._key = None if key is None else digest(key)
        self._secret = hmac.digest(secret, (key or "").encode(), "sha256")
        self._shared_secret = hmac.digest(secret, b"\0tokens of instances", "sha256")
        self._of_instances = {name: digest(each) for name, each in (of_instances or {}).items()}
        self._kept = kept
        self._note_use = note_use
        self._noted: dict[str, float] = {}
        """When the use of tokens was noted last."""
        self._looked = -_FIRST_TOKEN_SECONDS
        self._wanted = key is not None or bool(self._of_instances)

    @property
    def wanted(self) -> bool:
        """Tell whether somebody without a token is refused; may wait for the store.

        That is so from the first token on that there ever was, also when all were revoked.
        """
        now = time.monotonic()
        looks = not self._wanted and now - self._looked >= _FIRST_TOKEN_SECONDS
        if looks and self._kept is not None:
            with as_api_errors():
                self._wanted = self._kept.exist()
            self._looked = now
        return self._wanted

    def _is_open_for_now(self) -> bool:
        """Tell whether nobody needs a token, as it was a moment ago; does not ask the store."""
        if self._wanted:
            return False
        return self._kept is None or time.monotonic() - self._looked < _FIRST_TOKEN_SECONDS

    def exchange(self, key: str) -> dict[str, Any]:
        """Return an access token for an API key, as IBM Cloud's sign-in does; may wait.

        Raises:
            ApiError: 400 if the key opens nothing.
        """
        now = int(time.time())
        ends, subject, secret = now + _LIFETIME_SECONDS, None, self._secret
        if self.wanted and not self._is_servers(key):
            secret = self._shared_secret
            subject = self._instance_of(key)
            if subject is None:
                row = self._kept_of(key)
                if row is None:
                    raise ApiError(400, Code.INVALID, "Provided API key could not be found.")
                self._check_life(row, status=400)
                subject = row.id
                if row.expires_at is not None:
                    ends = min(ends, row.expires_at // 1_000_000 + 1)
        claims = {"iss": "qiskit_modes", "iat": now, "exp": ends}
        if subject is not None:
            claims[_SUBJECT] = subject
        return {
            "access_token": jwt.encode(claims, secret, algorithm=_ALGORITHM),
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": ends - now,
            "expiration": ends,
        }

    def check(self, authorization: str | None) -> Grant:
        """Return what the header of a request opens; may wait for the store.

        Args:
            authorization: ``"Bearer ..."`` with an access token, or ``"apikey ..."`` with the key.

        Raises:
            ApiError: 401 if it opens nothing, and the server wants a token.
        """
        grant = self.check_nowait(authorization)
        if grant is not None:
            return grant
        scheme, given = _parts(authorization)
        if scheme == "apikey":
            grant = self._of_key(given)
        elif scheme == "bearer":
            grant = self._of_bearer(given)
        if grant is not None:
            return grant
        if not self.wanted:
            return EVERYTHING
        raise ApiError(
            401,
            Code.REFUSED,
            "This server wants a token: set QISKIT_IBM_TOKEN to one that who looks after it has "
            "given you",
        )

    def check_nowait(self, authorization: str | None) -> Grant | None:
        """Return what the header of a request opens if that is known without the store.

        None if it is not, which does not mean that it opens nothing.
        """
        if self._key is None:
            return EVERYTHING if self._is_open_for_now() else None
        scheme, given = _parts(authorization)
        if scheme == "apikey" and self._is_servers(given):
            return EVERYTHING
        if scheme == "bearer" and self._claims(given, self._secret) is not None:
            return EVERYTHING
        return None

    def holder_of(self, authorization: str | None) -> str:
        """Return whose request this would be if its token is good, without asking the store.

        Empty for all that cannot be good; what else is returned need not be.
        """
        scheme, given = _parts(authorization)
        if scheme == "apikey":
            return self._instance_of(given) or id_of(given) or ""
        claims = self._claims(given, self._shared_secret) if scheme == "bearer" else None
        return "" if claims is None else str(claims.get(_SUBJECT))

    @property
    def asks_store(self) -> bool:
        """Tell whether `check` may wait for a store."""
        return self._kept is not None

    # -- keys ----------------------------------------------------------------------------------

    def _of_key(self, key: str) -> Grant | None:
        subject = self._instance_of(key)
        if subject is not None:
            return self._of_subject(subject)
        row = self._kept_of(key)
        return None if row is None else self._of_row(row)

    def _is_servers(self, key: str) -> bool:
        return self._key is not None and hmac.compare_digest(digest(key), self._key)

    def _instance_of(self, key: str) -> str | None:
        given, found = digest(key), None
        for name, known in self._of_instances.items():  # all of them, whichever it is
            if hmac.compare_digest(given, known):
                found = _OF_INSTANCE + name
        return found

    def _kept_of(self, key: str) -> TokenRow | None:
        token_id = id_of(key)
        row = self._row(token_id)
        return row if row is not None and row.matches(key) else None

    def _row(self, token_id: str | None) -> TokenRow | None:
        if self._kept is None or token_id is None:
            return None
        with as_api_errors():
            return self._kept.find(token_id)

    # -- access tokens -------------------------------------------------------------------------

    def _of_bearer(self, bearer: str) -> Grant | None:
        # Those that were given while nobody needed a token open nothing now.
        claims = self._claims(bearer, self._shared_secret)
        return None if claims is None else self._of_subject(str(claims.get(_SUBJECT)))

    def _of_subject(self, subject: str) -> Grant | None:
        if subject.startswith(_OF_INSTANCE):
            name = subject.removeprefix(_OF_INSTANCE)
            return Grant((name,), subject) if name in self._of_instances else None
        row = self._row(subject)
        return None if row is None else self._of_row(row)

    @staticmethod
    def _claims(bearer: str, secret: bytes) -> dict[str, Any] | None:
        try:
            claims: dict[str, Any] = jwt.decode(bearer, secret, algorithms=[_ALGORITHM])
        except jwt.InvalidTokenError:
            return None
        return claims

    # -- tokens in the store -------------------------------------------------------------------

    def _of_row(self, row: TokenRow) -> Grant:
        self._check_life(row, status=401)
        now = time.monotonic()
        if now - self._noted.get(row.id, -_NOTED_EVERY_SECONDS) >= _NOTED_EVERY_SECONDS:
            self._noted[row.id] = now
            self._note_use(row.id)
        return Grant(row.instances, row.prefix)

    @staticmethod
    def _check_life(row: TokenRow, *, status: int) -> None:
        for what, at in (("was revoked", row.revoked_at), ("has expired", row.expires_at)):
            if at is not None and at <= time.time_ns() // 1000:
                when = datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
                raise ApiError(
                    status,
                    Code.REFUSED,
                    f"The token {PREFIX}{row.id} {what} at {when}; who looks after this server "
                    "makes new ones",
                )


def _parts(authorization: str | None) -> tuple[str, str]:
    scheme, _, given = (authorization or "").partition(" ")
    return scheme.lower(), given
