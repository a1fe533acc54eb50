"""The kinds of credentials, and how each is put into a request."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import quote

from pydantic import SecretStr

from copilot._flock import alone
from copilot._redaction import remember
from copilot.errors import SettingsError
from copilot.models.credentials.base import EnvironmentKey
from copilot.models.credentials.command import Command
from copilot.models.credentials.store import KeyringKey
from copilot.plugins.service import origin
from copilot.plugins.web import is_encrypted

if TYPE_CHECKING:
    import httpx

    from copilot.settings import PluginAuth


@dataclass(frozen=True, slots=True)
class Place:
    """Where an API key goes: into a header, the query or a cookie, under a name, after a prefix ("Token ")."""

    where: Literal["header", "query", "cookie"]
    name: str
    prefix: str = ""


@dataclass(frozen=True)
class Hosts:
    """Where a secret may go: to the origins that the settings name, else to the first one that it ever went to.

    Any plugin can name any reference: the first use is kept in `file`, and a plugin that lies elsewhere gets nothing.
    Where several ask for it (`asking` returns who does), none may be the first: the settings must say where it goes.
    """

    reference: str
    named: tuple[str, ...]
    file: Path
    asking: Callable[[], Sequence[str]] = field(default=tuple, compare=False)

    def check(self, request: httpx.Request) -> None:
        """Raise SettingsError where the secret may not go: another host, or unencrypted over a network."""
        url = str(request.url).partition("?")[0]
        place = origin(url)
        if not is_encrypted(url):
            raise SettingsError(f"plugins.auth.{self.reference}: no secret is sent to {place or url}: not encrypted.")
        if self.named:
            allowed = [origin(host if "://" in host else f"https://{host}") for host in self.named]
        else:
            allowed = [self._first(place)]
        if place not in allowed:
            raise SettingsError(
                f"plugins.auth.{self.reference} is meant for {', '.join(allowed)}, and was not sent to {place}.",
                hint=f'If it should be, set hosts = ["{place}", ...] under [plugins.auth."{self.reference}"].',
            )

    def _first(self, place: str) -> str:
        """Return the origin that the secret went to first, which is this one if there was none.

        Two processes never both write down a first one.
        """
        if found := self._kept().get(self.reference):
            return found
        self._must_be_meant(place)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with alone(self.file.with_name(f".{self.file.name}.lock")):
                kept = self._kept()
                if self.reference not in kept:
                    kept[self.reference] = place
                    self._keep(kept)
        except OSError as error:
            told = error.strerror or error
            raise SettingsError(f"{self.file} can't be written: {told}; no secret is sent.") from error
        return kept[self.reference]

    def _must_be_meant(self, place: str) -> None:
        asking = self.asking()
        if len(asking) > 1:
            raise SettingsError(
                f"plugins.auth.{self.reference} is asked for by {len(asking)} plugins ({', '.join(asking)}), and no "
                "hosts are set for it; it was not sent.",
                hint=f'If it is meant for {place}, write under [plugins.auth."{self.reference}"]: hosts = ["{place}"]',
            )

    def _keep(self, kept: Mapping[str, str]) -> None:
        beside = self.file.with_name(f".{self.file.name}-{secrets.token_hex(4)}.tmp")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)
        beside.replace(self.file)

    def _kept(self) -> dict[str, str]:
        try:
            found = json.loads(self.file.read_text("utf-8"))
            return {str(key): str(value) for key, value in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            raise SettingsError(
                f"{self.file} can't be read ({error}); no secret of plugins is sent.", hint="Move it away."
            ) from error


class Source(Protocol):
    """Where a secret comes from: see copilot.models.credentials."""

    @property
    def source(self) -> str:
        """Words for a person, never the secret."""
        ...

    def get(self) -> SecretStr:
        """Return it; raises SettingsError."""
        ...

    def renew(self) -> bool:
        """Forget the one that was refused; return whether another could come."""
        ...


class Credential(Protocol):
    """What a service is shown so that it answers."""

    @property
    def reference(self) -> str:
        """The name under `[plugins.auth]`."""
        ...

    @property
    def source(self) -> str:
        """Where it comes from, in words for a person; never the secret."""
        ...

    def apply(self, request: httpx.Request, place: Place | None = None) -> None:
        """Put it into a request; `place` is where the service's own document wants an API key.

        May block for seconds. Raises SettingsError: there is none, with what to do, or it may not go there.
        """
        ...

    def renew(self, refused: httpx.Request | None = None) -> bool:
        """Forget the one that a service refused, in this request; return whether another attempt makes sense.

        Where another one came meanwhile, it is kept: many calls are refused at once, and one new secret is enough.
        """
        ...


@dataclass
class _Held:
    """What all kinds with one secret have in common; `hosts` says where it may go."""

    reference: str
    hosts: Hosts
    held: Source

    @property
    def source(self) -> str:
        """Where it comes from."""
        return self.held.source

    def renew(self, refused: httpx.Request | None = None) -> bool:
        """Forget the secret that was refused."""
        return self.held.renew()


@dataclass
class Key(_Held):
    """An API key; `fixed`: the settings say where it goes, whatever a document says."""

    place: Place
    fixed: bool = False

    def apply(self, request: httpx.Request, place: Place | None = None) -> None:
        """Put the key where it goes."""
        self.hosts.check(request)
        chosen = self.place if self.fixed or place is None else place
        text = f"{chosen.prefix}{self.held.get().get_secret_value()}"
        if chosen.where == "query":
            request.url = request.url.copy_merge_params({chosen.name: text})
        elif chosen.where == "cookie":
            add_cookie(request, chosen.name, text)
        else:
            request.headers[chosen.name] = text


@dataclass
class Bearer(_Held):
    """A token that goes out as it is (RFC 6750, section 2.1)."""

    def apply(self, request: httpx.Request, place: Place | None = None) -> None:
        """Put it into the Authorization header."""
        self.hosts.check(request)
        request.headers["authorization"] = f"Bearer {self.held.get().get_secret_value()}"


@dataclass
class Basic(_Held):
    """A user's name and password (RFC 7617)."""

    username: str

    def apply(self, request: httpx.Request, place: Place | None = None) -> None:
        """Put both into the Authorization header."""
        self.hosts.check(request)
        pair = f"{self.username}:{self.held.get().get_secret_value()}"
        encoded = base64.b64encode(pair.encode()).decode()
        remember(encoded)
        request.headers["authorization"] = f"Basic {encoded}"


