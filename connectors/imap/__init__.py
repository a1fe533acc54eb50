"""Mail of any provider: read by IMAP, sent by SMTP. The password or token is in the keyring or in a variable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import WorkspaceError
from copilot.plugins.connections import Account, WorkKind

if TYPE_CHECKING:
    from .connection import ImapConnection


class ImapConnector:
    """Accounts with an IMAP and an SMTP server."""

    kinds: frozenset[WorkKind] = frozenset({"mail"})

    def mount(self, place: str) -> Path:
        """Raise WorkspaceError: mail is no folder of documents."""
        raise WorkspaceError(f"imap:{place} can't be opened as a folder.", code="missing")

    def connect(self, account: Account) -> ImapConnection:
        """Return the account's connection; no server is called yet. Raises SettingsError."""
        from .connection import ImapConnection
        from .options import Options

        return ImapConnection(account, Options.of(account))


connector = ImapConnector()
