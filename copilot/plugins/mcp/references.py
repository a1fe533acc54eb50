"""Credentials of the settings for servers that name one by its reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from copilot.errors import PluginError
from copilot.plugins.mcp.config import Server

if TYPE_CHECKING:
    from copilot.plugins.credentials import Secrets


def headers_by(secrets: Secrets) -> Callable[[Server], Mapping[str, str]]:
    """Return what a hub asks for headers: those of the credential that a server's entry refers to.

    Raises PluginError, when it is asked, for a reference that nothing is set for, and for a key that goes elsewhere
    than into a header: every request to a server has the same address.
    """

    def headers(server: Server) -> Mapping[str, str]:
        reference = str(server.auth.get("reference") or "")
        if not reference:
            return {}
        credential = secrets.credential(reference)
        if credential is None:
            raise PluginError(
                f"Nothing is set for the credential {reference!r}.",
                hint=f"Set [plugins.auth.{reference}] in copilot.toml.",
            )
        import httpx

        request = httpx.Request("POST", server.url)
        plain = dict(request.headers)
        credential.apply(request)
        if str(request.url) != str(httpx.URL(server.url)):
            raise PluginError(
                f"The credential {reference!r} goes into the address; an MCP server takes it in a header."
            )
        return {name: value for name, value in request.headers.items() if plain.get(name) != value}

    return headers
