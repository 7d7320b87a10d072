"""Heavy steps of tests; a module of their own, because workers import it."""

import gc
import os
import signal
import struct
import threading

from qiskit_modes.simulation.elsewhere import NeedsMoreError

__all__ = [
    "die",
    "gives_a_lock",
    "meet",
    "needs_more",
    "refuse",
    "stay",
    "where",
    "where_with",
]


def where():
    """The process that it is done in."""
    return os.getpid()


def where_with(_):
    """The process that it is done in, with something."""
    return os.getpid()


def meet(folder, count):
    """The process that it is done in, as soon as others do it beside it, so many in all."""
    (folder / str(os.getpid())).touch()
    until = threading.Event()
    for _ in range(30_000):
        if len(list(folder.iterdir())) >= count:
            return os.getpid()
        until.wait(0.001)
    raise AssertionError("nobody else came")


def refuse():
    from qiskit_modes.exceptions import UnsupportedCircuitError  # takes seconds to import

    raise UnsupportedCircuitError("no gate of this kind can be simulated")


def needs_more(at_home):
    """Can be done by one process only."""
    if os.getpid() != at_home:
        raise NeedsMoreError
    return os.getpid()


def gives_a_lock(at_home):
    """What comes of it does not travel."""
    del at_home
    return os.getpid(), threading.Lock()


def die(at_home):
    assert os.getpid() != at_home
    os.kill(os.getpid(), signal.SIGKILL)


def stay(at_home):
    assert os.getpid() != at_home
    signal.pause()


def die_while_answering():
    """Write the beginning of an answer into loky's pipe, and end without the rest."""
    from loky.backend.queues import SimpleQueue

    (results,) = [each for each in gc.get_objects() if type(each) is SimpleQueue]
    os.write(results._writer.fileno(), struct.pack("!i", 1_000) + b"half")
    os.kill(os.getpid(), signal.SIGKILL)
