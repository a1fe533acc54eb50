"""The web: a search engine of your choice, and single pages of the hosts that you allow. No account is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import WorkspaceError
from copilot.settings import WebSettings

if TYPE_CHECKING:
    from .browsing import Browser


class WebConnector:
    """Search and pages; there are no files to work in."""

    def mount(self, place: str) -> Path:
        """Raise WorkspaceError: a page is fetched, not opened."""
        raise WorkspaceError(f"web:{place} is no folder.", hint="Ask for the page with web.fetch.", code="missing")

    def browse(self, settings: WebSettings, hosts: Sequence[str], env: Mapping[str, str]) -> Browser:
        """Return the web as the settings say; nobody is asked. Raises SettingsError."""
        from .browsing import Browser

        return Browser(settings, hosts, env)


connector = WebConnector()
