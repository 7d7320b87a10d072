"""The names of machines, and of the fakes that stand for them."""

from __future__ import annotations

__all__ = ["fake_name", "is_machine_name", "machine_name", "other_name"]

_MACHINE, _FAKE = "ibm_", "fake_"


def fake_name(name: str) -> str:
    """Return the name of the fake that stands for a machine; any other name as it is.

    Example:
        >>> fake_name("ibm_torino"), fake_name("fake_torino"), fake_name("mine")
        ('fake_torino', 'fake_torino', 'mine')
    """
    return _FAKE + name.removeprefix(_MACHINE) if is_machine_name(name) else name


def machine_name(name: str) -> str:
    """Return the name of the machine that a fake stands for; any other name as it is."""
    return _MACHINE + name.removeprefix(_FAKE) if name.startswith(_FAKE) else name


def other_name(name: str) -> str:
    """Return the fake's name for a machine's, and the machine's for a fake's."""
    return fake_name(name) if is_machine_name(name) else machine_name(name)


def is_machine_name(name: str) -> bool:
    """Tell whether a name is that of a machine."""
    return name.startswith(_MACHINE)
