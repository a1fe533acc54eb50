"""Stores of files as opened folders, through fsspec: S3, Azure Blob, Google Drive and Cloud Storage, SFTP, and more.

A place is the store's own address behind the connector's name: "storage:s3://bucket/reports",
"storage:sftp://host/home/nina". Nothing of fsspec is imported before a place is opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import ServiceError, SettingsError, WorkspaceError
from copilot.plugins.connections import Account, Connection, WorkKind

if TYPE_CHECKING:
    from copilot.plugins.connections import Connections
    from copilot.workspace.mounts import Mount


class StorageConnector:
    """Any filesystem of fsspec. `[accounts.NAME]` with this connector says how one is reached (options.Options)."""

    kinds: frozenset[WorkKind] = frozenset()

    def mount(self, place: str) -> Path:
        """A store is no folder of this disk: see `open`."""
        raise WorkspaceError(f"storage:{place} can't be opened as a folder of this disk.", code="missing")

    def open(self, place: str, connections: Connections, account: str = "") -> Mount:
        """Return a folder of a store; it is not reached before it is needed.

        Raises SettingsError: the library for it is missing, or the account's settings are wrong; ServiceError for an
        account that there is not.
        """
        from .options import Options, reached_with
        from .store import StorageMount

        accounts = [each for each in connections.accounts if each.settings.connector == "storage"]
        if account and account not in [each.name for each in accounts]:
            raise ServiceError.unknown(account, [each.name for each in accounts])
        chosen = [(each, Options.of(each)) for each in accounts if account in ("", each.name)]
        fitting = [(each, options) for each, options in chosen if account or options.is_for(place)]
        found = max(fitting, key=lambda each: len(each[1].url), default=None)
        given = reached_with(*found) if found else {}
        writes = found[0].writes if found else connections.writes
        return StorageMount(place, given, account=found[0].name if found else "", writes=writes)

    def connect(self, account: Account) -> Connection:
        """Such an account serves nothing but places."""
        raise SettingsError(
            f"Account {account.name} is for places only.", hint='Open one: everpilot --dir "storage:s3://bucket/folder"'
        )


connector = StorageConnector()
