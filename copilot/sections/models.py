"""Models: `[[models]]`, `[routing]`, `[budgets]`, `[records]`."""

from __future__ import annotations

import shlex
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from copilot.sections.levels import Level, StepName
from copilot.sections.table import Table


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
