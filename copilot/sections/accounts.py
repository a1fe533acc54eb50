"""`[web]` and `[accounts]`: what it reaches on the net."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from copilot.sections.levels import Level
from copilot.sections.models import EntraSettings
from copilot.sections.table import Table


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
