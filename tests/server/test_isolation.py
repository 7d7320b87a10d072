"""What keeps a program on this machine, each of the layers by itself."""

from __future__ import annotations

import json
import os
import ssl
import string
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.server.isolation.certificates import Authority
from qiskit_modes.server.isolation.isolation import check_command, isolated

ROOT = Path(__file__).parent.parent.parent
ACCOUNTS = Path(__file__).parent / "scripts" / "accounts.py"


@pytest.fixture
def refused():
    return []


@pytest.fixture
def environment(server, refused):
    with isolated(server, refused.append) as environment:
        yield environment


def run(code, environment, *arguments):
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            *([code] if code.endswith(".py") else ["-c", code]),
            *arguments,
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_every_way_to_name_an_account_is_served_here(environment, refused, tmp_path):
    saved = tmp_path / "accounts.json"
    done = run(str(ACCOUNTS), {**environment, "HOME": str(tmp_path)}, str(saved))
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert len(told["found"]) == 12
    for way, (backends, instance) in told["found"].items():
        assert backends == ["ibm_manila"], way
        assert instance.startswith("crn:"), way
    assert told["found"]["token and instance"][1].endswith(":5678::")
    assert told["found"]["token and name of an instance"][1].endswith(":my-instance::")
    assert len(told["stopped"]) == 1, "an address that belongs to nobody known is not reached"
    assert set(refused) == {"192.0.2.1"}, "everything else was answered here"
    # What a program saves is what it passed, for the day when it runs on the service.
    assert json.loads(saved.read_text())["theirs"]["token"] == "secret"
    assert json.loads(saved.read_text())["theirs"]["proxies"]


