"""`everpilot agents`: the agents that plugins brought, and what of each works here."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from copilot.cli import DONE
from copilot.hosts import render
from copilot.hosts.output import as_json, say, short
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.agent.copilot import Copilot
    from copilot.plugins.persona import Persona
    from copilot.plugins.skill import Problem


def agents(parsed: argparse.Namespace) -> int:
    """List the agents, or show one."""
    from copilot.hosts.once import open_copilot

    copilot = open_copilot(parsed)
    if parsed.name:
        return _show(copilot.like(agent=parsed.name), as_data=parsed.json)
    if parsed.json:
        as_json([_described(each) for each in copilot.personas])
        return DONE
    rows = agent_rows(copilot)
    heads = ("Agent", "Name", "What for")
    render.console().print(render.table(heads, rows) if rows else "No plugin brought an agent yet.")
    for problem in copilot.plugin_problems:
        if problem.severity == "refused":
            say(f"{problem.where}: {problem.reason}")
    return DONE


def agent_rows(copilot: Copilot) -> list[tuple[str, str, str]]:
    """Return a row for each agent: what --agent takes, its name, what it is for."""
    return [(each.handle, each.name, short(each.description, 200)) for each in copilot.personas]


def _show(copilot: Copilot, *, as_data: bool) -> int:
    persona = copilot.persona
    assert persona is not None
    problems = [*_met(copilot, persona), *_own(copilot, persona)]
    told = {**_described(persona), "tools": sorted(copilot.offered.tools()), "problems": [_told(p) for p in problems]}
    if as_data:
        as_json(told)
        return DONE
    lines = [(name.replace("_", " "), _plain(value)) for name, value in told.items() if value and name != "problems"]
    render.console().print(render.table(("", safe_text(persona.name)), lines))
    for problem in problems:
        print(f"- {problem.severity}: {safe_text(problem.reason)}")
    return DONE


def _met(copilot: Copilot, persona: Persona) -> list[Problem]:
    """Return what was met while the agent's plugin was read."""
    return [problem for plugin in copilot.plugins if persona in plugin.personas for problem in plugin.problems]


def _own(copilot: Copilot, persona: Persona) -> list[Problem]:
    """Return what was met while the agent was set to work: of other plugins and skills nothing, of its servers all."""
    others, servers = set(copilot.skills.problems), {server.key for server in persona.all_servers}
    return [each for each in copilot.offered.problems if each not in others or each.where in servers]


def _told(problem: Problem) -> dict[str, str]:
    return {"where": problem.where, "severity": problem.severity, "reason": problem.reason}


def _described(persona: Persona) -> dict[str, Any]:
    return {
        "agent": persona.handle,
        "id": persona.id,
        "name": persona.name,
        "description": persona.description,
        "form": persona.form,
        "folder": str(persona.root or ""),
        "capabilities": {each.name: dict(each.scope) for each in persona.capabilities},
        "may_be_switched_off": sorted(persona.removable),
        "starters": [each.text for each in persona.shown_starters],
        "actions": [skill.name for skill in persona.skills],
        "files": [each.name for each in persona.knowledge],
        "answers": len(persona.answers),
        "workers": [each.persona.handle if each.persona else each.id for each in persona.workers],
        "disclaimer": persona.disclaimer,
        "confidentiality": persona.label.confidentiality.name.lower(),
    }


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(
            f"{name} {json.dumps(scope, ensure_ascii=False) if scope else ''}" for name, scope in value.items()
        )
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
