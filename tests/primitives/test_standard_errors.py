"""Standard errors are finite, and as large as values spread over seeds."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.options_models import ResilienceOptions

from qiskit_modes.primitives.measurement.expectation_values import mean_squares
from qiskit_modes.primitives.mitigation.extrapolation import NEEDED, extrapolated, select
from qiskit_modes.primitives.mitigation.values import _widened
from tests.benchmarks.standard_errors import HIGHEST, LOWEST, SETTINGS, Setting, ratios
from tests.primitives.test_mitigation_helps import CIRCUITS

SEEDS = range(300)

ALL_FACTORS = (1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0)

TRUTHS = {
    "barely noisy": lambda x: 0.9 * np.exp(-0.05 * x),
    "noisy": lambda x: -0.5 * np.exp(-0.15 * x),
    "very noisy": lambda x: 0.9 * np.exp(-1.0 * x),
    "two rates": lambda x: 0.5 * np.exp(-0.3 * x) + 0.3 * np.exp(-0.02 * x),
    "near zero": lambda x: 0.05 * np.exp(-0.1 * x),
    "zero": lambda x: 0.0 * x,
    "growing": lambda x: 0.3 + 0.03 * x,
}

FITS = [
    (name, factors)
    for name, needed in NEEDED.items()
    for factors in ((1.0, 3.0, 5.0), (1.0, 1.5, 2.0, 2.5, 3.0), ALL_FACTORS)
    if len(factors) >= needed
]


def test_every_extrapolator_of_the_options_is_known():
    zne = ResilienceOptions.model_fields["zne"].annotation
    names = zne(extrapolator=list(NEEDED)).extrapolator
    assert set(names) == set(NEEDED)
    text = str(zne.model_fields["extrapolator"].annotation)
    assert text.count("'") // 2 == 2 * len(NEEDED), text


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize(("name", "factors"), FITS, ids=str)
def test_errors_of_extrapolators_are_true(name, factors, truth):
    """Four thousand shots at each noise factor, three hundred times."""
    shots = 4096
    generator = np.random.default_rng([*truth.encode(), *name.encode(), len(factors)])
    exact = TRUTHS[truth](np.array(factors))
    values = 2 * generator.binomial(shots, (1 + exact) / 2, (300, len(factors))) / shots - 1
    errors = np.sqrt((1 - (values * shots / (shots + 2)) ** 2) / shots)
    found = extrapolated(name, factors, values, errors, [0.0, 2.0])
    ratio = found.values.std(axis=0, ddof=1) / np.median(found.errors(errors), axis=0)
    # The spread of 300 values is itself known to 4 % only, so limits are wider here by that.
    assert np.all((ratio > LOWEST - 0.04) & (ratio < HIGHEST + 0.04))


@pytest.mark.parametrize("name", NEEDED)
def test_gradients_are_what_moves_the_values(name):
    generator = np.random.default_rng(7)
    x = np.array(ALL_FACTORS)
    values = 0.6 * np.exp(-0.1 * x) + 0.02 * generator.standard_normal((5, len(x)))
    errors = np.full_like(values, 0.02)
    found = extrapolated(name, ALL_FACTORS, values, errors, [0.0, 4.0])
    step = 1e-4
    for number in range(len(x)):
        moved = [
            extrapolated(
                name, ALL_FACTORS, values + sign * step * np.eye(len(x))[number], errors, [0.0, 4.0]
            )
            for sign in (1, -1)
        ]
        slope = (moved[0].values - moved[1].values) / (2 * step)
        np.testing.assert_allclose(found.gradients[..., number], slope, atol=0.02, rtol=0.02)


HARD = {
    "equal": np.full((1, 8), 0.3),
    "certain": np.ones((1, 8)),
    "zero": np.zeros((1, 8)),
    "alternating": np.array([[1.0, -1.0] * 4]),
    "one outlier": np.array([[0.0] * 7 + [1.0]]),
}


@pytest.mark.parametrize("values", HARD.values(), ids=HARD)
@pytest.mark.parametrize("name", NEEDED)
def test_any_values_have_finite_errors(name, values):
    for shots in (1, 64, 10**8):
        errors = np.sqrt((1 - (values * shots / (shots + 2)) ** 2) / shots)
        found = extrapolated(name, ALL_FACTORS, values, errors, [0.0, 1.0, 40.0])
        assert np.isfinite(found.values).all()
        assert np.isfinite(found.errors(errors)).all()
        if np.ptp(values) == 0:
            np.testing.assert_array_equal(found.values, values[:, :3])


def test_the_first_possible_extrapolator_counts():
    values = [np.array([0.5, 0.5, 1.9, 5.0]), np.array([0.4, 0.4, 0.4, 3.0])]
    errors = [np.array([0.1, 1.1, 0.2, 2.0]), np.array([0.2, 0.2, 0.2, 1.5])]
    assert select(values, errors).tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("num_bits", [5, 12, 40])
def test_terms_of_the_same_shots_vary_together(num_bits):
    generator = np.random.default_rng(num_bits)
    bits = generator.random((3, 50, num_bits)) < 0.4
    samples = np.packbits(bits, axis=-1, bitorder="little")[..., ::-1]
    supports = [(0,), (1, 4), (2, 3, 4)]
    weights = [generator.standard_normal((3, 2)) for _ in range(2)]
    signs = np.stack([np.prod(1 - 2.0 * bits[..., list(each)], axis=-1) for each in supports], -1)
    expected = [((signs @ each) ** 2).mean(axis=1).T for each in weights]
    np.testing.assert_allclose(mean_squares(samples, supports, weights), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0)),
        ((1.0, 2.0, 3.0, 5.0), (1.0, 2.0, 3.0, 5.0)),
        ((1.0, 1.0, 4.0, 5.0), (1.0, 2.0, 3.0, 5.0)),  # no randomisation met the rare error
        ((0.8, 0.9, 0.9, 1.1), (1.0, 1.0, 1.0, 1.0)),  # less than shots alone: by chance
    ],
)
def test_all_noise_factors_tell_how_much_randomisations_differ(found, expected):
    widened = _widened(np.array(found), np.array([1.0, 1.5, 2.0, 3.0]))
    np.testing.assert_allclose(widened, expected)


def test_without_added_noise_each_factor_tells_it_alone():
    np.testing.assert_array_equal(_widened(np.array([3.0, 0.5]), np.ones(2)), [3.0, 1.0])


@pytest.mark.parametrize("degree", [1, 2])
def test_errors_of_what_few_randomisations_meet_are_true(degree):
    """One error in two hundred shots' worth of noise, met by whole randomisations or not at all."""
    factors, number, each = np.array([1.0, 1.5, 2.0, 3.0]), 32, 128
    generator = np.random.default_rng(degree)
    met = generator.random((400, number, 4)) < 0.06 * (factors - 1)
    exact = np.where(met, -0.7, 0.7)
    means = 2 * generator.binomial(each, (1 + exact) / 2) / each - 1
    values, spread = means.mean(axis=1), means.var(axis=1, ddof=1) / number
    shot = (1 - values**2) / (number * each)
    found = []
    for mean, wide, plain in zip(values, spread, shot, strict=True):
        errors = np.sqrt(plain * _widened(wide / plain, factors))
        fit = extrapolated(f"polynomial_degree_{degree}", factors, mean[None], errors[None], [0.0])
        found.append((fit.values.item(), fit.errors(np.sqrt(np.maximum(wide, plain))[None]).item()))
    at_zero, reported = np.array(found).T
    # Weighed by what each factor has seen by itself: 1.22.
    assert LOWEST < at_zero.std(ddof=1) / np.median(reported) < HIGHEST


