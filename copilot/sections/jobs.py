"""`[jobs]`: durable runs over many documents."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from copilot.sections.table import Table


class HookSettings(Table):
    """A webhook that begins runs: `POST /hooks/NAME`, where `everpilot worker --webhooks` listens."""

    prompt: str = Field(default="", description="What is done with every document; {name} is a value of the request.")
    recipe: str = Field(default="", description="The recipe's file, in place of a prompt; values are its inputs.")
    folder: str = Field(default=".", description="The folder of its documents; from the worker's folder.")
    files: list[str] = Field(
        default_factory=list,
        description="The documents, as `batch` takes them; [] for those that the request names or brings, or for none.",
    )
    names: bool = Field(default=False, description='The request may name documents of the folder: "files": ["a.docx"].')
    uploads: str = Field(
        default="", description="The folder, below `folder`, for documents that requests bring; '' takes none."
    )
    mode: Literal["ask", "yes", "read-only"] = Field(default="ask", description="Whether changes wait for an answer.")
    fields: str = Field(default="", description="What to extract, as `batch --fields` takes it.")
    table: str = Field(default="", description="Where rows go; {run} is the run's id.")
    to: str = Field(default="", description="The folder that changed files are written to; '' in place.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Values that requests can't change.")
    model: str = Field(default="", description="The configured model to prefer.")
    agent: str = Field(default="", description="The agent of a plugin that does it.")
    budget: float | None = Field(default=None, ge=0, description="US dollars for one request.")
    secret_env: str = Field(
        default="", description="The environment variable with the secret (whsec_...) that requests are signed with."
    )
    token_env: str = Field(default="", description="The environment variable with a token that requests show instead.")
    max_mb: float = Field(default=25.0, gt=0, le=1024, description="What one request may bring.")
    per_minute: int = Field(default=60, ge=1, description="Requests in a minute; more are told to wait.")

    @model_validator(mode="after")
    def _work(self) -> HookSettings:
        if bool(self.prompt) == bool(self.recipe):
            raise ValueError("a webhook has either a prompt or a recipe")
        return self


class JobSettings(Table):
    """Durable runs: `everpilot batch`, `worker`, `watch`."""

    parallel: int = Field(default=4, ge=1, le=256, description="Documents at once, in one worker.")
    everywhere: int = Field(default=0, ge=0, description="Documents at once over all workers; 0 for no limit.")
    per_minute: dict[str, int] = Field(
        default_factory=dict, description="Calls a minute over all workers, by the vendor's name in [models]."
    )
    tries: int = Field(default=3, ge=1, le=20, description="How often a document is tried before it is set aside.")
    seconds: float = Field(default=600.0, gt=0, description="That one document may take.")
    budget: float | None = Field(default=None, ge=0, description="US dollars for a run, unless it says another.")
    keep_days: int = Field(default=30, ge=1, description="That an ended run stays to be looked at.")
    folders: list[str] = Field(
        default_factory=list,
        description="Folders and places that `worker` opens, with all below, whatever the database says; [] for any.",
    )
    hooks: dict[str, HookSettings] = Field(
        default_factory=dict, description="Webhooks that begin runs, by name (docs/schedules.md)."
    )
