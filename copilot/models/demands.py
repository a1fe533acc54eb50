"""What the caller demands of an answer beyond that it is whole: that a tool is called, that it is JSON, of a schema."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.utils.json import parse_json_markdown

from copilot.models import schema
from copilot.models.accept import Unusable
from copilot.models.request import Request
from copilot.models.terms import json_wanted


def demanded(message: AIMessage, request: Request) -> AIMessage:
    """Return an accepted answer that also does what the caller demanded of it.

    Vendors promise as much where they are told (`tool_choice`, `response_format`), but not every server knows how.

    Raises:
        Unusable: it does not call the tool that it had to, or is not the JSON that was asked for.
    """
    if problem := request.tools.unmet([call["name"] for call in message.tool_calls]) or _no_json(message, request):
        raise Unusable(problem)
    return message


def _no_json(message: AIMessage, request: Request) -> str:
    wanted = request.response_format
    kind = json_wanted(wanted)
    if not kind or message.tool_calls:
        return ""
    try:
        found = parse_json_markdown(str(message.text), parser=json.loads)
    except ValueError:
        return "did not answer with JSON"
    shape = _schema(wanted) if kind == "schema" else {"type": "object"}
    problem = schema.problem(found, shape)
    return f"answered with JSON of another shape ({problem})"[:80] if problem else ""


def _schema(wanted: dict[str, Any]) -> dict[str, Any]:
    found = (wanted.get("json_schema") or {}).get("schema")
    return found if isinstance(found, dict) else {}
