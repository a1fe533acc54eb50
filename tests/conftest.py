"""Rules for every test: a state folder of its own, no keys from the environment, no network but this machine."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.thinning import ALL
from tests.warm import Python, Warm

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"
_KEYS = ("_API_KEY", "_BASE_URL", "_ENDPOINT", "OLLAMA_HOST", "LANGSMITH", "LANGCHAIN", "EVERPILOT", "COPILOT_", "AWS_")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests and what they import stay to the end: the collector needs not look through them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of an authority that certified nobody."""
    import trustme

    path = tmp_path_factory.mktemp("authority") / "nobody.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, _authority: Path) -> None:
    for name in list(os.environ):
        if any(part in name for part in _KEYS):
            monkeypatch.delenv(name)
    # Commands that tests start would compile the whole package each time.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("EVERPILOT_HOME", str(tmp_path_factory.mktemp("home")))
    # The keyring of whoever runs the tests is theirs: none can be used, unless a test brings one.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    # Nobody outside is reached, so nobody's authority is trusted: every client would load all of the machine's anew.
    monkeypatch.setenv("SSL_CERT_FILE", str(_authority))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    # A machine that runs the tests may also run Ollama: nothing listens on this port.
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not _is_here(str(address[0])):
            raise OSError(f"tests don't reach the network: {address}")
        real(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign,assignment]
    yield
    socket.socket.connect = real  # type: ignore[method-assign]


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture
def home() -> Path:
    """The state folder of this test."""
    return Path(os.environ["EVERPILOT_HOME"])


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """A copy of the example folder."""
    import shutil

    return Path(shutil.copytree(ROOT / "examples" / "office", tmp_path / "office"))


@pytest.fixture
def python(warm: Warm | None) -> Python:
    """Runs Python code in a process of its own, from the checkout: exit code, output and errors."""

    def run(code: str) -> tuple[int, str, str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        if warm is not None:
            return warm.python(code, env)
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm | None]:
    """Where commands are forked from; real starts only where everything is wanted, and on systems without fork."""
    if ALL or not hasattr(os, "fork"):
        yield None
        return
    made = Warm()
    yield made
    made.close()
