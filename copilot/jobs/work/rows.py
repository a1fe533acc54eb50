"""What is read for an extraction: the document as it stands in its scratch, or the row where there is no document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from copilot.documents.segments import Reading, Segment
from copilot.jobs.job import Source

if TYPE_CHECKING:
    from copilot.jobs.work.desk import Desk
    from copilot.jobs.work.scratch import Scratch


async def reading_of(desk: Desk, scratch: Scratch, source: Source) -> Reading:
    """Return what stands in a scratch now. Raises DocumentError for a document that can't be read."""
    if scratch.document is None:
        return row_reading(source.values)
    file = await asyncio.to_thread(scratch.workspace.read, scratch.document)
    return await desk.readers.read(file.content, file.name)


def row_reading(values: Mapping[str, Any]) -> Reading:
    """Return a row of a table as a document of its columns."""
    segments = tuple(Segment(_text(value), f"column {name}", "cell") for name, value in values.items())
    return Reading("text", segments, "\n".join(segment.text for segment in segments))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
