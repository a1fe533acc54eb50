"""Calendars of any provider that speaks CalDAV. The password or token is in the keyring or in a variable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import WorkspaceError
from copilot.plugins.connections import Account, WorkKind

if TYPE_CHECKING:
    from .connection import CalDavConnection


class CalDavConnector:
    """Accounts with a CalDAV server."""

    kinds: frozenset[WorkKind] = frozenset({"calendar"})

    def mount(self, place: str) -> Path:
        """Raise WorkspaceError: a calendar is no folder of documents."""
        raise WorkspaceError(f"caldav:{place} can't be opened as a folder.", code="missing")

    def connect(self, account: Account) -> CalDavConnection:
        """Return the account's connection; no server is called yet. Raises SettingsError."""
        from .connection import CalDavConnection
        from .options import Options

        return CalDavConnection(account, Options.of(account))


connector = CalDavConnector()
