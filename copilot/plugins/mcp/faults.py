"""What went wrong with a server, in words: one place for the errors of the SDK, of HTTP, and of the system."""

from __future__ import annotations

from collections.abc import Iterator

from copilot._redaction import redacted
from copilot.errors import EverpilotError, PluginError
from copilot.plugins.mcp import limits
from copilot.plugins.mcp.config import Server
from copilot.trust.sanitise import safe_text


class MayHaveRunError(Exception):
    """A call went out and its answer did not come back: nobody knows whether it was done. It is not made again."""


class SignInNeededError(Exception):
    """The server wants a person to sign in, and nobody is here to do it."""


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group, or the error itself."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    else:
        yield error


def explained(server: Server, error: BaseException, *, status: int = 0, said: str = "") -> PluginError:
    """Return what went wrong as an error for a person, with the next step.

    `status` is the last HTTP status that was refused, `said` what a program said beside its messages.
    """
    found = list(leaves(error))
    ours = next((each for each in found if isinstance(each, EverpilotError)), None)
    if status == 401 and ours is None and (server.headers or server.auth.get("reference")):
        hint = f"Look at the credentials of its entry{f' in {server.where}' if server.where else ''}."
        return PluginError(f"MCP server {server.name} does not take the credentials (HTTP 401).", hint=hint, code="mcp")
    hint = f"Run: everpilot plugins login {server.name}"
    if ours is None and (flow := next((each for each in found if "OAuthFlowError" in _kinds(each)), None)):
        return PluginError(f"MCP server {server.name} {reason(flow, server)}.", hint=hint, code="sign_in")
    if any(isinstance(each, SignInNeededError) for each in found) or (status == 401 and ours is None):
        return PluginError(f"MCP server {server.name} wants you to sign in.", hint=hint, code="sign_in")
    if ours is not None:
        return PluginError(f"MCP server {server.name}: {ours.message}", hint=ours.hint, code=ours.code)
    why = reason(found[0], server)
    if status >= 400 and server.transport != "stdio":
        why = f"{why} (HTTP {status})" if str(status) not in why else why
    return PluginError(f"MCP server {server.name} {why}. {said}".strip(), hint=_next(server, found[0]), code="mcp")


def reason(error: BaseException, server: Server) -> str:
    """Return what an error means, as the rest of a sentence that begins with the server."""
    kinds = _kinds(error)
    words = next((said for kind, said in _REASONS if kind in kinds), "failed in a way that is not known")
    if "MCPError" in kinds and getattr(error, "code", 0) != _CLOSED:
        words = "answered with an error"
    told = (
        safe_text(redacted(str(error).partition("\nFor more information")[0]))[: limits.LOG_WIDTH].strip().rstrip(".")
    )
    return words if not told or told == "Connection closed" else f"{words}: {told}"


def _kinds(error: BaseException) -> set[str]:
    return {each.__name__ for each in type(error).__mro__}


_CLOSED = -32000  # mcp_types.CONNECTION_CLOSED

#: Names of errors (or of what they are derived from) to what they mean. Sources: httpx2 and mcp 2.3, their exceptions.
_REASONS: tuple[tuple[str, str], ...] = (
    ("TimeoutError", f"did not answer within {limits.CONNECT:g} seconds"),
    ("TimeoutException", "did not answer in time"),
    ("ConnectError", "can't be reached"),
    ("TransportError", "broke the connection"),
    ("TooLarge", "answered too much"),
    ("HTTPStatusError", "refused"),
    ("OAuthFlowError", "can't be signed in to"),
    ("ValidationError", "answered in a shape that the protocol does not have"),
    ("SSEError", "answered with no stream of events"),
    ("MCPError", "ended, or closed the connection"),
    ("ConnectionError", "ended, or closed the connection"),
    ("BrokenResourceError", "ended, or closed the connection"),
    ("EndOfStream", "ended, or closed the connection"),
    ("ValueError", "answered what can't be used"),
    ("RuntimeError", "answered what can't be used"),
    ("OSError", "can't be reached"),
)


def _next(server: Server, error: BaseException) -> str:
    where = f" in {server.where}" if server.where else ""
    return f"Look at its entry{where}: {server.place}" if not isinstance(error, TimeoutError) else ""
