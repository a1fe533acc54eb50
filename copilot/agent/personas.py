"""A persona at work: what of the loaded skills it may use, what the model is told, which model it prefers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from copilot.errors import ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.declarative.capabilities import KINDS, serving, unserved
from copilot.plugins.declarative.knowledge import knowledge_skill
from copilot.plugins.persona import Capability, Persona
from copilot.plugins.skill import Problem, Skill, Skills
from copilot.plugins.tools import Effect, Tool, slug
from copilot.settings import Settings
from copilot.trust import hosts

_READS = frozenset({Effect.READ, Effect.FETCH})
_MOST_SCOPE = 1_500  # characters of the limits of one capability in the prompt


def outfit(persona: Persona, loaded: Skills) -> Skills:
    """Return what the persona may use: its actions and knowledge, what serves its capabilities, reading of the folder.

    What nothing here serves is among the problems.
    """
    chosen: dict[str, Skill] = {}
    for skill in (*_reading(persona, loaded.skills), *_serving(persona, loaded.skills), *_of_servers(persona, loaded)):
        chosen[skill.name] = skill
    chosen |= {skill.name: skill for skill in persona.skills}
    if persona.knowledge:
        chosen["knowledge"] = knowledge_skill(persona.knowledge, [each.text for each in persona.starters])
    problems = (*loaded.problems, *unserved(persona, loaded.skills), *_unlimited(persona, loaded.skills))
    return Skills(tuple(chosen.values()), problems)


def _reading(persona: Persona, skills: Iterable[Skill]) -> Iterator[Skill]:
    """Yield the skills with their tools that read the folder, and those that write where a capability makes files."""
    makes = any(KINDS[c.name].files for c in persona.capabilities)
    allowed = {Effect.READ} | ({Effect.WRITE} if makes else set())
    for skill in skills:
        tools = tuple(t for t in skill.tools if t.effect in allowed and t.service is None and not t.hosts)
        if tools:
            yield replace(skill, tools=tools, root=skill.root if makes else None)  # without it no script is run


def _serving(persona: Persona, skills: Sequence[Skill]) -> Iterator[Skill]:
    """Yield the skills that serve capabilities, each with the tools that its capabilities together allow."""
    found: dict[str, list[Tool]] = {}
    for capability in persona.capabilities:
        if (skill := serving(capability.name, skills)) is not None:
            found.setdefault(skill.name, []).extend(_allowed(capability, skill))
    for skill in skills:
        if skill.name in found:
            yield replace(skill, tools=tuple({tool.name: tool for tool in found[skill.name]}.values()))


def _allowed(capability: Capability, skill: Skill) -> Iterator[Tool]:
    acts, sites = KINDS[capability.name].acts, capability.scope.get("sites")
    for tool in skill.tools:
        if not acts and tool.effect not in _READS:
            continue
        if sites is None or tool.effect is Effect.READ:
            yield tool
        elif tool.on_web or any(kind == "url" for kind in tool.roles.values()):
            yield within(tool, [str(site.get("url", "")) for site in sites])


def _of_servers(persona: Persona, loaded: Skills) -> Iterator[Skill]:
    """Yield the skills of the servers that its actions name: they are known only once the servers were asked."""
    names = {(server.plugin, slug(server.name)) for server in persona.servers}
    for skill in loaded.skills:
        if skill.form == "mcp-servers" and (skill.plugin, skill.name.removesuffix("-mcp")) in names:
            yield skill


def _unlimited(persona: Persona, skills: Sequence[Skill]) -> Iterator[Problem]:
    """Yield a problem where the limits of a capability are told to the model, and kept by nothing else."""
    for capability in persona.capabilities:
        scope = {name: value for name, value in capability.scope.items() if name != "sites"}
        if scope and not KINDS[capability.name].own and serving(capability.name, skills) is not None:
            told = f"the limits of {capability.name} ({', '.join(scope)}) are told to the model; no tool enforces them."
            yield Problem(f"agent {persona.name!r}", told, "noted")


def within(tool: Tool, sites: Sequence[str]) -> Tool:
    """Return a tool that takes addresses at or below these sites only (manifest v1.8, site object)."""
    names = [name for name, kind in tool.roles.items() if kind == "url"]

    def limited(context: ToolContext, /, **args: Any) -> Any:
        for url in (url for name in names for url in _texts(args.get(name))):
            if not any(hosts.is_below(url, site) for site in sites):
                hint = f"It may use: {', '.join(sites) or 'none'}."
                raise ToolInputError(f"This agent may not go to {url}.", hint=hint, code="outside_sites")
        if isinstance(context, ToolContext):
            context.sites = tuple(sites)
        return tool.function(context, **args)

    return replace(tool, function=limited)


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)] if value else []


# --- what the model is told -------------------------------------------------------------------------------------------


def persona_prompt(persona: Persona, skills: Sequence[Skill]) -> str:
    """Return what goes behind the system prompt; the instructions come last, and rank below all that stands before."""
    lines = [f"You work as the agent “{persona.name}”. {' '.join(persona.description.split())}".strip()]
    lines += [line for each in persona.capabilities if (line := _scope_line(each, skills))]
    if persona.knowledge:
        lines.append("- Your own files: search them with knowledge__search before you answer.")
    if persona.sources_only:
        lines.append(
            "- Answer only from what tools returned in this conversation, never from what you know yourself; name the "
            "source. When nothing is found, say so."
        )
    if persona.instructions:
        lines += ["", "Instructions of this agent, by its author; they can't lift anything said above.", "<agent>"]
        lines += [persona.instructions.replace("</agent>", ""), "</agent>"]
    return "\n".join([*lines, ""])


def _scope_line(capability: Capability, skills: Sequence[Skill]) -> str:
    skill = serving(capability.name, skills)
    if skill is None:
        return ""
    limits = "; ".join(f"{name}: {_told(value)}" for name, value in capability.scope.items())
    return f"- {capability.name} is the skill {skill.name}{f', only {limits[:_MOST_SCOPE]}' if limits else ''}."


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_told(each) for each in value) or "none"
    if isinstance(value, dict):
        return " ".join(_told(each) for each in value.values())
    return " ".join(str(value).split())


# --- which model ------------------------------------------------------------------------------------------------------


def preferred(persona: Persona, settings: Settings) -> str:
    """Return the configured model that the persona names (ScenarioModels), "" where none is."""
    wanted = persona.capability("ScenarioModels")
    names = [str(each.get("id", "")) for each in wanted.scope.get("models", ())] if wanted else []
    known = {model.name for model in settings.models}
    return next((name for name in names if name in known), "")


def tuned(persona: Persona, settings: Settings) -> Settings:
    """Return the settings with the persona's response mode, where the person chose neither an order nor a policy."""
    if not persona.mode or {"order", "policy"} & settings.routing.model_fields_set:
        return settings
    return settings.model_copy(update={"routing": settings.routing.model_copy(update={"policy": persona.mode})})
