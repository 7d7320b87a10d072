"""Imported by the process that fresh ones are forked from: devices are made, and not used."""

from qiskit_modes.service.fakes import fakes
from tests.primitives import circuit_outcomes, job_families
from tests.simulation.devices import NAMES, device

__all__ = ["circuit_outcomes", "job_families"]

fakes()
for name in NAMES:
    device(name)
