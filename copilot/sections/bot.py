"""`[bot]`: the assistant in Teams, Web Chat and other chats."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from copilot.sections.table import Table


class BotSettings(Table):
    """The bot host: `everpilot bot serve`."""

    app_id: str = Field(default="", description="The application (client) ID of the bot's registration in Entra.")
    tenant: str = Field(default="", description="The tenant's ID of a single-tenant bot; '' for one of many tenants.")
    tenants: list[str] = Field(default_factory=list, description="Whose people may talk to it; [] for the bot's own.")
    users: list[str] = Field(
        default_factory=list,
        description="Who may talk to it (Entra object IDs or addresses); [] for all of these tenants.",
    )
    approvers: list[str] = Field(
        default_factory=list, description="Who else may answer an approval, by object ID or address."
    )
    secret_env: str = Field(default="", description="The environment variable that holds the client secret.")
    certificate: str = Field(
        default="", description="A PEM file with the certificate and its key, in place of a secret."
    )
    managed_identity: bool = Field(
        default=False, description="Sign in as the machine's identity, in place of a secret."
    )
    cloud: Literal["public", "gov", "china"] = Field(default="public", description="Microsoft's cloud of the tenant.")
    agents: list[str] = Field(
        default_factory=list,
        description="Other agents that may ask it, by app ID; what they say of people is believed.",
    )
    service_hosts: list[str] = Field(
        default_factory=list, description="Hosts that it may answer to besides Microsoft's own, each with all below it."
    )
    drain_seconds: float = Field(
        default=30.0, ge=0, description="That running turns get to end when it is told to stop; others take the rest."
    )
    webchat: bool = Field(default=False, description="Serve a page at / for people without Teams.")
    webchat_key_env: str = Field(
        default="",
        description="The environment variable with the key that opens the page; '' lets this machine alone in.",
    )
    metrics_key_env: str = Field(
        default="",
        description="The environment variable with the key of /metrics, a bearer token; '' for this machine alone.",
    )
    files: str = Field(
        default="", description="The folder of people's files, shared by all replicas; '' in the state folder."
    )
    quota_mb: int = Field(default=500, ge=1, description="Files that one person may have.")
    keep_days: int = Field(default=30, ge=1, description="That files stay after a person's last message.")
    per_minute: int = Field(default=20, ge=1, description="Messages of one person.")
    parallel: int = Field(default=16, ge=1, le=512, description="Turns at once, in one replica.")
    seconds: float = Field(default=600.0, gt=0, description="That one turn may take.")
    approval_minutes: int = Field(default=1440, ge=1, description="That an approval card can be answered.")
    account: str = Field(
        default="", description="The account ([accounts.NAME]) that acts for the person, by their sign-in."
    )
