"""The ways to a token of Graph, each by MSAL. What comes back is MSAL's answer: a token, or an error of OAuth 2.0."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from copilot._redaction import remember
from copilot.errors import ServiceError, SettingsError
from copilot.models.credentials import microsoft
from copilot.plugins.connections import Account
from copilot.plugins.connections.signing import Terminal
from copilot.plugins.loopback import Listener

from .cache import Kept, SignInFile
from .clouds import bare
from .options import Options

Answer = Mapping[str, Any]

#: What tells the authority that we can meet claims challenges ("Claims challenges, claims requests, and client
#: capabilities").
_CAPABILITIES = ["CP1"]
#: Scopes of OpenID Connect, which are no rights of Graph.
_OWN = frozenset({"openid", "profile", "email", "offline_access"})
#: Seconds that are waited longer after "slow_down" (RFC 8628, section 3.5).
_SLOWER = 5
_PENDING = ("authorization_pending", "slow_down")


@dataclass(frozen=True)
class Setting:
    """What all flows know: the account and its options."""

    account: Account
    options: Options

    def public(self, cache: Any) -> Any:
        """Return MSAL's client of an app that has no secret."""
        made = msal().PublicClientApplication
        return made(self.options.client_id, token_cache=cache, client_capabilities=_CAPABILITIES, **self._authority)

    def confidential(self, cache: Any = None) -> Any:
        """Return MSAL's client of an app with a secret or a certificate. Raises SettingsError where that is missing."""
        made = msal().ConfidentialClientApplication
        told: dict[str, Any] = {"token_cache": cache, "client_capabilities": _CAPABILITIES, **self._authority}
        return made(self.options.client_id, client_credential=self._proof(), **told)

    @property
    def everything(self) -> list[str]:
        """The scope that stands for all that was agreed to."""
        return [self.options.place.scope(".default")]

    @property
    def _authority(self) -> dict[str, Any]:
        return microsoft.authority(self.options.place.authority, self.options.directory)

    def _proof(self) -> str | dict[str, str]:
        if self.options.client_secret_env:
            return self.variable(self.options.client_secret_env, "client_secret_env")
        path = Path(self.options.certificate).expanduser()
        return microsoft.certificate(path, f"[accounts.{self.account.name}] certificate")

    def variable(self, name: str, setting: str) -> str:
        """Return what a variable holds. Raises SettingsError when it is not set."""
        found = self.account.env.get(name, "").strip()
        if not found:
            raise SettingsError(f"[accounts.{self.account.name}] {setting}: {name} is not set.", hint="Set it.")
        remember(found)
        return found


class Flow(Protocol):
    """A way to a token."""

    def acquire(self, refused: str, claims: str) -> Answer:
        """Return MSAL's answer; `refused` is a token that must not come again, `claims` what the next must prove.

        Raises ServiceError, SettingsError, and what MSAL raises.
        """
        ...


