"""How long a session may last, as users write it."""

import pytest
from qiskit_ibm_runtime.exceptions import IBMInputValueError

from qiskit_modes.modes.max_time import max_time_seconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (None, None),
        (0, None),
        (1, 1),
        (9000, 9000),
        ("30s", 30),
        ("2h 30m 40s", 9040),
        ("40s 1h", 3640),
        ("2h30m", 9000),
        ("1d", 86400),
    ],
)
def test_what_is_understood(written, seconds):
    assert max_time_seconds(written) == seconds


@pytest.mark.parametrize(
    "written", ["abc", "", "10", "5x 3m", "-5m", "1.5h", -5, 1.5, True, [60], b"1h"]
)
def test_what_is_not(written):
    with pytest.raises(IBMInputValueError, match="Invalid max_time value"):
        max_time_seconds(written)
