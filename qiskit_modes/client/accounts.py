"""Stand-ins for accounts: no file of the user is read or written, and no token is kept."""

from __future__ import annotations

import hashlib
import uuid
import weakref
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qiskit_modes.client.api_client import ADDRESS, LocalClient
from qiskit_modes.client.upstream import AccountManager, CloudAccount
from qiskit_modes.exceptions import QiskitModesError
from qiskit_modes.wire import ApiError, Platform

__all__ = ["Accounts"]

TOKEN = "local"  # noqa: S105 - that it is no secret is the point
"""What accounts have for a token, so that none can get anywhere."""

_platforms: weakref.WeakValueDictionary[str, Platform] = weakref.WeakValueDictionary()
"""Which platform an account is for, by its address."""


class LocalAccount(CloudAccount):
    """An account of a platform. It sends nothing, and has nothing that it could send.

    Args:
        url: Says which platform it is for.
        **kwargs: Of the client's own accounts, but for those that say how to reach the service.
    """

    def __init__(self, url: str, **kwargs: Any) -> None:
        super().__init__(token=TOKEN, url=url, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; an instance becomes its CRN as soon as it is named."""
        if name == "instance" and value and value != "auto":
            value = self._crn(value)
        super().__setattr__(name, value)

    def _crn(self, instance: str) -> str:
        platform = _platforms.get(self.__dict__.get("url", ""))
        try:
            return instance if platform is None else platform.api(instance).crn
        except ApiError:
            return instance  # the client says that there is no such instance

    def list_instances(self) -> list[dict[str, Any]]:
        """Return the instances of the platform."""
        platform = _platforms.get(self.url)
        return [] if platform is None else platform.instances()

    def get_auth_handler(self) -> Any:
        """Refuse: there is nobody to whom this account could prove who it is.

        Raises:
            QiskitModesError: Always.
        """
        raise QiskitModesError("The account of a local_runtime sends no requests")

    get_iam_authentificator = get_auth_handler

    def resolve_crn(self) -> None:
        """Do nothing: an instance becomes its CRN as soon as it is named."""


class Accounts:
    """The accounts of one platform, and its clients.

    Args:
        platform: Which one.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._url = f"{ADDRESS}/{uuid.uuid4()}"
        self._folder = TemporaryDirectory(prefix="qiskit_modes-")
        _platforms[self._url] = platform

    def close(self) -> None:
        """Drop the accounts that were saved."""
        self._folder.cleanup()

    # -- in the place of the client's class of accounts -------------------------------------------

    def create_account(
        self,
        channel: str = "ibm_quantum_platform",
        instance: str | None = None,
        region: str | None = None,
        plans_preference: list[str] | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,  # noqa: ARG002 - how the service would be reached
    ) -> LocalAccount:
        """Return an account; its token and its address are not those that were passed."""
        account = LocalAccount(
            self._url,
            channel=channel,
            region=region,
            plans_preference=plans_preference,
            tags=tags,
        )
        # After the address, which says where to look for it.
        account.instance = instance or self._only_instance()
        return account

    def to_saved_format(self, account: LocalAccount) -> dict[str, Any]:
        """Return an account as the client prints it."""
        saved: dict[str, Any] = account.to_saved_format()
        return saved

    # -- in the place of the client's manager of accounts ------------------------------------------

    def get(
        self, filename: str | None = None, name: str | None = None, channel: str | None = None
    ) -> LocalAccount:
        """Return the account that was saved here, or else one for this platform."""
        try:
            saved = AccountManager.get(filename=self._file(filename), name=name, channel=channel)
        except Exception:  # there is none, or what the environment says is none
            return self.create_account(channel or "ibm_quantum_platform")
        return self.create_account(
            saved.channel,
            self._known(saved.instance),
            saved.region,
            saved.plans_preference,
            saved.tags,
        )

    def save(self, *, filename: str | None = None, **account: Any) -> None:
        """Save an account for as long as this platform is open, without its token."""
        kept = {**account, "token": TOKEN, "url": None, "proxies": None, "verify": None}
        AccountManager.save(filename=self._file(filename), **kept)

    def delete(
        self, filename: str | None = None, name: str | None = None, channel: str | None = None
    ) -> bool:
        """Delete an account that was saved here."""
        deleted: bool = AccountManager.delete(
            filename=self._file(filename), name=name, channel=channel
        )
        return deleted

    def list(self, *, filename: str | None = None, **which: Any) -> dict[str, Any]:
        """Return the accounts that were saved here."""
        accounts: dict[str, Any] = AccountManager.list(filename=self._file(filename), **which)
        return accounts

    # -- in the place of the client's class of clients ---------------------------------------------

    def new_client(self, params: Any) -> LocalClient:
        """Return the client for the instance that an account's parameters name."""
        return LocalClient(_platforms.get(params.url, self._platform), params.instance)

    # -- details -----------------------------------------------------------------------------------

    def _file(self, filename: str | None) -> str:
        name = hashlib.sha256((filename or "").encode()).hexdigest()[:16]
        return str(Path(self._folder.name) / f"{name}.json")

    def _only_instance(self) -> str | None:
        """Return the instance of accounts that name none: None if there are several to choose."""
        instances = self._platform.instances()
        several = len(instances) > 1 and not self._platform.for_everybody
        return None if several else instances[0]["crn"]

    def _known(self, instance: str | None) -> str | None:
        try:
            return self._platform.api(instance).crn if instance and instance != "auto" else instance
        except ApiError:
            return None  # from the user's environment, where it belongs to the real service
