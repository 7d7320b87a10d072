"""All that stands behind the interface: a runtime, its backends, and who uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qiskit_modes._mutex import new_mutex
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling import Instance
from qiskit_modes.wire.api_error import ApiError, Code
from qiskit_modes.wire.catalog import Backends, Catalog
from qiskit_modes.wire.instance_api import InstanceApi

__all__ = ["Platform"]

_PRICING = {"open": "free", "pay-as-you-go": "paygo", "premium": "subscription", "flex": "paid"}
"""The service's words for how plans are paid; the client looks at the free ones first."""


_MOST_INSTANCES = 1_000
"""Instances that are taken in because somebody named them; whoever sends requests may name more."""


class Platform:
    """Offers of a service, and its instances. May be used from any thread.

    Args:
        runtime: Where everything runs.
        backends: What is offered, see `qiskit_modes.wire.catalog.Catalog`; None for every fake.
        instances: Who may use it, the first is the one of requests that name none. None for the
            runtime's own, and for whatever instance a request names: each has that one's plan.
        seed: What the seeds of jobs that have none are derived from, in the order in which they are
            submitted; None for new randomness.

    Raises:
        InvalidInputError: If a backend or the list of instances cannot be used.
        QiskitBackendNotFoundError: If there is no backend of a name.

    Example:
        >>> with LocalRuntime() as runtime:
        ...     platform = Platform(runtime, backends=["ibm_torino"])
        ...     platform.instances()[0]["name"], platform.api().backends()[0]["qubits"]
        ('local', 133)
    """

    def __init__(
        self,
        runtime: LocalRuntime,
        *,
        backends: Backends | None = None,
        instances: Sequence[Instance] | None = None,
        seed: int | None = None,
    ) -> None:
        self.runtime = runtime
        self.catalog = Catalog(backends)
        runtime.offer(self.catalog.backend)
        self.for_everybody = instances is None
        """Whether an instance that nobody has heard of is taken in."""
        known = [runtime.instance] if instances is None else list(instances)
        if not known or len({instance.id for instance in known}) < len(known):
            raise InvalidInputError("instances must be a list of at least one, with different ids")
        self._mutex = new_mutex()
        """Guards what follows."""
        self._apis = {crn_of(each): self._new_api(each) for each in known}
        # What outlives the process may have to run again, with the same seed.
        keeps = runtime.store is not None
        self._seeds = np.random.SeedSequence(seed) if keeps or seed is not None else None

    def instances(self) -> list[dict[str, Any]]:
        """Return the instances, as the client describes them: ``crn``, ``name``, ``plan``,
        ``tags`` and ``pricing_type``.
        """
        with self._mutex:
            apis = list(self._apis.values())
        return [
            {
                "crn": api.crn,
                "name": api.instance.id,
                "plan": api.instance.plan.name,
                "tags": [],
                "pricing_type": _PRICING.get(api.instance.plan.name, "free"),
            }
            for api in apis
        ]

    def api(self, instance: str | None = None) -> InstanceApi:
        """Return the interface as one instance sees it.

        Args:
            instance: Its CRN or its name; None for the first.

        Raises:
            ApiError: If there is no such instance; status 404.
        """
        with self._mutex:
            if not instance:
                return next(iter(self._apis.values()))
            for crn, api in list(self._apis.items()):
                if instance in (crn, api.instance.id):
                    return api
            if not self.for_everybody:
                names = ", ".join(api.instance.id for api in self._apis.values())
                raise ApiError(
                    404,
                    Code.NOT_FOUND,
                    f"There is no instance {instance!r} here; there is {names}. Leave it out, or "
                    "start the service with it",
                )
            if len(self._apis) >= _MOST_INSTANCES:
                raise ApiError(
                    400,
                    Code.REFUSED,
                    f"There are {_MOST_INSTANCES} instances already; use one of them",
                )
            another = Instance(instance, self.runtime.instance.plan)
            api = self._new_api(another)
            return self._apis.setdefault(crn_of(another), api)

    def _new_api(self, instance: Instance) -> InstanceApi:
        crn = crn_of(instance)
        return InstanceApi(self.runtime, self.catalog, instance, crn, self.next_seed)

    def resume(self) -> None:
        """Run the jobs again that an earlier server has left unfinished.

        They keep their ids, parameters, tags and seeds. What cannot run any more, because its
        backend is not offered, say, ends as an error that says so.
        """
        for job in self.runtime.left_unfinished():
            try:
                self.api(job.instance.id).run_again(job)
            except ApiError as error:
                reason = f"the service was restarted, and cannot run the job again: {error}"
                self.runtime.give_up(job, reason)

    def next_seed(self) -> int | None:
        """Return the seed of a job that has none of its own; None for new randomness."""
        if self._seeds is None:
            return None
        with self._mutex:
            (child,) = self._seeds.spawn(1)
        return int(child.generate_state(1, np.uint32)[0])


def crn_of(instance: Instance) -> str:
    """Return the name of an instance that is unique in the service's world."""
    if instance.id.startswith("crn:"):
        return instance.id
    return f"crn:v1:bluemix:public:quantum-computing:us-east:a/local:{instance.id}::"
