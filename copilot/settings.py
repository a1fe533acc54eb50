"""Settings: `copilot.toml` in the folder, then the user's, as checked models.

A folder's `copilot.toml` may come with documents that somebody sent. Until the user trusts it (once, bound to its
content), it may only choose among what is the user's already; see `_untrusted_wishes`.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
import shlex
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from copilot._home import home as home
from copilot.errors import SettingsError
from copilot.sections.bot import BotSettings
from copilot.sections.jobs import JobSettings
from copilot.sections.table import Table

FILE_NAME = "copilot.toml"


#: How confidential data may be.
Level = Literal["public", "internal", "restricted"]
#: What a model is asked for; see `[routing.steps]`.
StepName = Literal["drafting", "reading", "summary"]


class Price(Table):
    """US dollars for a million tokens."""

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0, description="Also for tokens of reasoning, unless they have their own.")
    cached_input: float | None = Field(default=None, ge=0, description="Input that the vendor had kept from before.")
    cache_write: float | None = Field(default=None, ge=0, description="Input that the vendor keeps for the next call.")
    reasoning: float | None = Field(default=None, ge=0, description="Tokens that the model thought with.")


class Deadlines(Table):
    """Seconds that a model may take."""

    connect: float = Field(default=3.0, gt=0, description="Until there is a connection.")
    first_byte: float = Field(
        default=20.0, gt=0, description="Until the first piece of a streamed answer; longer for models that think."
    )
    gap: float = Field(default=10.0, gt=0, description="Between two pieces.")
    attempt: float = Field(
        default=60.0,
        gt=0,
        description="For the whole answer. A stream that keeps flowing may go on, unless you set it.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Deadlines:
        if {"first_byte", "attempt"} <= self.model_fields_set and self.attempt < self.first_byte:
            raise ValueError(f"attempt ({self.attempt:g} s) is shorter than first_byte ({self.first_byte:g} s)")
        return self


class EntraSettings(Table):
    """`[models.entra]`: no key, but tokens of Microsoft Entra ID (extra `azure`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["client_credentials", "managed_identity", "device_code"] = Field(
        description="client_credentials: an app with a secret or certificate; managed_identity: the Azure resource "
        "that this runs on; device_code: a person signs in, in a browser anywhere."
    )
    tenant: str = Field(default="", description="The directory: its id or domain. Not for managed_identity.")
    client_id: str = Field(
        default="", description="The app registration; for managed_identity that of a user-assigned one, if it is one."
    )
    client_secret_env: str = Field(default="", description="The environment variable that holds the app's secret.")
    certificate: str = Field(default="", description="A PEM file with the app's certificate and its private key.")
    authority: str = Field(
        default="https://login.microsoftonline.com",
        description="Where tokens come from; national clouds have their own.",
    )
    scope: str = Field(
        default="https://cognitiveservices.azure.com/.default",
        description="What the token is for. Foundry's newer endpoints want https://ai.azure.com/.default.",
    )
    plaintext_cache: bool = Field(
        default=False, description="device_code: keep the sign-in unencrypted (0600) where there is no keyring."
    )

    @field_validator("authority")
    @classmethod
    def _is_secure(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(
                f"{value!r} is no authority; it is https:// and a host, and the tenant has its own setting"
            )
        return value.rstrip("/")

    @model_validator(mode="after")
    def _is_complete(self) -> EntraSettings:
        given = {name for name in ("tenant", "client_id", "client_secret_env", "certificate") if getattr(self, name)}
        wanted, allowed = _ENTRA_WANTS[self.method]
        if missing := [name for name in wanted if name not in given]:
            raise ValueError(f"{self.method} needs {' and '.join(missing)}")
        if beyond := sorted(given - {*wanted, *allowed}):
            raise ValueError(f"{self.method} takes no {' or '.join(beyond)}")
        if self.method == "client_credentials" and len(given & {"client_secret_env", "certificate"}) != 1:
            raise ValueError("client_credentials needs either client_secret_env or certificate")
        return self


#: What each method needs, and what it takes besides.
_ENTRA_WANTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "client_credentials": (("tenant", "client_id"), ("client_secret_env", "certificate")),
    "managed_identity": ((), ("client_id",)),
    "device_code": (("tenant", "client_id"), ()),
}
#: Where a model's key may come from; a model has one of them.
KEY_SOURCES = ("api_key_env", "api_key_cmd", "api_key_keyring", "entra")


class ModelSettings(Table):
    """One `[[models]]` entry: a model that the router may use."""

    name: str = Field(min_length=1, description="What you call it; unique.")
    provider: str = Field(min_length=1, description="openai, azure_openai, foundry, anthropic, ... or module:Class.")
    model: str = Field(default="", description="The vendor's name of the model or deployment.")
    base_url: str | None = Field(default=None, description="Where the server is; the vendor's own address if left out.")
    api_key_env: str | None = Field(default=None, description="The environment variable that holds the key.")
    api_key_cmd: str | list[str] | None = Field(
        default=None, description="A command that prints the key, such as a password manager's; no shell."
    )
    api_key_keyring: str | None = Field(
        default=None, description="The key's place in the system's keyring, \"service/user\" (extra `keyring`)."
    )
    entra: EntraSettings | None = Field(default=None, description="Tokens in place of a key, see `[models.entra]`.")
    region: str = Field(default="", description="Where the vendor processes the data, for the policy.")
    retention_days: int | None = Field(
        default=None, ge=0, description="For how long the vendor keeps the data, for the policy; left out: not known."
    )
    max_confidentiality: Level = Field(
        default="internal", description="The most confidential data that this model may be given."
    )
    price: Price | None = Field(default=None, description="Dollars for a million tokens; the catalogue's if left out.")
    budget: float | None = Field(default=None, ge=0, description="Dollars that this model may cost in a day.")
    deadlines: Deadlines = Field(default_factory=Deadlines)
    window: int | None = Field(default=None, gt=0, description="Context window in tokens; the catalogue's if left out.")
    output: int | None = Field(default=None, gt=0, description="Most tokens of an answer; as above.")
    tools: bool | None = Field(default=None, description="Whether it can use tools; as above, and so the next four.")
    parallel_tools: bool | None = Field(default=None, description="Whether one answer may hold several tool calls.")
    vision: bool | None = Field(default=None, description="Whether it can see images.")
    json_schema: bool | None = Field(default=None, description="Whether its server can hold answers to a JSON schema.")
    reasoning: bool | None = Field(default=None, description="Whether it thinks before it answers.")
    dialect: str | None = Field(default=None, description="The wire format, where it is not the provider's own.")
    options: dict[str, Any] = Field(default_factory=dict, description="Passed to the vendor's client as they are.")

    @field_validator("base_url")
    @classmethod
    def _has_scheme(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError(f"{value!r} is no address; it starts with http:// or https:// and names a host")
        return value

    @field_validator("api_key_cmd")
    @classmethod
    def _is_a_command(cls, value: str | list[str] | None) -> str | list[str] | None:
        try:
            words = shlex.split(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"{value!r} is no command ({error})") from None
        if value is not None and not (words and words[0]):
            raise ValueError("the command is empty")
        return value

    @field_validator("api_key_keyring")
    @classmethod
    def _names_a_service(cls, value: str | None) -> str | None:
        if value is not None and not (value.strip() and not value.startswith("/")):
            raise ValueError(f'{value!r} names no service; write "service/user"')
        return value

    @model_validator(mode="after")
    def _has_one_key(self) -> ModelSettings:
        given = [name for name in KEY_SOURCES if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given, and a model has one key: keep one of them")
        return self


class RoutingSettings(Table):
    """`[routing]`: which model is asked first."""

    order: list[str] = Field(default_factory=list, description="Names of models, the preferred one first.")
    policy: Literal["fixed", "cheap", "fast", "quality"] = Field(
        default="fixed",
        description="Who comes first. fixed: as in `order`; cheap: lowest price; fast: first words soonest, as "
        "measured; quality: fewest unusable answers, as measured. `order` decides between equals.",
    )
    steps: dict[StepName, str] = Field(
        default_factory=dict,
        description="The model for a kind of work. reading: what tools read is worked on; summary: a long thread is "
        "shortened; drafting: all else.",
    )
    skills: dict[str, str] = Field(
        default_factory=dict, description="The model that goes on after a skill's tool was used; before `steps`."
    )
    turn: float = Field(default=120.0, gt=0, description="Seconds for all attempts of one answer together.")
    hedge: float = Field(
        default=0.0,
        ge=0,
        description="Seconds without a word after which the next model is asked as well, for requests without tools; "
        "0: never.",
    )
    on_refusal: Literal["next", "stop"] = Field(
        default="next", description="Whether another model is asked when one refuses to answer."
    )
    builtin: bool = Field(default=True, description="Whether the builtin planner is the last resort.")


class BudgetSettings(Table):
    """`[budgets]`: the most that models may cost, in US dollars. Each is checked before every attempt.

    With any of them set, a model whose price is not known is not asked, unless it runs on this machine.
    """

    turn: float | None = Field(default=None, ge=0, description="From a person's message to its answer.")
    thread: float | None = Field(default=None, ge=0, description="For a conversation, as long as it lasts.")
    day: float | None = Field(default=None, ge=0, description="For everybody together, by the day in UTC.")
    user: float | None = Field(default=None, ge=0, description="For each user, by the day in UTC.")


class RecordSettings(Table):
    """`[records]`: what is written down of each call. None of it holds text of messages or documents."""

    usage: bool = Field(default=True, description="Tokens and cost in a local table, for `everpilot cost`.")
    log: str = Field(default="", description="A file that gets one line of JSON for each attempt.")
    otel: bool = Field(default=False, description="OpenTelemetry spans (extra `otel`), sent as OTEL_* variables say.")
    content: bool = Field(default=False, description="Whether spans hold the messages, too.")
    encrypt: bool = Field(
        default=False,
        description="Whether conversations are encrypted on the disk, with EVERPILOT_KEY or the keyring's key "
        "(extra `encryption`). Older plain ones stay readable.",
    )


class AuditSettings(Table):
    """`[audit]`: the log of what was decided and done. It is always written and holds no text of documents."""

    paths: bool = Field(default=True, description="Whether files are named in it.")


class ToolRule(Table):
    """One `[[trust.tools]]` entry. It holds for a call when everything that it names fits.

    deny goes before ask, ask before allow. allow never opens what is always asked (deleting, overwriting, sending what
    documents had a part in) or what is denied.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: str = Field(min_length=1, description='Name of the tools, with * and ?: "word.replace_text", "mail.*", "*".')
    verdict: Literal["allow", "ask", "deny"] = Field(description="What is done with such a call.")
    effect: Literal["", "read", "write", "send", "delete", "fetch", "move"] = Field(
        default="", description="Only tools that declare this effect."
    )
    label: Level | None = Field(
        default=None,
        description="allow: only for data up to this confidentiality; ask and deny: only for data from it upwards.",
    )
    folder: str = Field(
        default="",
        description="A folder below the opened one, or an absolute one. allow: only if all files of the call are in "
        "it; ask and deny: if any is.",
    )

    @model_validator(mode="after")
    def _can_be(self) -> ToolRule:
        if self.verdict == "allow" and self.effect in ("delete", "move"):
            raise ValueError(f"{self.tool}: {self.effect} is always asked, it can't be allowed")
        return self

    def covers(self, other: ToolRule) -> bool:
        """Return whether this rule holds for every call that `other`, an allow, holds for."""
        return (
            fnmatchcase(other.tool, self.tool)
            and self.effect in ("", other.effect)
            and self.label in (None, "public")
            and self.folder in ("", other.folder)
        )


class TrustSettings(Table):
    """`[trust]`: where data may go, and what may be done."""

    default_confidentiality: Level = "internal"
    mode: Literal["ask", "auto", "read-only", "dry-run"] = Field(
        default="ask",
        description="How changes are decided on where nothing else is said. ask: a person sees each; auto: the policy "
        "decides, and asks where documents had a part in it or something leaves; read-only; dry-run: only shown.",
    )
    hosts: list[str] = Field(
        default_factory=list,
        description='Hosts that pages may be fetched from and data uploaded to: "learn.microsoft.com", '
        '"*.contoso.com" (what is below it), or "*" for every public one. Private networks never.',
    )
    readers: dict[str, list[str]] = Field(
        default_factory=dict,
        description='Files, as in "hr/*", to who may see what is in them: addresses, or domains as "@contoso.com".',
    )
    tools: list[ToolRule] = Field(default_factory=list, description="Rules for tools, see `[[trust.tools]]`.")
    labels: dict[str, Level] = Field(
        default_factory=dict, description="Microsoft sensitivity label GUID to confidentiality."
    )
    regions: dict[Level, list[str]] = Field(
        default_factory=dict,
        description="Confidentiality to the regions where such data, and more confidential data, may be processed. "
        "A model without a region is in none of them; one that runs on this machine may always be asked.",
    )
    retention_days: dict[Level, int] = Field(
        default_factory=dict,
        description="Confidentiality to the most days that a vendor may keep such data, and more confidential data.",
    )

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, value: list[str]) -> list[str]:
        for host in value:
            if host != "*" and not re.fullmatch(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", host):
                raise ValueError(f'{host!r} is no host; write "contoso.com", "*.contoso.com" or "*"')
        return value

    @model_validator(mode="after")
    def _agree(self) -> TrustSettings:
        seen: dict[str, ToolRule] = {}
        for rule in self.tools:
            same = rule.model_copy(update={"verdict": ""}).__repr__()
            if (other := seen.setdefault(same, rule)).verdict != rule.verdict:
                raise ValueError(f"tools: {rule.tool!r} is both {other.verdict} and {rule.verdict} for the same calls")
        for rule in self.tools:
            stronger = next((o for o in self.tools if o.verdict == "deny" and o.covers(rule)), None)
            if rule.verdict == "allow" and stronger:
                raise ValueError(f"tools: allow {rule.tool!r} never holds, deny {stronger.tool!r} covers it")
        return self


class SkillSettings(Table):
    """`[skills]`: where to look for more, and which to leave out."""

    paths: list[str] = Field(default_factory=list)
    disabled: list[str] = Field(default_factory=list)


class ToolSettings(Table):
    """`[tools]`: how many of them a model is shown."""

    offer_all: int = Field(
        default=12_000,
        ge=0,
        description="Tokens of tools up to which a model is offered all of them; with more it is offered those that "
        "fit, and finds the others.",
    )
    prompt: int = Field(
        default=4_000,
        ge=1_000,
        description="Tokens that instructions and tools may take together, where it finds them.",
    )


class SandboxSettings(Table):
    """`[sandbox]`: what a script of a skill may use. It always runs in a sandbox, or not at all."""

    seconds: float = Field(default=60.0, gt=0, le=3600, description="By the clock.")
    cpu_seconds: int = Field(default=30, ge=1, le=3600, description="Of work, for each process.")
    memory: int = Field(default=1024, ge=64, description="Megabytes, all processes together.")
    processes: int = Field(default=32, ge=1, description="At the same time.")
    disk: int = Field(default=200, ge=1, description="Megabytes that it may write.")


class WebSettings(Table):
    """`[web]`: searching the web, and pages of it (docs/web.md). Pages come from `trust.hosts` only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: str = Field(default="", description="brave, tavily, searxng, bing, or custom; none if left out.")
    base_url: str = Field(default="", description="Where the engine is, if not at its vendor's own address.")
    api_key_env: str = Field(default="", description="The environment variable that holds the engine's key.")
    entra: EntraSettings | None = Field(default=None, description="bing: tokens in place of a key, `[models.entra]`.")
    max_confidentiality: Level = Field(
        default="public",
        description="The most confidential data of documents that the engine may be asked with; you are asked each "
        "time.",
    )
    intranet: list[str] = Field(
        default_factory=list,
        description='Origins of your own network that pages may be fetched from: "https://wiki.contoso.internal".',
    )
    options: dict[str, Any] = Field(default_factory=dict, description="What is the engine's own.")
    connector: str = Field(default="web", description="The connector that goes there.")

    @field_validator("intranet")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        for each in value:
            parts = urlsplit(each)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
                raise ValueError(f"{each!r} is no origin; write https:// and a host")
        return [each.rstrip("/") for each in value]

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError(f"{value!r} is no address; it starts with http:// or https:// and names a host")
        return value.rstrip("/")


class AccountSettings(Table):
    """`[accounts.NAME]`: an account at a place where work lies. What is not named here is the connector's own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    connector: str = Field(min_length=1, description="microsoft365, imap, caldav, ... (docs/microsoft365.md).")
    default: bool = Field(default=False, description="Whether it comes first where several serve the same.")

    @property
    def options(self) -> dict[str, Any]:
        """What is the connector's own."""
        return dict(self.__pydantic_extra__ or {})


class ServiceSettings(Table):
    """`[plugins.services.NAME]`: a service that a plugin's tools talk to."""

    max_confidentiality: Level = Field(
        default="public",
        description="The most confidential data of documents that it may be asked with; you are asked each time.",
    )
    url: str = Field(default="", description="Where it lies, for an API description that does not say it.")


class PluginAuth(Table):
    """`[plugins.auth.REFERENCE]`: what stands behind a reference that a plugin's manifest names.

    For an OpenAPI document the reference is the name of its skill. A secret never stands here itself.
    """

    kind: Literal["api_key", "bearer", "basic", "oauth"] = Field(
        description="api_key: a key, wherever the service wants it; bearer: a token; basic: a name and a password; "
        "oauth: tokens that a person or an app gets."
    )
    api_key_env: str = Field(default="", description="The environment variable that holds the key, token or password.")
    api_key_cmd: str | list[str] = Field(default="", description="A command that prints it.")
    api_key_keyring: str = Field(default="", description='Its place in the keyring: "service/user".')
    place: Literal["", "header", "query", "cookie"] = Field(
        default="", description="api_key: where the key goes; where the service's document says, if left out."
    )
    name: str = Field(default="", description="api_key: the name it goes under, as above.")
    prefix: str = Field(default="", description='api_key: what stands before it, such as "Token ".')
    username: str = Field(default="", description="basic: the name.")
    grant: Literal["authorization_code", "client_credentials"] = Field(
        default="authorization_code",
        description="oauth: a person signs in (`everpilot plugins login REFERENCE`), or an app has its own token.",
    )
    client_id: str = Field(default="", description="oauth: the app's registration.")
    client_secret_env: str = Field(default="", description="oauth: the environment variable that holds its secret.")
    client_auth: Literal["basic", "post"] = Field(
        default="basic", description="oauth: how the secret is shown, in a header or in the form."
    )
    issuer: str = Field(default="", description="oauth: who gives tokens, where it publishes its addresses.")
    authorization_url: str = Field(default="", description="oauth: where a person agrees, if there is no issuer.")
    token_url: str = Field(default="", description="oauth: where tokens come from, as above.")
    scopes: list[str] = Field(default_factory=list, description="oauth: what is asked for.")
    audience: str = Field(default="", description="oauth: what the token is for, where the server wants to know.")
    redirect_port: int = Field(
        default=0, ge=0, le=65535, description="oauth: the port of http://127.0.0.1:PORT/callback; any if 0."
    )
    plaintext_cache: bool = Field(
        default=False, description="oauth: keep the sign-in unencrypted (0600) where there is no keyring."
    )
    hosts: list[str] = Field(
        default_factory=list, description="The only origins it is sent to; those of the plugin that names it, if empty."
    )

    @model_validator(mode="after")
    def _is_complete(self) -> PluginAuth:
        if self.kind == "oauth":
            self._check_oauth()
            return self
        given = [name for name in ("api_key_env", "api_key_cmd", "api_key_keyring") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"{self.kind} needs one of api_key_env, api_key_cmd and api_key_keyring")
        if self.kind == "basic" and not self.username:
            raise ValueError("basic needs username")
        return self

    def _check_oauth(self) -> None:
        if not self.client_id:
            raise ValueError("oauth needs client_id")
        if not (self.issuer or self.token_url):
            raise ValueError("oauth needs issuer, or token_url")
        person = self.grant == "authorization_code"
        if person and self.token_url and not self.authorization_url:
            raise ValueError("oauth needs authorization_url beside token_url where a person signs in")
        if not person and not self.client_secret_env:
            raise ValueError("client_credentials needs client_secret_env")


class PluginSettings(Table):
    """`[plugins]`: plugins of every form, beside those that `everpilot plugins install` keeps."""

    paths: list[str] = Field(
        default_factory=list, description="Folders, archives, manifests and API descriptions to load."
    )
    disabled: list[str] = Field(default_factory=list, description="Names of plugins that are left out.")
    services: dict[str, ServiceSettings] = Field(
        default_factory=dict, description="What each service may be given, see `[plugins.services.NAME]`."
    )
    auth: dict[str, PluginAuth] = Field(
        default_factory=dict, description="Credentials by reference, see `[plugins.auth.REFERENCE]`."
    )

    def clearance(self, service: str) -> Level:
        """Return the most confidential data that a service of this name may be asked with; by default public."""
        chosen = self.services.get(service)
        return chosen.max_confidentiality if chosen else "public"


class McpServerSettings(Table):
    """`[mcp.servers.NAME]`: an MCP server of your own, as in an `mcpServers` file.

    It has a command, or a url. Variables are written `${VARIABLE}`, or `${VARIABLE:-default}`.
    """

    type: Literal["", "stdio", "http", "streamable-http", "sse"] = Field(
        default="", description="How it is talked to; by what else is given, if left out."
    )
    command: str = Field(default="", description="The program that is the server.")
    args: list[str] = Field(default_factory=list, description="What the program is started with.")
    env: dict[str, str] = Field(
        default_factory=dict,
        description="Variables that the program finds; of yours it gets only PATH, HOME and the like.",
    )
    cwd: str = Field(default="", description="Where the program runs; in the opened folder if left out.")
    url: str = Field(default="", description="Where the server is.")
    headers: dict[str, str] = Field(default_factory=dict, description="What is sent with every request to it.")
    auth: str | dict[str, str | int | list[str]] = Field(
        default="",
        description="A reference (`[plugins.auth.REFERENCE]`), or what the sign-in needs: client_id, client_secret, "
        "scopes, client_metadata_url, redirect_port.",
    )
    timeout: float = Field(default=60.0, gt=0, description="Seconds that a call may take; from 1000, milliseconds.")
    tools: list[str] = Field(default_factory=lambda: ["*"], description="The tools to use; all, if left out.")
    disabled: bool = Field(default=False, description="Whether it is left out.")
    max_confidentiality: Level = Field(
        default="public",
        description="The most confidential data of documents that it may be asked with; you are asked each time.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> McpServerSettings:
        if bool(self.command) == bool(self.url):
            raise ValueError("it needs either command or url")
        return self


class McpSettings(Table):
    """`[mcp]`: servers that speak the Model Context Protocol (extra `mcp`)."""

    servers: dict[str, McpServerSettings] = Field(
        default_factory=dict, description="Your servers by their names, see `[mcp.servers.NAME]`."
    )
    files: list[str] = Field(default_factory=list, description="More files of your own with `mcpServers`.")


class HistorySettings(Table):
    """`[history]`: for how long old versions are kept."""

    keep_days: int = Field(default=90, ge=1, description="Days after which a version may go.")
    keep_bytes: int = Field(
        default=2 * 2**30,
        ge=0,
        description="Bytes that versions may take; the oldest go first. A file's newest version, and what is younger "
        "than a day, always stays.",
    )
    encrypt: bool = Field(
        default=False,
        description="Encrypt what is written from now on (extra `encryption`), with the key of EVERPILOT_KEY or the "
        "keyring. Without the key nothing is written.",
    )


class PlaceSettings(Table):
    """`[places]`: folders that lie elsewhere, in OneDrive, SharePoint or a store of files."""

    open: list[str] = Field(
        default_factory=list, description='Places that are opened besides the folder: "microsoft365:Finance/Documents".'
    )
    keep_bytes: int = Field(
        default=2 * 2**30,
        ge=0,
        description="Bytes that fetched files of one place may take here; what was not used for longest goes first.",
    )
    conflict_copies: Literal["waiting", "always", "never"] = Field(
        default="waiting",
        description="When a version that can't be stored, because somebody changed the file, is kept beside it: when "
        "it had waited for the place to be reached, whenever it is refused, or never.",
    )


class Settings(Table):
    """Everything that can be set. All of it has a default: an empty file is a good configuration."""

    models: list[ModelSettings] = Field(default_factory=list)
    routing: RoutingSettings = Field(default_factory=RoutingSettings)
    budgets: BudgetSettings = Field(default_factory=BudgetSettings)
    records: RecordSettings = Field(default_factory=RecordSettings)
    trust: TrustSettings = Field(default_factory=TrustSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    accounts: dict[str, AccountSettings] = Field(default_factory=dict)
    web: WebSettings = Field(default_factory=WebSettings)
    skills: SkillSettings = Field(default_factory=SkillSettings)
    plugins: PluginSettings = Field(default_factory=PluginSettings)
    mcp: McpSettings = Field(default_factory=McpSettings)
    history: HistorySettings = Field(default_factory=HistorySettings)
    places: PlaceSettings = Field(default_factory=PlaceSettings)
    tools: ToolSettings = Field(default_factory=ToolSettings)
    sandbox: SandboxSettings = Field(default_factory=SandboxSettings)
    database: str = Field(
        default="",
        description="Where conversations and durable runs are kept: postgresql://..., for several workers or replicas; "
        "'' for files in the state folder. The password: in $PGPASSWORD or ~/.pgpass, or as $NAME in the address.",
    )
    jobs: JobSettings = Field(default_factory=JobSettings)
    bot: BotSettings = Field(default_factory=BotSettings)
    notes: list[str] = Field(default_factory=list, exclude=True, description="What was ignored, and why.")
    project_skills: list[str] = Field(
        default_factory=list, exclude=True, description="Where a trusted folder says that its own skills lie."
    )

    @model_validator(mode="after")
    def _names(self) -> Settings:
        names = [m.name for m in self.models]
        if twice := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"models: the name {min(twice)!r} is used twice")
        return self


def user_file() -> Path:
    """Return where the user's own `copilot.toml` is looked for (`EVERPILOT_CONFIG` names another file)."""
    import platformdirs

    if chosen := os.environ.get("EVERPILOT_CONFIG"):
        return Path(chosen).expanduser()
    if os.environ.get("EVERPILOT_HOME"):
        return home() / FILE_NAME
    return Path(platformdirs.user_config_dir("everpilot", appauthor=False)) / FILE_NAME


def load(folder: Path) -> Settings:
    """Return the settings for work in `folder`: its `copilot.toml` over the user's. Raises SettingsError."""
    named = bool(os.environ.get("EVERPILOT_CONFIG"))
    users, _ = _read(user_file(), must_exist=named)
    path = folder / FILE_NAME
    folders, digest = _read(path)
    parsed(folders, str(path))  # a mistake is told even where the setting would be ignored
    notes: list[str] = []
    if folders and _trusted().get(str(path.resolve())) != digest:  # of the very bytes that were parsed
        notes = [f"{path}: {wish}" for wish in _untrusted_wishes(folders, _names_in(users))]
        if "budgets" in folders:
            folders["budgets"] = _tightest(users.get("budgets", {}), folders["budgets"])
        if notes:
            notes.append(f"To allow it, look at the file and run: everpilot trust {folder}")
    projects = _own_skills(folder, folders, users)
    settings = parsed({**users, **folders}, str(path if folders else user_file()))
    settings.project_skills.extend(projects)
    settings.notes.extend(notes)
    return settings


def _own_skills(folder: Path, folders: dict[str, Any], users: dict[str, Any]) -> list[str]:
    """Return where a folder's settings say that its skills lie; the user's own paths take their place.

    To trust the settings is not to trust the code: each such skill is trusted by its own content (plugins/projects.py).
    """
    skills = folders.get("skills", {})
    paths = [str(folder / Path(path).expanduser()) for path in skills.pop("paths", [])]
    if skills or paths:
        folders["skills"] = {**skills, "paths": users.get("skills", {}).get("paths", [])}
    return paths


def _read(path: Path, *, must_exist: bool = False) -> tuple[dict[str, Any], str]:
    """Return a settings file as data, and the SHA-256 of the bytes it was read from; empty when there is none."""
    try:
        content = path.read_bytes()
        return tomllib.loads(content.decode("utf-8-sig")), hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(f"EVERPILOT_CONFIG names {path}, which does not exist.") from None
        return {}, ""
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no valid TOML: {error}.", hint="Mend the file or move it away.") from None
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}.") from error


def parsed(data: dict[str, Any], where: str) -> Settings:
    """Return checked settings out of plain data. Raises SettingsError, whose message begins with `where`."""
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(p) for p in e['loc']) or 'file'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise SettingsError(f"{where}: {problems}.", hint="See docs/settings.md for what can be set.") from None


def _names_in(data: dict[str, Any]) -> set[str]:
    models = data.get("models")
    return {str(e.get("name")) for e in models if isinstance(e, dict)} if isinstance(models, list) else set()


#: Tables that only the user's own file, or a trusted folder, decides.
_USERS_OWN = (
    *("trust", "skills", "accounts", "web", "plugins", "mcp"),
    *("records", "audit", "history", "places", "sandbox", "database", "jobs", "bot"),
)


def _untrusted_wishes(data: dict[str, Any], users: set[str]) -> list[str]:
    """Take out of `data` what a folder may not decide by itself, and return what was taken out, in words.

    What stays: servers on this machine and, unless the user has chosen models (named `users`), well-known vendors at
    their own address with their own key variable, and installed classes: what the data could reach without this file.
    """
    wishes = []
    kept = []
    for entry in data.get("models", []):
        if not _may_wish(entry, chosen=bool(users)):
            wishes.append(f"model {entry.get('name')!r} is ignored: the folder is not trusted to say where data goes")
        else:
            kept.append(entry)
    if wishes:
        names = (_names_in({"models": kept}) or users) | {"builtin"}
        if "order" in (routing := data.get("routing", {})):
            routing["order"] = [n for n in routing["order"] if n in names]
        data["models"] = kept
        if not kept:  # an empty list would take the place of the user's
            del data["models"]
    for table in _USERS_OWN:
        if data.pop(table, None) is not None:
            wishes.append(f"[{table}] is ignored: the folder is not trusted")
    return wishes


def _tightest(users: dict[str, Any], folders: dict[str, Any]) -> dict[str, Any]:
    """Return budgets of which each is the smaller one: a folder that is not trusted may only tighten them."""
    return {name: min(t[name] for t in (users, folders) if name in t) for name in {**users, **folders}}


#: What a folder that is not trusted may say of a model: not a command or a store that keys come from.
_WISHES = frozenset(
    {
        *("name", "provider", "model", "base_url", "api_key_env", "max_confidentiality", "deadlines", "options"),
        *("window", "output", "tools", "parallel_tools", "vision", "json_schema", "reasoning", "dialect"),
    }
)
#: What opens gates: it may be claimed of a server on this machine only.
_CLAIMS = frozenset({"region", "retention_days", "price", "budget"})
#: Providers whose model is a file: a crafted one attacks its reader.
_READS_FILES = frozenset({"local"})


def _may_wish(entry: dict[str, Any], *, chosen: bool) -> bool:
    """Return whether a folder that is not trusted may bring this model. Text among the options can be an address."""
    plain = all(isinstance(value, bool | int | float) for value in entry.get("options", {}).values())
    plain = plain and set(entry) <= _WISHES | _CLAIMS and entry.get("provider") not in _READS_FILES
    if (url := entry.get("base_url")) is not None:
        return plain and _is_loopback(url)
    mine = not chosen and not entry.get("api_key_env") and not _CLAIMS & set(entry)
    return plain and mine and entry.get("max_confidentiality") != "restricted"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trust_file() -> Path:
    return home() / "trusted.json"


def _trusted() -> dict[str, str]:
    try:
        found = json.loads(_trust_file().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        print(f"everpilot: {_trust_file()} can't be read ({error}); no folder is trusted.", file=sys.stderr)
        return {}
    return found if isinstance(found, dict) else {}


def trusted_files() -> dict[str, str]:
    """Return the settings files that the user has trusted, with the SHA-256 that each had then."""
    return _trusted()


def trust(path: Path, content: bytes | None = None) -> None:
    """Record that the user trusts this file as it is now, or as it was shown (`content`); a change voids it."""
    if not path.is_file():
        raise SettingsError(f"There is no {path} to trust.")
    digest = hashlib.sha256(path.read_bytes() if content is None else content).hexdigest()
    _keep_trusted({**_trusted(), str(path.resolve()): digest})


def distrust(path: Path) -> bool:
    """Take the trust in this file back; False if it had none."""
    trusted = _trusted()
    if trusted.pop(str(path), None) is None:
        return False
    _keep_trusted(trusted)
    return True


def _keep_trusted(trusted: dict[str, str]) -> None:
    beside = _trust_file().with_suffix(".tmp")
    beside.write_text(json.dumps(trusted, indent=1), "utf-8")
    beside.chmod(0o600)
    beside.replace(_trust_file())
