"""`[skills]`, `[tools]`, `[sandbox]`: what the assistant can do."""

from __future__ import annotations

from pydantic import Field

from copilot.sections.table import Table


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
