"""All options of Aer's simulators: passed on, read here, or refused. A list of what is known.

An option of a newer Aer that stands in no row is refused by its name, if it was set.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from operator import is_
from typing import Any, Literal

from qiskit.providers import BackendV2

__all__ = [
    "AER_OPTIONS",
    "MATRIX_METHODS",
    "AerOption",
    "options_passed_on",
    "options_set",
    "refusals_of_simulator",
    "usual_options",
]

Fate = Literal["passed on", "read", "refused"]


@dataclass(frozen=True)
class AerOption:
    """An option of Aer's simulators."""

    name: str
    fate: Fate
    """What becomes of it: "passed on" to Aer where Aer simulates, "read" here, or "refused"."""
    says: str
    """What it does here, or why it is refused and what to do."""


_THREADS = "An upper bound for the threads of each simulation; no result depends on it."
_OF_METHOD = "Passed on to the method that it belongs to."
_OF_GPU = "Passed on; of use where Aer finds a GPU."
_OF_MANY_PROCESSES = "Passed on; of use on several GPUs."
_ONE_PROCESS = (
    "the runtime divides jobs among its workers itself. Leave it unset; a LocalRuntime takes an "
    "executor"
)

AER_OPTIONS = {
    option.name: option
    for option in (
        AerOption("method", "read", "Which method; for two of them this package's own stands in."),
        AerOption("device", "read", "Passed on, if it is one of `available_devices()`."),
        AerOption("noise_model", "read", "The noise."),
        AerOption("seed_simulator", "read", "The seed of jobs whose options have none."),
        AerOption("max_memory_mb", "read", "How much memory a simulation may take."),
        AerOption("memory", "read", "Primitives have the outcome of every shot, set or not."),
        AerOption("max_parallel_threads", "read", _THREADS),
        AerOption("precision", "passed on", "Passed on; density matrices are of double precision."),
        AerOption("max_parallel_experiments", "passed on", "Passed on; there is one at a time."),
        AerOption("max_parallel_shots", "passed on", "Passed on, within the number of threads."),
        AerOption("enable_truncation", "passed on", "Passed on; no result depends on it."),
        AerOption("zero_threshold", "passed on", _OF_METHOD),
        AerOption("validation_threshold", "passed on", _OF_METHOD),
        AerOption("chop_threshold", "passed on", _OF_METHOD),
        AerOption("fusion_enable", "passed on", "Passed on; no result depends on it."),
        AerOption("fusion_verbose", "passed on", "Passed on; what it writes is not kept."),
        AerOption("fusion_max_qubit", "passed on", "Passed on; no result depends on it."),
        AerOption("fusion_threshold", "passed on", "Passed on; no result depends on it."),
        AerOption("runtime_parameter_bind_enable", "passed on", "Passed on; values are bound."),
        AerOption("cuStateVec_enable", "passed on", _OF_GPU),
        AerOption("target_gpus", "passed on", _OF_GPU),
        AerOption("num_threads_per_device", "passed on", _OF_GPU),
        AerOption("batched_shots_gpu", "passed on", _OF_GPU),
        AerOption("batched_shots_gpu_max_qubits", "passed on", _OF_GPU),
        AerOption("blocking_enable", "passed on", _OF_MANY_PROCESSES),
        AerOption("blocking_qubits", "passed on", _OF_MANY_PROCESSES),
        AerOption("chunk_swap_buffer_qubits", "passed on", _OF_MANY_PROCESSES),
        AerOption("shot_branching_enable", "passed on", "Passed on without noise, else refused."),
        AerOption(
            "shot_branching_sampling_enable", "passed on", "Passed on without noise, else refused."
        ),
        *(
            AerOption(name, "passed on", _OF_METHOD)
            for name in (
                "statevector_parallel_threshold",
                "statevector_sample_measure_opt",
                "stabilizer_max_snapshot_probabilities",
                "extended_stabilizer_sampling_method",
                "extended_stabilizer_metropolis_mixing_time",
                "extended_stabilizer_approximation_error",
                "extended_stabilizer_norm_estimation_samples",
                "extended_stabilizer_norm_estimation_repetitions",
                "extended_stabilizer_parallel_threshold",
                "extended_stabilizer_probabilities_snapshot_samples",
                "matrix_product_state_truncation_threshold",
                "matrix_product_state_max_bond_dimension",
                "mps_sample_measure_algorithm",
                "mps_log_data",
                "mps_swap_direction",
                "mps_parallel_threshold",
                "mps_omp_threads",
                "mps_lapack",
                "tensor_network_num_sampling_qubits",
                "use_cuTensorNet_autotuning",
            )
        ),
        AerOption(
            "shots",
            "refused",
            "a primitive says itself how many shots it takes. Set default_shots in its options",
        ),
        AerOption("executor", "refused", _ONE_PROCESS),
        AerOption("max_job_size", "refused", _ONE_PROCESS),
        AerOption("max_shot_size", "refused", _ONE_PROCESS),
        AerOption(
            "accept_distributed_results",
            "refused",
            "a result is that of one process. Leave it unset",
        ),
    )
}
"""Every option by its name."""

