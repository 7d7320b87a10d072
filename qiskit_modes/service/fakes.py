"""The fake backends by their names, each made once."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from functools import lru_cache

from qiskit.providers import BackendV2

from qiskit_modes.simulation.backends.names import fake_name, is_machine_name, machine_name

__all__ = ["fakes", "like"]


@lru_cache(maxsize=1)
def fakes() -> dict[str, BackendV2]:
    """Return every fake backend by its name; made once, because reading one takes a while."""
    from qiskit_ibm_runtime.fake_provider import FakeProviderForBackendV2

    with warnings.catch_warnings():
        # One fake warns when it is made that its noise is not typical; nobody has asked for it.
        warnings.simplefilter("ignore")
        backends = FakeProviderForBackendV2().backends()
    return {b.name: b for b in sorted(backends, key=lambda backend: backend.name)}


def like(name: object) -> str:
    """Return a question with the known name that is most like another one; empty if none is.

    Example:
        >>> like("ibm_tornio"), like("sherbrooke"), like("?")
        (", did you mean 'ibm_torino'?", ", did you mean 'fake_sherbrooke'?", '')
    """
    found = get_close_matches(fake_name(str(name)), ["aer_simulator", *fakes()], n=1)
    if not found:
        return ""
    meant = machine_name(found[0]) if is_machine_name(str(name)) else found[0]
    return f", did you mean {meant!r}?"
