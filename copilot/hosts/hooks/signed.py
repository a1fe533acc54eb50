"""Who may ask: a request signed as Standard Webhooks 1.0 says, or one that shows a token.

The signature is HMAC-SHA256 over "id.timestamp.body", of the headers webhook-id and webhook-timestamp and the body as
it came; webhook-signature lists some, each "v1,BASE64", so that a secret can be exchanged. A request whose timestamp is
more than five minutes off is a repeated one. Source: Standard Webhooks, "Signature scheme" and "Verifying webhook
authenticity".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from copilot.errors import SettingsError
from copilot.hosts.hooks.problems import Refused
from copilot.sections.jobs import HookSettings

PREFIX = "whsec_"
TOLERANCE = 300  # seconds
_SHORTEST = 24  # bytes of a secret, as the standard asks for, and characters of a token
_LONGEST = 200  # characters of an id


@dataclass(frozen=True, slots=True)
class Proof:
    """What requests of a hook have to show: `key` of a signature, or the digest of a token; both may do."""

    key: bytes = b""
    token: bytes = b""

    @property
    def is_needed(self) -> bool:
        """Whether anything has to be shown at all."""
        return bool(self.key or self.token)


def proof_of(name: str, hook: HookSettings, env: Mapping[str, str]) -> Proof:
    """Return what requests of a hook have to show. Raises SettingsError for a secret that is too short."""
    where = f"jobs.hooks.{name}"
    key = _key(_value(hook.secret_env, env, where), where) if hook.secret_env else b""
    token = _value(hook.token_env, env, where) if hook.token_env else ""
    if token and len(token) < _SHORTEST:
        raise SettingsError(f"{where}: the token in {hook.token_env} is shorter than {_SHORTEST} characters.")
    return Proof(key, _digest(token) if token else b"")


def _value(variable: str, env: Mapping[str, str], where: str) -> str:
    if not env.get(variable):
        raise SettingsError(f"{where}: the environment variable {variable} is not set.")
    return env[variable]


def _key(secret: str, where: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _SHORTEST:
        hint = f"{PREFIX} and at least {_SHORTEST} random bytes in base64, such as of: openssl rand -base64 32"
        raise SettingsError(f"{where}: the secret is no secret of a webhook.", hint=hint)
    return key


def signature(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a message."""
    signed = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def check(proof: Proof, headers: Mapping[str, str], body: bytes, clock: Callable[[], float] = time.time) -> str:
    """Return the id under which a request counts once, "" if it has none. Raises Refused (401)."""
    id = headers.get("webhook-id", "") or headers.get("idempotency-key", "")
    if len(id) > _LONGEST:
        raise Refused(400, f"webhook-id is longer than {_LONGEST} characters.")
    if proof.token and _shows(proof.token, headers.get("authorization", "")):
        return id
    if proof.key and "webhook-signature" in headers:
        _signed(proof.key, headers, body, clock)
        return headers["webhook-id"]
    if proof.is_needed:
        wanted = "a signature of Standard Webhooks" if proof.key else "the token, as Authorization: Bearer"
        raise Refused(
            401, f"The request has to show {wanted}.", {"WWW-Authenticate": "Bearer"} if proof.token else None
        )
    return id


def _shows(token: bytes, given: str) -> bool:
    """Compare in a time that says nothing of the token; RFC 6750, section 2.1."""
    scheme, _, shown = given.partition(" ")
    return hmac.compare_digest(_digest(shown.strip()), token) and scheme.lower() == "bearer"


def _signed(key: bytes, headers: Mapping[str, str], body: bytes, clock: Callable[[], float]) -> None:
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not id or not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise Refused(401, "webhook-id and webhook-timestamp (Unix seconds) belong to a signature.")
    if abs(clock() - int(timestamp)) > TOLERANCE:
        raise Refused(401, f"webhook-timestamp is more than {TOLERANCE} s off: the request may be a repeated one.")
    right = signature(key, id, timestamp, body).encode()
    shown = headers["webhook-signature"].split(" ")[:20]
    if not any(hmac.compare_digest(each.encode("utf-8", "replace"), right) for each in shown):
        raise Refused(401, "webhook-signature does not fit the body.")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
