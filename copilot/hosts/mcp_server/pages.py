"""Long lists, page by page ("Pagination")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import mcp_types as types
from mcp.shared.exceptions import MCPError

T = TypeVar("T")
SIZE = 200


def page(
    items: Sequence[T], params: types.PaginatedRequestParams | None, size: int = SIZE
) -> tuple[list[T], str | None]:
    """Return the page that the cursor names, and the cursor of the next one, None after the last.

    Raises MCPError (invalid params) for a cursor that is none of ours.
    """
    cursor = params.cursor if params else None
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise MCPError(code=types.INVALID_PARAMS, message="This cursor is none that this server gave.")
    start = int(cursor or 0)
    end = start + size
    return list(items[start:end]), str(end) if end < len(items) else None
