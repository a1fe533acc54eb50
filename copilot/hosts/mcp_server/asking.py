"""Asking the person through the client: the exact change in words, and one field to say yes.

Until 2025-11-25 the server asks while the call runs (`elicitation/create`); from 2026-07-28 on the call is answered by
what is to be asked (`InputRequiredResult`), and comes again with the answer. Source: Model Context Protocol,
"Elicitation" of both revisions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from copilot.hosts.mcp_server.orders import Given, Look, Order
from copilot.trust.approvals import Card
from copilot.trust.sanitise import CardSanitiser, safe_text

Context = ServerRequestContext[Any, Any]

FIELD = "approve"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        FIELD: {
            "type": "boolean",
            "title": "Do exactly this?",
            "description": "Yes does what is shown above, and nothing else. No leaves everything as it is.",
            "default": False,
        }
    },
    "required": [FIELD],
}
#: Places of a change, and characters of all of them, that a form shows; what is longer is for a terminal.
MOST_PLACES, MOST_CHARACTERS = 60, 16_000
#: Lines and characters of a line that a model is told of what waits.
_LINES, _LINE = 120, 1_000


def is_modern(ctx: Context) -> bool:
    """Return whether the client speaks a revision in which a server asks by its answers."""
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


def can_ask(ctx: Context) -> bool:
    """Return whether the client says that it can show a form to a person."""
    capabilities = ctx.session.client_capabilities
    asking = capabilities.elicitation if capabilities else None
    if asking is None or (asking.form is None and asking.url is not None):
        return False  # it opens pages only; one that says nothing more shows forms (revision 2025-06-18)
    return is_modern(ctx) or ctx.session.can_send_request


async def ask(ctx: Context, look: Look) -> Given | types.InputRequiredResult | None:
    """Return the person's answer, or what the client must be sent to get it; None: nobody can be asked this way.

    A card too long to be shown whole is not asked in a form.
    """
    if look.card is None or not can_ask(ctx) or not is_whole(look.card):
        return None
    request = types.ElicitRequestFormParams(message=message(look.card), requested_schema=SCHEMA)
    if is_modern(ctx):
        asked = types.ElicitRequest(params=request)
        return types.InputRequiredResult(input_requests={FIELD: asked}, request_state=_state(look))
    try:
        answer = await ctx.session.elicit_form(request.message, SCHEMA, related_request_id=ctx.request_id)
    except (MCPError, ValueError):
        return None  # it said that it can, and can't
    return Given(look.card.id, look.digests, _is_yes(answer))


def given(params: types.CallToolRequestParams) -> tuple[Order, Given] | None:
    """Return the order and the answer that a repeated call carries, None for a first call.

    The state was sealed by the server and is bound to the call (tool, arguments), so what comes back is ours.
    """
    answer = (params.input_responses or {}).get(FIELD)
    if params.request_state is None or not isinstance(answer, types.ElicitResult):
        return None
    try:
        kept = json.loads(params.request_state)
        order = Order.from_dict(kept["order"])
        return order, Given(str(kept["card"]), frozenset(kept["digests"]), _is_yes(answer))
    except (ValueError, KeyError, TypeError):
        return None


def message(card: Card) -> str:
    """Return what the person is shown: each change with its places, before and after, and the warnings.

    Some clients show it as Markdown: nothing in it is a link or a picture, and tags are written out.
    """
    text = "\n".join([card.why, *(line for item in card.items for line in _item(item.to_dict()))])
    sanitiser = CardSanitiser()
    return (sanitiser.feed(text) + sanitiser.close()).rstrip("\n")


def is_whole(card: Card) -> bool:
    """Return whether a form can show all of it."""
    hunks = [hunk for item in card.items for hunk in item.hunks]
    characters = sum(len(hunk[side]) for hunk in hunks for side in ("before", "after"))
    return len(hunks) <= MOST_PLACES and characters <= MOST_CHARACTERS


def excerpt(card: Card) -> str:
    """Return the same in short, for a model: what does not fit is counted."""
    lines = message(card).splitlines()
    rest = [f"... and {len(lines) - _LINES} more lines"] if len(lines) > _LINES else []
    return "\n".join([*(line[:_LINE] for line in lines[:_LINES]), *rest])


def _state(look: Look) -> str:
    assert look.card is not None
    kept = {"order": look.order.to_dict(), "card": look.card.id, "digests": sorted(look.digests)}
    return json.dumps(kept)


def _is_yes(answer: types.ElicitResult) -> bool:
    return answer.action == "accept" and (answer.content or {}).get(FIELD) is True


def _item(item: dict[str, Any]) -> Iterator[str]:
    title = ": ".join(part for part in (item["path"], item["summary"]) if part)
    yield ""
    yield safe_text(f"{title} ({item['tool']})")
    for hunk in item["hunks"]:
        yield f"@ {safe_text(hunk['where'])}"
        yield from (f"- {line}" for line in _lines(hunk["before"]))
        yield from (f"+ {line}" for line in _lines(hunk["after"]))
    yield from (f"! {safe_text(warning)}" for warning in item["warnings"])


def _lines(text: str) -> list[str]:
    return safe_text(text, lines=True).splitlines()
