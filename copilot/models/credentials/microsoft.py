"""What all that get tokens of Microsoft Entra ID by MSAL share: the library, its clients, and an app's proof."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from copilot._redaction import guard_logs
from copilot.errors import SettingsError

TITLE = "Microsoft Entra ID"
#: Seconds to connect and to be answered.
TIMEOUT = (3.0, 10.0)
#: Seconds before a token expires at which another one is asked for.
BEFORE = 300.0
#: Errors after which only a person can help (OpenID Connect Core, section 3.1.2.6, and RFC 6749, section 5.2).
SIGN_IN_AGAIN = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
#: The authority itself has trouble (RFC 6749, section 4.1.2.1): nothing here can be mended.
PASSES = frozenset({"temporarily_unavailable", "server_error"})


def library(what: str, extra: str) -> Any:
    """Return MSAL, whose logs are redacted from then on. Raises SettingsError where `what` lacks it, with the extra."""
    try:
        import msal  # type: ignore[import-untyped]
    except ImportError as error:
        raise SettingsError(
            f"{what} needs a library that is not installed ({error}).", hint=f'Run: pip install "everpilot[{extra}]"'
        ) from error
    guard_logs("msal")
    return msal


def authority(url: str, tenant: str) -> dict[str, Any]:
    """Return how MSAL is told where to ask, and for how long to wait.

    It asks this authority and nobody else: its instance discovery, which goes to the worldwide cloud, is off.
    """
    return {"authority": f"{url}/{tenant}", "instance_discovery": False, "timeout": TIMEOUT}


def direct() -> Any:
    """Return an HTTP client that uses no proxy: a managed identity's address leads nowhere from another machine."""
    import requests

    session = requests.Session()
    session.trust_env = False
    session.request = functools.partial(session.request, timeout=TIMEOUT)  # type: ignore[method-assign]
    return session


def certificate(path: Path, setting: str) -> dict[str, str]:
    """Return MSAL's proof out of a PEM file with a certificate and its key. Raises SettingsError with the setting."""
    try:
        pem = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting}: {path} can't be read: {reason(error)}.") from error
    missing = [part for part in ("CERTIFICATE", "PRIVATE KEY") if f"{part}-----" not in pem]
    if missing:
        raise SettingsError(
            f"{setting}: {path} holds no {missing[0].lower()}.",
            hint="It must be a PEM file with the certificate and its private key.",
        )
    return {"private_key": pem, "public_certificate": pem}  # MSAL computes the thumbprint from it


def lasting(now: float, lasts: float) -> float:
    """Return until when a token is used that lasts so many seconds; one that lives for minutes only half of them."""
    return now + max(lasts - BEFORE, lasts / 2)


def reason(error: Exception) -> str:
    """Return an error's words without its number."""
    return getattr(error, "strerror", None) or str(error)
