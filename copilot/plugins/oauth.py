"""OAuth 2.0 for plugins: a person signs in once in a browser, or an app has a token of its own.

Authorization code with PKCE and a loopback redirect (RFC 6749, 7636, 8252; OAuth 2.1 draft), client credentials
(RFC 6749, section 4.4), refresh, discovery (OpenID Connect Discovery 1.0, RFC 8414). Where tokens come from is said by
the settings only: a document that came with a plugin could name an address that collects secrets.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

from copilot._flock import taken
from copilot._redaction import one_line, remember
from copilot.errors import EverpilotError, SettingsError
from copilot.models.credentials.base import Got, Kept, usable
from copilot.models.credentials.sealed import SealedFile
from copilot.plugins.credentials.kinds import Credential, Hosts, Place
from copilot.plugins.service import Service, origin
from copilot.plugins.web import Answer, UnknownOutcome, ask, is_encrypted

if TYPE_CHECKING:
    import httpx

    from copilot.settings import PluginAuth

_BEFORE = 60.0  # seconds before a token expires at which another one is asked for
_MOST = 200_000  # bytes of an answer
_LOCKED = 15.0  # seconds that another process may take for its refresh
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


def credential(reference: str, chosen: PluginAuth, hosts: Hosts, home: Path, env: Mapping[str, str]) -> Credential:
    """Return the credential of an `oauth` entry of the settings."""
    kind = AppToken if chosen.grant == "client_credentials" else SignIn
    return kind(reference, chosen, hosts, home, env)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a person agrees, and where tokens come from; `issuer` is who they are from, "" if nobody said."""

    authorization: str
    token: str
    issuer: str = ""


