"""Microsoft 365: files, mail, calendar, Teams, people, search and tasks, through Microsoft Graph.

Nothing of a client is imported before an account is connected.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import ServiceError, WorkspaceError
from copilot.plugins.connections import KINDS, Account, WorkKind

if TYPE_CHECKING:
    from copilot.plugins.connections import Connections
    from copilot.plugins.connections.signing import Asking, SignedIn, Terminal, Wishes
    from copilot.workspace.mounts import Mount

    from .connection import Microsoft365
    from .identity import Identity


class Microsoft365Connector:
    """Accounts of Microsoft 365: of people, who sign in, and of services, which have a secret or an identity."""

    kinds: frozenset[WorkKind] = frozenset(KINDS)

    def mount(self, place: str) -> Path:
        """A place in OneDrive or SharePoint is none on this disk: see `open`."""
        raise WorkspaceError(
            f"microsoft365:{place} needs an account.",
            hint="Add one under [accounts] in copilot.toml, then: everpilot login",
            code="missing",
        )

    def open(self, place: str, connections: Connections, account: str = "") -> Mount:
        """Return a folder in OneDrive or SharePoint; nothing is fetched before it is needed.

        Raises ServiceError where no account of Microsoft 365 serves files, or somebody has to sign in first.
        """
        from .drive_mount import GraphMount

        names = [a.name for a in connections.accounts if a.settings.connector == "microsoft365"]
        chosen = next((n for n in connections.serving("files") if n in names and account in ("", n)), "")
        if not chosen:
            raise ServiceError.unknown(account, names) if account else ServiceError.nobody("files", names)
        connection = connections.connect(chosen)
        return GraphMount(connection, place)  # type: ignore[arg-type]  # it is ours: the connector is

    def connect(self, account: Account) -> Microsoft365:
        """Return the account's connection; nobody is asked, and nothing is fetched. Raises SettingsError."""
        from .connection import Microsoft365

        return Microsoft365.of(account)

    def on_behalf_of(self, account: Account, assertion: str) -> Microsoft365:
        """Return a connection of the person whose token a service was called with (`method = "on_behalf_of"`)."""
        from .connection import Microsoft365

        return Microsoft365.of(account, assertion)

    # --- signing in (copilot.plugins.connections.signing.SignsIn) -----------------------------------------------------

    def asking(self, account: Account, wishes: Wishes) -> Asking:
        """Return what a sign-in would ask for. Raises ServiceError for a wish that is not known."""
        return self._identity(account).asking(wishes)

    def sign_in(self, account: Account, wishes: Wishes, terminal: Terminal) -> SignedIn:
        """Sign in, and keep the sign-in. Raises ServiceError and SettingsError; nothing is kept then."""
        return self._identity(account).sign_in(wishes, terminal)

    def sign_out(self, account: Account) -> bool:
        """Forget the sign-in; False when there was none."""
        return self._identity(account).sign_out()

    def signed_in(self, account: Account) -> SignedIn | None:
        """Return the sign-in that is kept, None when there is none."""
        return self._identity(account).signed_in()

    def _identity(self, account: Account) -> Identity:
        from .identity import Identity
        from .options import Options

        return Identity(account, Options.of(account))


connector = Microsoft365Connector()
