"""Settings in a file, and what stands in ``deploy/``."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from qiskit_modes import Budget, cli
from qiskit_modes.commands.serve_config import instances_of, limits_of, tokens_of
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.server import Limits

DEPLOY = Path(__file__).parents[2] / "deploy"


def parsed(*arguments: str):
    return cli._parser().parse_args(["serve", *arguments])


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "serve.toml"
    path.write_text(text)
    return str(path)


def test_the_example_is_what_it_says():
    settings = parsed("--config", str(DEPLOY / "serve.toml"))
    assert (settings.host, settings.port, settings.lanes) == ("127.0.0.1", 8765, 5)
    assert settings.qpu == ["ibm_torino", "ibm_brisbane"]
    research, course = instances_of(settings.instances)
    assert (research.id, research.plan.name, research.allocation) == ("research", "premium", 36000)
    assert (course.id, course.plan.name) == ("course", "open")
    assert course.budget == Budget(max_bytes=5 * 2**30, max_open_workloads=20)
    assert limits_of(settings.limits) == Limits(connections=256)


def test_what_follows_on_the_command_line_counts_more(tmp_path):
    file = written(tmp_path, "port = 1\nseed = 7\n")
    assert (parsed("--config", file, "--port", "2").port, parsed("--config", file).port) == (2, 1)
    assert parsed("--config", file).seed == 7
    assert parsed("--config", written(tmp_path, "resume = true")).resume
    assert not parsed("--config", written(tmp_path, "resume = false")).resume
    without = parsed()
    assert (instances_of(without.instances), limits_of(without.limits)) == (None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 70000", "port"),
        ("ports = 1", "--ports=1"),
        ('plan = "golden"', "golden"),
        ('config = "other.toml"', "names no other file"),
        ("port =", "cannot be read"),
        ("[server]\nport = 1", "--server"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path, capsys, text, said):
    with pytest.raises(SystemExit) as ended:
        parsed("--config", written(tmp_path, text))
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "table", "said"),
    [
        (limits_of, {"speed": 1}, "no 'speed'"),
        (limits_of, {"connections": 1.5}, "a whole number above 0"),
        (limits_of, {"head_seconds": True}, "a number above 0"),
        (limits_of, {"headers": 0}, "above 0"),
        (limits_of, [], "must be a table"),
        (instances_of, {}, "must be tables"),
        (instances_of, [{}], "needs an id"),
        (instances_of, [{"id": 5}], "a text"),
        (instances_of, [{"id": "a", "limit_seconds": -1}], "a number of seconds"),
        (instances_of, [{"id": "a", "limit_seconds": math.nan}], "a number of seconds"),
        (instances_of, [{"id": "a", "owner": "b"}], "no 'owner'"),
        (instances_of, [{"id": "a", "plan": "golden"}], "golden"),
        (instances_of, [5], "must be a table"),
        (instances_of, [{"id": "a", "max_bytes": "many"}], "a size such as"),
        (instances_of, [{"id": "a", "max_jobs": 1.5}], "a whole number"),
        (instances_of, [{"id": "a", "max_pending_jobs": -1}], "0 or more"),
        (tokens_of, [{"id": "a", "token_file": "/none/such"}], "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(make, table, said):
    with pytest.raises(InvalidInputError, match=said):
        make(table)


@pytest.mark.parametrize("text", [None, "", "\n"])
def test_a_token_that_is_not_there_is_an_error(tmp_path, capsys, text):
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
    assert cli.main(["serve", "--token-file", str(path)]) == 2
    assert "token" in capsys.readouterr().err
