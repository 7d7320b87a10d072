"""Applying a contraction to density matrices, for many parameter sets at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.run.pauli_vector.contraction import Contraction

__all__ = ["contract"]


def contract(
    contraction: Contraction, state: RealArray, products: Sequence[RealArray]
) -> RealArray:
    """Return the state after all steps.

    Args:
        contraction: The steps.
        state: Shape (num_sets, branches, elements), the elements in the order of the axes that
            the contraction begins with.
        products: The matrices that depend on angles, for the same parameter sets.

    Returns:
        Shape (num_sets, branches, elements), in the order of ``contraction.axes``.
    """
    num_sets, branches = state.shape[:2]

    def arranged(shape: Sequence[int], order: Sequence[int]) -> RealArray:
        axes = (0, 1, *(place + 2 for place in order))
        return state.reshape(num_sets, branches, *shape).transpose(axes)

    for step in contraction.steps:
        if step.order is not None:
            state = arranged(step.shape, step.order)
        if step.matrix is not None:
            # One large product: a constant matrix is the same for all sets and branches.
            state = state.reshape(-1, step.columns) @ step.matrix
        else:
            assert step.product is not None
            stack, place = step.product
            state = state.reshape(num_sets, -1, step.columns) @ products[stack][:, place]
    if contraction.arrangement is not None:
        state = arranged(*contraction.arrangement)
    return np.ascontiguousarray(state).reshape(num_sets, branches, -1)
