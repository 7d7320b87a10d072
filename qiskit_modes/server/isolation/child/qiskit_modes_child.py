"""Keeps a Python program on this machine, and leads the service's client to the local server.

It does so whatever account the program uses. Only the standard library is imported, since the
program's environment may have nothing else, and little of that, since every program waits for it.
A `sitecustomize` that the user has is run afterwards.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import ipaddress
import os
import socket
import sys

TYPE_CHECKING = False  # `typing` itself would take a third of the time
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

_CONNECTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_LOOKS_UP = {
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
}
_STARTS = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"}

_told: set[str] = set()


def _is_local(host: Any) -> bool:
    """Return whether a name or address is one of this machine."""
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii", "replace")
    if not isinstance(host, str) or host in ("", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def _keep_here(event: str, args: tuple[Any, ...]) -> None:
    """Stop what would leave this machine; an audit hook, which no code can take away again."""
    if event in _CONNECTS:
        host = _host(args[1])
    elif event in _LOOKS_UP:
        host = _host(args[0])
    elif event in _STARTS:
        _keep_children_here(event, args)
        return
    else:
        return
    if not _is_local(host):
        _stop(f"a connection to {host}: nothing leaves this machine")


def _host(address: Any) -> Any:
    """Return the host of a socket's address, or of a look-up."""
    if isinstance(address, tuple):
        return address[0] if address else ""
    return address if isinstance(address, str | bytes | bytearray) else ""


def _keep_children_here(event: str, args: tuple[Any, ...]) -> None:
    """Stop a Python that would not look at the environment that keeps it here."""
    if event == "os.system":
        program, words = None, args[0]
    else:
        program, words = args[1:3] if event == "os.spawn" else args[:2]
    # A command that is one text is the shell's, or is Windows' own form of the words.
    words = [words] if isinstance(words, str | bytes | os.PathLike) else list(words)
    if program is not None and len(words) > 1:
        words[0] = program
    from qiskit_modes_commands import isolating_option  # type: ignore[import-not-found]

    isolating = isolating_option([os.fsdecode(word) for word in words])
    if isolating is not None:
        _stop(
            f"{isolating!r}: it would ignore its environment, which keeps it on this machine; "
            "leave the option out"
        )


def _stop(what: str) -> None:
    """Tell once what is stopped, and stop it."""
    text = f"qiskit-modes run: stopped {what}"
    if what not in _told:
        _told.add(what)
        sys.stderr.write(text + "\n")
    raise PermissionError(text)


class _Local:
    """Fixed answers of an account; it saves what it was made with.

    Classes derived from the client's, as `qiskit_modes.client` has one, say what they were told.
    """

    def __init__(self, name: str, value: Any, kind: type) -> None:
        self._name = name
        self._value = value
        self._kind = kind

    def __get__(self, account: Any, owner: Any = None) -> Any:
        if account is None:
            return self
        if type(account) is self._kind:
            return self._value
        try:
            return account.__dict__[self._name]
        except KeyError:
            raise AttributeError(self._name) from None

    def __set__(self, account: Any, value: Any) -> None:
        account.__dict__[self._name] = value


def _lead_accounts_here(module: ModuleType) -> None:
    """Let every account of the client be one of the local server."""
    # Until release 0.50 there is a class of its own for accounts that use the network.
    account: Any = getattr(module, "CloudAccount", None) or getattr(module, "Account", None)
    instances = getattr(account, "list_instances", None)
    if instances is None:
        return  # another release: its requests are led here by the proxy, or stopped
    values: dict[str, Any] = {
        "token": os.environ.get("QISKIT_IBM_TOKEN", "local"),
        "url": os.environ.get("QISKIT_IBM_URL"),
        "proxies": None,
        "verify": True,
        "private_endpoint": False,
    }
    for name, value in values.items():
        setattr(account, name, _Local(name, value, account))

    def list_instances(self: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = instances(self)
        asked = self.instance
        if not asked or asked == "auto" or any(asked in (i["crn"], i["name"]) for i in found):
            return found
        crn = asked
        if not asked.startswith("crn:"):
            crn = f"crn:v1:bluemix:public:quantum-computing:us-east:a/local:{asked}::"
        first = found[0] if found else {"plan": "local", "tags": [], "pricing_type": "free"}
        return [*found, {**first, "crn": crn, "name": asked}]

    def to_saved_format(self: Any) -> dict[str, Any]:
        saved = {name: value for name, value in self.__dict__.items() if value is not None}
        if "proxies" in saved:
            saved["proxies"] = saved["proxies"].to_dict()
        return saved

    account.list_instances = list_instances
    account.to_saved_format = to_saved_format


class _Finder:
    """Waits for the client's module of accounts, and for what connects where no hook sees it."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the module, and have it changed as soon as it has been executed."""
        if name == "uvloop":  # servers that prefer it go on with asyncio's own loop
            raise ImportError(
                "qiskit-modes run: uvloop connects without asking Python, so it could not be kept "
                "on this machine; use asyncio's own loop",
                name=name,
            )
        if name != "qiskit_ibm_runtime.accounts.account":
            return None
        found = (
            finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self
        )
        spec = next(filter(None, found), None)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_change(module: ModuleType) -> None:
            execute(module)
            _lead_accounts_here(module)

        spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]
        return spec


def _run_the_users_own() -> None:
    """Run the `sitecustomize` that would have been found without this one."""
    here = os.path.dirname(os.path.abspath(__file__))
    elsewhere = [path for path in sys.path if os.path.abspath(path or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def start() -> None:
    """Begin; what the program does from here on is kept here."""
    sys.addaudithook(_keep_here)
    sys.meta_path.insert(0, _Finder())
    _run_the_users_own()