@dataclass
class Person:
    """Somebody who signed in once, and whose sign-in is kept."""

    setting: Setting
    file: SignInFile
    wait: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)

    def acquire(self, refused: str, claims: str) -> Answer:
        """Return what the kept sign-in brings; nobody is asked."""
        with self.file.alone():
            kept = self.file.read()
            if kept is None:
                return {"error": "login_required", "error_description": "nobody has signed in yet"}
            cache = msal().SerializableTokenCache()
            cache.deserialize(kept.tokens)
            remember(*secrets_in(cache))
            scopes = [self.setting.options.place.scope(name) for name in kept.granted]
            if not claims and (found := _held(cache, scopes, refused)):
                return found
            result = self._silent(self.setting.public(cache), scopes, refused, claims)
            lasting = "" if "access_token" in result else claims or kept.claims
            now = replace(kept, granted=granted(result) or kept.granted, claims=lasting, tokens=cache.serialize())
            if now != kept:
                self.file.write(now)
        return result

    def _silent(self, app: Any, scopes: list[str], refused: str, claims: str) -> Answer:
        accounts = app.get_accounts()
        if not accounts:
            return {"error": "login_required", "error_description": "the sign-in holds no account"}
        told: dict[str, Any] = {"account": accounts[0], "claims_challenge": claims or None}
        result = app.acquire_token_silent_with_error(scopes, force_refresh=bool(refused), **told)
        return result or {"error": "login_required", "error_description": "the sign-in holds no refresh token"}

    def sign_in(self, rights: Sequence[str], terminal: Terminal, claims: str = "") -> Kept:
        """Return a new sign-in, not kept yet. Raises ServiceError when nobody came, RefusedError with MSAL's answer."""
        cache = msal().SerializableTokenCache()
        app = self.setting.public(cache)
        scopes = [self.setting.options.place.scope(name) for name in rights]
        method = terminal.method or self.setting.options.method
        ask = self._by_device if method == "device_code" else self._in_browser
        result = ask(app, scopes, terminal, claims)
        if "access_token" not in result:
            raise RefusedError(result)
        told = result.get("id_token_claims") or {}
        who = str(told.get("preferred_username") or told.get("upn") or told.get("email") or "")
        held = granted(result) or tuple(rights)  # RFC 6749, section 5.1: left out where it is what was asked for
        return Kept(cache.serialize(), who, str(told.get("tid") or ""), held)

    def _in_browser(self, app: Any, scopes: list[str], terminal: Terminal, claims: str) -> Answer:
        """Return the answer to an authorization code with PKCE, which comes to a port of this machine (RFC 8252)."""
        state, hint = secrets.token_urlsafe(24), self._hint
        with Listener(self.setting.options.redirect_port, state, "http://localhost", "") as listener:
            flow = app.initiate_auth_code_flow(
                scopes,
                redirect_uri=listener.redirect_uri,
                state=state,
                response_mode="form_post",  # RFC 9700, section 4.3.1
                login_hint=hint or None,
                prompt=None if hint else "select_account",
                claims_challenge=claims or None,
            )
            if not terminal.browse(flow["auth_uri"]):
                terminal.show(f"To sign in, open this address in a browser on this machine: {flow['auth_uri']}")
            answer = listener.wait(terminal.patience)
        if answer is None:
            name = self.setting.account.name
            raise ServiceError(
                f"Nobody signed in to account {name} within {terminal.patience:g} seconds.",
                hint=f"Run: everpilot login {name}; without a browser on this machine, with --device-code.",
                code="signed_out",
            )
        found: Answer = app.acquire_token_by_auth_code_flow(flow, answer)
        return found

    def _by_device(self, app: Any, scopes: list[str], terminal: Terminal, claims: str) -> Answer:
        """Return the answer to a code that is entered in a browser on any device (RFC 8628)."""
        flow = app.initiate_device_flow(scopes, claims_challenge=claims or None)
        if "user_code" not in flow:
            return dict(flow)
        terminal.show(f"To sign in, open {flow['verification_uri']} and enter the code {flow['user_code']}.")
        ends, interval = min(flow["expires_at"], self.clock() + terminal.patience), float(flow["interval"])
        while True:
            result: Answer = app.acquire_token_by_device_flow(
                flow, claims_challenge=claims or None, exit_condition=lambda _: True
            )
            if result.get("error") not in _PENDING or self.clock() > ends:
                return result
            interval += _SLOWER if result["error"] == "slow_down" else 0
            self.wait(interval)
            flow.pop("latest_attempt_at", None)  # MSAL's own watch over the interval, which does not know ours

    @property
    def _hint(self) -> str:
        kept = self.file.read()
        return self.setting.options.user or (kept.who if kept else "")


class RefusedError(Exception):
    """MSAL's answer without a token."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.get("error", "")))
        self.answer = answer


@dataclass
class App:
    """An app's own token, for its secret or certificate (RFC 6749, section 4.4; RFC 7523)."""

    setting: Setting
    _client: Any = field(default=None, init=False, repr=False)

    def acquire(self, refused: str, claims: str) -> Answer:
        """Return the app's token."""
        if self._client is None or refused:
            self._client = self.setting.confidential()  # without what MSAL kept
        found: Answer = self._client.acquire_token_for_client(self.setting.everything, claims_challenge=claims or None)
        return found


