"""Which tools a client sees, and how they are described to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import mcp_types as types

from copilot.agent.core_tools import core_skill
from copilot.errors import ToolInputError
from copilot.hosts.mcp_server import answers
from copilot.hosts.mcp_server.options import LEAN_OVER, Options
from copilot.plugins.skill import Skill, Skills
from copilot.plugins.tools import Effect, Tool, public_name

FIND, CALL, READ_SKILL = "everpilot.find_tool", "everpilot.call_tool", "skills.read"
#: What the protocol calls the effects: read-only, destructive, idempotent, open world ("Tool annotations").
_HINTS: dict[Effect, tuple[bool, bool, bool, bool]] = {
    Effect.READ: (True, False, True, False),
    Effect.FETCH: (True, False, True, True),
    Effect.WRITE: (False, True, False, False),
    Effect.MOVE: (False, True, False, False),
    Effect.DELETE: (False, True, True, False),
    Effect.SEND: (False, False, False, True),
}


#: Skills of other servers: the client can have those itself, so they are served only where they are named.
_OTHERS = frozenset({"mcp-servers"})


@dataclass(frozen=True)
class Catalogue:
    """The skills that are served, their tools, and the server's own ones; `lean`: only an index is listed."""

    skills: tuple[Skill, ...]
    tools: Mapping[str, Tool]
    own: Mapping[str, Tool]
    options: Options

    @classmethod
    def of(cls, found: Skills, own: Skill, options: Options) -> Catalogue:
        """Return what the options leave of the loaded skills; raises ToolInputError for names that there are none of.

        A skill whose tools are all left out stays, for its instructions.
        """
        names = [skill.name for skill in found.skills]
        for name in options.skills:
            if name not in names:
                raise ToolInputError.unknown("skill", name, names)
        ours = [s.name for s in found.skills if s.form not in _OTHERS]
        chosen = tuple(s for s in found.skills if s.name in (options.skills or ours))
        tools = {t.name: t for s in chosen for t in s.tools if _is_wanted(t.name, options.tools)}
        for pattern in options.tools:
            if not any(fnmatchcase(name, public_name(pattern)) for name in tools):
                raise ToolInputError.unknown("tool", pattern, [t.name for s in chosen for t in s.tools])
        reading = core_skill(Skills(chosen)).tools
        return cls(chosen, tools, {t.name: t for t in (*reading, *own.tools)}, options)

    @cached_property
    def all(self) -> dict[str, Tool]:
        """Every tool that runs in the plan, by its public name."""
        return {**self.tools, **self.own}

    @cached_property
    def _by_wire_name(self) -> dict[str, str]:
        return {tool.wire_name: name for name, tool in self.all.items()}

    def name_of(self, called: str) -> str:
        """Return the public name of a tool that is called by its wire name, or by its public one."""
        return self._by_wire_name.get(called) or public_name(called)

    @cached_property
    def lean(self) -> bool:
        """Whether a client is given an index to search, rather than all definitions."""
        if self.options.lean is not None:
            return self.options.lean
        return sum(len(json.dumps(_definition(t), default=repr)) for t in self.tools.values()) > LEAN_OVER

    @cached_property
    def listed(self) -> list[types.Tool]:
        """The definitions that a client is given."""
        own = [t for name, t in self.own.items() if self.lean or name not in (FIND, CALL)]
        named = [t for t in self.tools.values() if self.options.tools and self.options.lean]
        shown = named if self.lean else list(self.tools.values())
        return [_offered(tool) for tool in (*shown, *own)]

    def schema_of(self, called: str) -> dict[str, Any] | None:
        """Return the arguments of a tool as JSON Schema, None for one that is not served."""
        found = self.all.get(self.name_of(called))
        return _schema(found) if found else None

    def meant(self, name: str, args: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the public name and the arguments of a call, that of `call_tool` looked through.

        Raises ToolInputError for a tool that is not served.
        """
        called = self.name_of(name)
        if called == CALL:
            inner, given = args.get("name"), args.get("arguments", {})
            if not isinstance(inner, str) or not isinstance(given, Mapping):
                raise ToolInputError(
                    "call_tool takes the name of a tool and its arguments as an object.",
                    hint='Such as {"name": "NAME", "arguments": {...}}; find names with everpilot__find_tool.',
                    code="arguments",
                )
            called, args = self.name_of(inner), given
        if called not in self.all or called == CALL:
            raise ToolInputError.unknown("tool", called, self.all)
        return called, dict(args)

    def same_as(self, other: Catalogue) -> bool:
        """Return whether a client would see no difference."""
        mine, theirs = ([(s.name, s.description, s.instructions) for s in c.skills] for c in (self, other))
        return mine == theirs and self.listed == other.listed


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, public_name(pattern)) for pattern in patterns)


def described(tools: Iterable[Tool]) -> str:
    """Return tools for a model that will call them with `call_tool`: name, effect, description, schema."""
    parts = []
    for tool in tools:
        schema = json.dumps(tool.arguments.json_schema(), ensure_ascii=False, default=repr)
        parts.append(f"{tool.wire_name} ({tool.effect.value})\n{tool.description}\nArguments: {schema}")
    return "\n\n".join(parts)


def _definition(tool: Tool) -> dict[str, Any]:
    return {"name": tool.wire_name, "description": tool.description, "inputSchema": _schema(tool)}


def _schema(tool: Tool) -> dict[str, Any]:
    """Return the arguments as the protocol wants them: an object at the root, also where there are none."""
    return {"type": "object", "properties": {}, **tool.arguments.json_schema()}


def _offered(tool: Tool) -> types.Tool:
    read_only, destructive, idempotent, open_world = _HINTS[tool.effect]
    title = _title(tool.name)
    return types.Tool(
        name=tool.wire_name,
        title=title,
        description=tool.description,
        input_schema=_schema(tool),
        output_schema=answers.SCHEMA,
        annotations=types.ToolAnnotations(
            title=title,
            read_only_hint=read_only,
            destructive_hint=destructive,
            idempotent_hint=idempotent,
            open_world_hint=open_world or tool.service is not None or bool(tool.hosts),
        ),
    )


def _title(name: str) -> str:
    """Return "Word: replace text" for "word.replace_text"."""
    skill, _, function = name.partition(".")
    return f"{skill.replace('_', ' ').replace('-', ' ').capitalize()}: {function.replace('_', ' ')}"
