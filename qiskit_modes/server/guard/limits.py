"""Limits of what strangers may send: sizes, numbers and times."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Limits of a server, for all that arrives; what can be sent without a token has no others.

    None of them grows with the number of senders: together they bound what a server holds.
    """

    connections: int = 512
    """Most connections at once, fewer where the system lets the process open too few files. One
    more closes one that is idle, of strangers first: the oldest of whoever holds the most."""
    head_bytes: int = 16 * 2**10
    """Longest request line with headers; the client's have 1 kB."""
    headers: int = 100
    """Most headers of a request."""
    head_seconds: float = 10.0
    """How long a head may take from its first byte, or a stranger's connection may be silent."""
    idle_seconds: float = 600.0
    """How long the connection of a caller with a token may be silent; the client keeps it, and
    notices late that it was closed."""
    form_bytes: int = 8 * 2**10
    """Longest body that is taken without a token: that of a sign-in, with 100 bytes."""
    body_bytes: int = 50 * 2**20
    """Longest body, that of the service. What is packed in it has limits of its own."""
    small_bytes: int = 64 * 2**10
    """Bodies up to this length need no room of ``held_bytes``."""
    held_bytes: int = 80 * 2**20
    """What all the other bodies together may have, from their first byte to the answer."""
    room_seconds: float = 30.0
    """How long a body waits for room before it is refused with status 429."""
    body_seconds: float = 20.0
    """How long a body may take, beside what its length allows."""
    body_bytes_per_second: float = 50_000.0
    """What it is taken to arrive with at least: each so many bytes give it one second more."""
