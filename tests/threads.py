"""Threads for tests."""

from concurrent.futures import ThreadPoolExecutor


def in_a_thread(function, *args):
    """Return what a function returns that is called in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result(timeout=20)
