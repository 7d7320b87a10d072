"""Stand-ins for what the client asks IBM Cloud: access tokens, instances and their plans."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from qiskit_modes.server.app_state import AppState, Asker, json_response
from qiskit_modes.server.endpoints.request_models import read
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["catalog", "router"]

router = APIRouter(tags=["cloud"])
catalog = APIRouter(tags=["cloud"])

_PLAN = "plan-"
"""With what the ids of plans begin, so that they are found among the other paths."""

_FIELDS = 16
"""Most fields of a form; the client sends three. Its length is limited too, so that it is read at
once, without a thread."""

_FORM = {
    "application/x-www-form-urlencoded": {
        "schema": {"type": "object", "properties": {"apikey": {"type": "string"}}}
    }
}


@router.post("/identity/token", openapi_extra={"requestBody": {"required": True, "content": _FORM}})
async def token(request: Request) -> Response:
    """Exchange an API key for an access token."""
    app_state: AppState = request.app.state.shared
    try:
        form = parse_qs((await read(request)).decode("utf-8", "replace"), max_num_fields=_FIELDS)
    except ValueError:
        raise ApiError(400, Code.INVALID, f"The form has more than {_FIELDS} fields") from None
    key = form.get("apikey", [""])[0]
    return json_response(await app_state.look_ups.run("", lambda: app_state.tokens.exchange(key)))


@router.post("/v3/resources/search")
async def search(asker: Asker) -> Response:
    """Return the instances, in the words of IBM Cloud's search."""
    return await asker.app_state.answers.run(asker.instance, lambda: _search(asker))


@catalog.get("/" + _PLAN + "{name}")
async def plan(asker: Asker, name: str) -> Response:
    """Return a plan, in the words of IBM Cloud's catalog."""
    return await asker.app_state.answers.run(asker.instance, lambda: _plan(asker, name))


@router.get("/v2/resource_instances")
async def resource_instances(asker: Asker, name: str | None = None) -> Response:
    """Return the instances of a name, which older clients ask for."""
    return await asker.app_state.answers.run(
        asker.instance, lambda: _resource_instances(asker, name)
    )


def _instances(asker: Any) -> list[dict[str, Any]]:
    instances: list[dict[str, Any]] = asker.app_state.platform.instances(asker.opens)
    return instances


def _search(asker: Any) -> Response:
    items = [
        {
            "crn": instance["crn"],
            "name": instance["name"],
            "tags": instance["tags"],
            "doc": {"extensions": {"backends": "all"}},
            "service_plan_unique_id": _PLAN + instance["plan"],
        }
        for instance in _instances(asker)
    ]
    return json_response({"items": items, "limit": 100})


def _plan(asker: Any, name: str) -> Response:
    pricing = {each["plan"]: each["pricing_type"] for each in _instances(asker)}
    return json_response(
        {
            "id": _PLAN + name,
            "name": name,
            "overview_ui": {"en": {"display_name": name}},
            "metadata": {"pricing": {"type": pricing.get(name, "free")}},
        }
    )


def _resource_instances(asker: Any, name: str | None) -> Response:
    found = [each for each in _instances(asker) if name in (None, each["name"])]
    resources = [{"crn": each["crn"], "name": each["name"]} for each in found]
    return json_response({"rows_count": len(resources), "resources": resources})
