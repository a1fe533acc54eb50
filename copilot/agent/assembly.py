"""The one place where the agent is put together."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.language_models import BaseChatModel
from langgraph.graph.state import CompiledStateGraph

from copilot.agent.core_tools import core_skill
from copilot.agent.model_step import CallLimit, Compaction, ModelStep
from copilot.agent.plan import Audit, Runner, untraced
from copilot.agent.prompt import system_prompt
from copilot.agent.tool_step import ToolStep
from copilot.agent.tracing import execution
from copilot.models.toolset import Toolset
from copilot.plugins.langchain import as_langchain
from copilot.plugins.skill import Skills
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
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the graph of the agent; `window` is the smallest context window, in tokens, that it must fit; `traced`
    makes a span of each tool call; `guard` decides on every call, and `audit` is told of it (plan.Runner).

    It has no checkpointer yet: a turn gives it one that belongs to its event loop.
    """
    tools = skills.plus([core_skill(skills)]).tools()
    offered = [as_langchain(tool) for tool in tools.values()]
    room = max(window - Toolset(tuple(offered), {}).size // 4, LEAST_ROOM)  # the tools take their part of each request
    middleware: list[AgentMiddleware[Any, Any, Any]] = [
        ToolStep(Runner(tools, workspace, execution if traced else untraced, guard=guard, audit=audit)),
        ModelStep(tools, audit),
        Compaction(model, audit, trigger=("tokens", room * 8 // 10), keep=("messages", KEPT_MESSAGES)),
        CallLimit(run_limit=MODEL_CALLS, exit_behavior="end"),
    ]
    return create_agent(
        model,
        offered,
        system_prompt=system_prompt(skills.skills),
        middleware=middleware,
        name="everpilot",
    )
