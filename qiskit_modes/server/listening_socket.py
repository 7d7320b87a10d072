"""The socket on which connections come in."""

from __future__ import annotations

import os
import socket

__all__ = ["WAITING", "ListeningSocket", "listening_socket"]

WAITING = 4_096
"""Connections that may wait to be accepted, as far as the system lets so many. Of those that come
when they are too many nothing is heard: a client knocks again after a second."""

_GONE_AT_ONCE = 1_000
"""Connections that have ended before they were accepted, and are passed over at once."""


class ListeningSocket(socket.socket):
    """Socket that accepts only who is still there.

    Whoever opens connections and closes them fills the queue of the system much faster than an
    event loop makes transports and protocols of them. Here one that has ended costs some
    microseconds, so that who comes after it does not wait.
    """

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept the next connection that has not ended.

        Raises:
            BlockingIOError: If there is none, or so many have ended that others are to have a turn.
        """
        for _ in range(_GONE_AT_ONCE):
            connection, address = super().accept()
            if not _has_ended(connection):
                return connection, address
            connection.close()
        raise BlockingIOError("many connections have ended before they were accepted")


def _has_ended(connection: socket.socket) -> bool:
    """Return whether the other side has closed a connection on which it has said nothing."""
    connection.setblocking(False)
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:  # such as a reset
        return True


def listening_socket(host: str, port: int) -> ListeningSocket:
    """Return a socket that listens.

    Args:
        host: An address of this machine, or a name of it.
        port: On which port; 0 for a free one.

    Raises:
        OSError: If it cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Unless the protocol is named, asyncio does not see that it is TCP and lets the system wait
    # for more to send: every answer would take 40 ms longer.
    bound = ListeningSocket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(WAITING)
    except BaseException:
        bound.close()
        raise
    return bound
