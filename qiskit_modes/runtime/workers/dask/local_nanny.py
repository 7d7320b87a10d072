"""Nannies of Dask's workers on this machine, which end with the process that they are for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from distributed import Nanny

from qiskit_modes.runtime.workers.parent_watch import end_with_process

__all__ = ["LocalNanny"]


class LocalNanny(Nanny):
    """A nanny that ends, with its worker, as soon as the process that started it is gone.

    Args:
        args: Of `distributed.Nanny`.
        parent: The number of that process, and when it was created.
        kwargs: Of `distributed.Nanny`.
    """

    def __init__(self, *args: Any, parent: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        end_with_process(*parent)
