"""What became of an order, as a result of the protocol: text for the model, the same as data for programs."""

from __future__ import annotations

import json
from typing import Any

import mcp_types as types

from copilot.hosts.mcp_server.orders import Outcome

#: Characters of text, and of data as JSON, that a model is given of one result.
MOST_TEXT = 60_000
#: What `structuredContent` holds, for every tool.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": {"type": "string"},
        "text": {"type": "string"},
        "data": {},
        "sources": {"type": "array", "items": {"type": "string"}},
        "changes": {"type": "array", "items": {"type": "object"}},
        "error": {"type": "object"},
    },
    "required": ["status", "text"],
}
LABEL = "everpilot/label"


def result(outcome: Outcome) -> types.CallToolResult:
    """Return the result of a call. `_meta` says where the data comes from and how confidential it is."""
    text = readable(outcome.text) or "(empty)"
    return types.CallToolResult(
        content=[types.TextContent(text=text)],
        structured_content=_structured(outcome, text),
        is_error=outcome.failed,
        _meta={LABEL: outcome.label.to_dict()},
    )


def readable(text: str) -> str:
    """Return text in characters that every client takes, cut where it would crowd out everything else."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= MOST_TEXT:
        return text
    note = f"[cut: the first {MOST_TEXT:,} of {len(text):,} characters; ask for a part of it to see more]"
    return f"{text[:MOST_TEXT]}\n{note}"


def _structured(outcome: Outcome, text: str) -> dict[str, Any]:
    """Return the fields that say something; too long ones are left out, the text says what counts."""
    found: dict[str, Any] = {"status": outcome.status, "text": text}
    more = {"data": outcome.data, "sources": list(outcome.sources), "changes": list(outcome.changes)}
    more["error"] = outcome.error
    for name, value in more.items():
        if value in (None, []):
            continue
        written = json.dumps(value, ensure_ascii=True, default=repr)
        if len(written) <= MOST_TEXT:
            found[name] = json.loads(written)
    return found
