"""The socket on which connections come in."""

from __future__ import annotations

import os
import socket

__all__ = ["WAITING", "listening_socket"]

WAITING = 512
"""Connections that may wait to be accepted."""


def listening_socket(host: str, port: int) -> socket.socket:
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
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(WAITING)
    except BaseException:
        bound.close()
        raise
    return bound
