"""Which backend stands for which QPU."""

import gc
import weakref

import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeLimaV2, FakeManilaV2

from qiskit_modes.runtime.qpu import QPURegistry
from qiskit_modes.scheduling import Ledger


def registry():
    return QPURegistry(lanes=5, ledger=Ledger())


def test_a_fake_is_one_qpu_however_often_it_is_made():
    qpus = registry()
    assert qpus.qpu(FakeManilaV2()) is qpus.qpu(FakeManilaV2())
    assert qpus.qpu(FakeManilaV2()) is not qpus.qpu(FakeLimaV2())
    assert qpus.qpu(FakeManilaV2()).name == "fake_manila"


def test_any_other_backend_is_a_machine_of_its_own():
    qpus = registry()
    first, second = AerSimulator(), AerSimulator()
    assert qpus.qpu(first) is qpus.qpu(first)
    assert qpus.qpu(first) is not qpus.qpu(second)
    assert len(qpus.all()) == 2


@pytest.fixture(scope="module")
def small_heap():
    """Let the collector look at what comes from now on only: a whole test run's takes seconds."""
    gc.collect()
    gc.freeze()


def test_a_machine_goes_with_its_backend(small_heap):
    qpus = registry()
    backend = GenericBackendV2(2, seed=1)
    qpu = weakref.ref(qpus.qpu(backend))
    assert qpu() is not None
    del backend
    gc.collect()
    assert qpu() is None
    assert qpus.all() == []


def test_an_object_at_the_address_of_a_dead_one_is_not_mistaken_for_it(small_heap):
    qpus = registry()
    seen = []
    for _ in range(8):
        backend = AerSimulator()
        qpu = qpus.qpu(backend)
        assert all(other() is not qpu for other in seen)
        seen.append(weakref.ref(qpu))
        del backend, qpu
        gc.collect()
