"""The prompts of a server, for a person to start by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from copilot.errors import ToolInputError
from copilot.plugins.mcp import content, limits
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.hub import Hub
from copilot.plugins.mcp.listing import Listing
from copilot.plugins.mcp.tools import label_of
from copilot.plugins.skill import Prompt, PromptArgument
from copilot.plugins.tools import tool_name
from copilot.trust.sanitise import safe_text


def prompts_of(server: Server, listing: Listing, hub: Hub) -> list[Prompt]:
    """Return the prompts of a server; their words are fetched when one is started, and are not trusted."""
    made: list[Prompt] = []
    for described in listing.prompts:
        name = tool_name(str(described["name"]), [prompt.name for prompt in made])
        arguments = tuple(_arguments(described.get("arguments")))
        about = _text(described.get("description") or described.get("title"))
        made.append(Prompt(name, about, _words(server, described, arguments, hub), arguments, label_of(server)))
    return made


def _words(
    server: Server, described: Mapping[str, Any], arguments: tuple[PromptArgument, ...], hub: Hub
) -> Callable[[Mapping[str, str]], str]:
    def words(given: Mapping[str, str]) -> str:
        missing = [each.name for each in arguments if each.required and not given.get(each.name)]
        if missing:
            raise ToolInputError(f"The prompt needs {', '.join(missing)}.", code="arguments")
        return content.prompt(hub.prompt(server, str(described["name"]), given))

    return words


def _arguments(described: Any) -> list[PromptArgument]:
    entries = described if isinstance(described, list) else []
    return [
        PromptArgument(each["name"], _text(each.get("description")), each.get("required") is True)
        for each in entries
        if isinstance(each, Mapping) and isinstance(each.get("name"), str)
    ]


def _text(value: Any) -> str:
    return safe_text(value)[: limits.LOG_WIDTH] if isinstance(value, str) else ""
