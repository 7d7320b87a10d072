"""`LocalService` under the name and with the arguments that scripts for the service use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.scheduling import Instance
from qiskit_modes.service.local_service import LocalService

__all__ = ["QiskitRuntimeService"]


class QiskitRuntimeService(LocalService):
    """`LocalService` with the arguments of the service's client, so that only an import changes.

    Args:
        channel: Without effect, like all that says how to reach the service: nothing is reached.
        token: Ignored.
        url: Ignored.
        filename: Ignored.
        name: Ignored.
        instance: Ignored if it is text; an `Instance` says whose usage is reported.
        proxies: Ignored.
        verify: Ignored.
        private_endpoint: Ignored.
        url_resolver: Ignored.
        region: Ignored.
        plans_preference: Ignored.
        tags: Ignored.

    Example:
        >>> QiskitRuntimeService(channel="ibm_quantum_platform", token="...").is_local
        True
    """

    def __init__(
        self,
        channel: str | None = None,
        token: str | None = None,  # noqa: ARG002 - ignored on purpose
        url: str | None = None,  # noqa: ARG002 - ignored on purpose
        filename: str | None = None,  # noqa: ARG002 - ignored on purpose
        name: str | None = None,  # noqa: ARG002 - ignored on purpose
        instance: str | Instance | None = None,
        proxies: dict[str, Any] | None = None,  # noqa: ARG002 - ignored on purpose
        verify: bool | None = None,  # noqa: ARG002 - ignored on purpose
        private_endpoint: bool | None = None,  # noqa: ARG002 - ignored on purpose
        url_resolver: Callable[..., str] | None = None,  # noqa: ARG002 - ignored on purpose
        region: str | None = None,  # noqa: ARG002 - ignored on purpose
        plans_preference: list[str] | None = None,  # noqa: ARG002 - ignored on purpose
        tags: list[str] | None = None,  # noqa: ARG002 - ignored on purpose
    ) -> None:
        if instance is not None and not isinstance(instance, str | Instance):
            raise InvalidInputError(
                f"instance must be text or an Instance, not {type(instance).__name__}"
            )
        super().__init__(instance=instance if isinstance(instance, Instance) else None)
        self._channel = channel or "local"

    @property
    def channel(self) -> str:
        """Argument ``channel`` as it was passed; it has no effect."""
        return self._channel

    def active_account(self) -> dict[str, Any]:
        """Return an account without a secret: there is none."""
        return {"channel": self.channel, "instance": self.instance.id}

    @staticmethod
    def save_account(*args: Any, **kwargs: Any) -> None:
        """Do nothing: no account is needed here, and none is written to the disk."""

    @staticmethod
    def saved_accounts(*args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG004 - ignored
        """Return an empty dictionary: no account is looked up."""
        return {}

    @staticmethod
    def delete_account(*args: Any, **kwargs: Any) -> bool:  # noqa: ARG004 - ignored
        """Return False: there is nothing to delete, and nothing is deleted from the disk."""
        return False