@dataclass
class Managed:
    """The token of the Azure resource that this runs on."""

    setting: Setting
    _client: Any = field(default=None, init=False, repr=False)

    def acquire(self, refused: str, claims: str) -> Answer:
        """Return the resource's token."""
        if self._client is None or refused:
            made, chosen = msal(), self.setting.options.client_id
            who = made.UserAssignedManagedIdentity(client_id=chosen) if chosen else made.SystemAssignedManagedIdentity()
            self._client = made.ManagedIdentityClient(
                who, http_client=microsoft.direct(), client_capabilities=_CAPABILITIES
            )
        resource = self.setting.options.place.graph
        found: Answer = self._client.acquire_token_for_client(resource=resource, claims_challenge=claims or None)
        return found


@dataclass
class OnBehalf:
    """The token of a person, for the one that a service was called with ("OAuth 2.0 On-Behalf-Of flow").

    Each has its own cache, in memory: what one person may see is never another one's. The first exchange brings a
    refresh token, so that the second one does not need the assertion, which may have expired.
    """

    setting: Setting
    assertion: str = field(repr=False)
    _client: Any = field(default=None, init=False, repr=False)

    def acquire(self, refused: str, claims: str) -> Answer:
        """Return the person's token."""
        if not self.assertion:
            return {"error": "login_required", "error_description": "this account works for those who ask a service"}
        if self._client is None:
            remember(self.assertion)
            self._client = self.setting.confidential(msal().TokenCache())
        scopes, told = self.setting.everything, {"claims_challenge": claims or None}
        accounts = self._client.get_accounts()
        again = {"account": accounts[0] if accounts else None, "force_refresh": bool(refused)}
        found: Answer | None = self._client.acquire_token_silent(scopes, **again, **told) if accounts else None
        return found or self._client.acquire_token_on_behalf_of(self.assertion, scopes, **told)


@dataclass
class Given:
    """A token that lies in a variable: it can't be renewed."""

    setting: Setting

    def acquire(self, refused: str, claims: str) -> Answer:
        """Return the token of the variable."""
        name = self.setting.options.token_env
        found = self.setting.variable(name, "token_env")
        if found == refused:
            raise ServiceError(
                f"The token in {name} was refused: it has expired, or is not of this account.",
                hint=f"Put another one into {name}.",
                code="signed_out",
            )
        return {"access_token": found, "expires_in": 60}  # seconds after which the variable is looked at again


def _held(cache: Any, scopes: list[str], refused: str) -> Answer | None:
    """Return a token of MSAL's cache that holds for a while, None when there is none but the refused one.

    MSAL itself would ask the authority where things lie first, whenever a program starts; and another process may have
    renewed a token that was refused.
    """
    for entry in cache.search(cache.CredentialType.ACCESS_TOKEN, target=scopes):
        lasts = float(entry["expires_on"]) - time.time()  # MSAL's clock
        if lasts > microsoft.BEFORE and entry["secret"] != refused:
            return {"access_token": entry["secret"], "expires_in": lasts}
    return None


def secrets_in(cache: Any) -> list[str]:
    """Return the tokens of MSAL's cache."""
    kinds = (cache.CredentialType.ACCESS_TOKEN, cache.CredentialType.REFRESH_TOKEN, cache.CredentialType.ID_TOKEN)
    return [str(entry["secret"]) for kind in kinds for entry in cache.search(kind)]


def granted(result: Answer) -> tuple[str, ...]:
    """Return the rights of Graph that an answer names."""
    names = (bare(scope) for scope in str(result.get("scope") or "").split())
    return tuple(dict.fromkeys(name for name in names if name and name not in _OWN and name != ".default"))


def msal() -> Any:
    """Return MSAL. Raises SettingsError with the command that installs it."""
    return microsoft.library("The connector microsoft365", "microsoft365")
