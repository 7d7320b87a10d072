"""A PostgreSQL server that a test starts, and that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PostgreSQL", "binaries", "running_server"]


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


class PostgreSQL:
    """A server that can be stopped, and started again on the same data.

    Args:
        folder: With its programs.
        root: Where its data are.
        user: Who runs it; None for the user of this process.
    """

    def __init__(self, folder: Path, root: str, user: str | None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = str(probe.getsockname()[1])
        self._folder, self._root, self._user = folder, root, user
        self.url = f"postgresql+psycopg://modes@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it; returns when it answers.

        Raises:
            OSError: If it does not start.
        """
        options = ["-p", self._port, "-k", self._root, "-c", "listen_addresses=127.0.0.1", "-F"]
        log = Path(self._root, "log")
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [self._folder / "postgres", "-D", f"{self._root}/data", *options],
                user=self._user,
                cwd=self._root,
                stdout=file,
                stderr=file,
            )
        ready = [self._folder / "pg_isready", "-h", "127.0.0.1", "-p", self._port, "-t", "1"]
        while subprocess.run(ready, capture_output=True).returncode:
            if self._process.poll() is not None:
                raise OSError(f"PostgreSQL did not start: {log.read_text()[-500:]}")

    def stop(self) -> None:
        """Stop it: who is connected is hung up on."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()


@contextmanager
def running_server() -> Iterator[PostgreSQL]:
    """Run a server on a free port of this machine, with an empty database.

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
        server = PostgreSQL(folder, root, user)
        server.start()
        try:
            yield server
        finally:
            server.stop()
