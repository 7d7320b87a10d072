"""Rows of jobs with error mitigation."""

from qiskit_ibm_runtime.fake_provider import FakeSherbrooke, FakeTorino

from qiskit_modes import EstimatorV2, NoiseLearnerV3, Session
from tests.benchmarks.timing import Row, median_ms, timed, times
from tests.benchmarks.workloads import SHOTS, VQE

__all__ = ["default_options", "heavy_techniques"]

ITERATIONS = 50


def default_options():
    """P2: P1's iteration at upstream's default options, which upstream's local mode ignores."""
    for fake, target in {FakeSherbrooke: 10, FakeTorino: 30}.items():
        vqe = VQE(fake())
        theirs = min(times(vqe.upstream(), 2))
        with Session(vqe.backend) as session:
            iteration = vqe.ours(session, {"resilience_level": 1})
            first = timed(iteration)
            ours = times(iteration, ITERATIONS)
        ratio = theirs * 1e3 / median_ms(ours)
        yield Row(
            "P2",
            f"VQE iteration with measurements mitigated, {vqe.backend.name}",
            f"{ratio:,.0f} times",
            f">= {target}",
            ratio >= target,
            f"upstream, not mitigated, {theirs:.2f} s, ours {median_ms(ours):.0f} ms, "
            f"first {first * 1e3:.0f} ms",
        )


def heavy_techniques():
    """P2b: zero-noise extrapolation, and PEC with 32 randomisations, on fake_sherbrooke."""
    backend = FakeSherbrooke()
    vqe = VQE(backend)
    cancelled = {
        "resilience": {"pec_mitigation": True},
        "twirling": {"num_randomizations": 32},
        "default_shots": SHOTS,
    }
    estimator = EstimatorV2(backend, options=cancelled)
    layers = estimator.find_unique_layers([vqe.pub()])
    noise = NoiseLearnerV3(backend).run(layers).result().to_pauli_lindblad_maps()
    cancelled["resilience"]["layer_noise_model"] = list(zip(layers, noise, strict=True))
    rows = {
        "resilience level 2": ({"resilience_level": 2}, 3),
        "PEC with 32 randomisations": (cancelled, 5),
    }
    for name, (options, target) in rows.items():
        with Session(backend) as session:
            iteration = vqe.ours(session, options)
            first = timed(iteration)
            later = times(iteration, 10)
        yield Row(
            "P2b",
            f"VQE iteration, {name}, {backend.name}",
            f"{first:.2f} s",
            f"<= {target} s",
            first <= target,
            f"the first; later ones {median_ms(later):.0f} ms",
        )
