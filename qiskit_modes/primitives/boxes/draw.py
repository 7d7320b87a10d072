"""Drawing what a samplex leaves to chance: angles for a template, and what to undo afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from types import FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt
from samplomatic.quantum_program import SamplexItem
from samplomatic.samplex import Samplex
from samplomatic.tensor_interface import TensorSpecification
from samplomatic.virtual_registers import VirtualType

from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = [
    "PARAMETER_VALUES",
    "bytes_of_registers",
    "bytes_of_set",
    "draw_one",
    "draw_randomisations",
]

PARAMETER_VALUES = "parameter_values"
"""What a samplex calls the angles of its template."""


REGISTER_BYTES = 1 << 26
"""So much may take what a samplex holds while it draws; what is more is drawn in pieces."""

_MATRIX_BYTES = 64
"""Of a matrix of a register of `VirtualType.U2`; the elements of all others take one byte."""


def bytes_of_set(samplex: Samplex) -> int:
    """Return how many bytes a samplex gives for each randomisation."""
    specs = samplex.outputs().specs
    return sum(max(0, each.num_bytes) for each in specs if isinstance(each, TensorSpecification))


def bytes_of_registers(samplex: Samplex) -> int:
    """Return how many bytes a samplex holds for each randomisation while it draws."""
    return sum(
        size * (_MATRIX_BYTES if kind is VirtualType.U2 else 1)
        for node in samplex.graph.nodes()
        for size, kind in node.instantiates().values()
    )


def draw_randomisations(
    item: SamplexItem, generator: np.random.Generator, elsewhere: Elsewhere = here
) -> dict[str, npt.NDArray[Any]]:
    """Draw the samplex of an item for each element of the item's shape.

    An axis along which the samplex's arguments differ is a sweep: each of its elements is drawn
    with arguments of its own. Along any other axis stand independent randomisations.

    Args:
        item: The item, not modified.
        generator: Where the random numbers come from.
        elsewhere: Asked before each further piece; a job that is cancelled is left there.

    Returns:
        For each output of the samplex, an array whose first axes are those of ``item.shape``; the
        angles of the template are under `PARAMETER_VALUES`.
    """
    shape, arguments = item.shape, item.samplex_arguments
    if math.prod(shape) == 0:
        return _nothing(item)
    lengths = (1,) * (len(shape) - arguments.ndim) + arguments.shape
    swept = [axis for axis, length in enumerate(lengths) if length > 1]
    free = [axis for axis, length in enumerate(lengths) if length <= 1]
    free_shape = tuple(shape[axis] for axis in free)
    drawn: dict[str, npt.NDArray[Any]] = {}
    for element in np.ndindex(*(shape[axis] for axis in swept)):
        place: list[int | slice] = [slice(None)] * len(shape)
        for axis, index in zip(swept, element, strict=True):
            place[axis] = index
        own = tuple(0 if isinstance(at, slice) else at for at in place)
        mine = arguments[own[len(shape) - arguments.ndim :]]
        pieces = _pieces(item.samplex, mine, math.prod(free_shape), generator, elsewhere)
        for first, outputs in pieces:
            for name, values in outputs.items():
                if name not in drawn:
                    drawn[name] = np.empty((*shape, *values.shape[1:]), dtype=values.dtype)
                whole = np.moveaxis(drawn[name], free, range(len(free)))
                last = (slice(None),) * len(free) + tuple(element)
                _put(whole[last], free_shape, first, values)
    return drawn


def _pieces(
    samplex: Samplex,
    arguments: Any,
    number: int,
    generator: np.random.Generator,
    elsewhere: Elsewhere,
) -> Iterator[tuple[int, dict[str, npt.NDArray[Any]]]]:
    """Yield randomisations, some after others, and the number of the first of each piece."""
    at_once = max(1, REGISTER_BYTES // max(1, bytes_of_registers(samplex)))
    for first in range(0, number, at_once):
        if first:
            elsewhere(0.0, _nothing_to_do)  # raises if nobody waits any more
        some = min(at_once, number - first)
        outputs = _sample(samplex, arguments, num_randomizations=some, rng=generator)
        yield first, dict(outputs.items())


def _nothing_to_do() -> None:
    pass


def _put(
    whole: npt.NDArray[Any], shape: tuple[int, ...], first: int, values: npt.NDArray[Any]
) -> None:
    """Put values where they belong, counted through from the first.

    Args:
        whole: A view, of shape (*shape, ...).
        shape: Of the axes of which ``values`` are elements, counted through.
        first: The number of the first.
        values: Shape (number, ...).
    """
    if len(values) == math.prod(shape):
        whole[...] = values.reshape(*shape, *values.shape[1:])
        return
    places = np.unravel_index(np.arange(first, first + len(values)), shape)
    whole[places] = values


def draw_one(item: SamplexItem) -> dict[str, npt.NDArray[Any]]:
    """Draw a single randomisation of an item's first element, the same for every call.

    Args:
        item: The item, not modified; it has an element.

    Returns:
        What `draw_randomisations` does, each array with a first axis of length 1 and then its own,
        as of shape (1, num_parameters) for the angles.
    """
    arguments = item.samplex_arguments
    first = arguments[(0,) * arguments.ndim]
    drawn: dict[str, npt.NDArray[Any]] = _sample(
        item.samplex, first, num_randomizations=1, rng=np.random.default_rng(0)
    )
    return drawn


class _Here(Executor):
    """An executor whose tasks are done at once, by the thread that submits them.

    Args:
        max_workers: Has no effect.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        del max_workers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do a task; what it raises comes out here."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def _all_done(futures: Iterable[Future[Any]]) -> None:
    """Wait for tasks of `_Here`: submitting one is doing it."""
    for _ in futures:
        pass


def _without_threads(sample: Callable[..., Any]) -> Callable[..., Any]:
    """Return a samplex's ``sample`` whose tasks are done by the calling thread.

    It draws the same: each task has a random stream of its own, which does not depend on who does
    it. Samplomatic starts a pool of threads for every call, also for one worker, which takes
    longer than what they do. It cannot be told not to, so the function gets another executor under
    the name by which it asks for the pool; the module that it comes from is left as it is.
    """
    assert isinstance(sample, FunctionType)
    other = {"ThreadPoolExecutor": _Here, "wait_with_raise": _all_done}
    alike = FunctionType(
        sample.__code__,
        {**sample.__globals__, **other},
        sample.__name__,
        sample.__defaults__,
        sample.__closure__,
    )
    alike.__kwdefaults__ = sample.__kwdefaults__
    return alike


_sample = _without_threads(Samplex.sample)


def _nothing(item: SamplexItem) -> dict[str, npt.NDArray[Any]]:
    """Return outputs for an item that has no element."""
    return {
        spec.name: np.empty((*item.shape, *spec.shape[1:]), dtype=spec.dtype)
        for spec in item.samplex.outputs().specs
    }
