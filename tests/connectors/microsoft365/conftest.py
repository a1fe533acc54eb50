"""The real OpenID provider and the fake Graph, each started once a session."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.vendors.graph import graph as graph
from tests.vendors.graph import graph_server as graph_server

if TYPE_CHECKING:
    from tests.vendors.oidc import Provider


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "everpilot")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "app.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), "use": "sig", "alg": "PS256"}
    return path, jwk


def _number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode().rstrip("=")


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, dict[str, str]]) -> Iterator[Provider]:
    from copilot.connectors.microsoft365 import scopes as scope_table
    from tests.vendors import oidc

    with oidc.provider(tmp_path_factory.mktemp("oidc"), list(scope_table.RIGHTS), certificate[1]) as served:
        yield served


@pytest.fixture
def idp(serving: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The provider with nothing issued yet, trusted as a company's own is."""
    serving.control("reset")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(serving.ca))
    monkeypatch.setenv("NO_PROXY", "*")
    return serving
