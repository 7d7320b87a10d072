from __future__ import annotations

import numpy as np
import pytest
from qiskit.primitives.containers import BitArray

from qiskit_modes.primitives.measurement import expectation_values as of_terms
from qiskit_modes.primitives.measurement.expectation_values import expectation_values


@pytest.mark.parametrize("num_bits", [1, 4, 8, 9, 16, 33])
@pytest.mark.parametrize("shots", [1, 7, 8, 100])
def test_means_of_parities_are_those_of_the_bits(num_bits: int, shots: int):
    rng = np.random.default_rng(num_bits * 1000 + shots)
    bits = rng.random((5, shots, num_bits)) < 0.3
    samples = BitArray.from_bool_array(bits, order="little").array
    supports = [
        tuple(sorted(rng.choice(num_bits, size=size, replace=False).tolist()))
        for size in range(1, num_bits + 1)
    ]
    expected = [
        [np.prod(1 - 2.0 * one_set[:, list(support)], axis=-1).mean() for one_set in bits]
        for support in supports
    ]
    np.testing.assert_allclose(expectation_values(samples, supports), expected, atol=1e-12)


def test_many_sets_are_worked_through_in_parts(monkeypatch: pytest.MonkeyPatch):
    samples = np.random.default_rng(1).integers(0, 256, (10, 20, 2), dtype=np.uint8)
    supports = [(0,), (3, 12), (1, 2, 15)]
    whole = expectation_values(samples, supports)
    monkeypatch.setattr(of_terms, "_MAX_UNPACKED_BYTES", 1000)
    np.testing.assert_array_equal(expectation_values(samples, supports), whole)
