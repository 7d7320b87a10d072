"""The sampler: circuits in, shots out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from qiskit.circuit import CircuitInstruction
from qiskit.primitives import BaseSamplerV2
from qiskit.primitives.containers import SamplerPubLike
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit_ibm_runtime.options_models import SamplerOptions

from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.options.finalize import finalize_sampler_options
from qiskit_modes.primitives.options.read import coerce_sampler_options
from qiskit_modes.primitives.options.resolve import DEFAULT_SHOTS, resolve_sampler_options
from qiskit_modes.primitives.primitive import Primitive
from qiskit_modes.primitives.sampler.prepare import prepare_sampler_job

__all__ = ["SamplerV2"]


class SamplerV2(Primitive, BaseSamplerV2):
    """Samples circuits on a backend's simulated QPU, in job, batch or session mode.

    May be used from any thread. Options that cannot be honoured are refused in `run`, by name.

    Args:
        mode: A backend for job mode, a `Session`, a `Batch`, or None for the innermost ``with``.
        options: Upstream's ``SamplerOptions``, a dictionary of the same form, or upstream's older
            class of that name. All act but ``execution.init_qubits=False``, ``scheduler_timing``,
            ``stretch_values``, kerneled ``meas_type``, ``environment.image`` and ``experimental``.

    Raises:
        InvalidInputError: If there is no such mode, or an option does not exist.

    Example:
        >>> from qiskit import QuantumCircuit, generate_preset_pass_manager
        >>> from qiskit_ibm_runtime.fake_provider import FakeManilaV2
        >>> backend = FakeManilaV2()
        >>> bell = QuantumCircuit(2)
        >>> _ = bell.h(0), bell.cx(0, 1), bell.measure_all()
        >>> isa = generate_preset_pass_manager(1, backend, seed_transpiler=1).run(bell)
        >>> job = SamplerV2(mode=backend).run([isa], shots=1000)
        >>> job.result()[0].data.meas.num_shots
        1000
    """

    options: SamplerOptions

    @staticmethod
    def _coerce_options(options: Any) -> SamplerOptions:
        return coerce_sampler_options(options)

    @property
    def default_shots(self) -> int:
        """Shots of what specifies none, by its options; libraries ask for it."""
        shots: int | None = self.options.default_shots
        return DEFAULT_SHOTS if shots is None else shots

    def finalize_options(self) -> SamplerOptions:
        """Return a copy of the options in which every technique is on or off."""
        return finalize_sampler_options(self.options)

    def find_unique_layers(
        self, pubs: Iterable[SamplerPubLike], types: Literal["gates", "all"] = "gates"
    ) -> list[CircuitInstruction]:
        """Return each layer once that the circuits of PUBs are boxed into, by the options.

        Their noise, in the same order, is what ``layer_noise_model`` takes.

        Args:
            pubs: The PUBs.
            types: "gates" for layers of gates, "all" for those of measurements too.

        Raises:
            InvalidInputError: If a circuit cannot be boxed.
        """
        from qiskit_modes.primitives.sampler.layers import sampler_layers

        circuits = [SamplerPub.coerce(pub).circuit for pub in pubs]
        return sampler_layers(circuits, resolve_sampler_options(self.options), types)

    def run(
        self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None, dry_run: bool = False
    ) -> RuntimeJobV2:
        """Submit a job; does not wait for it.

        Args:
            pubs: Circuits, or tuples ``(circuit, parameter_values, shots)``.
            shots: For PUBs that have none of their own.
            dry_run: Refused: it asks the service for mock data.

        Returns:
            The job; its result has, for each PUB, a ``BitArray`` for each classical register, which
            may be none.

        Raises:
            InvalidInputError: If something cannot be run; the message names the PUB.
            NotISAError: If a circuit is not in the backend's instruction set.
            UnsupportedOptionError: If an option was set that cannot be honoured.
            IBMRuntimeError: If the session is closed, or the rules refuse the job.

        Warns:
            QiskitModesWarning: If a circuit has no bits in registers, so that its result is empty.
        """
        resolution = self._resolve(dry_run=dry_run)
        job = prepare_sampler_job(pubs, self.options, resolution.backend, shots=shots)
        return self._submit(resolution, job)
