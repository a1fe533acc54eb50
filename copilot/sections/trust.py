"""`[trust]` and `[audit]`: where data may go, and what is written down."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from copilot.sections.levels import Level
from copilot.sections.table import Table


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
