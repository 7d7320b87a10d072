"""Checks of what goes together in a sampler's job, when ``run()`` is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.simulated_backend import refusals_with_noise
from qiskit_modes.primitives.inputs.isa import warn_of_broken
from qiskit_modes.primitives.inputs.pubs import SamplerInput
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions
from qiskit_modes.primitives.programs.width import NEVER_TOO_WIDE, naming, refuse_too_wide
from qiskit_modes.simulation.elsewhere import here
from qiskit_modes.warn import unsupported_options

__all__ = ["check_sampled", "check_sampling"]


def check_sampling(
    inputs: Sequence[SamplerInput],
    options: ResolvedSamplerOptions,
    backend: BackendV2,
) -> None:
    """Raise if PUBs, options and backend do not go together.

    Args:
        inputs: The PUBs.
        options: The options.
        backend: The backend that the job is for.

    Raises:
        UnsupportedOptionError: If an option would have no effect.
        InvalidInputError: Naming the PUB and what to change.

    Warns:
        QiskitModesWarning: If there is no noise for a layer, where noise of layers is simulated, or
            a circuit uses what its backend reports as broken.
    """
    unsupported_options(refusals_with_noise(backend, options.noise_model))
    if options.layer_noise_model is not None and not options.twirling.enabled:
        sentence = (
            "simulator.layer_noise_model has no effect: its noise acts on twirled layers, and "
            "nothing is twirled. Set twirling.enable_gates=True, or leave it unset."
        )
        unsupported_options([sentence])
    if options.changes_circuits:
        # Loaded late: a sampler that changes no circuit does not need what this brings along.
        from qiskit_modes.primitives.boxes.checks import check_circuit
        from qiskit_modes.primitives.sampler.templates import check_templates

        instructions = instruction_set_of(backend)
        for index, each in enumerate(inputs):
            check_circuit(
                each.circuit,
                each.used_qubits,
                instructions,
                f"PUB {index}",
                boxes=options.twirling.enabled,
                decouples=options.dynamical_decoupling is not None,
            )
        check_templates(inputs, options, backend)
    warn_of_broken([each.fingerprint for each in inputs], backend)


def check_sampled(inputs: Sequence[SamplerInput], backend: BackendV2, noise_model: Any) -> None:
    """Raise if the circuit of a sampler's PUB is too wide.

    Args:
        inputs: The PUBs.
        backend: The backend that the job is for.
        noise_model: What the options say.

    Raises:
        SimulationTooLargeError: Naming the PUB; see `refuse_too_wide`.
    """
    for index, each in enumerate(inputs):
        if each.num_sets and each.circuit.num_qubits > NEVER_TOO_WIDE:
            with naming(f"PUB {index}"):
                refuse_too_wide(each.circuit, each.parameter_values, backend, noise_model, here)
