"""Endpoints of backends and usage."""

from __future__ import annotations

from fastapi import APIRouter, Response

from qiskit_modes.server.app_state import Asker

__all__ = ["router"]

router = APIRouter(tags=["backends"])


@router.get("/backends")
async def backends(asker: Asker, include_mocks: bool = False) -> Response:
    """Return the backends; their second names only with ``include_mocks``."""
    return await asker.ask(
        lambda api: {
            "devices": [each for each in api.backends() if include_mocks or "class" not in each]
        }
    )


@router.get("/backends/{name}/configuration")
async def configuration(asker: Asker, name: str, calibration_id: str | None = None) -> Response:
    """Return the configuration of a backend."""
    return await asker.ask(
        lambda api: api.backend_configuration(name, calibration_id=calibration_id)
    )


@router.get("/backends/{name}/properties")
async def properties(asker: Asker, name: str, calibration_id: str | None = None) -> Response:
    """Return the properties of a backend; it has one calibration, of whatever day."""
    return await asker.ask(lambda api: api.backend_properties(name, calibration_id=calibration_id))


@router.get("/backends/{name}/status")
async def status(asker: Asker, name: str) -> Response:
    """Return whether a backend works, and how many jobs are unfinished on it."""
    return await asker.ask(lambda api: api.backend_status(name))


@router.get("/instances/usage")
async def usage(asker: Asker) -> Response:
    """Return what the instance has used."""
    return await asker.ask(lambda api: api.usage())