@dataclass
class OAuth(Kept):
    """A token kept until a minute before it expires. Safe for many threads."""

    reference: str
    settings: PluginAuth
    hosts: Hosts
    home: Path
    env: Mapping[str, str] = field(repr=False)
    _endpoints: Endpoints | None = field(default=None, init=False, repr=False)

    @property
    def source(self) -> str:
        """The grant and whose it is."""
        return f"OAuth, {self.settings.grant.replace('_', ' ')} of {self.settings.client_id}"

    def apply(self, request: httpx.Request, place: Place | None = None) -> None:
        """Put the token into the Authorization header; see `Credential.apply`."""
        self.hosts.check(request)
        request.headers["authorization"] = f"Bearer {self.get().get_secret_value()}"

    def renew(self, refused: httpx.Request | None = None) -> bool:
        """Forget the token that was refused; see `Credential.renew`."""
        shown = refused.headers.get("authorization", "").partition(" ")[2] if refused is not None else ""
        with self._lock:
            if not shown or self._got is None or self._got.value.get_secret_value() == shown:
                self._got = None
                self._drop(shown)
        return True

    def _drop(self, token: str) -> None:
        """Take note of a token that is no good any more, "" for the one that is kept."""

    @property
    def endpoints(self) -> Endpoints:
        """Where tokens come from: as the settings say, else as the issuer publishes it. Raises SettingsError."""
        if self._endpoints is None:
            chosen = self.settings
            told = Endpoints(chosen.authorization_url, chosen.token_url, chosen.issuer)
            self._endpoints = told if chosen.token_url else discovered(chosen.issuer, self.reference)
        return self._endpoints

    def ask_token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the token endpoint's answer (RFC 6749, section 5.1).

        Raises Refused for an error of section 5.2, SettingsError where there was no answer.
        """
        import httpx

        chosen, url = self.settings, self.endpoints.token
        extra = {"audience": chosen.audience} if chosen.audience else {}
        data, headers = {**form, **extra}, dict(_FORM)
        if secret := self._secret():
            if chosen.client_auth == "post":
                data |= {"client_id": chosen.client_id, "client_secret": secret}
            else:  # RFC 6749, section 2.3.1: both are form-encoded first
                pair = f"{quote_plus(chosen.client_id)}:{quote_plus(secret)}".encode()
                headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            data["client_id"] = chosen.client_id
        answer = _asked(httpx.Request("POST", url, headers=headers, content=urlencode(data)), self.reference)
        return self._token(answer)

    def _secret(self) -> str:
        name = self.settings.client_secret_env
        if not name:
            return ""
        if found := self.env.get(name, "").strip():
            remember(found)
            return found
        raise SettingsError(f"plugins.auth.{self.reference} has no client secret: {name} is not set.", hint="Set it.")

    def _token(self, answer: Answer) -> dict[str, Any]:
        found = _object(answer)
        if answer.status >= 400 or not isinstance(found.get("access_token"), str):
            said = one_line(str(found.get("error_description") or ""), self.env)
            raise Refused(self.reference, str(found.get("error") or f"status {answer.status}")[:60], said)
        if str(found.get("token_type", "bearer")).lower() != "bearer":
            raise SettingsError(f"plugins.auth.{self.reference}: the token is of a kind that can't be used.")
        remember(*(str(found[key]) for key in ("access_token", "refresh_token", "id_token") if found.get(key)))
        return found


class Refused(SettingsError):
    """The authorization server gave no token: `error` is its code (RFC 6749, section 5.2)."""

    code = "sign_in"

    def __init__(self, reference: str, error: str, said: str) -> None:
        self.error = error
        words = f": {error}{f' ({said})' if said else ''}"
        super().__init__(f"plugins.auth.{reference}: no token was given{words}.", hint=_hint(reference, error))


def _hint(reference: str, error: str) -> str:
    if error in ("invalid_grant", "interaction_required", "login_required", "access_denied"):
        return f"Sign in again: everpilot plugins login {reference}"
    fixes = {
        "invalid_client": "Check client_id and client_secret_env.",
        "unauthorized_client": "Check that the app's registration allows this grant.",
        "invalid_scope": "Check scopes.",
    }
    return fixes.get(error, f"Check [plugins.auth.{reference}].")


@dataclass
class AppToken(OAuth):
    """An app's own token (RFC 6749, section 4.4); it is not kept on disk."""

    def _ask(self) -> Got:
        form = {"grant_type": "client_credentials"}
        scopes = " ".join(self.settings.scopes)
        return _got(self.ask_token(form | ({"scope": scopes} if scopes else {})), self.clock(), self.source)


