"""Every option of Aer's simulators is passed on, is read, or is refused by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.transpiler import TransformationPass
from qiskit_aer import AerSimulator
from qiskit_aer.backends import QasmSimulator, StatevectorSimulator, UnitarySimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_ibm_runtime import QuantumProgram

from qiskit_modes import EstimatorV2, Executor, NoiseLearnerV3, SamplerV2
from qiskit_modes.exceptions import UnsupportedOptionError, UnsupportedOptionWarning
from qiskit_modes.primitives.backends.simulated_backend import noise_model_of, simulated_backend
from qiskit_modes.simulation import Program, Run, compile_circuit, execute
from qiskit_modes.simulation.aer.options import AER_OPTIONS
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.run.share import alone

SIMULATORS = (AerSimulator, QasmSimulator, StatevectorSimulator, UnitarySimulator)

TEXTS = {
    "extended_stabilizer_sampling_method": "metropolis",
    "mps_sample_measure_algorithm": "mps_probabilities",
    "mps_swap_direction": "mps_swap_right",
    "precision": "single",
}
"""Other values of options that are text."""

OTHERS: dict[str, Any] = {
    "target_gpus": [0],
    "blocking_qubits": 8,
    "chunk_swap_buffer_qubits": 4,
}
"""Other values of options without a default."""

REFUSED = {
    "accept_distributed_results": True,
    "executor": object(),
    "max_job_size": 1,
    "max_shot_size": 10,
    "shots": 17,
    "device": "TPU",
    "method": "unitary",
}


def other(name: str) -> Any:
    """A value of an option that is not its default."""
    default = getattr(AerSimulator._default_options(), name, None)
    if name in OTHERS:
        return OTHERS[name]
    if isinstance(default, str):
        return TEXTS[name]
    if isinstance(default, bool):
        return not default
    if isinstance(default, float):
        return default * 2
    return 1 if default is None else default + 1


def ghz(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(0)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def bell() -> QuantumCircuit:
    return ghz(2)


def readout_noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    return model


def simulator(method: str, **options: Any) -> AerSimulator:
    made = AerSimulator(method=method)
    made.options.update_options(**options)  # the constructor does not know all of them
    return made


@pytest.mark.parametrize("kind", SIMULATORS)
def test_every_option_of_the_installed_aer_has_a_row(kind):
    assert not set(vars(kind._default_options())) - set(AER_OPTIONS)


def test_every_row_is_one_of_aers_options():
    known = set(vars(AerSimulator._default_options())) | {"target_gpus"}
    assert set(AER_OPTIONS) == known
    assert all(option.says for option in AER_OPTIONS.values())


PASSED_ON = [name for name, option in AER_OPTIONS.items() if option.fate == "passed on"]


@pytest.mark.parametrize("name", PASSED_ON)
def test_an_option_that_is_passed_on_reaches_aer(name):
    method = "extended_stabilizer" if "extended" in name else "matrix_product_state"
    value = other(name)
    backend = simulator(method, **{name: value})
    assert not describe(backend).refusals()
    compiled = compile_circuit(bell(), backend)
    (component,) = compiled.components
    assert component.options[name] == value
    assert compiled.metadata["device"] == "CPU"
    assert compiled.key != compile_circuit(bell(), simulator(method)).key
    run = Run(compiled.key, np.zeros((1, 0)), 200)
    (samples,) = execute(Program({compiled.key: compiled}, (run,), 5)).runs
    assert {int(byte) for byte in samples.registers["meas"].ravel()} <= {0, 3}


class Nothing(TransformationPass):
    """A pass that may rewrite circuits, so that the noise cannot be cut."""

    def run(self, dag):
        return dag


def test_the_whole_noise_model_is_simulated_with_them_too():
    model = readout_noise()
    model._custom_noise_passes.append(Nothing())
    backend = simulator("statevector", noise_model=model, fusion_max_qubit=3, max_memory_mb=500)
    circuit = bell()
    circuit.delay(10, 0)
    compiled = compile_circuit(circuit, backend)
    assert compiled.metadata["noise"] == "full model"
    assert compiled.metadata["device"] == "CPU"
    assert compiled.components[0].options["fusion_max_qubit"] == 3
    assert compiled.components[0].options["max_memory_mb"] == 500


def test_the_number_of_threads_is_an_upper_bound():
    for asked, given in ((1, 1), (64, 1), (None, 1)):
        backend = simulator("matrix_product_state", max_parallel_threads=asked)
        compiled = compile_circuit(bell(), backend)
        assert compiled.components[0].options["max_parallel_threads"] == given
        compiled = compile_circuit(ghz(5), simulator("statevector", max_parallel_threads=asked))
        assert compiled.components[0].max_threads == asked


def test_the_number_of_threads_limits_the_state_vector_of_this_package():
    circuit = QuantumCircuit(18)
    circuit.ry(0.3, range(18))
    for qubit in range(17):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    for asked, most in ((1, 1), (2, 2), (None, 8)):
        compiled = compile_circuit(circuit, simulator("automatic", max_parallel_threads=asked))
        counts = []

        def share(work, count, counts=counts):
            counts.append(count)
            alone(work, count)

        run = Run(compiled.key, np.zeros((1, 0)), 10)
        execute(Program({compiled.key: compiled}, (run,), 1), share)
        assert max(counts) == most


RUNS = {
    "sampler": lambda backend: SamplerV2(backend).run([bell()]),
    "estimator": lambda backend: EstimatorV2(backend).run([(QuantumCircuit(1), "Z")]),
    "executor": lambda backend: Executor(backend).run(_program()),
    "noise learner": lambda backend: NoiseLearnerV3(backend).run([]),
}


def _program() -> QuantumProgram:
    program = QuantumProgram(shots=10)
    program.append_circuit_item(bell())
    return program


@pytest.mark.parametrize("primitive", RUNS)
@pytest.mark.parametrize("name", [*REFUSED, "brand_new"])
def test_what_cannot_be_honoured_is_refused_when_a_job_is_run(primitive, name):
    value = REFUSED.get(name, 3)
    backend = AerSimulator()
    backend.options.update_options(**{name: value})
    with pytest.raises(UnsupportedOptionError) as refused:
        RUNS[primitive](backend)
    assert f"{name}={value!r} of the backend is not supported" in refused.value.message


def test_a_device_that_there_is_not_is_named_with_those_that_there_are():
    absent = {"GPU", "TPU"} - set(AerSimulator().available_devices())
    for device in absent:
        with pytest.raises(UnsupportedOptionError, match=f"device='{device}' .* one of 'CPU'"):
            SamplerV2(AerSimulator(device=device)).run([bell()])


def test_a_device_that_there_is_is_told_to_aer(monkeypatch):
    monkeypatch.setattr(AerSimulator, "available_devices", lambda self: ["CPU", "GPU"])
    compiled = compile_circuit(bell(), simulator("statevector", device="GPU"))
    assert compiled.components[0].options["device"] == "GPU"
    assert compiled.metadata["device"] == "GPU"


def test_the_device_is_in_the_metadata():
    result = SamplerV2(AerSimulator()).run([bell()], shots=10).result(timeout=60)
    assert result[0].metadata["simulation"]["device"] == "CPU"


def test_a_setting_lets_it_be_ignored(monkeypatch):
    monkeypatch.setenv("QISKIT_MODES_UNSUPPORTED_OPTIONS", "warn")
    backend = AerSimulator(device="TPU", method="statevector")
    with pytest.warns(UnsupportedOptionWarning, match="device='TPU'.*It is ignored") as caught:
        job = SamplerV2(backend).run([bell()], shots=10)
    assert caught[0].filename == __file__
    assert job.result(timeout=60)[0].metadata["simulation"]["device"] == "CPU"


@pytest.mark.parametrize("name", ["shot_branching_enable", "shot_branching_sampling_enable"])
def test_branching_is_refused_where_it_would_count_wrongly(name):
    sampler = SamplerV2(AerSimulator(noise_model=readout_noise(), **{name: True}))
    with pytest.raises(UnsupportedOptionError, match=f"{name}=True .* counts wrongly"):
        sampler.run([bell()])


NEITHER = {"noise_model", "device", "method"}
"""What is set by the test itself, or has values that depend on the machine."""

KEPT = [name for name, each in AER_OPTIONS.items() if each.fate != "refused"]


@pytest.mark.filterwarnings("ignore:The `.*Simulator` backend will be deprecated")
class TestANoiseModelInTheOptions:
    """It replaces the noise of a simulator, and nothing else."""

    @pytest.mark.parametrize("kind", [AerSimulator, QasmSimulator])
    @pytest.mark.parametrize("name", [name for name in KEPT if name not in NEITHER])
    def test_every_option_stays_as_it_was(self, kind, name):
        if kind is QasmSimulator and not hasattr(kind().options, name):
            pytest.skip("an older simulator does not have it")
        backend = kind(method="matrix_product_state")
        backend.options.update_options(**{name: other(name)})
        model = readout_noise()
        simulated = simulated_backend(backend, model)
        assert simulated.options.noise_model is model
        assert getattr(simulated.options, name) == other(name)
        assert simulated.options.method == "matrix_product_state"
        without = describe(backend).choice
        branching = name.startswith("shot_branching")
        options = () if branching else without.options
        assert describe(simulated).choice == without._replace(options=options)
        assert simulated_backend(backend, model) is simulated
        assert simulated_backend(kind(method="matrix_product_state"), model) is not simulated

    def test_the_device_stays_too(self, monkeypatch):
        monkeypatch.setattr(AerSimulator, "available_devices", lambda self: ["CPU", "GPU"])
        backend = simulator("statevector", device="GPU")
        assert describe(simulated_backend(backend, readout_noise())).choice.options == (
            ("device", "GPU"),
        )

    @pytest.mark.parametrize("name", ["shot_branching_enable", "shot_branching_sampling_enable"])
    @pytest.mark.parametrize(
        ("primitive", "pub"), [(SamplerV2, bell()), (EstimatorV2, (QuantumCircuit(1), "Z"))]
    )
    def test_what_does_not_go_with_noise_is_refused(self, primitive, pub, name):
        backend = simulator("automatic", **{name: True})
        options = {"simulator": {"noise_model": readout_noise()}}
        with pytest.raises(UnsupportedOptionError, match=f"{name}=True .* counts wrongly"):
            primitive(backend, options).run([pub])

    def test_an_older_simulator_has_the_noise_that_it_has(self):
        model = readout_noise()
        assert noise_model_of(QasmSimulator(noise_model=model)) is model
        assert noise_model_of(StatevectorSimulator()).is_ideal()


class TestTheSeedOfASimulator:
    def bits(self, backend: AerSimulator, **options: Any) -> bytes:
        result = SamplerV2(backend, options).run([bell()], shots=200).result(timeout=60)
        return result[0].data.meas.array.tobytes()

    def test_it_reproduces_jobs_whose_options_have_none(self):
        assert self.bits(AerSimulator(seed_simulator=4)) == self.bits(
            AerSimulator(seed_simulator=4)
        )
        assert self.bits(AerSimulator(seed_simulator=4)) != self.bits(
            AerSimulator(seed_simulator=5)
        )

    def test_the_seed_of_the_options_wins(self):
        options = {"simulator": {"seed_simulator": 9}}
        of_options = self.bits(AerSimulator(), **options)
        assert self.bits(AerSimulator(seed_simulator=4), **options) == of_options
