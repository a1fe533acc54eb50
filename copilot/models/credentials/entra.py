"""Tokens of Microsoft Entra ID in place of a key, by MSAL (extra `azure`).

MSAL asks the authority that the settings name and nobody else: its instance discovery, which goes to the worldwide
cloud, is off.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from copilot._home import home
from copilot.errors import SettingsError
from copilot.models.credentials import microsoft
from copilot.models.credentials.base import Got, Kept, first_line, usable
from copilot.models.credentials.sealed import SealedFile
from copilot.models.failures import AttemptFailed, Failure
from copilot.models.watching import tell
from copilot.settings import EntraSettings

log = logging.getLogger(__name__)

_TITLE = microsoft.TITLE

# --- signing in -------------------------------------------------------------------------------------------------------

Show = Callable[[str], None]


def _on_stderr(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


_show: Show = _on_stderr


def show_sign_in_with(show: Show | None) -> None:
    """Let `show` tell the person how to sign in, wherever this process runs; None: standard error, in a terminal only.

    It is called in a thread with one line of text, and should return at once.
    """
    global _show
    _show = show or _on_stderr


def _can_show() -> bool:
    return _show is not _on_stderr or (sys.stderr is not None and sys.stderr.isatty())


def _wait(seconds: float) -> None:
    """Sleep, but not on when the program ends: a thread that polls would keep it from ending."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        if not threading.main_thread().is_alive():
            raise SettingsError("The sign-in was broken off.")
        time.sleep(min(left, 0.5))


# --- the methods ------------------------------------------------------------------------------------------------------


@dataclass
class Entra(Kept):
    """Tokens got by one of the methods below; kept until five minutes before they expire."""

    bearer = True
    settings: EntraSettings
    secret: SecretStr | None = None
    name: str = "NAME"

    @property
    def source(self) -> str:
        """The method, and whose token it is: "Microsoft Entra ID, client credentials of 0000-..."."""
        of = f" of {self.settings.client_id}" if self.settings.client_id else ""
        return f"{_TITLE}, {self.settings.method.replace('_', ' ')}{of}"

    @property
    def identity(self) -> str:
        """All that was set; the secret is of the environment, and another one may be the right one."""
        secret = self.secret.get_secret_value() if self.secret else ""
        return "\0".join((self.settings.model_dump_json(), secret))

    def _ask(self) -> Got:
        with _reaching(self.settings):
            result = self._acquire()
        if "access_token" not in result:
            raise _refused(result, self.settings)
        now, lasts = self.clock(), float(result.get("expires_in") or 0)
        return Got(usable(result["access_token"], self.source), microsoft.lasting(now, lasts), now + lasts)

    def _acquire(self) -> Mapping[str, Any]:
        """Return what MSAL says: a token, or an error as of RFC 6749, section 5.2."""
        raise NotImplementedError

    @property
    def _place(self) -> dict[str, Any]:
        """How MSAL is told where to ask, and for how long to wait."""
        return microsoft.authority(self.settings.authority, self.settings.tenant)


@dataclass
class ClientCredentials(Entra):
    """An app's own token, for its secret or its certificate (RFC 6749, section 4.4; RFC 7523)."""

    _app: Any = field(default=None, init=False, repr=False)

    def _acquire(self) -> Mapping[str, Any]:
        if self._app is None:
            made = _msal().ConfidentialClientApplication
            self._app = made(self.settings.client_id, client_credential=self._proof(), **self._place)
        found: Mapping[str, Any] = self._app.acquire_token_for_client(scopes=[self.settings.scope])
        return found

    def _proof(self) -> str | dict[str, str]:
        if self.secret is not None:
            return self.secret.get_secret_value()
        return microsoft.certificate(Path(self.settings.certificate).expanduser(), "entra.certificate")

    def _forget(self) -> None:
        self._app = None  # and with it MSAL's own cache


@dataclass
class ManagedIdentity(Entra):
    """The token of the Azure resource that this runs on: App Service, Functions, a virtual machine, Arc, ..."""

    _app: Any = field(default=None, init=False, repr=False)

    def _acquire(self) -> Mapping[str, Any]:
        if self._app is None:
            msal, chosen = _msal(), self.settings.client_id
            who = msal.UserAssignedManagedIdentity(client_id=chosen) if chosen else msal.SystemAssignedManagedIdentity()
            self._app = msal.ManagedIdentityClient(who, http_client=microsoft.direct())
        resource = self.settings.scope.removesuffix("/.default")
        found: Mapping[str, Any] = self._app.acquire_token_for_client(resource=resource)
        return found

    def _forget(self) -> None:
        self._app = None


