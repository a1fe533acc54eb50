"""Results as JSON Lines: one object a document, values typed as the schema has them."""

from __future__ import annotations

import json
from typing import Any

from copilot.jobs.job import Outcome, Source
from copilot.jobs.rows.cells import plain
from copilot.jobs.rows.records import Record
from copilot.jobs.rows.writing import Writer


class JsonWriter(Writer):
    """Each line: document, key, status, values (all of them), text, confidence, flags, citations, error."""

    def _open(self) -> None:
        self._stream = self.output.file(self.path).open("x", encoding="utf-8", newline="\n")

    def _write(self, source: Source, outcome: Outcome, made: Record) -> None:
        line: dict[str, Any] = {
            "document": made.document,
            "key": source.key,
            "given": source.values,
            "status": made.status,
            "values": outcome.values,
            "text": outcome.text,
            "confidence": made.confidence,
            "flags": made.flags,
            "citations": [each.model_dump() for each in outcome.citations],
            "error": outcome.error,
        }
        kept = {name: value for name, value in line.items() if value or name in ("document", "status", "values")}
        self._stream.write(json.dumps(plain(kept), ensure_ascii=False, separators=(",", ":")) + "\n")

    def _finish(self, good: bool) -> None:
        if hasattr(self, "_stream"):
            self._stream.close()
