"""`[jobs]`: durable runs over many documents."""

from __future__ import annotations

from pydantic import Field

from copilot.sections.table import Table


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
