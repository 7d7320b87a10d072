"""The client's job, which waits for an event where the client's own polls."""

from __future__ import annotations

from typing import Any

import qiskit_ibm_runtime
from qiskit_ibm_runtime.exceptions import RuntimeJobTimeoutError

from qiskit_modes.client.api_client import LocalClient
from qiskit_modes.client.upstream import api_client_of
from qiskit_modes.warn import warn_at_users_line

__all__ = ["RuntimeJobV2"]

_SHORTEST_POLL_SECONDS = 0.1
"""Below it the client warns, and takes this."""


class RuntimeJobV2(qiskit_ibm_runtime.RuntimeJobV2):
    """The job of the service's client; only how it waits is different.

    Whoever holds it keeps the job itself, however many others come after it.

    Args:
        *args: Of the client's own class.
        **kwargs: Of the client's own class.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        client = api_client_of(self)
        self._kept = client.keep_job(self.job_id()) if isinstance(client, LocalClient) else None

    def wait_for_final_state(
        self, timeout: float | None = None, poll_interval: float | None = None
    ) -> None:
        """Wait until the job has ended; returns as soon as it has.

        Args:
            timeout: Longest time to wait, in seconds of the runtime's clock; None for no limit.
            poll_interval: For compatibility: nothing is polled.

        Raises:
            RuntimeJobTimeoutError: If the job has not ended by then; it goes on.
        """
        client = api_client_of(self)
        if not isinstance(client, LocalClient):
            super().wait_for_final_state(timeout, poll_interval)
            return
        if poll_interval and poll_interval < _SHORTEST_POLL_SECONDS:
            warn_at_users_line(
                "The poll interval specified is lower than the minimal allowed. Using "
                f"{_SHORTEST_POLL_SECONDS} as the poll interval.",
                UserWarning,
            )
        if self.in_final_state():
            return
        if not client.wait_for_job(self.job_id(), timeout):
            raise RuntimeJobTimeoutError(
                f"Timed out waiting for job to complete after {timeout} secs."
            )
        self.status()
