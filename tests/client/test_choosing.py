"""The service's client and the native service find the same backends, with the same gates."""

from __future__ import annotations

from copy import copy
from itertools import product

import pytest
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import QiskitRuntimeService, ibm_backend

from qiskit_modes import LocalService
from qiskit_modes.client import local_runtime


@pytest.fixture(scope="module")
def native():
    return LocalService()


@pytest.fixture(scope="module")
def client():
    """It copies all that it knows of a device whenever it lists it: nine tenths of its time."""
    with local_runtime(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(ibm_backend, "deepcopy", copy)
        yield QiskitRuntimeService()


def names(backends):
    return [backend.name.replace("ibm_", "fake_", 1) for backend in backends]


FILTERS = {
    "dynamic_circuits": [None, True, False],
    "min_num_qubits": [None, 100],
    "use_fractional_gates": [False, True],
}


@pytest.mark.parametrize("chosen", list(product(*FILTERS.values())), ids=str)
def test_native_and_client_find_the_same(native, client, chosen):
    arguments = dict(zip(FILTERS, chosen, strict=True))
    assert names(native.backends(**arguments)) == names(client.backends(**arguments))


@pytest.mark.parametrize(
    "wanted",
    [
        {"operational": True, "simulator": False},
        {"operational": False},
        {"simulator": True},
        {"status_msg": "active"},
        {"pending_jobs": 0},
        {"pending_jobs": 3},
        {"n_qubits": 27},
        {"backend_name": "ibm_torino"},
        {"local": False},
        {"conditional": True},
        {"memory": True, "simulator": False},
        {"open_pulse": True},
    ],
    ids=str,
)
def test_native_and_client_find_the_same_by_what_a_backend_says(native, client, wanted):
    found = names(native.backends(**wanted))
    assert found == names(client.backends(**wanted))
    try:
        busy = client.least_busy(**wanted)
    except QiskitBackendNotFoundError:
        with pytest.raises(QiskitBackendNotFoundError):
            native.least_busy(**wanted)
    else:
        assert names([native.least_busy(**wanted)]) == names([busy])


@pytest.mark.parametrize("use", [False, True])
def test_the_least_busy_is_the_same(native, client, use):
    arguments = {"use_fractional_gates": use, "min_num_qubits": 100}
    least = native.least_busy(**arguments)
    assert names([least]) == names([client.least_busy(**arguments)])
    assert least.num_qubits == 156


def test_gates_and_errors_are_those_of_the_client(native, client):
    ours = native.backend("ibm_torino", use_fractional_gates=True).target
    theirs = client.backend("ibm_torino", use_fractional_gates=True).target
    for name in ("rx", "rzz", "cz", "sx"):
        assert {place: (each.error, each.duration) for place, each in ours[name].items()} == {
            place: (each.error, each.duration) for place, each in theirs[name].items()
        }
    assert not {"rx", "rzz"}.intersection(client.backend("ibm_torino").operation_names)
