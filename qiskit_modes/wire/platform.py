"""All that stands behind the interface: a runtime, its backends, and who uses them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from qiskit_modes._mutex import new_mutex
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling import Instance
from qiskit_modes.wire.answers.job_json import listing_for
from qiskit_modes.wire.api_error import ApiError, Code
from qiskit_modes.wire.catalog import Backends, Catalog
from qiskit_modes.wire.instance_api import InstanceApi

__all__ = ["Platform", "id_of_crn"]

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
        runtime.lists_as(listing_for(runtime.clock))
        self.for_everybody = instances is None
        """Whether an instance that nobody has heard of is taken in."""
        known = [runtime.instance] if instances is None else list(instances)
        if not known or len({instance.id for instance in known}) < len(known):
            raise InvalidInputError("instances must be a list of at least one, with different ids")
        for instance in known:
            runtime.budgets.check(instance)
        self._mutex = new_mutex()
        """Guards what follows."""
        self._apis = {each.id: self._new_api(each) for each in known}
        # What outlives the process may have to run again, with the same seed.
        keeps = runtime.store is not None
        self._seeds = np.random.SeedSequence(seed) if keeps or seed is not None else None

    def instances(self, among: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Return the instances, as the client describes them: ``crn``, ``name``, ``plan``,
        ``tags`` and ``pricing_type``.

        Args:
            among: Ids of those that the caller may use; None for all.
        """
        if among is not None and self.for_everybody:
            for name in among:  # they are there as soon as somebody may use them
                self.api(name)
        with self._mutex:
            apis = [
                each for each in self._apis.values() if among is None or each.instance.id in among
            ]
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

    def api(
        self, instance: str | None = None, *, among: Collection[str] | None = None
    ) -> InstanceApi:
        """Return the interface as one instance sees it.

        Args:
            instance: Its CRN or its name; None for the first.
            among: Ids of the instances that the caller may use, the first of which is meant by
                None; others do not exist for it. None for all.

        Raises:
            ApiError: If there is no such instance; status 404.
        """
        if not instance and among is not None:
            instance = next(iter(among), "")
        with self._mutex:
            if not instance and among is None:
                return next(iter(self._apis.values()))
            name = id_of_crn(instance or "")
            if among is not None and name not in among:
                raise _unknown(instance, among)
            if name in self._apis:
                return self._apis[name]
            if not self.for_everybody:
                raise _unknown(instance, self._apis if among is None else among)
            if len(self._apis) >= _MOST_INSTANCES:
                raise ApiError(
                    400,
                    Code.REFUSED,
                    f"There are {_MOST_INSTANCES} instances already; use one of them",
                )
            mine = self.runtime.instance
            another = Instance(name, mine.plan, budget=mine.budget)
            return self._apis.setdefault(name, self._new_api(another))

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


_CRN, _CRN_END = "crn:v1:bluemix:public:quantum-computing:us-east:a/local:", "::"


def crn_of(instance: Instance) -> str:
    """Return the name of an instance that is unique in the service's world."""
    return instance.id if instance.id.startswith("crn:") else f"{_CRN}{instance.id}{_CRN_END}"


def id_of_crn(name: str) -> str:
    """Return the id of the instance that is meant by its id or its CRN.

    >>> id_of_crn(crn_of(Instance("lab"))), id_of_crn("lab"), id_of_crn("crn:v1:other::")
    ('lab', 'lab', 'crn:v1:other::')
    """
    if name.startswith(_CRN) and name.endswith(_CRN_END):
        return name[len(_CRN) : -len(_CRN_END)] or name
    return name


def _unknown(instance: str | None, known: Iterable[str]) -> ApiError:
    return ApiError(
        404,
        Code.NOT_FOUND,
        f"There is no instance {instance!r} here; there is {', '.join(known)}. Leave it out, or "
        "start the service with it",
    )
