"""What stands in ``deploy/``: that it fits the command, and works with what it is for."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from qiskit import QuantumCircuit

from qiskit_modes import LocalService, SamplerV2, Session
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.server import Server, serve
from qiskit_modes.store.upkeep import check
from tests import programs
from tests.commands.test_serve_config import DEPLOY, parsed

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
SYSTEMD = shutil.which("systemd-analyze")
NAME = "modes.example.org"
MAIN = "import sys; from qiskit_modes.cli import main; sys.exit(main())"


def test_the_options_of_what_is_deployed_are_there():
    unit = (DEPLOY / "qiskit-modes.service").read_text()
    words = re.search(r"^ExecStart=\S+ serve (.*)$", unit, re.MULTILINE)[1].split()
    words[words.index("--config") + 1] = str(DEPLOY / "serve.toml")
    assert parsed(*words).token_file == "${CREDENTIALS_DIRECTORY}/token"
    _, *words = container("ENTRYPOINT")[0]
    assert parsed(*words[1:]).host == "0.0.0.0"


def container(instruction: str) -> list[list[str]]:
    """Return the words of all instructions of a kind in the container file."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    lines = [
        line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith(instruction)
    ]
    return [
        json.loads(line[line.index("[") :]) if line.endswith("]") else shlex.split(line)
        for line in lines
    ]


KNOWN = {
    *("FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "STOPSIGNAL"),
    *("HEALTHCHECK", "ENTRYPOINT"),
}
"""Instructions of container files that the tests below look at, or that need no look."""


def test_the_container_file_fits_what_it_is_made_of():
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    used = [line.split()[0] for line in text.splitlines() if not line.startswith("#")]
    assert set(used) == KNOWN
    copied = [source for *sources, _ in container("COPY") for source in sources]
    assert copied
    for source in copied:
        assert (DEPLOY.parent / source).exists(), source
    (place,) = {words[-1].partition("/qiskit_modes")[0].rstrip("/") for words in container("COPY")}
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]
    read = [project["readme"], *project["license-files"], "pyproject.toml", "qiskit_modes"]
    assert set(read) <= set(copied), "what its build reads"
    (extras,) = re.findall(rf'"{place}\[([^\]]*)\]"', text)
    assert {"server", *extras.split(",")} <= set(project["optional-dependencies"])
    (volume,), (home,) = container("VOLUME"), container("WORKDIR")
    (user,) = container("USER")
    assert f"useradd --home-dir {volume[0]} --create-home {user[0]}" in text
    assert home == volume
    (environment,) = container("ENV")
    assert environment == [f"QISKIT_MODES_STORE=sqlite:///{volume[0]}/jobs.sqlite"]
    port = parsed(*container("ENTRYPOINT")[0][2:]).port
    assert container("EXPOSE") == [[str(port)]]
    assert f"http://127.0.0.1:{port}/readyz" in container("HEALTHCHECK")[0][-1]
    assert f"-p 127.0.0.1:{port}:{port}" in text
    assert "podman build --format docker " in text, "others leave the health check out"
    assert f"{volume[0]} " in text[: text.index("FROM")], "how it is run says where jobs are"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="containers are of Linux")
def test_the_container_serves_with_nothing_but_its_volume(tmp_path):
    """Its command, in an empty folder and environment; the health check, and the stop signal."""
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port = str(found.getsockname()[1])
    written = str(parsed(*container("ENTRYPOINT")[0][2:]).port)
    program, *words = [port if word == written else word for word in container("ENTRYPOINT")[0]]
    assert program == "qiskit-modes"
    (setting,) = container("ENV")[0]
    name, _, store = setting.partition("=")
    (volume,) = container("VOLUME")[0]
    environment = {name: store.replace(volume, str(tmp_path)), "HOME": str(tmp_path)}
    environment |= {"QISKIT_MODES_TOKEN": "sesame", "PYTHONPATH": str(DEPLOY.parent)}
    python, *health = container("HEALTHCHECK")[0]
    assert python == "python"
    health = [sys.executable, *(word.replace(f":{written}/", f":{port}/") for word in health)]
    main = programs.SIGNALS_AS_USUAL + MAIN
    with subprocess.Popen(
        [sys.executable, "-c", main, *words], env=environment, cwd=tmp_path, stdout=subprocess.PIPE
    ) as serving:
        try:
            while b"USAGE_DATA_OPT_OUT" not in serving.stdout.readline():
                assert serving.poll() is None
            assert subprocess.run(health, env={}, cwd=tmp_path).returncode == 0
            serving.send_signal(getattr(signal, container("STOPSIGNAL")[0][0]))
            serving.communicate(timeout=60)
        finally:
            serving.kill()
    assert serving.returncode == 130
    assert subprocess.run(health, env={}, cwd=tmp_path, stderr=subprocess.DEVNULL).returncode != 0
    assert {path.name for path in tmp_path.iterdir()} == {"jobs.sqlite"}, "and no other file"


