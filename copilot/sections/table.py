"""What every section of the settings is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A section: an unknown name in it is an error, so that nothing misspelled is silently without effect."""

    model_config = ConfigDict(extra="forbid")
