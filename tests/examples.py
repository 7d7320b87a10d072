"""How many examples a property test draws, where each of them costs too much for the usual number.

The profiles stand in ``conftest.py``: 20 examples in every run, 200 in ``scripts/check --full``.
"""

from hypothesis import settings

__all__ = ["examples"]


def examples(*, daily: int, full: int = 200) -> int:
    """Return how many examples to draw under the profile that is loaded.

    Args:
        daily: In every run of pytest.
        full: In ``scripts/check --full``; less than 200 wants a reason beside it.
    """
    return min(settings().max_examples, daily if settings().max_examples < 200 else full)