@pytest.mark.skipif(SYSTEMD is None, reason="no systemd is installed on this machine")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    """But for the program, which is where the unit says only on a machine that it is for."""
    unit = (DEPLOY / "qiskit-modes.service").read_text()
    path = tmp_path / "qiskit-modes.service"
    path.write_text(unit.replace("/opt/qiskit-modes/bin/qiskit-modes", sys.executable))
    done = subprocess.run([SYSTEMD, "verify", path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def certificate(folder: Path) -> None:
    """Write a certificate that says itself that it is right, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    names = [x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "modes.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    (folder / "modes.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))


class Behind:
    """A server behind nginx.

    Args:
        server: Which one.
        folder: With the certificate.
        port: Where nginx listens.
    """

    def __init__(self, server: Server, folder: Path, port: int) -> None:
        self.server = server
        self.port = port
        self.trusted = folder / "modes.pem"
        self._context = ssl.create_default_context(cafile=str(self.trusted))

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> int:
        """Ask nginx under the name that people know; returns the status."""
        connection = http.client.HTTPSConnection(NAME, self.port, timeout=20)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sock = self._context.wrap_socket(plain, server_hostname=NAME)
        with closing(connection):
            connection.request(method, path, body, {"Host": NAME, **headers})
            with closing(connection.getresponse()) as answer:
                answer.read()
                return answer.status


@pytest.fixture(scope="module")
def behind(tmp_path_factory) -> Iterator[Behind]:
    """The example as it stands, but for its ports and where its certificate is."""
    if NGINX is None:
        pytest.skip("no nginx is installed on this machine")
    folder = tmp_path_factory.mktemp("nginx")
    certificate(folder)
    with serve(backends=["ibm_manila"], token="sesame") as server:
        with closing(socket.create_server(("127.0.0.1", 0))) as found:
            port = found.getsockname()[1]
        block = (DEPLOY / "nginx.conf").read_text()
        for was, now in (
            ("127.0.0.1:8765", f"127.0.0.1:{server.port}"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
            ("/etc/ssl/", f"{folder}/"),
            # Browsers leave out the port where it is the usual one.
            ("https://$host", f"https://$host:{port}"),
        ):
            assert was in block
            block = block.replace(was, now)
        temporary = "\n".join(
            f"{kind}_temp_path {folder};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = folder / "nginx.conf"
        config.write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/errors;\n"
            + ("user root;\n" if os.getuid() == 0 else "")
            + f"events {{}} http {{ access_log off; {temporary}\n{block}\n}}"
        )
        with subprocess.Popen([NGINX, "-c", str(config), "-p", str(folder)]) as nginx:
            try:
                wait_for(nginx, port)
                yield Behind(server, folder, port)
            finally:
                nginx.terminate()


def wait_for(nginx: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            assert nginx.poll() is None, "nginx did not begin"
            time.sleep(0.05)  # another program, which tells nobody when it has begun
    raise AssertionError("nginx did not begin")


def test_behind_a_real_nginx_with_tls(behind):
    assert behind.ask("GET", "/livez") == 200
    assert behind.ask("GET", "/experimental/backends") == 401
    assert behind.ask("GET", "/experimental/backends", Authorization="apikey sesame") == 200
    own = f"https://{NAME}:{behind.port}"
    assert behind.ask("POST", "/ui/signin", "token=sesame", Origin=own) == 303
    others = "https://example.org"
    assert behind.ask("POST", "/ui/signin", "token=sesame", Origin=others) == 403


def test_who_does_not_know_the_certificate_does_not_send_a_token(behind):
    with (
        closing(http.client.HTTPSConnection("127.0.0.1", behind.port, timeout=20)) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        connection.request("GET", "/experimental/backends", headers={"Authorization": "sesame"})


PROGRAM = """
import json, warnings
warnings.simplefilter("ignore")
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session
service = QiskitRuntimeService()
circuit = QuantumCircuit(1)
circuit.measure_all()
with Session(service.backend("ibm_manila")) as session:
    job = SamplerV2(mode=session).run([circuit], shots=10)
    counts = job.result()[0].data.meas.get_counts()
print(json.dumps([sum(counts.values()), session.details()["state"], job.status()]))
"""


@pytest.mark.slow
def test_the_services_client_through_nginx_with_tls(behind):
    """A plain program finds it by the environment, with the address of nginx in it."""
    mine, theirs = behind.server.url, f"https://127.0.0.1:{behind.port}"
    settings = {
        name: value.replace(mine, theirs) for name, value in behind.server.environment.items()
    }
    assert sum(theirs in value for value in settings.values()) == 4
    done = programs.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **settings, "REQUESTS_CA_BUNDLE": str(behind.trusted)},
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0] == 10


def test_a_copy_of_a_store_in_use_is_whole(tmp_path):
    """By the command of the upgrade notes; the job that is under way ends in the copy too."""
    notes = (DEPLOY.parent / "docs" / "howto" / "service.md").read_text()
    program = re.search(r'^python -c "(import sqlite3.*)"$', notes, re.MULTILINE)[1]
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with LocalRuntime(store=tmp_path / "jobs.sqlite") as runtime:
        backend = LocalService(runtime=runtime).backend("fake_manila")
        done = SamplerV2(backend).run([circuit])
        counts = done.result()[0].data.meas.get_counts()
        with Session(backend) as session:
            SamplerV2(session).run([circuit]).result()
            subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    with LocalRuntime(store=tmp_path / "copy.sqlite") as runtime:
        service = LocalService(runtime=runtime)
        assert service.job(done.job_id()).result()[0].data.meas.get_counts() == counts
        assert len(service.jobs()) == 2
        assert check(runtime.archive.store) == []
