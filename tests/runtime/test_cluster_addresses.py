"""Addresses of clusters: where nothing answers it is said soon, at every door."""

import contextlib
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import time

import pytest

from qiskit_modes import cli
from qiskit_modes.exceptions import ClusterError, InvalidInputError, StoreError
from qiskit_modes.runtime import LocalRuntime, shared_runtime
from qiskit_modes.runtime.shared_runtime import default_runtime
from qiskit_modes.runtime.workers import choose
from qiskit_modes.runtime.workers.dask import clients, engine, knock
from qiskit_modes.runtime.workers.dask.clients import connect
from qiskit_modes.runtime.workers.dask.engine import DaskEngine
from tests.runtime.conftest import DEADLINE

pytest.importorskip("distributed")

NOBODY = "tcp://no-such-host.invalid:8786"


@pytest.fixture
def silent():
    """An address that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"tcp://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def web_server():
    """An address where something else answers."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"tcp://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def a_worker(cluster):
    """The address of a worker, which is no scheduler's."""
    with connect(cluster.scheduler_address) as client:
        yield next(iter(client.scheduler_info()["workers"]))


ADDRESSES = [
    "tcp://127.0.0.1:1",
    "silent",
    "web_server",
    "a_worker",
    NOBODY,
    "tls://127.0.0.1:1",
    "tcp://127.0.0.1:port",
    "tcp://127.0.0.1:99999",
    "http://127.0.0.1:8787",
    "127.0.0.1",
    "nonsense",
    "local:x",
    "carrier-pigeon://head:8786",
    "tcp://",
    " ",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_where_no_scheduler_answers_is_named_soon(address, request, monkeypatch):
    if address.isidentifier() and address != "nonsense":
        address = request.getfixturevalue(address)
    if address != ADDRESSES[0]:
        monkeypatch.setattr(knock, "CONNECT_SECONDS", 1.0)
    before = set(threading.enumerate())
    began = time.monotonic()
    with pytest.raises(ClusterError, match=re.escape(address)):
        LocalRuntime(workers=address)
    assert time.monotonic() - began < 10
    left = set(threading.enumerate()) - before
    assert not [each for each in left if "qiskit_modes" in each.name]


@pytest.mark.parametrize("workers", [0, True, "local:0", "local:1000000", object()])
def test_what_is_nothing_of_these_is_refused(workers):
    with pytest.raises(InvalidInputError):
        LocalRuntime(workers=workers)


@pytest.fixture
def says():
    """Returns the address of somebody who says something to whoever comes, and then waits."""
    listening = socket.create_server(("127.0.0.1", 0))
    came, words = [], []

    def answer():
        with contextlib.suppress(OSError):  # it is closed
            while True:
                came.append(listening.accept()[0])
                came[-1].sendall(words[0])

    thread = threading.Thread(target=answer)

    def says(what):
        words.append(what)
        thread.start()
        return f"tcp://127.0.0.1:{listening.getsockname()[1]}"

    yield says
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()
    for each in came:
        each.close()


LIKE_DASK = (200).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (b"SSH-2.0-OpenSSH_9.6", "something else answers there, which says b'SSH-2.0-'"),
        (b"+OK", r"says b'\+OK', and nothing more"),
        (LIKE_DASK, "it says nothing for"),
    ],
)
def test_whoever_else_speaks_there_is_told_apart(words, named, says, monkeypatch):
    """Dask took such words for the length of a message, and asked for as much memory."""
    monkeypatch.setattr(knock, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(clients, "IDENTITY_SECONDS", 0.5)
    with pytest.raises(ClusterError, match=named):
        connect(says(words))


def test_a_name_that_is_not_resolved_for_long_costs_no_more_than_the_limit(monkeypatch):
    asked, over = threading.Event(), threading.Event()

    def resolve(*_, **__):
        asked.set()
        over.wait(DEADLINE)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(knock, "CONNECT_SECONDS", 0.2)
    with pytest.raises(ClusterError, match=r"tcp://head:8786 .*not resolved in time"):
        connect("tcp://head:8786")
    assert asked.is_set()
    over.set()


def test_a_scheduler_that_is_just_being_started_is_waited_for(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = taken.getsockname()
    refused, started = socket.socket.connect, []

    def connect_and_start(connection, to):
        try:
            refused(connection, to)
        except ConnectionRefusedError:
            started.append(socket.create_server(place))
            raise

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_and_start)
        patch.setattr(knock, "CONNECT_SECONDS", 1.0)
        with pytest.raises(knock.NoSchedulerError, match="takes connections"):
            knock.knock(f"tcp://127.0.0.1:{place[1]}")
    assert len(started) == 1
    started[0].close()


COMMANDS = {
    "serve": ["serve", "--store", "memory"],
    "doctor": ["doctor"],
    "demo": ["demo"],
    "record": ["record", "file.json", "script.py"],
    "run": ["run", "true"],
}
"""Those that execute jobs: all that there are, see the test below."""

ALONE = (
    "import sys\n"
    "from qiskit_modes.cli import main\n"
    "code = main(sys.argv[1:])\n"
    "assert not {'qiskit', 'dask', 'distributed', 'numpy'} & sys.modules.keys()\n"
    "sys.exit(code)\n"
)
"""Imports take seconds, and minutes on a busy machine: a wrong address is told before them."""


def alone(arguments, **environment):
    """A command line in a process of its own: its exit code, and what it said of errors."""
    ended = subprocess.run(
        [sys.executable, "-c", ALONE, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_say_so_before_they_import_anything(command):
    code, said = alone(COMMANDS[command], QISKIT_MODES_CLUSTER=NOBODY)
    assert code == 2
    assert said.count("\n") == 1
    assert NOBODY in said


@pytest.mark.parametrize("command", ["serve", "doctor"])
@pytest.mark.parametrize("address", [NOBODY, "nonsense", "local:0"])
def test_so_they_do_of_an_address_on_the_command_line(command, address, silent):
    code, said = alone([command, "--cluster", address], QISKIT_MODES_CLUSTER=silent)
    assert code == 2
    assert address in said.splitlines()[-1]


def test_whatever_makes_a_runtime_looks_for_its_cluster_first():
    """Commands of which we know that they make none; every other one is in the test above."""
    without = {"tokens", "store", "backends", "estimate", "compare", "timeline"}
    assert {each.__name__.rpartition(".")[2] for each in cli._COMMANDS} == COMMANDS.keys() | without


def test_the_runtime_that_all_use_says_so_each_time(monkeypatch):
    monkeypatch.setenv("QISKIT_MODES_CLUSTER", NOBODY)
    with monkeypatch.context() as patch:
        patch.setattr(shared_runtime, "_default", {})
        for _ in range(2):
            with pytest.raises(ClusterError, match=NOBODY):
                default_runtime()


# -- what is left behind ---------------------------------------------------------------------------


def test_a_store_is_not_kept_open_for_a_cluster_that_does_not_answer(tmp_path):
    store = tmp_path / "jobs.db"
    with pytest.raises(ClusterError):
        LocalRuntime(store=store, serves=True, workers=NOBODY)
    with LocalRuntime(store=store, serves=True, workers=1) as runtime:
        assert runtime.store


def test_a_cluster_is_not_kept_for_a_store_that_cannot_be_opened(tmp_path, cluster, monkeypatch):
    closed, close = [], DaskEngine.close
    monkeypatch.setattr(DaskEngine, "close", lambda self: (closed.append(self), close(self)))
    with pytest.raises(StoreError):
        LocalRuntime(store=tmp_path, workers=cluster.scheduler_address)
    assert len(closed) == 1


class ClusterHere:
    """Stands for one of ``local:2``."""

    scheduler_address = "tcp://127.0.0.1:1"
    closed = 0

    def close(self, _):
        self.closed += 1


def test_a_cluster_that_was_started_here_ends_if_it_does_not_answer(monkeypatch):
    here = ClusterHere()
    monkeypatch.setattr(clients, "local_cluster", lambda _: here)
    monkeypatch.setattr(knock, "CONNECT_SECONDS", 0.1)
    with pytest.raises(ClusterError, match="refused"):
        choose.client_at("local:2")
    assert here.closed == 1


def test_a_cluster_that_goes_away_while_it_is_looked_at_is_an_error(cluster, monkeypatch):
    ended = []
    client = connect(cluster.scheduler_address)
    monkeypatch.setattr(engine, "examine", lambda *_: client.no_longer_there())
    with pytest.raises(ClusterError, match=f"{cluster.scheduler_address} has gone away"):
        DaskEngine(client, lambda: ended.append(True))
    assert ended
    assert client.status == "closed"