@dataclass
class DeviceCode(Entra):
    """The token of a person who signed in, in a browser on any device (RFC 8628). The sign-in is kept in a file."""

    wait: Callable[[float], None] = field(default=_wait, repr=False, kw_only=True)
    _stale: bool = field(default=False, init=False, repr=False)

    @property
    def file(self) -> SealedFile:
        """Where the sign-in is kept; models with the same app share it."""
        told = "\0".join((self.settings.authority, self.settings.tenant, self.settings.client_id))
        name = hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
        return SealedFile(home() / f"sign-in-{name}.json", self.settings.plaintext_cache)

    def _acquire(self) -> Mapping[str, Any]:
        msal, file = _msal(), self.file
        cache = msal.SerializableTokenCache()
        if text := file.read():
            cache.deserialize(text)
        app = msal.PublicClientApplication(self.settings.client_id, token_cache=cache, **self._place)
        result = self._silent(app) or self._sign_in(app, file)
        if cache.has_state_changed:
            _write(file, cache.serialize())
        self._stale = False
        return result

    def _silent(self, app: Any) -> Mapping[str, Any] | None:
        """Return what the kept sign-in brings, or None: there is none, or a person has to sign in again."""
        accounts = app.get_accounts()
        if not accounts:
            return None
        result: Mapping[str, Any] | None = app.acquire_token_silent_with_error(
            [self.settings.scope], account=accounts[0], force_refresh=self._stale
        )
        return None if result and result.get("error") in microsoft.SIGN_IN_AGAIN else result

    def _sign_in(self, app: Any, file: SealedFile) -> Mapping[str, Any]:
        if not _can_show():
            raise SettingsError(
                "Somebody has to sign in to Microsoft Entra ID, and there is no terminal to say so.",
                hint=f"Run in a terminal: everpilot models test {self.name}",
            )
        file.check()
        flow = app.initiate_device_flow([self.settings.scope])
        if "user_code" not in flow:
            return dict(flow)
        _show(f"To sign in, open {flow['verification_uri']} and enter the code {flow['user_code']} (for {self.name}).")
        while True:
            result: Mapping[str, Any] = app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
            if "access_token" in result:
                tell({"event": "sign-in", "provider": _TITLE, "model": self.name, "source": self.settings.authority})
            if result.get("error") not in ("authorization_pending", "slow_down") or time.time() > flow["expires_at"]:
                return result
            self.wait(flow["interval"])

    def _forget(self) -> None:
        self._stale = True


KINDS: dict[str, type[Entra]] = {
    "client_credentials": ClientCredentials,
    "managed_identity": ManagedIdentity,
    "device_code": DeviceCode,
}


# --- what goes wrong --------------------------------------------------------------------------------------------------

#: What to do, by a code in the description, else by the error. The codes are listed in Microsoft's "Microsoft Entra
#: authentication and authorization error codes".
_FIXES = {
    "AADSTS7000215": "Check the secret in {client_secret_env}: its value, not its id.",
    "AADSTS7000222": "The secret in {client_secret_env} has expired: make a new one in the app registration.",
    "AADSTS7000218": "Allow public client flows in the app registration.",
    "AADSTS700027": "Upload the certificate to the app registration.",
    "AADSTS700016": "Check client_id and tenant.",
    "AADSTS90002": "Check tenant.",
    "AADSTS500011": "Check scope.",
    "AADSTS70011": "Check scope.",
    "invalid_client": "Check client_id and its secret or certificate.",
    "unauthorized_client": "Check that the app registration allows this method.",
    "invalid_scope": "Check scope, and that the identity may use it.",
    "authorization_declined": "Sign in again, and agree.",
    "access_denied": "Sign in again, and agree.",
    "expired_token": "The code was not entered in time: try again.",
    "authorization_pending": "The code was not entered in time: try again.",
    "invalid_grant": "Sign in again.",
}


def _refused(result: Mapping[str, Any], settings: EntraSettings) -> SettingsError:
    error, description = str(result.get("error", "no token")), str(result.get("error_description") or "")
    said = first_line(description.partition("Trace ID")[0], os.environ).rstrip(". ")
    found = next((fix for code, fix in _FIXES.items() if code in f"{description} {error}"), "")
    text = f"{_TITLE} gave no token: {error}{f' ({said})' if said else ''}."
    if error in microsoft.PASSES:
        return _outage(text)
    return SettingsError(text, hint=found.format(**settings.model_dump()) or "Look at [models.entra].")


def _outage(text: str) -> SettingsError:
    """Return an error that the router takes for an outage: its cause says so."""
    trouble = SettingsError(text, hint="Try again later.")
    trouble.__cause__ = AttemptFailed(Failure("dead", f"no token: {_TITLE} was not reached"))
    return trouble


@contextmanager
def _reaching(settings: EntraSettings) -> Iterator[None]:
    """Explain what MSAL raises."""
    msal = _msal()
    from requests import RequestException

    where = "The managed identity" if settings.method == "managed_identity" else settings.authority
    try:
        yield
    except SettingsError:
        raise
    except RequestException as error:
        log.info("No token: %s", error)
        trouble = _outage(f"{where} was not reached: {type(error).__name__}.")
        raise trouble from trouble.__cause__
    except msal.exceptions.MsalServiceError as error:
        log.info("No token: %s", error)
        trouble = _outage(f"{where} has trouble: {error}.")
        raise trouble from trouble.__cause__
    except (ValueError, TypeError, KeyError, RuntimeError, msal.exceptions.MsalError) as error:
        if settings.method == "managed_identity":
            raise SettingsError(
                f"The managed identity brought no token: {first_line(str(error), os.environ)}.",
                hint="It works on an Azure resource that has one.",
            ) from error
        raise SettingsError(
            f"{_TITLE} gave no token: {first_line(str(error), os.environ).rstrip('.')}.",
            hint="Check tenant, authority and certificate.",
        ) from error


def _write(file: SealedFile, text: str) -> None:
    try:
        file.write(text)
    except OSError as error:
        log.warning("The sign-in can't be kept in %s: %s", file.path, error.strerror)


def _msal() -> Any:
    return microsoft.library("[models.entra]", "azure")
