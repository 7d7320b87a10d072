"""The addresses of the page, and what may be done there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.server.app_state import AppState
from qiskit_modes.server.page import jobs, others, qpus, rendering, sign_in, workloads
from qiskit_modes.server.page.live import Live
from qiskit_modes.server.page.table import Filters, table
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code, as_api_errors

__all__ = ["is_public", "router"]

router = APIRouter(include_in_schema=False)

_VIEWER = "the page"
"""Whose share of threads makes pages: people do not take those of programs."""


def is_public(path: str) -> bool:
    """Return whether something of the page is shown without a token: the way in, and its looks."""
    return path in ("/", "/ui/signin", "/favicon.ico") or path.startswith("/ui/static/")


def _state(request: Request) -> AppState:
    state: AppState = request.app.state.shared
    return state


# -- what is shown ---------------------------------------------------------------------------------


class _View:
    """View at one address: a template, and what it shows."""

    def __init__(
        self, template: str, title: str, look: Callable[[AppState, dict[str, str], str], Any]
    ) -> None:
        self.template = template
        self.title = title
        self.look = look

    def content(self, state: AppState, query: dict[str, str], identifier: str) -> dict[str, Any]:
        return {"look": self.look(state, query, identifier), "query": query}


def _job(state: AppState, identifier: str) -> JobRecord:
    found = state.platform.runtime.job(identifier)
    if found is None:
        raise ApiError(404, Code.NOT_FOUND, f"There is no job {identifier}")
    return found


def _workload(state: AppState, identifier: str) -> WorkloadRecord:
    found = state.platform.runtime.workload(identifier)
    if found is None:
        raise ApiError(404, Code.NOT_FOUND, f"There is no session or batch {identifier}")
    return found


def _runtime(state: AppState) -> LocalRuntime:
    return state.platform.runtime


_VIEWS = {
    "": _View(
        "workloads",
        "Workloads",
        lambda state, query, _: {
            "table": table(_runtime(state), Filters.of(query)),
            "qpus": [
                each for each in qpus.all_qpus(_runtime(state), drawn=False) if each.state != "free"
            ],
        },
    ),
    "qpus": _View(
        "qpus",
        "QPUs now",
        lambda state, *_: {
            "used": qpus.all_qpus(_runtime(state)),
            "others": [each.name for each in state.platform.catalog.listed()],
        },
    ),
    "instances": _View(
        "instances", "Instances", lambda state, *_: others.instances(state.platform)
    ),
    "workers": _View("workers", "Workers", lambda state, *_: others.workers(_runtime(state))),
    "jobs": _View(
        "job",
        "Job",
        lambda state, _, identifier: jobs.job_look(_runtime(state), _job(state, identifier)),
    ),
    "workload": _View(
        "workload",
        "Workload",
        lambda state, _, identifier: workloads.workload_look(
            _runtime(state), _workload(state, identifier)
        ),
    ),
}


async def _show(request: Request, name: str, identifier: str = "") -> Response:
    view, state, query = _VIEWS[name], _state(request), dict(request.query_params)
    live = f"/ui/live?{request.url.query}" if request.url.query else "/ui/live?"
    live += f"&of={name}&identifier={identifier}"

    def make() -> Response:
        try:
            content = view.content(state, query, identifier)
        except ApiError as error:
            content = {"look": error.message, "query": query}
            return rendering.page("nothing", content, title="Not found", status=error.status)
        title = f"{view.title} {identifier.partition('-')[0]}".strip()
        return rendering.page(view.template, content, title=title, live=live)

    return await state.answers.run(_VIEWER, make)


@router.get("/")
async def home() -> Response:
    """Lead people to the page."""
    return RedirectResponse("/ui", 303)


@router.get("/ui")
async def show_workloads(request: Request) -> Response:
    """Show the workloads."""
    return await _show(request, "")


@router.get("/ui/qpus")
async def show_qpus(request: Request) -> Response:
    """Show each QPU now."""
    return await _show(request, "qpus")


@router.get("/ui/instances")
async def show_instances(request: Request) -> Response:
    """Show the instances."""
    return await _show(request, "instances")


@router.get("/ui/workers")
async def show_workers(request: Request) -> Response:
    """Show the workers."""
    return await _show(request, "workers")


@router.get("/ui/jobs/{job_id}")
async def show_job(request: Request, job_id: str) -> Response:
    """Show a job."""
    return await _show(request, "jobs", job_id)


@router.get("/ui/workloads/{workload_id}")
async def show_workload(request: Request, workload_id: str) -> Response:
    """Show a session or batch."""
    return await _show(request, "workload", workload_id)


@router.get("/ui/live")
async def live(request: Request, of: str = "", identifier: str = "") -> Response:
    """Tell a page of changes."""
    view, state = _VIEWS.get(of), _state(request)
    query = {
        name: text
        for name, text in request.query_params.items()
        if name not in ("of", "identifier")
    }
    if view is None:
        raise ApiError(404, Code.NOT_FOUND, "There is no such page")
    shown = sign_in.authorization_of(
        request.url.path, request.headers.get("authorization"), request.headers.get("cookie")
    )

    def make() -> str:
        state.tokens.check(shown)  # it may have been revoked meanwhile
        try:
            return rendering.part(view.template, view.content(state, query, identifier))
        except ApiError as error:
            return rendering.part("nothing", {"look": error.message, "query": query})

    open_pages: Live = request.app.state.live
    return open_pages.stream(lambda: state.answers.run(_VIEWER, make))


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Return the mark of the page."""
    return await static("mark.svg")