def add_cookie(request: httpx.Request, name: str, value: str) -> None:
    """Add a cookie to those that a request has (RFC 6265, section 4.2)."""
    pair = f"{name}={quote(value, safe=chr(33) + '#$&()*+-./:<=>?@[]^_`{|}~' + chr(39))}"
    before = request.headers.get("cookie", "")
    request.headers["cookie"] = f"{before}; {pair}" if before else pair


def source_of(reference: str, chosen: PluginAuth, env: Mapping[str, str]) -> Source:
    """Return where the settings say that the secret comes from: a variable, a command or the keyring."""
    if chosen.api_key_cmd:
        cmd = chosen.api_key_cmd
        return Command(tuple(shlex.split(cmd) if isinstance(cmd, str) else cmd))
    if chosen.api_key_keyring:
        service, _, user = chosen.api_key_keyring.rpartition("/")
        return KeyringKey(service, user) if service else KeyringKey(user, "")
    return _Variable(reference, chosen.api_key_env, env)


@dataclass(frozen=True)
class _Variable:
    """An environment variable, looked at when it is needed: plugins load without it."""

    reference: str
    name: str
    env: Mapping[str, str] = field(repr=False)

    @property
    def source(self) -> str:
        return self.name

    def get(self) -> SecretStr:
        if value := self.env.get(self.name, "").strip():
            return EnvironmentKey(self.name, SecretStr(value)).get()
        raise SettingsError(f"plugins.auth.{self.reference} has no secret: {self.name} is not set.", hint="Set it.")

    def renew(self) -> bool:
        return False