def test_extrapolation_where_nothing_is_noisy(ideal, estimate):
    """Values at all noise factors are equal, or differ by shots alone."""
    circuit = QuantumCircuit(2)
    circuit.x(0)
    circuit.cx(0, 1)
    names = list(NEEDED)
    zne = {"noise_factors": list(ALL_FACTORS), "extrapolator": names}
    options = {"resilience_level": 2, "resilience": {"zne": zne}}
    observables = ["ZZ", "IZ", "XX", "II", SparsePauliOp(["ZI", "YY"])]
    data = estimate(ideal, [(circuit, observables)], options=options)[0].data
    for field in data:
        assert np.isfinite(data[field]).all(), field
    assert data.evs[[0, 1, 3]].tolist() == [1.0, -1.0, 1.0]
    assert data.stds[[0, 1, 3]].tolist() == [0.0, 0.0, 0.0]
    assert data.stds[2] > 0
    assert data.stds[4] > 0


QUICK = {name: SETTINGS[name] for name in ("level 0", "twirled", "level 1")}
"""Level 2, which gave infinite errors for one seed of thirty and errors a quarter too small, takes
as long as these together: it is among the slow ones."""


@pytest.mark.parametrize(
    "name",
    [name if name == "level 1" else pytest.param(name, marks=pytest.mark.slow) for name in QUICK],
)
def test_errors_of_a_small_circuit_are_true(name, manila):
    for each in ratios("ladder", QUICK[name], range(100), manila):
        assert each.finite
        assert 0.8 < each.ratio < 1.25, each  # a hundred seeds tell it to 7 %


TOO_SLOW = ("level 2, any factors", "PEA, 512 randomisations")
"""What takes minutes, and is looked at by the command alone."""

SLOW = {name: setting for name, setting in SETTINGS.items() if name not in TOO_SLOW}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("circuit", CIRCUITS)
@pytest.mark.parametrize("name", SLOW)
def test_errors_are_true(name, circuit, manila):
    for each in ratios(circuit, SLOW[name], SEEDS, manila):
        assert each.met, each


def test_a_ratio_beyond_the_limits_is_missed():
    from tests.benchmarks.standard_errors import Ratio

    assert Ratio("c", "evs", 0.01, 0.01, True).met
    assert not Ratio("c", "evs", 0.012, 0.01, True).met
    assert not Ratio("c", "evs", 0.008, 0.01, True).met
    assert not Ratio("c", "evs", 0.01, 0.01, False).met
    assert not Ratio("c", "evs", 0.01, 0.0, True).met
    assert isinstance(SETTINGS["PEC"], Setting)
