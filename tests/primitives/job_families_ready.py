"""Imported by the process that fresh ones are forked from: the fakes are made, and not used."""

from qiskit_modes.service.fakes import fakes
from tests.primitives import job_families

__all__ = ["job_families"]

fakes()
