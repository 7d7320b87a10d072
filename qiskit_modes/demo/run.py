"""The demonstration from end to end: play it, show it, check it, report it."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

from rich.console import Console

from qiskit_modes.demo.claims import examine
from qiskit_modes.demo.live import LiveView
from qiskit_modes.demo.plain import PlainView
from qiskit_modes.demo.report import print_introduction, print_report
from qiskit_modes.demo.scene import Scene
from qiskit_modes.demo.settings import Settings
from qiskit_modes.planning.recording.recorder import record_and_tell
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.shared_runtime import use_runtime

__all__ = ["run_demo"]


def run_demo(
    settings: Settings,
    console: Console,
    *,
    plain: bool,
    quiet: bool,
    recording: str | None = None,
) -> bool:
    """Play the demonstration, in a runtime of its own that is gone at the end.

    Args:
        settings: What can be chosen.
        console: Where to show it.
        plain: Print lines and no moving picture.
        quiet: Print the report only.
        recording: The file to record the run to; None to record nothing.

    Returns:
        Whether everything that was said to have been shown is true.

    Raises:
        QiskitBackendNotFoundError: If there is no such backend.
        InvalidInputError: If the backend is too small.
        KeyboardInterrupt: At Ctrl-C, when everything has been stopped.
    """
    # It has a view of its own, so that progress is shown nowhere else.
    with console.status("Getting workers ready ..."):  # a cluster on this machine takes a while
        made = LocalRuntime(surface=lambda: None)
    with made as runtime, use_runtime(runtime):
        runtime.warm_up()  # the worker starts while circuits are transpiled here
        scene = Scene(settings)
        tell = partial(console.print, markup=False, soft_wrap=True)
        with nullcontext() if recording is None else record_and_tell(recording, tell):
            _play(scene, console, plain=plain, quiet=quiet)
        claims = examine(scene)
        print_report(scene, claims, console)
        return all(claim.held for claim in claims)


def _play(scene: Scene, console: Console, *, plain: bool, quiet: bool) -> None:
    if quiet:
        scene.play(lambda: None)
        return
    print_introduction(scene, console)
    with PlainView(scene, console) if plain else LiveView(scene, console) as view:
        scene.play(view.show)
