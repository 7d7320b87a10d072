"""An agenda finds what looking through all of it would find."""

from hypothesis import given
from hypothesis import strategies as st

from qiskit_modes.scheduling.agenda import Agenda

KEYS = st.integers(0, 5)


@given(st.lists(st.tuples(KEYS, st.none() | st.integers(0, 3)), max_size=300))
def test_the_first_is_the_lowest_and_of_equals_the_one_set_first(changes):
    agenda, expected = Agenda(), {}
    for number, (key, rank) in enumerate(changes):
        if rank is None:
            agenda.discard(key)
            expected.pop(key, None)
        else:
            agenda.set(key, rank)
            if key not in expected or expected[key][0] != rank:
                expected[key] = rank, number
        first = min(expected, key=expected.get, default=None)
        assert agenda.first() == (None if first is None else (expected[first][0], first))
        assert (set(agenda), len(agenda)) == (set(expected), len(expected))


def test_it_does_not_grow_with_what_was_replaced():
    agenda = Agenda()
    for rank in range(10_000):
        agenda.set("always the same", -rank)
    assert len(agenda._heap) < 200
