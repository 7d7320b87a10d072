"""The private names of `qiskit_ibm_runtime` that this door needs: all of them, and nowhere else.

The client looks four names up in the module of its service class whenever it needs them. While a
`local_runtime` is open, stand-ins are there in their place. Should a release move one of them, this
door does not open and says which: half of the names replaced would mean requests to the network.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import qiskit_ibm_runtime
from qiskit_ibm_runtime import QiskitRuntimeService, RuntimeJobV2
from qiskit_ibm_runtime.accounts import Account, AccountManager
from qiskit_ibm_runtime.api.exceptions import RequestsApiError

from qiskit_modes.exceptions import QiskitModesError

__all__ = [
    "CLIENT_METHODS",
    "REPLACED",
    "SERVICE_MODULE",
    "Account",
    "AccountManager",
    "CloudAccount",
    "RequestsApiError",
    "RuntimeJobV2",
    "api_client_of",
    "check",
    "put_back",
    "replace",
]

SERVICE_MODULE = "qiskit_ibm_runtime.qiskit_runtime_service"
"""Where the service's class looks for what it is made with."""

REPLACED = ("Account", "AccountManager", "RuntimeClient", "RuntimeJobV2")
"""The names there for which this package puts stand-ins."""

CLIENT_METHODS = (
    "backend_configuration",
    "backend_properties",
    "backend_status",
    "cancel_session",
    "close_session",
    "cloud_usage",
    "create_session",
    "job_cancel",
    "job_delete",
    "job_get",
    "job_logs",
    "job_metadata",
    "job_results",
    "jobs_get",
    "list_backends",
    "program_run",
    "session_details",
    "update_tags",
)
"""What the client calls on the object with which it sends its requests."""


CloudAccount: type[Any] = type(Account.create_account("ibm_quantum_platform", "no token"))
"""The class of accounts that the client makes; in some releases one derived from `Account`."""


def api_client_of(job: RuntimeJobV2) -> Any:
    """Return the object with which a job sends its requests."""
    return job._api_client  # noqa: SLF001 - this is the module for it


def check() -> None:
    """Check that every private name is where it was; to be called while nothing is replaced.

    Raises:
        QiskitModesError: If one is not; the message names it, and the client's version.
    """
    module = importlib.import_module(SERVICE_MODULE)
    methods = dict(inspect.getmembers(QiskitRuntimeService, inspect.isroutine)).values()
    used = {name for each in methods for name in _names_used_by(each)}
    missing = [
        f"{SERVICE_MODULE}.{name}"
        for name in REPLACED
        if not hasattr(module, name) or name not in used
    ]
    client = getattr(module, "RuntimeClient", None)
    if client is not None:
        missing += [f"RuntimeClient.{name}" for name in CLIENT_METHODS if not hasattr(client, name)]
    if missing:
        raise QiskitModesError(
            f"qiskit-ibm-runtime {qiskit_ibm_runtime.__version__} has moved "
            f"{', '.join(missing)}, which qiskit_modes.client builds on. Nothing was replaced, so "
            "that no request leaves this machine. Use an older qiskit-ibm-runtime, a newer "
            "qiskit_modes, or the HTTP service, which builds on no private name"
        )


def _names_used_by(routine: Any) -> tuple[str, ...]:
    """Return the names that a function looks up when it runs."""
    code = getattr(inspect.unwrap(routine), "__code__", None)
    return () if code is None else code.co_names


def replace(stand_ins: Mapping[str, Any]) -> dict[str, Any]:
    """Put stand-ins where the client looks, and return what was there.

    Args:
        stand_ins: For each of `REPLACED` what takes its place.
    """
    module = importlib.import_module(SERVICE_MODULE)
    before = {name: getattr(module, name) for name in stand_ins}
    put_back(stand_ins)
    return before


def put_back(names: Mapping[str, Any]) -> None:
    """Put things where the client looks for them."""
    module = importlib.import_module(SERVICE_MODULE)
    for name, thing in names.items():
        setattr(module, name, thing)
