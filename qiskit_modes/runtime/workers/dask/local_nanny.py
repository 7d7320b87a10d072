"""Nannies of Dask's workers on this machine, which end with the process that they are for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask
from distributed import Nanny

from qiskit_modes.runtime.workers.parent_watch import end_with_process

__all__ = ["LocalNanny", "be_quiet"]


def be_quiet() -> None:
    """Have what Dask starts in this process look after itself less often.

    By default its five processes on a machine of two cores take a tenth of one while they have
    nothing to do: they measure their event loops every 20 ms, look for tasks to be profiled every
    10 ms, and ask how much memory they have every 100 ms.
    """
    dask.config.set(
        {
            "distributed.admin.tick.interval": "500ms",
            "distributed.worker.profile.enabled": False,
            "distributed.worker.memory.monitor-interval": "500ms",
        }
    )


class LocalNanny(Nanny):
    """A nanny that ends, with its worker, as soon as the process that started it is gone.

    Args:
        args: Of `distributed.Nanny`.
        parent: The number of that process, and when it was created.
        kwargs: Of `distributed.Nanny`.
    """

    def __init__(self, *args: Any, parent: Sequence[Any], **kwargs: Any) -> None:
        be_quiet()  # and its worker, which takes over these settings
        super().__init__(*args, **kwargs)
        end_with_process(*parent)
