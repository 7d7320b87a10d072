"""The demonstration from end to end: play it, show it, check it, report it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from qiskit_modes.demo.claims import examine
from qiskit_modes.demo.live import LiveView
from qiskit_modes.demo.plain import PlainView
from qiskit_modes.demo.report import print_introduction, print_report
from qiskit_modes.demo.scene import Scene
from qiskit_modes.demo.settings import Settings
from qiskit_modes.runtime.local_runtime import LocalRuntime, use_runtime

__all__ = ["run_demo"]


def run_demo(settings: Settings, console: Console, *, plain: bool, quiet: bool) -> bool:
    """Play the demonstration, in a runtime of its own that is gone at the end.

    Args:
        settings: What can be chosen.
        console: Where to show it.
        plain: Print lines and no moving picture.
        quiet: Print the report only.

    Returns:
        Whether everything that was said to have been shown is true.

    Raises:
        QiskitBackendNotFoundError: If there is no such backend.
        InvalidInputError: If the backend is too small.
        KeyboardInterrupt: At Ctrl-C, when everything has been stopped.
    """
    with LocalRuntime() as runtime, use_runtime(runtime):
        with _interrupts_held_back():
            # A worker process starts and imports while circuits are transpiled here.
            runtime.executor.workers.warm_up()
        scene = Scene(settings)
        if quiet:
            scene.play(lambda: None)
        else:
            print_introduction(scene, console)
            with PlainView(scene, console) if plain else LiveView(scene, console) as view:
                scene.play(view.show)
        claims = examine(scene)
        print_report(scene, claims, console)
        return all(claim.held for claim in claims)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold Ctrl-C back for a moment, and for good from processes that are started meanwhile.

    A terminal sends it to all of them, and one that is still importing would end with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
