"""The fake backends by their names, each made once."""

from __future__ import annotations

import warnings
from functools import lru_cache

from qiskit.providers import BackendV2

__all__ = ["fake_name", "fakes"]


@lru_cache(maxsize=1)
def fakes() -> dict[str, BackendV2]:
    """Return every fake backend by its name; made once, because reading one takes a while."""
    from qiskit_ibm_runtime.fake_provider import FakeProviderForBackendV2

    with warnings.catch_warnings():
        # One fake warns when it is made that its noise is not typical; nobody has asked for it.
        warnings.simplefilter("ignore")
        backends = FakeProviderForBackendV2().backends()
    return {b.name: b for b in sorted(backends, key=lambda backend: backend.name)}


def fake_name(name: str) -> str:
    """Return the name of the fake that stands for a machine."""
    return name.replace("ibm_", "fake_", 1) if name.startswith("ibm_") else name
