"""Logs as lines of JSON: what happened, and the ids of what it happened to; no text of messages, and no tokens."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO

from copilot._redaction import guard_logs, redacted, redacted_json

_LONGEST = 300


def told(**fields: Any) -> dict[str, Any]:
    """Return what `extra` of a record is for these fields.

    They are redacted when the line is made, all at once: each by itself, as the filter of our loggers would have it,
    costs more than all the rest of an activity. So they come in a form that it leaves alone.
    """
    return {"fields": MappingProxyType(fields)}


class Lines(logging.Formatter):
    """One JSON object for each record: time, level, logger, event, and the record's `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Text that others wrote can't break out of it: JSON escapes it, in ASCII."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": when, "level": record.levelname.lower(), "logger": record.name}
        line["event"] = record.getMessage()[:_LONGEST]
        fields = getattr(record, "fields", None) or {}
        line |= {name: _cut(value) for name, value in fields.items() if name not in line}
        if record.exc_info:
            line["trace"] = record.exc_text or self.formatException(record.exc_info)
        made = json.dumps(line, default=str)
        if redacted(made) == made:
            return made
        return json.dumps(redacted_json(json.loads(made)))  # field by field, so that it stays JSON


def to(stream: TextIO | None = None) -> logging.Handler:
    """Write what `copilot` logs at INFO and above to the stream (standard error), redacted. Returns the handler."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines())
    logger = logging.getLogger("copilot")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    guard_logs("copilot")
    return handler


def _cut(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value
