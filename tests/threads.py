"""Threads for tests, and waiting for what they do."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor


def in_a_thread(function, *args):
    """Return what a function returns that is called in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result(timeout=20)


def wait_until(is_so, seconds=60.0):
    """Wait until something is so that nothing tells of; where an event does, wait for that."""
    nothing_tells, end = threading.Event(), time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it never was so"
        nothing_tells.wait(0.001)
