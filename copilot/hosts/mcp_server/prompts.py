"""Prompts: one for each skill, which brings its instructions, and those that skills bring; completion of names."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError

from copilot.errors import EverpilotError
from copilot.hosts.mcp_server import uris
from copilot.hosts.mcp_server.asking import Context
from copilot.hosts.mcp_server.desk import above
from copilot.hosts.mcp_server.pages import page
from copilot.hosts.mcp_server.resources import desk_of, document_names
from copilot.hosts.mcp_server.served import Served
from copilot.plugins.skill import Prompt, Skill
from copilot.trust.sanitise import safe_text

_TASK, _FILE = "task", "file"
#: Values that a completion may hold at most ("Completion").
_MOST_VALUES = 100
_ARGUMENTS = [
    types.PromptArgument(name=_TASK, description="What is to be done."),
    types.PromptArgument(name=_FILE, description="The document that it is about."),
]


class Prompts:
    """Answers what clients ask about prompts, and completes their arguments."""

    def __init__(self, served: Served) -> None:
        self._served = served

    async def list(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        """Return a page of the prompts."""
        found = [prompt for skill in self._served.catalogue.skills for prompt in _described(skill)]
        shown, cursor = page(found, params)
        return types.ListPromptsResult(prompts=shown, next_cursor=cursor)

    async def get(self, ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        """Return the words of a prompt. Raises MCPError when there is none, or a blank is left open."""
        given = params.arguments or {}
        for skill in self._served.catalogue.skills:
            if params.name == skill.name:
                return _words(_of_skill(skill, given), skill.description)
            for prompt in skill.prompts:
                if params.name == _name(skill, prompt):
                    return await self._brought(ctx, prompt, given)
        raise _invalid(f"There is no prompt {safe_text(params.name)}.")

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        """Return the names that begin with, or else hold, what was typed of an argument."""
        names = await self._names(ctx, params)
        typed = params.argument.value.lower()
        first = [name for name in names if name.lower().startswith(typed)]
        rest = [name for name in names if typed in name.lower() and not name.lower().startswith(typed)]
        found = [*first, *rest]
        shown = found[:_MOST_VALUES]
        return types.CompleteResult(
            completion=types.Completion(values=shown, total=len(found), has_more=len(found) > len(shown))
        )

    async def _names(self, ctx: Context, params: types.CompleteRequestParams) -> Sequence[str]:
        """Return what the argument may be: a document's path, a skill's name, or nothing that is known."""
        asked = (getattr(params.ref, "uri", ""), params.argument.name)
        if asked == (uris.SKILL_TEMPLATE, "name"):
            return [skill.name for skill in self._served.catalogue.skills]
        if asked == (uris.DOCUMENT_TEMPLATE, "path") or asked == ("", _FILE):
            desk = await desk_of(self._served, ctx)
            return await anyio.to_thread.run_sync(document_names, desk)
        return []

    async def _brought(self, ctx: Context, prompt: Prompt, given: dict[str, str]) -> types.GetPromptResult:
        desk = await desk_of(self._served, ctx)
        if (denied := above(prompt.label, desk.level)) is not None:
            raise _invalid(denied.why)
        if missing := [a.name for a in prompt.arguments if a.required and not given.get(a.name)]:
            raise _invalid(f"{prompt.name} needs {', '.join(missing)}.")
        try:
            text = await anyio.to_thread.run_sync(prompt.text, given)
        except EverpilotError as error:
            raise _invalid(str(error)) from error
        desk.seen.add(prompt.label)
        return _words(text, prompt.description)


def _described(skill: Skill) -> list[types.Prompt]:
    title = f"Work with {skill.name}"
    made = [types.Prompt(name=skill.name, title=title, description=skill.description, arguments=_ARGUMENTS)]
    for prompt in skill.prompts:
        blanks = [
            types.PromptArgument(name=a.name, description=a.description or None, required=a.required)
            for a in prompt.arguments
        ]
        made.append(types.Prompt(name=_name(skill, prompt), description=prompt.description, arguments=blanks))
    return made


def _name(skill: Skill, prompt: Prompt) -> str:
    return f"{skill.name}.{prompt.name}"


def _of_skill(skill: Skill, given: dict[str, str]) -> str:
    """Return the instructions, then what the person filled in."""
    asked = [f"{what}: {given[name]}" for name, what in ((_TASK, "Task"), (_FILE, "Document")) if given.get(name)]
    return "\n\n".join([skill.instructions or skill.description, *asked])


def _words(text: str, description: str) -> types.GetPromptResult:
    text = text.encode("utf-8", "replace").decode("utf-8")
    message = types.PromptMessage(role="user", content=types.TextContent(text=text))
    return types.GetPromptResult(description=description, messages=[message])


def _invalid(text: str) -> MCPError:
    return MCPError(code=types.INVALID_PARAMS, message=text)