def test_without_the_help_of_python_the_proxy_answers_for_ibm_cloud(
    environment, refused, monkeypatch
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    service = QiskitRuntimeService(token="secret")
    assert service.active_account()["url"] == "https://cloud.ibm.com"
    assert [backend.name for backend in service.backends()] == ["ibm_manila"]
    assert service._active_api_client._session.base_url == "https://quantum.cloud.ibm.com/api/v1"
    iam = requests.post(
        "https://iam.cloud.ibm.com/identity/token", data={"apikey": "x"}, timeout=20
    )
    assert iam.json()["token_type"] == "Bearer"
    assert refused == []


@pytest.mark.parametrize("address", ["https://example.org/", "http://example.org/"])
def test_the_proxy_refuses_everything_else(environment, refused, monkeypatch, address):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if address.startswith("https"):
        with pytest.raises(requests.ConnectionError, match="nothing leaves this machine"):
            requests.get(address, timeout=20)
    else:
        answer = requests.get(address, timeout=20)
        assert answer.status_code == 403
        assert "nothing leaves this machine" in answer.reason
    assert refused == ["example.org"]


def test_names_that_only_look_like_ibm_cloud_are_refused(environment, refused, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for host in ("evilcloud.ibm.com.example.org", "notcloud.ibm.com", "cloud.ibm.com.evil"):
        with pytest.raises(requests.ConnectionError):
            requests.get(f"https://{host}/", timeout=20)
    assert len(refused) == 3


GUARD = """
import socket, sys
def attempt(name, call):
    try:
        call()
        print(name, "went through")
    except PermissionError as error:
        print(name, "stopped" if "nothing leaves this machine" in str(error) else error)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
attempt("connect", lambda: socket.create_connection(("192.0.2.1", 80), timeout=1))
attempt("connect_ex", lambda: socket.socket().connect_ex(("192.0.2.1", 80)))
attempt("lookup", lambda: socket.getaddrinfo("quantum.cloud.ibm.com", 443))
attempt("gethostbyname", lambda: socket.gethostbyname("example.org"))
attempt("gethostbyaddr", lambda: socket.gethostbyaddr("192.0.2.1"))
attempt("getnameinfo", lambda: socket.getnameinfo(("192.0.2.1", 80), 0))
attempt("nameinfo of this", lambda: socket.getnameinfo(("127.0.0.1", 80), 0))
print("getfqdn", socket.getfqdn("host.example.org"))
attempt("sendto", lambda: udp.sendto(b"x", ("192.0.2.1", 53)))
attempt("six", lambda: socket.socket(socket.AF_INET6).connect(("2001:db8::1", 80)))
attempt("low", lambda: __import__("_socket").socket().connect(("192.0.2.1", 80)))
listener = socket.create_server(("127.0.0.1", 0))
attempt("here", lambda: socket.create_connection(listener.getsockname(), timeout=5))
attempt("localhost", lambda: socket.getaddrinfo("localhost", 80))
print("customized", getattr(sys, "customized", False))
import subprocess
subprocess.run([sys.executable, "-c", "import socket; socket.create_connection(('192.0.2.1', 80))"])
"""


def test_a_python_program_connects_with_this_machine_only(environment, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.customized = True\n")
    path = f"{environment['PYTHONPATH']}{os.pathsep}{tmp_path}"
    done = run(GUARD, {**environment, "PYTHONPATH": path})
    assert done.stdout.splitlines() == [
        "connect stopped",
        "connect_ex stopped",
        "lookup stopped",
        "gethostbyname stopped",
        "gethostbyaddr stopped",
        "getnameinfo stopped",
        "nameinfo of this went through",
        "getfqdn host.example.org",
        "sendto stopped",
        "six stopped",
        "low stopped",
        "here went through",
        "localhost went through",
        "customized True",
    ]
    assert "stopped a connection to host.example.org: nothing leaves" in done.stderr
    assert "stopped a connection to quantum.cloud.ibm.com: nothing leaves" in done.stderr
    assert "PermissionError" in done.stderr, "a program that it starts is kept here too"


VALUED = ["-W ignore", "-Wignore", "-X dev", "-Xdev", "-uW ignore", "--check-hash-based-pycs never"]


@pytest.mark.parametrize("option", ["-I", "-E", "-S", "-uI", "-IB"])
@pytest.mark.parametrize("before", ["", *VALUED])
def test_a_python_that_would_not_listen_is_not_started(option, before):
    with pytest.raises(InvalidInputError, match="leave the option out"):
        check_command(["/usr/bin/python3", *before.split(), option, "my.py"])


def test_no_option_of_python_hides_another_one():
    """Each letter that this Python takes, before one that may not be."""
    taken = [
        letter
        for letter in string.ascii_letters
        if letter not in "hV"
        and subprocess.run(
            [sys.executable, f"-{letter}V"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        ).stdout.startswith("Python")
    ]
    assert {"u", "B", "O", "s"} <= set(taken)
    for letter in taken:
        for options in ([f"-{letter}I"], [f"-{letter}", "-I"]):
            with pytest.raises(InvalidInputError, match="leave the option out"):
                check_command(["python", *options, "my.py"])


@pytest.mark.parametrize(
    "command",
    [
        ["env", "python", "-S"],
        ["env", "-S", "python -I x.py"],
        ["env", "A=b", "nice", "-n", "5", "python3.12", "-E", "x.py"],
        ["timeout", "5", "sh", "-c", "cd /tmp && exec python -I x.py"],
        ["bash", "-lc", "python -V; python3 -uI x.py"],
        ["sh", "-c", 'echo "$(python -I x.py)"'],
        ["sh", "-c", "echo `python -I x.py`"],
        ["sh", "-c", "(python -I x.py)"],
        ["sh", "-c", "sh -c 'python -I x.py'"],
        ["sh", "-c", "true\npython -I x.py"],
        ["sh", "-c", "echo 'not closed; python -I x.py"],
        ["python.exe", "-I"],
        ["pypy3.10", "-I"],
    ],
)
def test_a_python_is_seen_through_what_starts_it(command):
    with pytest.raises(InvalidInputError, match="leave the option out"):
        check_command(command)


def test_the_first_line_of_a_script_is_read(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env -S python3 -I\nprint(1)\n")
    script.chmod(0o755)
    with pytest.raises(InvalidInputError, match="'python3 -I'"):
        check_command([str(script)])


@pytest.mark.parametrize(
    "command",
    [
        "python my.py -I",
        "python -u -m pytest -E",
        "python -c I",
        "python -cI",
        "python -WI x",
        "python -W I x",
        "python -X S x",
        "python -- -I",
        "python - -I",
        "env python my.py -I",
        "pytest -I",
        "python",
    ],
)
def test_other_commands_are(command):
    check_command(command.split())


STARTS = """
import os, pathlib, subprocess, sys
mark = "import sys; print('ran', sys.flags.isolated)"
def attempt(name, call):
    sys.stdout.flush()
    try:
        call()
    except PermissionError as error:
        print(name, "stopped" if "leave the option out" in str(error) else error)
quoted = f'"{sys.executable}" -I -c "print(1)"'
attempt("run", lambda: subprocess.run([sys.executable, "-I", "-c", mark]))
path = pathlib.Path(sys.executable)
attempt("path", lambda: subprocess.run([path, b"-I", "-c", mark]))
attempt("other name", lambda: subprocess.run(["me", "-I", "-c", mark], executable=sys.executable))
attempt("shell", lambda: subprocess.run(quoted, shell=True))
attempt("system", lambda: os.system(quoted))
attempt("popen", lambda: os.popen(quoted))
attempt("spawn", lambda: os.posix_spawn(sys.executable, ["python", "-I", "-c", mark], os.environ))
attempt("spawnv", lambda: os.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", "true"]))
attempt("exec", lambda: os.execv(sys.executable, ["python", "-I", "-c", mark]))
attempt("plain", lambda: subprocess.run([sys.executable, "-c", mark]))
"""


def test_a_programs_own_python_that_would_not_listen_is_stopped(environment):
    done = run(STARTS, environment)
    assert done.stdout.splitlines() == [
        "run stopped",
        "path stopped",
        "other name stopped",
        "shell stopped",
        "system stopped",
        "popen stopped",
        "spawn stopped",
        "exec stopped",
        "ran 0",
    ], done.stderr
    assert "would ignore its environment" in done.stderr


@pytest.mark.slow
def test_a_loop_that_connects_past_python_is_not_imported(environment, tmp_path):
    (tmp_path / "uvloop.py").write_text("print('imported')\n")
    path = f"{environment['PYTHONPATH']}{os.pathsep}{tmp_path}"
    code = "import qiskit_ibm_runtime.accounts.account\nimport uvloop"
    done = run(code, {**environment, "PYTHONPATH": path})
    assert done.stdout == ""
    assert "use asyncio's own loop" in done.stderr.splitlines()[-1]


SIGNS_IN = """
import os, sys
os.environ["IAM_URL"] = sys.argv[1]
for name in list(os.environ) if len(sys.argv) > 2 else []:
    if name.lower().endswith("proxy") or name.startswith("QISKIT_IBM"):
        del os.environ[name]
from qiskit_ibm_runtime import QiskitRuntimeService
try:
    print([each.name for each in QiskitRuntimeService(token="secret").backends()])
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("arguments", "answer", "stopped"),
    [
        (["https://iam.cloud.ibm.com"], "['ibm_manila']", None),
        pytest.param(
            ["https://192.0.2.7"], "InvalidAccountError", "192.0.2.7", marks=pytest.mark.slow
        ),
        pytest.param(
            ["https://iam.cloud.ibm.com", "and no proxy"],
            "InvalidAccountError",
            "iam.cloud.ibm.com",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_program_that_says_where_it_signs_in(environment, refused, arguments, answer, stopped):
    """The key goes to this machine or nowhere, at once: the client would ask for minutes."""
    began = time.monotonic()
    done = run(SIGNS_IN, environment, *arguments)
    assert done.stdout.splitlines() == [answer], done.stderr[-2000:]
    assert time.monotonic() - began < 60
    told = f"stopped a connection to {stopped}: nothing leaves this machine" in done.stderr
    assert (told or refused == [stopped]) == (stopped is not None)


@pytest.mark.slow
def test_the_proxies_of_a_company_are_not_asked(server, refused, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://192.0.2.1:3128")
    monkeypatch.setenv("NO_PROXY", "example.org")
    with isolated(server, refused.append) as environment:
        done = run(SIGNS_IN, environment, "https://iam.cloud.ibm.com")
        assert done.stdout.splitlines() == ["['ibm_manila']"], done.stderr[-2000:]
        away = "import requests; requests.get('https://example.org', timeout=20)"
        assert "nothing leaves this machine" in run(away, environment).stderr
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    assert [each.name for each in QiskitRuntimeService().backends()] == ["ibm_manila"]


def test_the_authority_signs_for_ibm_cloud_only(tmp_path):
    """Who trusts it is still not deceived about any other name."""
    authority = Authority(tmp_path)
    client = ssl.create_default_context(cafile=str(authority.certificate_file))

    def shake_hands(host):
        ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = authority.context(host).wrap_bio(ours, theirs, server_side=True)
        visitor = client.wrap_bio(theirs, ours, server_hostname=host)
        for _ in range(4):
            for side in (visitor, server):
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()
        return visitor.version()

    assert shake_hands("eu-de.quantum.cloud.ibm.com").startswith("TLS")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands("example.org")
    assert [file.name for file in tmp_path.iterdir()] == ["authority.pem"], "no key is left"
    assert b"PRIVATE" not in authority.certificate_file.read_bytes()


@pytest.mark.slow
def test_the_other_doors_work_under_it(environment):
    """As in the tests of somebody who uses the fixtures of this package."""
    code = (
        "from qiskit_ibm_runtime import QiskitRuntimeService\n"
        "from qiskit_modes.client import local_runtime\n"
        "with local_runtime(backends=['ibm_quito']):\n"
        "    print([each.name for each in QiskitRuntimeService(token='x').backends()])\n"
        "print([each.name for each in QiskitRuntimeService(token='x').backends()])\n"
    )
    path = f"{environment['PYTHONPATH']}{os.pathsep}{ROOT}"
    done = run(code, {**environment, "PYTHONPATH": path})
    assert done.stdout.splitlines() == ["['ibm_quito']", "['ibm_manila']"], done.stderr


def test_nothing_is_left_of_it(server):
    before = set(threading.enumerate())
    with isolated(server, print) as environment:
        folder = Path(environment["SSL_CERT_FILE"]).parent
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    assert set(threading.enumerate()) <= before
