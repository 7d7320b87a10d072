"""Fakes: snapshots of machines, which stand for them by their names."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from typing import Any

from qiskit.transpiler import Target

from qiskit_modes.simulation.backends.copies import original_of
from qiskit_modes.simulation.backends.description import BackendDescription

__all__ = ["FakeDescription"]


class FakeDescription(BackendDescription):
    """A fake of ``qiskit_ibm_runtime``."""

    @classmethod
    def takes(cls, backends: type) -> bool:
        """Tell whether they are fakes, without importing their module."""
        module = sys.modules.get("qiskit_ibm_runtime.fake_provider.fake_backend")
        return module is not None and issubclass(backends, module.FakeBackendV2)

    @property
    def machine(self) -> Hashable:
        """Its class and name: the same fake is one machine however often it is made."""
        # A copy may be of a class that adds something, such as gates.
        return type(original_of(self.backend)), self.name

    @property
    def configuration(self) -> Any:
        """Configuration in the snapshot; a target takes much longer to make."""
        return self.backend.configuration()

    @property
    def assumed_errors(self) -> Mapping[str, str]:
        """Those of gates that were asked for in addition, see `primitives.backends.fractional`."""
        has_more = hasattr(type(self.backend), "assumed_errors")
        return self.backend.assumed_errors if has_more else {}

    @property
    def plain_target(self) -> Target | None:
        """The target without those gates."""
        has_more = hasattr(type(self.backend), "plain_target")
        return self.backend.plain_target if has_more else None