MATRIX_METHODS = frozenset({"unitary", "superop"})
"""Methods that compute the matrix of a circuit, and cannot measure."""

_BRANCHING = ("shot_branching_enable", "shot_branching_sampling_enable")


def _option(backend: BackendV2, name: str) -> Any:
    """Return an option of a simulator of Aer's, None if it has no such option."""
    return getattr(backend.options, name, None)


def options_set(backend: BackendV2) -> list[tuple[str, Any]]:
    """Return what was set of a simulator of Aer's to another value than its default, by name."""
    kind: Any = type(backend)
    usual, now = usual_options(kind), vars(backend.options)
    if [*now] == [*usual] and all(map(is_, now.values(), usual.values())):
        return []  # the defaults themselves, in their order, as of most simulators
    return sorted(
        (
            (name, value)
            for name, value in now.items()
            if value is not (default := usual.get(name))
            and not (type(value) is type(default) and value == default)
        ),
        key=lambda option: option[0],
    )


@cache
def usual_options(kind: Any) -> dict[str, Any]:
    """Return the defaults of a class of simulators, which nobody changes."""
    return dict(vars(kind._default_options()))  # noqa: SLF001 - Aer's documented hook


def _devices(backend: BackendV2) -> tuple[str, ...]:
    """Return the devices on which a simulator of Aer's can simulate; older classes know one."""
    available = getattr(backend, "available_devices", None)
    return ("CPU",) if available is None else tuple(available())


def options_passed_on(backend: BackendV2) -> tuple[tuple[str, Any], ...]:
    """Return what Aer is told where it simulates, in the order of the names; lists as tuples.

    Args:
        backend: A simulator of Aer's.
    """
    chosen = options_set(backend)
    if not chosen:
        return ()
    ideal = _option(backend, "noise_model") is None
    return tuple(
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in chosen
        if name in AER_OPTIONS
        and (
            (AER_OPTIONS[name].fate == "passed on" and (ideal or name not in _BRANCHING))
            or (name == "device" and value in _devices(backend))
        )
    )


def refusals_of_simulator(backend: BackendV2) -> list[str]:
    """Return a sentence for each option of a simulator of Aer's that cannot be honoured.

    Args:
        backend: Any backend; what is no simulator of Aer's has none.
    """
    sentences = []
    for name, value in options_set(backend):
        option = AER_OPTIONS.get(name)
        if option is None:
            why = (
                "it is not known here, and may be of a newer release of qiskit-aer. Leave it unset"
            )
        elif option.fate == "refused":
            why = option.says
        elif name == "device" and value not in (devices := _devices(backend)):
            why = f"Aer finds no such device here. Use one of {', '.join(map(repr, devices))}"
        elif name == "method" and value in MATRIX_METHODS:
            why = (
                "it computes the matrix of a circuit and cannot measure. Choose another method, or "
                "'automatic'"
            )
        elif name in _BRANCHING and value and _option(backend, "noise_model") is not None:
            why = "Aer counts wrongly with it where there is noise of readout. Leave it unset"
        else:
            continue
        sentences.append(f"The option {name}={value!r} of the backend is not supported: {why}.")
    return sentences
