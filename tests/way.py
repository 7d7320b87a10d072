"""Means of having something done that send it through a pickle, as to another process and back."""

import pickle

__all__ = ["Way"]


class Way:
    """See `Elsewhere`; takes note of what was sent."""

    def __init__(self):
        self.sizes, self.names = [], []

    def __call__(self, seconds, function, *args):
        assert seconds > 0
        sent = pickle.dumps((function, args))
        function, args = pickle.loads(sent)
        answer = pickle.dumps(function(*args))
        self.sizes.append(len(sent))
        self.names.append(function.__name__)
        return pickle.loads(answer)
