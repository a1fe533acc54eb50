"""Why Microsoft Entra ID gave no token, in words, with the next step.

Codes are those of Microsoft's "Microsoft Entra authentication and authorization error codes"; where there is none, the
error of OAuth 2.0 counts (RFC 6749, sections 4.1.2.1 and 5.2; RFC 8628, section 3.5; OpenID Connect Core 3.1.2.6).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from copilot._redaction import one_line
from copilot.errors import ServiceError
from copilot.models.credentials.microsoft import TITLE

_CODE = re.compile(r"AADSTS(\d{4,7})")


@dataclass(frozen=True)
class Refusal:
    """A reason: the code of the ServiceError, what happened, and what to do. `{login}` is the command to sign in.

    `again`: a new sign-in mends it, so that the one that is kept need not be tried again.
    """

    code: str
    words: str
    hint: str
    again: bool = False


def _again(words: str, hint: str = "Run: {login}") -> Refusal:
    return Refusal("signed_out", words, hint, again=True)


def _app(words: str, hint: str) -> Refusal:
    return Refusal("denied", words, hint)


_CONSENT = Refusal("scope", "Nobody has agreed to what is asked for, or took it back", "Run: {login}", again=True)
_ADMIN = Refusal(
    "scope", "An administrator has to agree to what is asked for", "Ask one to open {consent}, then run: {login}"
)
_EXPIRED = _again("The sign-in has expired")
_REVOKED = _again("The sign-in was revoked, or the password was changed")
_MFA = _again("A second factor is needed")
_POLICY = _app(
    "A conditional access policy of your organisation does not allow it",
    "Sign in from a device and network that it allows ({login}), or ask your administrator.",
)
_DEVICE = _app(
    "Your organisation allows it only on devices that it manages",
    "Use one, with interactive sign-in ({login}), or ask your administrator.",
)
_DISABLED = _app("The account is disabled or locked", "Ask your administrator.")
_SECRET = "Check {proof} of [accounts.{name}]"
_ASSERTION = _again("What the service was called with does not stand for anybody, or not any more")
_OTHERS = "Whoever asks signs in to the service again."
_BUSY = Refusal("unreachable", "It has trouble at the moment", "Try again later.")

CODES: Mapping[str, Refusal] = {
    "65001": _CONSENT,
    "65004": _again("You did not agree to what is asked for", "To try again, run: {login}"),
    "90008": _CONSENT,
    "90093": _ADMIN,
    "90094": _ADMIN,
    "90095": _ADMIN,
    "900941": _ADMIN,
    "70008": _EXPIRED,
    "70043": _again("Your organisation wants a sign-in from time to time, and it is time"),
    "70044": _again("Your organisation wants a sign-in from time to time, and it is time"),
    "700082": _again("The sign-in has expired: it was not used for a long time"),
    "700084": _EXPIRED,
    "50132": _REVOKED,
    "50133": _REVOKED,
    "50173": _REVOKED,
    "50078": _again("The second factor was given too long ago"),
    "50076": _MFA,
    "50074": _MFA,
    "50072": _again("A second factor has to be set up first", "Run: {login}, and follow what the page says."),
    "50079": _again("A second factor has to be set up first", "Run: {login}, and follow what the page says."),
    "50158": _MFA,
    "50055": _again("The password has expired", "Change it in the browser, then run: {login}"),
    "50058": _EXPIRED,
    "53000": _DEVICE,
    "53001": _DEVICE,
    "50097": _DEVICE,
    "135011": _app("The device is disabled", "Ask your administrator."),
    "53002": _POLICY,
    "53003": _POLICY,
    "53004": _POLICY,
    "50005": _POLICY,
    "50131": _POLICY,
    "530032": _POLICY,
    "50053": _DISABLED,
    "50057": _DISABLED,
    "50034": _app("There is no such account in this tenant", "Check tenant and user of [accounts.{name}]."),
    "50020": _app(
        "The account is of another tenant", "Check tenant of [accounts.{name}], or sign in with another one."
    ),
    "90072": _app(
        "The account is of another tenant", "Check tenant of [accounts.{name}], or sign in with another one."
    ),
    "50128": _app("There is no such tenant", "Check tenant of [accounts.{name}]."),
    "90002": _app("There is no such tenant", "Check tenant and cloud of [accounts.{name}]."),
    "50059": _app("It is not known which tenant is meant", "Set tenant of [accounts.{name}]."),
    "50194": _app("The app is for one tenant only", "Set tenant of [accounts.{name}] to the app's own."),
    "50105": _app("The app is only for people that were assigned to it", "Ask your administrator to assign you."),
    "500011": _app("Graph is not known in this tenant", "Check tenant and cloud of [accounts.{name}]."),
    "700016": _app("The app is not known in this tenant", "Check client_id and tenant of [accounts.{name}]."),
    "7000112": _app("The app is disabled", "Ask your administrator."),
    "7000215": _app("The app's secret is wrong", f"{_SECRET}: its value, not its id."),
    "7000222": _app("The app's secret has expired", f"Make a new one in the app registration. {_SECRET}."),
    "700027": _app("The app's certificate is not known", "Upload the certificate to the app registration."),
    "700024": _app("The app's proof is not valid now", "Check this machine's clock."),
    "7000218": _app("The app is not for people who sign in here", "Allow public client flows in its registration."),
    "50011": _app(
        "The app does not know this way back", "Add http://localhost to the app registration, as a desktop app."
    ),
    "70011": _app("One of the rights is unknown", "Check scopes of [accounts.{name}]."),
    "70016": _again("The code was not entered in time", "Try it again: {login}"),
    "70019": _again("The code was not entered in time", "Try it again: {login}"),
    "70020": _again("The code was not entered in time", "Try it again: {login}"),
    "50013": _ASSERTION,
    "500133": _ASSERTION,
    "50027": _ASSERTION,
    "50196": Refusal("throttled", "It was asked too often", "Try again in some minutes."),
    "90033": _BUSY,
    "90055": Refusal("throttled", "It was asked too often", "Try again in some minutes."),
}

ERRORS: Mapping[str, Refusal] = {
    "invalid_grant": _again("The sign-in does not hold any more: it has expired, or was revoked"),
    "interaction_required": _again("Somebody has to sign in again"),
    "login_required": _again("Somebody has to sign in again"),
    "consent_required": _CONSENT,
    "access_denied": _again("The sign-in was refused, or somebody did not agree", "To try again, run: {login}"),
    "authorization_declined": _again("You did not agree to what is asked for", "To try again, run: {login}"),
    "expired_token": _again("The code was not entered in time", "Try it again: {login}"),
    "authorization_pending": _again("The code was not entered in time", "Try it again: {login}"),
    "bad_verification_code": _again("The code is not known", "Try it again: {login}"),
    "invalid_client": _app("The app is not known, or its proof is wrong", f"{_SECRET}, and client_id."),
    "unauthorized_client": _app(
        "The app may not sign in this way", "Look at its registration, or choose another method."
    ),
    "invalid_scope": _app("One of the rights can't be had", "Check scopes of [accounts.{name}]."),
    "invalid_resource": _app("Graph is not known here", "Check cloud of [accounts.{name}]."),
    "temporarily_unavailable": _BUSY,
    "server_error": _BUSY,
}
_OTHER = _app("It gave no reason that is known", "Look at [accounts.{name}], and try: {login}")


def refusal(result: Mapping[str, Any]) -> Refusal:
    """Return the reason in an answer of MSAL: by its codes, the first that is known, else by its error."""
    said = f"{result.get('error_description') or ''} {result.get('error') or ''}"
    codes = [*map(str, result.get("error_codes") or ()), *_CODE.findall(said)]
    found = next((CODES[code] for code in codes if code in CODES), None)
    named = (str(result.get(key) or "") for key in ("suberror", "error"))
    return found or next((ERRORS[name] for name in named if name in ERRORS), _OTHER)


def explained(result: Mapping[str, Any], *, for_others: bool = False, **facts: str) -> ServiceError:
    """Return the error for an answer without a token; `facts` are name, login, proof and consent.

    `for_others`: a service asked for somebody, who can't sign in here.
    """
    why = refusal(result)
    hint = _OTHERS if for_others and why.again else why.hint.format(**facts)
    said = one_line(str(result.get("error_description") or "").partition("Trace ID")[0], os.environ).rstrip(". ")
    told = said or str(result.get("error") or "no token")
    text = f"{TITLE} gave no token for account {facts['name']}. {why.words} ({told})."
    return ServiceError(text, hint=hint, code=why.code)
