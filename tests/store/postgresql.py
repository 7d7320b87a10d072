"""A PostgreSQL server that a test starts, and that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["binaries", "running_server"]


def binaries() -> Path | None:
    """Return the folder with ``initdb`` and ``postgres``; Debian does not put it into the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    named = shutil.which("postgres")
    return None if named is None else Path(named).parent


def _user() -> str | None:
    """Return who runs the server: it refuses to be run by root."""
    if os.getuid() != 0:
        return None
    return pwd.getpwnam("postgres").pw_name


@contextmanager
def running_server() -> Iterator[str]:
    """Run a server on a free port of this machine; yields the URL of its empty database.

    Raises:
        OSError: If there is none, or nobody who may run it.
    """
    folder = binaries()
    if folder is None:
        raise FileNotFoundError("there is no PostgreSQL server; apt-get install postgresql")
    try:
        user = _user()
    except KeyError as error:
        raise PermissionError("root may not run PostgreSQL, and no user postgres does") from error
    with tempfile.TemporaryDirectory(prefix="qiskit_modes_pg_") as root:
        if user is not None:
            shutil.chown(root, user)
        data = f"{root}/data"
        made = [folder / "initdb", "-D", data, "-U", "modes", "-A", "trust", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, user=user, cwd=root)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ["-p", str(port), "-k", root, "-c", "listen_addresses=127.0.0.1", "-F"]
        with (Path(root).parent / f"{Path(root).name}.log").open("w+") as log:
            server = subprocess.Popen(
                [folder / "postgres", "-D", data, *options],
                user=user,
                cwd=root,
                stdout=log,
                stderr=log,
            )
            try:
                ready = [folder / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
                while subprocess.run(ready, capture_output=True).returncode:
                    if server.poll() is not None:
                        log.seek(0)
                        raise OSError(f"PostgreSQL did not start: {log.read()[-500:]}")
                yield f"postgresql+psycopg://modes@127.0.0.1:{port}/postgres"
            finally:
                server.terminate()
                server.wait()
                Path(log.name).unlink()
