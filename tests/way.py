"""Means of having something done that send it through a pickle, as to another process and back."""

import pickle

from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.runtime.workers.loky.worker import loky_executor

__all__ = ["ToAWorker", "Way"]


class Way:
    """See `Elsewhere`; takes note of what was sent."""

    def __init__(self):
        self.sizes, self.names = [], []

    def __call__(self, seconds, function, *args):
        assert seconds > 0
        sent = pickle.dumps((function, args))
        self.sizes.append(len(sent))
        self.names.append(function.__name__)
        return pickle.loads(self.answer(sent))

    def answer(self, sent):
        """What comes of it, pickled; here without another process, which takes seconds to start."""
        function, args = pickle.loads(sent)
        return pickle.dumps(function(*args))


class ToAWorker(Way):
    """The same by a real worker process, which has its own imports and order of sets."""

    def __enter__(self):
        self.executor = loky_executor()
        return self

    def __exit__(self, *_):
        self.executor.shutdown(kill_workers=True)

    def answer(self, sent):
        return self.executor.submit(worker_process.do, sent).result(60).value
