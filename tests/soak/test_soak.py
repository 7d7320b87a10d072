"""Some seconds of the soak; ``python -m tests.soak`` goes on for longer."""

from __future__ import annotations

import os

import pytest

from tests.examples import examples
from tests.soak.soak import Soak, soak

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="servers are forked here")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_server_that_is_killed_under_load_keeps_its_word(tmp_path):
    minutes = examples(daily=3, full=7) / 10  # the full check has half an hour more
    found = soak(tmp_path, minutes=minutes, seed=7, restarts=3, kills=0.02)
    assert found.wrong() == []
    assert found.restarts.total() == 3
    assert len(found.history.told) > 10
    assert found.counts["completed"] > 0


def test_growth_is_found(tmp_path):
    grows = Soak(history=None, counts=None, grown_mib=[(t, 200.0 + 10 * t) for t in range(100)])
    assert grows._growth() == ["the server held 530 MiB after 33 s, and 1190 in the end"]
    warms_up = Soak(history=None, counts=None, grown_mib=[(t, min(t, 30)) for t in range(100)])
    assert warms_up._growth() == []
