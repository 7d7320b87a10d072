"""Tokens with which clients use a server, kept as hashes: each opens some instances, or all.

A token is ``qm_``, an id of eight letters and digits that may be shown, ``_``, and a secret of 256
random bits. Of the whole its SHA-256 is kept. A slow hash, as passwords need, would buy nothing:
nobody guesses 256 random bits, however fast the guesses are, and every sign-in would be slow.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update

from qiskit_modes.exceptions import InvalidInputError, StoreError
from qiskit_modes.store.heads import now_microseconds
from qiskit_modes.store.schema import tokens
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.writing import Transaction

__all__ = ["PREFIX", "StoredTokens", "TokenRow", "digest", "id_of", "note_use"]

PREFIX = "qm_"
"""With what every token begins, so that people and scanners of secrets recognise one."""

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Of ids: 32, without those that are taken for others."""

_ID_LENGTH = 8
_SECRET_BYTES = 32
_FORM = re.compile(rf"{PREFIX}([{_LETTERS}]{{{_ID_LENGTH}}})_[A-Za-z0-9_-]{{43}}")
_ID_FORM = re.compile(rf"(?:{PREFIX})?([{_LETTERS}]{{{_ID_LENGTH}}})")

_LONGEST_NAME = 200


@dataclass(frozen=True)
class TokenRow:
    """A token as it is kept: never the token itself."""

    id: str
    sha256: str
    name: str
    """What it is for, in somebody's words."""
    instances: tuple[str, ...] | None
    """Instances that it opens, by their ids; None for all of them, and for what their operator
    sees."""
    created_at: int
    """In microseconds since 1970, as the others."""
    expires_at: int | None = None
    revoked_at: int | None = None
    used_at: int | None = None
    """When it was last used, to a minute."""

    @property
    def prefix(self) -> str:
        """Beginning of it, which names it and may be shown."""
        return PREFIX + self.id

    @property
    def is_valid(self) -> bool:
        """Tell whether it opens something now."""
        ends = self.expires_at
        return self.revoked_at is None and (ends is None or ends > now_microseconds())

    def matches(self, token: str) -> bool:
        """Return whether this is what is kept of a token; takes as long if it is not."""
        return hmac.compare_digest(digest(token), self.sha256)


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def id_of(token: str) -> str | None:
    """Return the id in something that has the form of a token; None if it has another form."""
    match = _FORM.fullmatch(token)
    return None if match is None else match[1]


class StoredTokens:
    """The tokens in a store. May be used from any thread; its methods wait for the database.

    Args:
        store: Which one.
    """

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def create(
        self,
        instances: Sequence[str] | None,
        *,
        name: str = "",
        expires_at: int | None = None,
    ) -> tuple[str, TokenRow]:
        """Make a token, and return it with what is kept of it; it cannot be shown again.

        Args:
            instances: Ids of the instances that it opens, at least one; None for all.
            name: What it is for, in 200 characters at most.
            expires_at: When it ends, in microseconds since 1970; None for never.

        Raises:
            InvalidInputError: If an argument cannot be used.
            StoreError: If the store cannot be written.
        """
        if instances is not None and not (instances and all(map(_is_name, instances))):
            raise InvalidInputError(
                "a token needs the names of the instances that it opens, each of 1 to 255 printable"
                f" characters, not {list(instances)!r}"
            )
        if name and not (name.isprintable() and len(name) <= _LONGEST_NAME):
            raise InvalidInputError(
                f"the name of a token has {_LONGEST_NAME} printable characters at most"
            )
        now = now_microseconds()
        if expires_at is not None and expires_at <= now:
            raise InvalidInputError("the token would have expired already; choose a later time")
        token_id = "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
        token = f"{PREFIX}{token_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        opens = None if instances is None else tuple(dict.fromkeys(instances))
        row = TokenRow(token_id, digest(token), name, opens, now, expires_at)
        values = {**vars(row), "instances": None if opens is None else list(opens)}
        with self._store.writing() as changes:
            changes.execute(insert(tokens).values(values))
        return token, row

    def all(self) -> list[TokenRow]:
        """Return all tokens that there ever were, the oldest first."""
        with self._store.reading() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.created_at, tokens.c.id))
            return [_row(**each._mapping) for each in rows]  # noqa: SLF001 - its public name

    def exist(self) -> bool:
        """Return whether there ever was a token; one that was revoked is one too."""
        with self._store.reading() as connection:
            return bool(connection.scalar(select(func.count()).select_from(tokens)))

    def find(self, token_id: str) -> TokenRow | None:
        """Return a token by its id, as it is at this moment; None if there is none."""
        with self._store.reading() as connection:
            found = connection.execute(select(tokens).where(tokens.c.id == token_id)).first()
        return None if found is None else _row(**found._mapping)  # noqa: SLF001 - its public name

    def revoke(self, named: str) -> TokenRow:
        """End a token for good, and return what is kept of it.

        Args:
            named: Its id, what `TokenRow.prefix` says, or the token.

        Raises:
            StoreError: If there is none, or the store cannot be written.
        """
        match = _ID_FORM.fullmatch(named)
        token_id = id_of(named) if match is None else match[1]
        if token_id is None:  # perhaps a secret, which is not shown again
            raise InvalidInputError(f"a token is named as in the list: {PREFIX} and eight letters")
        found = tokens.c.id == token_id
        with self._store.writing() as changes:
            ended = update(tokens).where(found, tokens.c.revoked_at.is_(None))
            changes.execute(ended.values(revoked_at=now_microseconds()))
        row = self.find(token_id)
        if row is None:
            raise StoreError(f"there is no token {PREFIX}{token_id} in {self._store.name}")
        return row


def note_use(changes: Transaction, token_id: str, at: int) -> None:
    """Write down when a token was used, in microseconds since 1970."""
    changes.execute(update(tokens).where(tokens.c.id == token_id).values(used_at=at))


def _row(*, instances: list[str] | None, **columns: object) -> TokenRow:
    opens = None if instances is None else tuple(instances)
    return TokenRow(instances=opens, **columns)  # type: ignore[arg-type]


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 255 and text.isprintable() and text == text.strip()
