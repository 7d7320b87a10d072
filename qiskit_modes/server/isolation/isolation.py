"""Running a program unchanged on a private service, so that nothing of it leaves this machine.

Four things see to it, each where the one before does not reach:

1. Environment variables lead a plain ``QiskitRuntimeService()`` to the local server.
2. In Python programs, accounts of the client are local ones, whether the program writes its token,
   instance, address or proxies down, or loads a saved account (`child/qiskit_modes_child.py`).
3. Whatever else is sent to IBM Cloud, from any language that heeds the usual environment variables,
   reaches a proxy that answers under these names, with a throw-away authority, and no others.
4. In Python programs, connections to other machines and look-ups of their names fail with a
   message, whatever wants to make them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.server.isolation.certificates import Authority
from qiskit_modes.server.isolation.child.qiskit_modes_commands import isolating_option
from qiskit_modes.server.isolation.tunnel import tunnel_to
from qiskit_modes.server.serving import Server

__all__ = ["check_command", "isolated"]

_CHILD = Path(__file__).parent / "child"

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY")
_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_DISTURBING = ("QISKIT_FUNCTIONS_EXPERIMENTAL", "SSL_CERT_DIR", "PYTHONSAFEPATH")
"""What would make the client invent an instance, or trust others beside the local server."""


@contextmanager
def isolated(server: Server, refused: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """Give the environment in which a program reaches a server and nothing else.

    Args:
        server: Where the program is led.
        refused: Called with the name of every machine that the proxy does not connect with.

    Yields:
        The environment, that of this process changed.
    """
    with TemporaryDirectory(prefix="qiskit_modes-") as folder:
        authority = Authority(Path(folder))
        with tunnel_to(server.port, authority, refused) as proxy:
            environment = {k: v for k, v in os.environ.items() if k not in _DISTURBING}
            environment.update(server.environment)
            for name in _PROXIES:
                environment[name] = environment[name.lower()] = proxy
            environment.update(_only_this_machine(server))
            for name in _AUTHORITIES:
                environment[name] = str(authority.certificate_file)
            path = [str(_CHILD), *filter(None, [os.environ.get("PYTHONPATH")])]
            environment["QISKIT_MODES_RUN"] = "1"
            environment["PYTHONPATH"] = os.pathsep.join(path)
            yield environment


def check_command(command: Sequence[str]) -> None:
    """Check that a command can be kept on this machine, as far as the command tells.

    Args:
        command: The program and its arguments.

    Raises:
        InvalidInputError: If it is or starts a Python that is told not to look at its environment.
    """
    isolating = isolating_option(command)
    if isolating is not None:
        raise InvalidInputError(
            f"Python ignores its environment with {isolating!r}, so it could not be kept from "
            "sending to the real service; leave the option out"
        )


def _only_this_machine(server: Server) -> dict[str, str]:
    """Return for whom no proxy is used: not for those whom the user's settings leave out."""
    value = ",".join(dict.fromkeys(["127.0.0.1", "localhost", "::1", server.host]))
    return {"NO_PROXY": value, "no_proxy": value}
