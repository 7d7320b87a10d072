"""What strangers send: never more than a 4xx, never more than its own memory."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from qiskit_modes.server.application import make_application
from tests.examples import examples

# -- the described interface -----------------------------------------------------------------------


DESCRIPTION = schemathesis.openapi.from_dict(make_application(None).openapi())
OPERATIONS = {each.ok().label: each.ok() for each in DESCRIPTION.get_all_operations()}
MODES = list(schemathesis.GenerationMode)


@pytest.mark.parametrize("mode", MODES, ids=[mode.value for mode in MODES])
@pytest.mark.parametrize("label", OPERATIONS)
def test_what_fits_the_description_and_what_does_not(label, mode, http_, caplog):
    @settings(
        max_examples=examples(daily=8, full=200),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def is_answered(case):
        response = case.call(base_url=http_.server.url)
        assert 200 <= response.status_code < 500, response.text
        if response.status_code >= 400:
            assert response.json()["errors"][0]["message"]

    try:
        is_answered()
    except Unsatisfiable:
        assert mode is schemathesis.GenerationMode.NEGATIVE, "nothing to break in this operation"
    assert "A request could not be answered" not in caplog.text
