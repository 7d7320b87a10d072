"""The addresses of the page, and what may be done there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.server.app_state import AppState
from qiskit_modes.server.guard.guard import IDENTITY, Identity
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


@dataclass(frozen=True)
class _Viewer:
    """Somebody who looks, and what may be seen then."""

    state: AppState
    seen: tuple[str, ...] | None
    """Ids of the instances; None for all."""

    @property
    def runtime(self) -> LocalRuntime:
        return self.state.platform.runtime

    def job(self, identifier: str) -> JobRecord:
        found = self.runtime.job(identifier)
        if found is None or not self._may_see(found.instance.id):
            raise ApiError(404, Code.NOT_FOUND, f"There is no job {identifier}")
        return found

    def workload(self, identifier: str) -> WorkloadRecord:
        found = self.runtime.workload(identifier)
        if found is None or not self._may_see(found.core.instance.id):
            raise ApiError(404, Code.NOT_FOUND, f"There is no session or batch {identifier}")
        return found

    def _may_see(self, instance: str) -> bool:
        return self.seen is None or instance in self.seen


def _viewer(request: Request) -> _Viewer:
    identity: Identity = request.scope[IDENTITY]
    return _Viewer(_state(request), identity.grant.instances)


@dataclass(frozen=True)
class _View:
    """View at one address: a template, and what it shows."""

    template: str
    title: str
    look: Callable[[_Viewer, dict[str, str], str], Any]
    shows_all: bool = False
    """Whether it shows what all instances do, and so is for who may see that."""

    def content(self, viewer: _Viewer, query: dict[str, str], identifier: str) -> dict[str, Any]:
        if self.shows_all and viewer.seen is not None:
            raise ApiError(
                403,
                Code.REFUSED,
                "This shows what all instances do, and your token opens some: it needs the "
                "server's own token, or one that was made with --all-instances",
            )
        return {"look": self.look(viewer, query, identifier), "query": query}


def _workloads(viewer: _Viewer, query: dict[str, str], _: str) -> dict[str, Any]:
    runtime = viewer.runtime
    looks = [] if viewer.seen is not None else qpus.all_qpus(runtime, drawn=False)
    return {
        "table": table(runtime, Filters.of(query), viewer.seen),
        "qpus": [each for each in looks if each.state != "free"],
    }


_VIEWS = {
    "": _View("workloads", "Workloads", _workloads),
    "qpus": _View(
        "qpus",
        "QPUs now",
        lambda viewer, *_: {
            "used": qpus.all_qpus(viewer.runtime),
            "others": [each.name for each in viewer.state.platform.catalog.listed()],
        },
        shows_all=True,
    ),
    "instances": _View(
        "instances",
        "Instances",
        lambda viewer, *_: others.instances(viewer.state.platform, viewer.seen),
    ),
    "workers": _View(
        "workers", "Workers", lambda viewer, *_: others.workers(viewer.runtime), shows_all=True
    ),
    "jobs": _View(
        "job",
        "Job",
        lambda viewer, _, name: jobs.job_look(viewer.runtime, viewer.job(name), viewer.seen),
    ),
    "workload": _View(
        "workload",
        "Workload",
        lambda viewer, _, name: workloads.workload_look(
            viewer.runtime, viewer.workload(name), viewer.seen
        ),
    ),
}


async def _show(request: Request, name: str, identifier: str = "") -> Response:
    view, viewer, query = _VIEWS[name], _viewer(request), dict(request.query_params)
    live = f"/ui/live?{request.url.query}" if request.url.query else "/ui/live?"
    live += f"&of={name}&identifier={identifier}"
    whole = viewer.seen is None

    def make() -> Response:
        try:
            with as_api_errors():
                content = view.content(viewer, query, identifier)
        except ApiError as error:
            content, title = (
                _refusal(error, query),
                "Not found" if error.status == 404 else "Not shown",
            )
            return rendering.page("nothing", content, title=title, status=error.status, whole=whole)
        title = f"{view.title} {identifier.partition('-')[0]}".strip()
        return rendering.page(view.template, content, title=title, live=live, whole=whole)

    return await viewer.state.answers.run(_VIEWER, make)


def _refusal(error: ApiError, query: dict[str, str]) -> dict[str, Any]:
    said = error.message.removesuffix(".")
    return {"look": said, "query": query, "missing": error.status == 404}


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
        grant = state.tokens.check(shown)  # it may have been revoked meanwhile
        try:
            with as_api_errors():
                content = view.content(_Viewer(state, grant.instances), query, identifier)
            return rendering.part(view.template, content)
        except ApiError as error:
            return rendering.part("nothing", _refusal(error, query))

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
    viewer = _viewer(request)

    def cancel() -> None:
        job = viewer.job(job_id)
        with suppress(ApiError), as_api_errors():  # it may have ended meanwhile
            viewer.runtime.cancel(job)

    await viewer.state.answers.run(_VIEWER, cancel)
    return RedirectResponse(f"/ui/jobs/{job_id}", 303)


@router.post("/ui/workloads/{workload_id}/{what}")
async def end_workload(request: Request, workload_id: str, what: str) -> Response:
    """Close or cancel a session or batch."""
    viewer = _viewer(request)

    def end() -> None:
        workload = viewer.workload(workload_id)
        runtime = viewer.runtime
        ways = {"close": runtime.close_workload, "cancel": runtime.cancel_workload}
        if what not in ways:
            raise ApiError(404, Code.NOT_FOUND, "A session can be closed or cancelled")
        ways[what](workload)

    await viewer.state.answers.run(_VIEWER, end)
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
    except (ApiError, ValueError, InvalidInputError):
        content = {"look": "This is not a token of this server.", "query": {}}
        return rendering.page("signin", content, title="Sign in", status=403)


@router.post("/ui/signout")
async def leave() -> Response:
    """Forget who looks."""
    return sign_in.forget()
