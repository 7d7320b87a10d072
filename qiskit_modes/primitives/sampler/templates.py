"""Templates of a sampler's circuits: boxed and built, decoupled, put on the device.

What is prepared here depends on no numbers, and is kept for as long as the backend lives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.primitives.boxes.decoupling import decoupled
from qiskit_modes.primitives.boxes.narrow import narrowed
from qiskit_modes.primitives.boxes.sample import AT_ONCE, sample_of
from qiskit_modes.primitives.boxes.templates import (
    Template,
    boxed,
    explained,
    placed,
    seconds_to_build,
)
from qiskit_modes.primitives.inputs.pubs import SamplerInput
from qiskit_modes.primitives.layers.layer_noise import LayerNoise, warn_absent
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions
from qiskit_modes.primitives.sampler.measurement_twirl import opaque_template
from qiskit_modes.simulation.circuits.used_qubits import used_qubits
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["check_templates", "decoupled_circuit", "template_of"]


def check_templates(
    inputs: Sequence[SamplerInput],
    options: ResolvedSamplerOptions,
    backend: BackendV2,
) -> None:
    """Raise if a circuit cannot be boxed as the options say.

    Args:
        inputs: The PUBs.
        options: The options.
        backend: The backend that the job is for.

    Raises:
        InvalidInputError: Naming the PUB, and what to change.

    Warns:
        QiskitModesWarning: If there is no noise for a layer, where noise of layers is simulated.
    """
    for index, each in enumerate(inputs):
        if options.twirling.enabled and not _sample_can_be_boxed(each, options, backend):
            _boxed(each, options, backend, f"PUB {index}")
    if options.layer_noise_model is not None and options.warn_absent:
        noise = LayerNoise.of(options.layer_noise_model)
        circuits = [_boxed(each, options, backend, "").circuit for each in inputs]
        warn_absent(noise, circuits)


def _sample_can_be_boxed(
    pub: SamplerInput, options: ResolvedSamplerOptions, backend: BackendV2
) -> bool:
    """Return whether a circuit is large, and nothing in it is known to be in the way of boxing."""
    if len(pub.circuit.data) <= AT_ONCE:
        return False
    known = instruction_set_of(backend).templates
    facts = TargetFacts(instruction_set_of(backend).target)  # of which boxing reads nothing
    key = ("sample", pub.fingerprint, options.twirling)
    verdict: bool | None = known.get(key, facts)
    if verdict is None:
        sample = sample_of(pub.circuit)
        try:
            with explained(""):
                boxed(narrowed(sample, sorted(used_qubits(sample))), _boxing_of(options))
        except InvalidInputError:
            verdict = False
        else:
            verdict = True
        known.put(key, verdict, facts)
    return verdict


def _boxing_of(options: ResolvedSamplerOptions) -> dict[str, Any]:
    """Return the arguments of the boxing pass manager for a sampler's circuits."""
    return {"enable_measures": options.twirling.measure, **options.twirling.boxing()}


def _boxed(
    pub: SamplerInput,
    options: ResolvedSamplerOptions,
    backend: BackendV2,
    where: str,
    elsewhere: Elsewhere = here,
) -> Template:
    """Return the circuit of a PUB on the qubits it uses, boxed by the options and built.

    One that cannot be boxed is returned on all of its qubits, with its final measurements boxed, if
    only measurements are to be twirled.
    """
    instructions = instruction_set_of(backend)
    facts = TargetFacts(instructions.target)  # of which boxing reads nothing
    only_measures = not options.twirling.gates and options.dynamical_decoupling is None
    only_measures &= options.layer_noise_model is None
    key = ("boxed", pub.fingerprint, options.twirling, only_measures)
    template: Template | None = instructions.templates.get(key, facts)
    if template is None:
        boxing = _boxing_of(options)
        circuit = narrowed(pub.circuit, pub.used_qubits)
        seconds = seconds_to_build(circuit)
        try:
            template = elsewhere(seconds, _box, circuit, boxing, where)
        except InvalidInputError:
            box = partial(boxed, boxing=boxing)
            template = opaque_template(pub.circuit, box) if only_measures else None
            if template is None:
                raise
        instructions.templates.put(key, template, facts)
    return template


def _box(circuit: QuantumCircuit, boxing: Mapping[str, Any], where: str) -> Template:
    """Box and build a circuit: a pure function, whose arguments can be pickled."""
    with explained(where):
        return boxed(circuit, boxing)


def template_of(
    pub: SamplerInput,
    options: ResolvedSamplerOptions,
    backend: BackendV2,
    where: str,
    elsewhere: Elsewhere,
) -> Template:
    """Return the circuit of a PUB as it runs on the device."""
    instructions = instruction_set_of(backend)
    facts = TargetFacts(instructions.target)
    keeps_layers = options.layer_noise_model is not None
    key = ("placed", pub.fingerprint, options.twirling, options.decoupling_key, keeps_layers)
    template: Template | None = instructions.templates.get(key, facts)
    if template is None:
        template = _boxed(pub, options, backend, where, elsewhere)
        if template.drawn is not None:
            return template  # it is on the device already
        (circuit,) = placed(
            [template.circuit],
            pub.used_qubits,
            pub.circuit.num_qubits,
            facts,
            name=instructions.name,
            decoupling=options.dynamical_decoupling,
            keeps_layers=keeps_layers,
            elsewhere=elsewhere,
        )
        template = replace(template, circuit=circuit)
        instructions.templates.put(key, template, facts)
    return template


def decoupled_circuit(
    pub: SamplerInput,
    options: ResolvedSamplerOptions,
    backend: BackendV2,
    elsewhere: Elsewhere = here,
) -> QuantumCircuit:
    """Return the circuit of a PUB, decoupled if that is asked for."""
    decoupling = options.dynamical_decoupling
    if decoupling is None:
        return pub.circuit
    instructions = instruction_set_of(backend)
    facts = TargetFacts(instructions.target)
    key = ("decoupled", pub.fingerprint, options.decoupling_key)
    circuit: QuantumCircuit | None = instructions.templates.get(key, facts)
    if circuit is None:
        name = instructions.name
        (circuit,) = decoupled([pub.circuit], decoupling, facts, name, elsewhere)
        instructions.templates.put(key, circuit, facts)
    return circuit
