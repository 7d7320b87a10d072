"""``qiskit-modes serve``: the service over HTTP, until it is interrupted."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from typing import NoReturn

from qiskit_modes.commands.arguments import add_service_arguments
from qiskit_modes.commands.common import Commands, cluster, find_cluster, tell, whole
from qiskit_modes.commands.serve_config import (
    ReadConfig,
    instances_of,
    limits_of,
    read_token,
    tokens_of,
)
from qiskit_modes.commands.terminating import wait_for_signals
from qiskit_modes.runtime.workers.dask.knock import CLUSTER_VARIABLE

__all__ = ["add"]

_TOKEN = "QISKIT_MODES_TOKEN"  # noqa: S105 - the name of a variable
_IBM_TOKEN = "QISKIT_IBM_TOKEN"  # noqa: S105 - the name of a variable
_STORE = "QISKIT_MODES_STORE"


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "serve",
        help="answer the service's client over HTTP on this machine",
        description=(
            "Answer qiskit_ibm_runtime over HTTP on this machine, until Ctrl-C. Prints the "
            "environment with which a plain QiskitRuntimeService() finds it; programs that write "
            "their token or address down go elsewhere, use `qiskit-modes run` for those. Needs the "
            "extra `server`."
        ),
        epilog="example: qiskit-modes serve --qpu ibm_torino --plan premium. A token that opens "
        f"everything is read from the environment variable {_TOKEN}; tokens of instances are made "
        "by `qiskit-modes tokens`.",
    )
    parser.add_argument(
        "--config",
        action=ReadConfig,
        metavar="FILE",
        help="a TOML file with the names of these options, as port = 8765, and with instances and "
        "limits; options that follow count more",
    )
    add_service_arguments(parser)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help=f"where to listen; for other machines set {_TOKEN}, or make tokens (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--port", type=whole(0, 65535), default=0, metavar="N", help="default: a free one"
    )
    parser.add_argument(
        "--cluster",
        type=cluster,
        metavar="ADDRESS",
        help="have the workers of a Dask cluster execute programs: its scheduler's address, as "
        f"tcp://head:8786, or local:N for N workers on this machine (default: {CLUSTER_VARIABLE}, "
        "or else one process for each core)",
    )
    parser.add_argument(
        "--access-log",
        metavar="FILE",
        help="append a line of JSON for each request, and for each job that waits or takes long; - "
        "for standard error",
    )
    parser.add_argument(
        "--store",
        metavar="WHERE",
        help="where jobs, sessions, usage and access tokens outlive the server: sqlite:///FILE, "
        "postgresql+psycopg://USER@HOST/DATABASE, a file, or 'memory' for nowhere (default: what "
        f"{_STORE} says, or a file in the folder for the user's data)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="run jobs of job mode again that an earlier server had not finished, with the same "
        "ids and seeds (default: they are failures)",
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help=f"read the token from a file instead of {_TOKEN}",
    )
    parser.set_defaults(run=_serve, instances=None, limits=None)


def _serve(parsed: argparse.Namespace) -> NoReturn:
    find_cluster(parsed.cluster)

    from qiskit_modes.server.serving import serve
    from qiskit_modes.store.locations import default_location, named_in_environment

    with _ProcessAsBefore():
        if parsed.cluster is not None:
            os.environ[CLUSTER_VARIABLE] = parsed.cluster
        _write_log_to(parsed.access_log)
        with serve(
            backends=parsed.qpu,
            plan=parsed.plan,
            instances=instances_of(parsed.instances),
            instance_tokens=tokens_of(parsed.instances),
            limits=limits_of(parsed.limits),
            lanes=parsed.lanes,
            seed=parsed.seed,
            host=parsed.host,
            port=parsed.port,
            token=_token_of(parsed.token_file),
            store=parsed.store or named_in_environment() or default_location(),
            resume=parsed.resume,
            waits=lambda whom: tell(f"waiting for the lease of {whom} on the store to run out"),
        ) as server:
            server.warm_up()
            kept = server.platform.runtime.store or "memory"
            print(f"# {server.url} answers until Ctrl-C, and keeps jobs in {kept}")
            print(f"# its page for people: {server.page}")
            print("# for the programs that are to use it:")
            for name, value in server.environment.items():
                print(f"export {name}={shlex.quote(value)}")
            if _IBM_TOKEN not in server.environment:
                print(f"# {_IBM_TOKEN} is one that `qiskit-modes tokens create` has shown")
            sys.stdout.flush()
            wait_for_signals()


def _token_of(name: str | None) -> str | None:
    return os.environ.get(_TOKEN) or None if name is None else read_token(name)


class _ProcessAsBefore:
    """A block after which the loggers and the environment are what they were before.

    The command line can be called by a program, and by tests, that go on.
    """

    def __enter__(self) -> None:
        from qiskit_modes.runtime.progress.notices import NOTICES
        from qiskit_modes.server.monitoring.watch import ACCESS

        self._cluster = os.environ.get(CLUSTER_VARIABLE)
        self._loggers = [
            (each, each.handlers[:], each.level, each.propagate) for each in (NOTICES, ACCESS)
        ]

    def __exit__(self, *_: object) -> None:
        os.environ.pop(CLUSTER_VARIABLE, None)
        if self._cluster is not None:
            os.environ[CLUSTER_VARIABLE] = self._cluster
        for logger, handlers, level, propagate in self._loggers:
            for handler in logger.handlers[:]:
                if handler not in handlers:
                    logger.removeHandler(handler)
                    handler.close()
            logger.setLevel(level)
            logger.propagate = propagate


def _write_log_to(name: str | None) -> None:
    """Have requests, and the runtime's notices of jobs, written as lines of JSON.

    Args:
        name: Of a file; ``"-"`` for standard error, None for nowhere: of many clients' jobs that
            wait nobody reads in the terminal of their server.
    """
    from qiskit_modes.exceptions import InvalidInputError
    from qiskit_modes.runtime.progress.notices import NOTICES
    from qiskit_modes.server.monitoring.watch import ACCESS, NoticeLines

    NOTICES.propagate = False
    if name is None:
        NOTICES.addHandler(logging.NullHandler())
        return
    try:
        handler = logging.StreamHandler() if name == "-" else logging.FileHandler(name, delay=False)
    except OSError as error:
        raise InvalidInputError(f"The log of requests cannot be written: {error}") from error
    handler.setFormatter(logging.Formatter("%(message)s"))
    ACCESS.addHandler(handler)
    ACCESS.setLevel(logging.INFO)
    ACCESS.propagate = False
    beside = logging.StreamHandler(handler.stream)  # one file, one buffer
    beside.setFormatter(NoticeLines())
    NOTICES.addHandler(beside)
