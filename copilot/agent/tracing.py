"""Tool calls in traces, with the gen_ai names of OpenTelemetry's conventions ("Execute tool span")."""

from __future__ import annotations

from contextlib import AbstractContextManager

from copilot.agent.plan import Call
from copilot.plugins.tools import public_name


def execution(call: Call) -> AbstractContextManager[None]:
    """Return the span around the run of a call. Arguments and results are content, and not in it."""
    from copilot.models import telemetry

    name = public_name(call.name)
    told = {"gen_ai.tool.name": name, "gen_ai.tool.call.id": call.id, "gen_ai.tool.type": "function"}
    return telemetry.operation("execute_tool", name, **told)