@dataclass
class SignIn(OAuth):
    """The token of a person who signed in; it is kept sealed, and refreshed by one process at a time."""

    _stale: str = field(default="", init=False, repr=False)

    @property
    def file(self) -> SealedFile:
        """Where the sign-in is kept: another client, server or set of scopes has another one."""
        chosen = self.settings
        told = [self.reference, chosen.client_id, chosen.token_url, chosen.issuer, *sorted(chosen.scopes)]
        name = hashlib.blake2b("\0".join(told).encode(), digest_size=8).hexdigest()
        return SealedFile(self.home / f"sign-in-plugin-{name}.json", chosen.plaintext_cache)

    def forget(self) -> bool:
        """Remove the kept sign-in; return whether there was one."""
        path, self._got = self.file.path, None
        found = path.is_file()
        path.unlink(missing_ok=True)
        return found

    def _drop(self, token: str) -> None:
        self._stale = token or str(self._stored().get("access_token", ""))

    def _ask(self) -> Got:
        stored = self._stored()
        if self._holds(stored):
            return _got(stored, self.clock(), self.source)
        with _locked(self.file.path.with_suffix(".lock")):
            stored = self._stored()  # another process may have been quicker
            if not self._holds(stored):
                stored = self._refreshed(stored)
            return _got(stored, self.clock(), self.source)

    def _holds(self, stored: Mapping[str, Any]) -> bool:
        token, expires = stored.get("access_token"), stored.get("expires")
        return bool(token) and token != self._stale and (expires is None or self.clock() < float(expires) - _BEFORE)

    def _refreshed(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        if not stored.get("refresh_token"):
            raise self._must_sign_in("has expired" if stored else "")
        form = {"grant_type": "refresh_token", "refresh_token": str(stored["refresh_token"])}
        try:
            found = self.ask_token(form)
        except Refused as refused:
            if refused.error != "invalid_grant":
                raise
            self.file.path.unlink(missing_ok=True)
            raise self._must_sign_in("has expired, or was taken back") from None
        return self._keep({"refresh_token": stored["refresh_token"], **found})

    def _must_sign_in(self, why: str) -> SettingsError:
        what = f"The sign-in of {self.reference} {why}." if why else f"Nobody has signed in to {self.reference} yet."
        return SettingsError(what, hint=f"Run: everpilot plugins login {self.reference}", code="sign_in")

    def _stored(self) -> dict[str, Any]:
        try:
            found = json.loads(self.file.read() or "{}")
            float(found.get("expires") or 0)
        except (ValueError, TypeError, AttributeError):
            return {}
        remember(*(str(found[key]) for key in ("access_token", "refresh_token") if found.get(key)))
        return dict(found)

    def _keep(self, found: Mapping[str, Any]) -> dict[str, Any]:
        kept = {key: found[key] for key in ("access_token", "refresh_token", "scope") if found.get(key)}
        lasts = _seconds(found.get("expires_in"))
        kept |= {"expires": self.clock() + lasts} if lasts else {}
        try:
            self.file.write(json.dumps(kept))
        except OSError as error:
            raise SettingsError(f"The sign-in can't be kept in {self.file.path}: {error.strerror}.") from error
        return kept

    # --- signing in -----------------------------------------------------------------------------------------------

    def login(self, *, show: Callable[[str], None], browse: Callable[[str], bool] | None, patience: float) -> str:
        """Send the person to the browser, wait for them, and keep the tokens; return what to tell them."""
        from copilot.plugins.loopback import Listener

        _must_seal(self.settings)
        self.file.check()
        chosen, ends = self.settings, self.endpoints
        _must_be_secure(ends.authorization, self.reference)
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        nonce = secrets.token_urlsafe(24) if "openid" in chosen.scopes else ""
        with Listener(chosen.redirect_port, state) as listener:
            url = self._authorization_url(listener.redirect_uri, state, nonce, verifier)
            show(f"To sign in to {self.reference}, open {url}")
            (browse or _browse)(url)
            answer = listener.wait(patience)
            if answer is None:
                raise SettingsError(f"Nobody signed in to {self.reference} in {patience:.0f} s.", hint="Try again.")
            code = _code(answer, ends, self.reference)
            form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
            found = self.ask_token({**form, "redirect_uri": listener.redirect_uri})
        if nonce:
            _check_identity(found.get("id_token"), nonce, chosen.client_id, ends.issuer, self.reference)
        self._keep(found)
        self._got, self._stale = None, ""
        lasting = "" if found.get("refresh_token") else " It gave no refresh token: sign in again when it expires."
        return f"Signed in to {self.reference}.{lasting}"

    def _authorization_url(self, redirect: str, state: str, nonce: str, verifier: str) -> str:
        """Return the address that the person agrees at (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "scope": " ".join(self.settings.scopes),
            "nonce": nonce,
            "audience": self.settings.audience,
        }
        url = self.endpoints.authorization
        return f"{url}{'&' if '?' in url else '?'}{urlencode({k: v for k, v in asked.items() if v})}"


def discovered(issuer: str, reference: str) -> Endpoints:
    """Return what an issuer publishes (RFC 8414, section 3; OpenID Connect Discovery 1.0, section 4).

    Raises SettingsError when nothing is published, or it speaks for another issuer.
    """
    import httpx

    parts = urlsplit(issuer.rstrip("/"))
    base = f"{parts.scheme}://{parts.netloc}"
    places = (
        f"{base}{parts.path}/.well-known/openid-configuration",
        f"{base}/.well-known/oauth-authorization-server{parts.path}",
    )
    for place in places:
        answer = _asked(httpx.Request("GET", place, headers={"accept": "application/json"}), reference)
        found = _object(answer) if answer.status == 200 else {}
        if isinstance(found.get("token_endpoint"), str):
            if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
                raise SettingsError(
                    f"plugins.auth.{reference}: {place} speaks for another issuer.", hint="Check issuer."
                )
            return Endpoints(str(found.get("authorization_endpoint") or ""), found["token_endpoint"], issuer)
    raise SettingsError(
        f"plugins.auth.{reference}: {issuer} does not publish where tokens come from.",
        hint="Set authorization_url and token_url.",
    )


def _asked(request: httpx.Request, reference: str) -> Answer:
    url = str(request.url)
    _must_be_secure(url, reference)
    service = Service(f"the sign-in of {reference}", (origin(url),))
    try:
        return ask(request, service, most=_MOST, patience=20)
    except UnknownOutcome as error:
        raise SettingsError(f"plugins.auth.{reference}: {error}", hint="Try again later.") from None
    except EverpilotError as error:
        raise SettingsError(error.message, hint=error.hint) from None


def _must_be_secure(url: str, reference: str) -> None:
    if not is_encrypted(url):
        shown = url.partition("?")[0] or "(nothing)"
        raise SettingsError(f"plugins.auth.{reference}: {shown} is no https address.", hint="Mend it in the settings.")


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _got(found: Mapping[str, Any], now: float, source: str) -> Got:
    token = usable(str(found["access_token"]), source)
    lasts = float(found["expires"]) - now if "expires" in found else _seconds(found.get("expires_in"))
    if not lasts:
        return Got(token)
    # A token that lives for minutes only is used for half of them.
    return Got(token, now + max(lasts - _BEFORE, lasts / 2), now + lasts)


def _seconds(value: Any) -> float:
    try:
        return max(float(value or 0), 0.0)
    except (TypeError, ValueError):
        return 0.0


def _code(answer: Mapping[str, str], ends: Endpoints, reference: str) -> str:
    """Return the code of the redirect (RFC 6749, section 4.1.2); its `iss` must be right (RFC 9207, section 2.4)."""
    if error := answer.get("error"):
        raise Refused(reference, error[:60], one_line(answer.get("error_description", "")))
    if ends.issuer and answer.get("iss") and answer["iss"].rstrip("/") != ends.issuer.rstrip("/"):
        raise SettingsError(f"plugins.auth.{reference}: the answer came from another issuer; nothing was kept.")
    if not answer.get("code"):
        raise SettingsError(f"plugins.auth.{reference}: the answer holds no code.", hint="Try again.")
    return answer["code"]


def _check_identity(token: Any, nonce: str, client: str, issuer: str, reference: str) -> None:
    """Check that an ID token answers this very sign-in (OpenID Connect Core 1.0, section 3.1.3.7).

    It came straight from the token endpoint over TLS, which stands in for its signature (item 6).
    """
    try:
        payload = str(token).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        right = claims["nonce"] == nonce and client in audience
        right = right and (not issuer or str(claims["iss"]).rstrip("/") == issuer.rstrip("/"))
    except (IndexError, KeyError, ValueError, TypeError):
        right = False
    if not right:
        raise SettingsError(f"plugins.auth.{reference}: the ID token is not for this sign-in; nothing was kept.")


def _must_seal(chosen: PluginAuth) -> None:
    """Raise SettingsError where the library that seals a sign-in is missing."""
    if chosen.plaintext_cache:
        return
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            f"The sign-in can't be kept: a library is not installed ({error}).",
            hint='Run: pip install "everpilot[oauth]"',
        ) from error


def _browse(url: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes: a refresh token may be good for one use (RFC 9700, section 4.14)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        ends = time.monotonic() + _LOCKED
        while not taken(descriptor) and time.monotonic() < ends:
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
