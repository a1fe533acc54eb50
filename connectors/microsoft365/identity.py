"""Who an account is to Microsoft 365: tokens for Graph, renewed before they end, and signing in and out.

A token is in memory, and in MSAL's cache, which is sealed; it is in no error, no log and no `repr`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from copilot._redaction import one_line, remember
from copilot.errors import EverpilotError, ServiceError
from copilot.models.credentials import microsoft
from copilot.models.credentials.base import Got, usable
from copilot.plugins.connections import Account, WorkKind
from copilot.plugins.connections.signing import Asking, Right, SignedIn, Terminal, Wishes

from . import refusals, scopes
from .cache import Kept, SignInFile
from .flows import Answer, App, Flow, Given, Managed, OnBehalf, Person, RefusedError, Setting, msal
from .options import PERSONS, Options

log = logging.getLogger(__name__)

_LATER = 30.0  # seconds until a failed renewal is tried again, while the old token still holds


class Identity:
    """The tokens of one account; a graph.client.Tokens. Safe for many threads: one asks, the others wait for it.

    `assertion` is the token that a service was called with (`method = "on_behalf_of"`).
    """

    def __init__(
        self,
        account: Account,
        options: Options,
        *,
        assertion: str = "",
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.account, self.options = account, options
        self._clock = clock
        self._file = SignInFile(account.state, plain=options.plaintext_cache)
        self._flow = _flow(Setting(account, options), self._file, assertion, clock, wait)
        self._got: Got | None = None
        self._of = 0  # the sign-in that it is of
        self._lock = threading.Lock()
        self._seen: tuple[int, Kept | None] = (-1, None)

    def __repr__(self) -> str:
        return f"Identity({self.account.name!r}, {self.options.method!r})"

    # --- tokens -------------------------------------------------------------------------------------------------------

    async def token(self, *, refused: str = "", claims: str = "") -> str:
        """Return a token that is good for Graph.

        `refused` is one that Graph has just refused: another one is needed. `claims` is what Graph wants proved in it.
        Raises ServiceError (signed_out: somebody has to sign in; scope, denied, unreachable), or SettingsError.
        """
        if not refused and (held := self._held()) is not None:
            return held
        return await asyncio.to_thread(self.renewed, refused, claims)

    def renewed(self, refused: str = "", claims: str = "") -> str:
        """Return a token, for those who are on no event loop; see `token`."""
        with self._lock:
            held = self._held()
            if held is not None and held != refused:
                return held
            try:
                self._got = self._ask(refused, claims)
            except EverpilotError as trouble:
                if not self._still(refused):
                    raise
                log.warning("%s; the old token still holds.", trouble.message.rstrip("."))
            assert self._got is not None
            return self._got.value.get_secret_value()

    def _held(self) -> str | None:
        """Return the token in memory, unless it is time for another, or somebody signed in or out elsewhere."""
        got = self._got
        if got is None or self._clock() >= got.until or self._file.changed() != self._of:
            return None
        return got.value.get_secret_value()

    def _still(self, refused: str) -> bool:
        """Keep a token that should have been renewed, and has not expired, a little longer; False if there is none."""
        got, now = self._got, self._clock()
        if got is None or now >= got.expires or refused:
            return False
        self._got = Got(got.value, min(got.expires, now + _LATER), got.expires)
        return True

    def _ask(self, refused: str, claims: str) -> Got:
        with nullcontext() if isinstance(self._flow, Given) else self._reaching():  # a given token needs no library
            result = self._flow.acquire(refused, claims)
            self._of = self._file.changed()
        for name in ("access_token", "refresh_token", "id_token"):
            remember(str(result.get(name) or ""))
        if "access_token" not in result:
            raise self._refused(result)
        now, lasts = self._clock(), float(result.get("expires_in") or 0)
        return Got(usable(str(result["access_token"]), microsoft.TITLE), microsoft.lasting(now, lasts), now + lasts)

    # --- rights -------------------------------------------------------------------------------------------------------

    def needs(self, kind: WorkKind, *, writes: bool = False) -> None:
        """Make sure that the sign-in of a person holds the rights to a kind. Raises ServiceError (signed_out, scope).

        What others may do is known to Graph only; it is asked then.
        """
        if self.options.method not in PERSONS:
            return
        kept = self._kept()
        if kept is None:
            raise self._refused({"error": "login_required", "error_description": "nobody has signed in yet"})
        if lacking := scopes.missing(kept.granted, scopes.essential(kind, writes=writes)):
            raise self.lacks(lacking, kind if writes else f"{kind}:read")

    def lacks(self, rights: tuple[Right, ...], add: str) -> ServiceError:
        """Return the error for rights that the sign-in does not hold; `add` is what brings them."""
        words = " and ".join(f"{right.words} ({right.name})" for right in rights)
        admin = " An administrator has to agree to it." if any(right.by_admin for right in rights) else ""
        name = self.account.name
        return ServiceError(
            f"The sign-in of account {name} does not let us {words}.{admin}",
            hint=f"Run: everpilot login {name} --add {add}",
            code="scope",
        )

    def asking(self, wishes: Wishes) -> Asking:
        """Return what a sign-in would ask for. Raises ServiceError for a wish that is not known."""
        chosen = self._limited(wishes)
        if self.options.by_app:
            how = f"app {self.options.client_id}" if self.options.client_id else "the managed identity"
            return Asking(scopes.for_app(chosen, self.options.scopes), person=False, how=how)
        if self.options.method not in PERSONS:
            return Asking((), person=False)
        kept = self._kept()
        held = kept.granted if kept is not None and wishes.more else ()  # what is added does not take away
        asked = scopes.wished(chosen, (*self.options.scopes, *held), writes=self.account.writes)
        return Asking(asked, scopes.left_out(chosen, asked))

    def _limited(self, wishes: Wishes) -> Wishes:
        """Return the wishes for the kinds that the account is for."""
        kinds = self.options.kinds
        return Wishes(tuple(need for need in wishes.needs if not kinds or need.kind in kinds), wishes.more)

    # --- signing in and out -------------------------------------------------------------------------------------------

    def sign_in(self, wishes: Wishes, terminal: Terminal) -> SignedIn:
        """Sign in, and keep the sign-in; of an app, try whether it is given a token.

        Raises ServiceError and SettingsError; what was kept before is then as it was.
        """
        asking = self.asking(wishes)
        if not isinstance(self._flow, Person):
            self.renewed()
            return self._needless()
        self._file.check()
        before = self._kept()
        names = [right.name for right in asking.rights]
        try:
            with self._reaching():
                kept = self._flow.sign_in(names, terminal, before.claims if before else "")
        except RefusedError as error:
            raise self._refused(error.answer) from None
        self._check(kept)
        with self._file.alone():
            self._write(kept)
        self._got = None
        told = self._told(kept)
        return SignedIn(told.who, told.place, told.rights, scopes.missing(kept.granted, names))

    def _check(self, kept: Kept) -> None:
        wanted = self.options.user
        if wanted and kept.who and wanted.casefold() != kept.who.casefold():
            raise ServiceError(
                f"{kept.who} signed in, and account {self.account.name} is of {wanted}. Nothing was kept.",
                hint=f"Sign in as {wanted}, or change user of [accounts.{self.account.name}].",
                code="denied",
            )

    def _write(self, kept: Kept) -> None:
        try:
            self._file.write(kept)
        except OSError as error:
            raise ServiceError(
                f"The sign-in can't be kept in {self.account.state}: {microsoft.reason(error)}.", code="full"
            ) from error

    def sign_out(self) -> bool:
        """Forget the sign-in; False when there was none."""
        with self._lock:
            self._got = None
            with self._file.alone():
                return self._file.forget()

    def signed_in(self) -> SignedIn | None:
        """Return the sign-in that is kept, None when there is none; an app or a token needs none."""
        if self.options.method not in PERSONS:
            return self._needless()
        kept = self._kept()
        return self._told(kept) if kept else None

    def _needless(self) -> SignedIn:
        """Return who an account without a sign-in is. Raises SettingsError where its token is in no variable."""
        if isinstance(self._flow, Given):
            self._flow.acquire("", "")
        return SignedIn(self.options.user, self._place(self.options.tenant))

    def _told(self, kept: Kept) -> SignedIn:
        return SignedIn(kept.who, self._place(kept.tenant or self.options.tenant), kept.granted)

    def _place(self, tenant: str) -> str:
        cloud = "" if self.options.cloud == "global" else f" ({self.options.cloud})"
        return f"Microsoft 365{f', {tenant}' if tenant else ''}{cloud}"

    def _kept(self) -> Kept | None:
        """Return what is kept; it is decrypted again only when the file has changed."""
        changed = self._file.changed()
        if changed != self._seen[0]:
            self._seen = (changed, self._file.read())
        return self._seen[1]

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def _refused(self, answer: Answer) -> ServiceError:
        return refusals.explained(answer, for_others=self.options.method == "on_behalf_of", **self._facts())

    def _facts(self) -> dict[str, str]:
        chosen = self.options
        consent = f"{chosen.place.authority}/{chosen.directory}/adminconsent?client_id={chosen.client_id}"
        proof = (
            "client_secret_env" if chosen.client_secret_env else "certificate" if chosen.certificate else "client_id"
        )
        name = self.account.name
        return {"name": name, "login": f"everpilot login {name}", "proof": proof, "consent": consent}

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Explain what MSAL raises."""
        told = msal().exceptions
        from requests import RequestException

        managed = self.options.method == "managed_identity"
        where = "The managed identity" if managed else self.options.place.authority
        try:
            yield
        except (EverpilotError, RefusedError):
            raise
        except RequestException as error:
            raise ServiceError(
                f"{where} was not reached: {type(error).__name__}.", hint="Try again later.", code="unreachable"
            ) from error
        except told.MsalServiceError as error:
            raise ServiceError(f"{where} has trouble: {error}.", hint="Try again later.", code="unreachable") from error
        except (ValueError, TypeError, KeyError, RuntimeError, told.MsalError) as error:
            said = one_line(str(error), os.environ).rstrip(".")
            hint = "It works on an Azure resource that has one." if managed else _CHECK
            raise ServiceError(
                f"{where} gave no token for account {self.account.name}: {said}.",
                hint=hint.format(name=self.account.name),
                code="denied",
            ) from error


_CHECK = "Check tenant, cloud, authority and certificate of [accounts.{name}]."


def _flow(
    setting: Setting,
    file: SignInFile,
    assertion: str,
    clock: Callable[[], float],
    wait: Callable[[float], None],
) -> Flow:
    """Return the flow of a method."""
    if setting.options.method in PERSONS:
        return Person(setting, file, wait, clock)
    made: Mapping[str, Callable[[], Any]] = {
        "client_credentials": lambda: App(setting),
        "managed_identity": lambda: Managed(setting),
        "on_behalf_of": lambda: OnBehalf(setting, assertion),
        "token": lambda: Given(setting),
    }
    found: Flow = made[setting.options.method]()
    return found