@router.get("/ui/static/{name}")
async def static(name: str) -> Response:
    """Return the script, the style or the mark."""
    found = rendering.asset(name)
    if found is None:
        raise ApiError(404, Code.NOT_FOUND, "There is nothing of this name")
    return found


# -- what is done ----------------------------------------------------------------------------------


@router.post("/ui/jobs/{job_id}/cancel")
async def cancel_job(request: Request, job_id: str) -> Response:
    """Cancel a job."""
    state = _state(request)

    def cancel() -> None:
        job = _job(state, job_id)
        with suppress(ApiError), as_api_errors():  # it may have ended meanwhile
            state.platform.runtime.cancel(job)

    await state.answers.run(_VIEWER, cancel)
    return RedirectResponse(f"/ui/jobs/{job_id}", 303)


@router.post("/ui/workloads/{workload_id}/{what}")
async def end_workload(request: Request, workload_id: str, what: str) -> Response:
    """Close or cancel a session or batch."""
    state = _state(request)

    def end() -> None:
        workload = _workload(state, workload_id)
        runtime = state.platform.runtime
        ways = {"close": runtime.close_workload, "cancel": runtime.cancel_workload}
        if what not in ways:
            raise ApiError(404, Code.NOT_FOUND, "A session can be closed or cancelled")
        ways[what](workload)

    await state.answers.run(_VIEWER, end)
    return RedirectResponse(f"/ui/workloads/{workload_id}", 303)


# -- signing in ------------------------------------------------------------------------------------


@router.get("/ui/signin")
async def show_sign_in() -> Response:
    """Ask for the token."""
    return rendering.page("signin", {"look": "", "query": {}}, title="Sign in")


@router.post("/ui/signin")
async def enter(request: Request) -> Response:
    """Take the token, and lead to the page."""
    try:
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=4)
        key, state = form.get("token", [""])[0], _state(request)
        secure = request.url.scheme == "https"
        return await state.look_ups.run("", lambda: sign_in.remember(state, key, secure=secure))
    except (ApiError, ValueError, InvalidInputError) as error:
        said = "This is not a token of this server."
        if isinstance(error, ApiError) and error.status == 403:
            said = error.message
        content = {"look": said, "query": {}}
        return rendering.page("signin", content, title="Sign in", status=403)


@router.post("/ui/signout")
async def leave() -> Response:
    """Forget who looks."""
    return sign_in.forget()
