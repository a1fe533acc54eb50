"""An identity provider on this machine: OAuth 2.0 by Authlib over TLS, shaped as Microsoft Entra ID is.

Client credentials (secret, certificate), device code, refresh; and the two protocols of managed identities.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
import trustme
from authlib.oauth2 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749 import (
    ClientCredentialsGrant,
    ClientMixin,
    RefreshTokenGrant,
    TokenMixin,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant, DeviceCredentialDict
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from joserfc.jwk import RSAKey

TENANT = "contoso.example"
APP, SECRET = "app-1", "correct-secret"
SCOPE = "https://cognitiveservices.azure.com/.default"
PERSON = "ada@contoso.example"


@dataclass
class Client(ClientMixin):
    """An app registration: `secret` or `certificate` for a confidential one, neither for a public one."""

    id: str
    secret: str = ""
    certificate: str = ""

    def get_client_id(self) -> str:
        return self.id

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_client_secret(self, client_secret: str) -> bool:
        return bool(self.secret) and client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        proof = "client_secret_post" if self.secret else "client_assertion_jwt" if self.certificate else "none"
        return method == proof

    def check_grant_type(self, grant_type: str) -> bool:
        return (grant_type == "client_credentials") == bool(self.secret or self.certificate)


@dataclass
class Refresh(TokenMixin):
    """A refresh token that was given out."""

    client_id: str
    scope: str
    revoked: bool = False

    def check_client(self, client: Client) -> bool:
        return client.id == self.client_id

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Authority:
    """The provider and its state. `lasts` are the seconds that tokens live."""

    url: str = ""
    lasts: int = 3600
    clients: dict[str, Client] = field(default_factory=lambda: {APP: Client(APP, SECRET)})
    issued: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    refreshes: dict[str, Refresh] = field(default_factory=dict)
    devices: dict[str, DeviceCredentialDict] = field(default_factory=dict)
    grants: dict[str, tuple[str, bool]] = field(default_factory=dict)
    broken: int = 0
    on_issue: Callable[[str], None] = lambda token: None

    def asked(self, grant_type: str) -> int:
        """Return how many token requests there were of a kind."""
        return sum(form.get("grant_type", "").endswith(grant_type) for _, form in self.requests)

    def approve(self, approved: bool = True) -> None:
        """Let the person enter the latest code in their browser, and agree or not."""
        self.grants[list(self.devices.values())[-1]["user_code"]] = (PERSON, approved)

    def new_token(self) -> str:
        self.issued.append(f"token-{len(self.issued) + 1}")
        self.on_issue(self.issued[-1])
        return self.issued[-1]

    def token(self, client: Client, user: str | None, scope: str, include_refresh_token: bool, **_: Any) -> Any:
        """Return what Entra ID answers; openid and client_info make MSAL know the account."""
        token: dict[str, Any] = {"token_type": "Bearer", "access_token": self.new_token(), "expires_in": self.lasts}
        if user and include_refresh_token:
            token["refresh_token"] = f"refresh-{len(self.issued)}"
            self.refreshes[token["refresh_token"]] = Refresh(client.id, scope)
            token["client_info"] = _part({"uid": "ada", "utid": "contoso"})
            claims = {"sub": "ada", "aud": client.id, "iss": self.url, "preferred_username": PERSON}
            claims.update(iat=int(time.time()), exp=int(time.time()) + 3600)
            token["id_token"] = f"{_part({'alg': 'none'})}.{_part(claims)}."
        return {**token, "scope": scope}


def _part(data: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def _oauth(authority: Authority) -> AuthorizationServer:
    class Server(AuthorizationServer):
        def query_client(self, client_id: str) -> Client | None:
            return authority.clients.get(client_id)

        def save_token(self, token: Any, request: Any) -> None:
            """All that is kept was kept when it was made."""

        def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
            """Nobody listens."""

        def create_oauth2_request(self, request: tuple[str, dict[str, str]]) -> OAuth2Request:
            url, form = request
            made = _Request("POST", url, headers={})
            made.payload = BasicOAuth2Payload(form)
            return made

        def handle_response(self, status: int, body: Any, headers: Any) -> tuple[int, Any]:
            return status, body

    class Assertion(JWTBearerClientAssertion):
        def resolve_client_public_key(self, client: Client) -> Any:
            key = load_pem_x509_certificate(client.certificate.encode()).public_key()
            return RSAKey.import_key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

        # Authlib's own reading knows neither PS256 nor MSAL's certificates in the header.
        def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
            claims = jwt.decode(assertion, options={"verify_signature": False})
            thumbprint = jwt.get_unverified_header(assertion)["x5t#S256"]
            known = load_pem_x509_certificate(authority.clients[claims["sub"]].certificate.encode())
            assert base64.urlsafe_b64decode(f"{thumbprint}==") == known.fingerprint(SHA256())
            return {}, claims

        def process_assertion_claims(self, assertion: str, resolve_key: Any) -> Any:
            key = resolve_key.as_pem(private=False)
            return jwt.decode(assertion, key, algorithms=["PS256"], audience=self.get_audiences())

        def get_audiences(self) -> list[str]:
            return [f"{authority.url}/{TENANT}/token"]

        def validate_jti(self, claims: Any, jti: str) -> bool:
            return True

    class Credentials(ClientCredentialsGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_post", "client_assertion_jwt")

    class Refreshing(RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
            found = authority.refreshes.get(refresh_token)
            return found if found and not found.revoked else None

        def authenticate_user(self, refresh_token: Refresh) -> str:
            return PERSON

        def revoke_old_credential(self, refresh_token: Refresh) -> None:
            """Entra ID lets the old one be, too."""

    class Device(DeviceAuthorizationEndpoint):
        CLIENT_AUTH_METHODS = ("none",)
        INTERVAL = 1

        def get_verification_uri(self) -> str:
            return f"{authority.url}/device"

        def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
            expires = time.time() + data["expires_in"]
            made = DeviceCredentialDict(data, client_id=client_id, scope=scope, expires_at=expires)
            authority.devices[data["device_code"]] = made

    class DeviceCode(DeviceCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

        def query_device_credential(self, device_code: str) -> DeviceCredentialDict | None:
            return authority.devices.get(device_code)

        def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
            return authority.grants.get(user_code)

        def should_slow_down(self, credential: Any) -> bool:
            return False

    server = Server()
    server.register_token_generator("default", lambda grant_type, **told: authority.token(**told))
    server.register_client_auth_method("client_assertion_jwt", Assertion())
    for grant in (Credentials, Refreshing, DeviceCode):
        server.register_grant(grant)
    server.register_endpoint(Device)
    return server


class _Request(OAuth2Request):
    @property
    def form(self) -> dict[str, str]:
        return self.payload.data


@contextmanager
def authority(folder: Path) -> Iterator[tuple[Authority, Path]]:
    """Serve an identity provider; yields it and the PEM file of the authority that signed its certificate."""
    state, ca = Authority(), trustme.CA()
    oauth = _oauth(state)

    def get(path: str) -> tuple[int, Any]:
        at = f"{state.url}/{TENANT}"
        facts = {"issuer": f"{at}/v2.0", "token_endpoint": f"{at}/token", "authorization_endpoint": f"{at}/authorize"}
        if path != f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return 400, {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant 'x' not found."}
        return 200, {**facts, "device_authorization_endpoint": f"{at}/devicecode"}

    def answer(method: str, path: str, headers: Mapping[str, str], body: str) -> tuple[int, Any]:
        if state.broken:
            return state.broken, {"error": "temporarily_unavailable"}
        if method == "GET":
            return get(path)
        form = dict(parse_qsl(body))
        state.requests.append((path, form))
        if path.endswith("/devicecode"):
            return oauth.create_endpoint_response("device_authorization", (f"{state.url}{path}", form))
        return oauth.create_token_response((f"{state.url}{path}", form))

    pem = folder / "authority.pem"
    ca.cert_pem.write_to_path(str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    with _served(answer, context) as port:
        state.url = f"https://localhost:{port}"
        yield state, pem


@contextmanager
def identity_endpoint(state: Authority, *, imds: bool = False) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve a managed identity as App Service does, or as a virtual machine's metadata service; yields its address.

    https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference and
    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """
    asked: list[dict[str, str]] = []

    def answer(method: str, path: str, headers: Mapping[str, str], body: str) -> tuple[int, Any]:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        asked.append(query)
        allowed = headers.get("metadata") == "true" if imds else headers.get("x-identity-header") == "from-the-platform"
        if not allowed:
            return 400, {"error": "invalid_request", "statusCode": 400, "message": "no header"}
        if query.get("client_id", "mine") != "mine":
            said = "No managed identity was found"
            return 400, {"error": "invalid_request", "error_description": said, "statusCode": 400, "message": said}
        expires = {"expires_in": str(state.lasts)} if imds else {"expires_on": str(int(time.time()) + state.lasts)}
        told = {"access_token": state.new_token(), "resource": query["resource"], "token_type": "Bearer"}
        return 200, {**told, **expires}

    with _served(answer) as port:
        yield f"http://127.0.0.1:{port}", asked


Answer = Callable[[str, str, Mapping[str, str], str], tuple[int, Any]]


@contextmanager
def _served(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Keep the output clean."""

        def do_GET(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, told = answer(self.command, self.path, headers, body)
            data = (told if isinstance(told, str) else json.dumps(told)).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
