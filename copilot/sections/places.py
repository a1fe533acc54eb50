"""`[history]` and `[places]`: old versions, and folders elsewhere."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from copilot.sections.table import Table


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
