"""`[accounts.NAME]` with `connector = "microsoft365"`: the settings that are this connector's own."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from copilot.errors import SettingsError
from copilot.plugins.connections import Account, WorkKind

from .clouds import CLOUDS, Cloud, CloudName

#: A person signs in; an app or a resource has an identity of its own; a service asks for somebody; a token is there.
Method = Literal["interactive", "device_code", "client_credentials", "managed_identity", "on_behalf_of", "token"]
PERSONS: frozenset[Method] = frozenset({"interactive", "device_code"})
_APPS: frozenset[Method] = frozenset({"client_credentials", "managed_identity"})

#: What each method needs, and what it takes besides, of the settings that not all have.
_WANTS: dict[Method, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "interactive": (("client_id",), ("tenant", "redirect_port", "plaintext_cache")),
    "device_code": (("client_id",), ("tenant", "redirect_port", "plaintext_cache")),
    "client_credentials": (("tenant", "client_id", "user"), ("client_secret_env", "certificate")),
    "managed_identity": (("user",), ("client_id",)),
    "on_behalf_of": (("tenant", "client_id"), ("client_secret_env", "certificate")),
    "token": (("token_env",), ("tenant",)),
}
_SPECIAL = ("tenant", "client_id", "client_secret_env", "certificate", "token_env", "redirect_port", "plaintext_cache")
_PROOFS = frozenset({"client_secret_env", "certificate"})
#: The tenant of people who have not said which: any organisation.
ANY_TENANT = "organizations"


class Options(BaseModel):
    """An account of Microsoft 365."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method = Field(
        default="interactive",
        description="interactive: a person signs in, in the browser here; device_code: in a browser anywhere; "
        "client_credentials: an app with a secret or certificate; managed_identity: the Azure resource that this runs "
        "on; on_behalf_of: a service for whoever asks it; token: a token that lies in a variable.",
    )
    client_id: str = Field(default="", description="The app registration.")
    tenant: str = Field(default="", description='The directory: its id or domain; "organizations" (any) if left out.')
    cloud: CloudName = Field(default="global", description="global, us-government (L4), us-defense (L5) or china.")
    user: str = Field(default="", description="Whose account it is: an address. An app without a person needs it.")
    kinds: tuple[WorkKind, ...] = Field(default=(), description="What it is used for; everything if left out.")
    scopes: tuple[str, ...] = Field(default=(), description="Rights to ask for besides: Graph's names of them.")
    client_secret_env: str = Field(default="", description="The environment variable that holds the app's secret.")
    certificate: str = Field(default="", description="A PEM file with the app's certificate and its private key.")
    token_env: str = Field(default="", description="token: the environment variable that holds the token.")
    authority: str = Field(default="", description="Where tokens come from, if not from the cloud's own authority.")
    base_url: str = Field(default="", description="Where Graph lies, if not in the cloud.")
    redirect_port: int = Field(default=0, ge=0, le=65535, description="The port of http://localhost:PORT; any if 0.")
    plaintext_cache: bool = Field(
        default=False, description="Keep the sign-in unencrypted (0600) where there is no keyring."
    )

    @classmethod
    def of(cls, account: Account) -> Options:
        """Return an account's options. Raises SettingsError, which names the setting."""
        try:
            return cls.model_validate(account.settings.options)
        except ValidationError as error:
            told = "; ".join(
                f"{'.'.join(str(p) for p in e['loc']) or 'it'}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            raise SettingsError(
                f"[accounts.{account.name}]: {told}.", hint="See docs/microsoft365.md for what can be set."
            ) from None

    @field_validator("authority")
    @classmethod
    def _is_an_authority(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query):
            raise ValueError(f"{value!r} is no authority; it is https:// and a host, and tenant has its own setting")
        return value.rstrip("/")

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError(f"{value!r} is no address; it starts with https:// and names a host")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _is_complete(self) -> Options:
        wanted, allowed = _WANTS[self.method]
        if missing := [name for name in wanted if not getattr(self, name)]:
            raise ValueError(f"{self.method} needs {' and '.join(missing)}")
        if beyond := [name for name in _SPECIAL if getattr(self, name) and name not in (*wanted, *allowed)]:
            raise ValueError(f"{self.method} takes no {' or '.join(beyond)}")
        if set(allowed) >= _PROOFS and sum(bool(getattr(self, name)) for name in _PROOFS) != 1:
            raise ValueError(f"{self.method} needs either client_secret_env or certificate")
        return self

    @property
    def by_app(self) -> bool:
        """Whether no person signed in: rights are then those an administrator gave to the app."""
        return self.method in _APPS

    @property
    def place(self) -> Cloud:
        """The cloud, with the settings' own authority."""
        found = CLOUDS[self.cloud]
        return Cloud(self.authority or found.authority, found.graph)

    @property
    def graph_url(self) -> str:
        """Where Graph is called."""
        return self.base_url or self.place.graph

    @property
    def directory(self) -> str:
        """The tenant that is signed in to."""
        return self.tenant or ANY_TENANT
