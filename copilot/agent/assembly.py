"""The one place where the agent is put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.language_models import BaseChatModel
from langgraph.graph.state import CompiledStateGraph

from copilot.agent.core_tools import core_skill
from copilot.agent.model_step import Bounds, ModelStep
from copilot.agent.persona_step import PersonaStep
from copilot.agent.personas import persona_prompt
from copilot.agent.plan import Audit, Runner, untraced
from copilot.agent.prompt import system_prompt
from copilot.agent.tool_search import Offered, Searched, form
from copilot.agent.tool_step import ToolStep
from copilot.agent.tracing import execution
from copilot.plugins.connections import Connections
from copilot.plugins.persona import Persona
from copilot.plugins.skill import Skills
from copilot.plugins.tools import Tool
from copilot.settings import ToolSettings
from copilot.trust.guard import Guard
from copilot.workspace.workspace import Workspace

#: Model calls in one turn: enough for long work, and an end for a model that goes round in circles.
MODEL_CALLS = 40
#: Messages that stay word for word when a long thread is summarised.
KEPT_MESSAGES = 12
#: Tokens of messages that any thread may have, however small the window.
LEAST_ROOM = 2_000


def assemble(
    *,
    model: BaseChatModel,
    skills: Skills,
    workspace: Workspace,
    window: int,
    traced: bool = False,
    guard: Guard | None = None,
    audit: Audit | None = None,
    connections: Connections | None = None,
    persona: Persona | None = None,
    offering: ToolSettings | None = None,
    more: Sequence[Tool] = (),
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the graph of the agent; `window` is the smallest context window, in tokens, that it must fit; `traced`
    makes a span of each tool call; `guard` decides on every call, `audit` is told of it, and `connections` are the
    accounts that tools use (plan.Runner). A `persona` adds its words to the prompt and its step to the loop; `skills`
    are then what it may use. `offering` says how many tools are offered at once (tool_search.py), and `more` are tools
    of the agent's own, beside those that read skills.

    It has no checkpointer yet: a turn gives it one that belongs to its event loop.
    """
    searched = Searched(skills, offering or ToolSettings())
    core = [core_skill(skills, more), *([searched.skill()] if searched.is_needed else [])]
    tools = skills.plus(core).tools()
    own = [form(tool) for skill in core for tool in skill.tools]
    prompt = system_prompt(skills.skills, most=searched.index if searched.is_needed else None)
    prompt += persona_prompt(persona, skills.skills) if persona else ""
    around = execution if traced else untraced
    room = max(window - searched.taken(own) // 4, LEAST_ROOM)  # the tools take their part of each request
    middleware: list[AgentMiddleware[Any, Any, Any]] = [
        *([told] if (told := searched.middleware(prompt, own)) is not None else []),
        ToolStep(Runner(tools, workspace, around, guard=guard, audit=audit, connections=connections)),
        *([] if searched.is_needed else [Offered([*searched.all(), *own])]),
        ModelStep(tools, audit),
        Bounds(model, audit, calls=MODEL_CALLS, trigger=("tokens", room * 8 // 10), keep=("messages", KEPT_MESSAGES)),
    ]
    if persona is not None:
        middleware.append(PersonaStep(persona))
    return create_agent(
        model,
        own,
        system_prompt=prompt,
        middleware=middleware,
        name="everpilot",
    )
