"""`everpilot audit`: the log of what was decided and done; whether it is whole; a copy for others."""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from copilot import settings
from copilot._redaction import redacted_json
from copilot.cli import DONE, FAILED
from copilot.errors import EverpilotError
from copilot.hosts import render
from copilot.hosts.output import as_json, say
from copilot.trust.audit_check import records, verify
from copilot.trust.sanitise import safe_text

#: The columns of an export as CSV; what else a record holds stands in the last one, as JSON.
COLUMNS = (
    *("seq", "time", "event", "actor", "thread", "call", "tool", "effect", "args_sha256", "verdict", "rule"),
    *("approval", "status", "model", "provider", "vendor_model", "region", "outcome", "path", "before", "after"),
    *("prev", "key", "mac"),
)
_AGO = re.compile(r"(\d{1,5})([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def audit(parsed: argparse.Namespace) -> int:
    """Show, verify or export the audit log."""
    return {"show": _show, "verify": _verify, "export": _export}[parsed.action](parsed)


def _show(parsed: argparse.Namespace) -> int:
    found = list(_chosen(parsed))
    if parsed.json:
        as_json(found)
        return DONE
    heads = ("N", "When (UTC)", "Who", "What", "Decided", "Became", "Model", "File")
    render.console().print(render.table(heads, [_row(r) for r in found]) if found else "No records yet.")
    return DONE


def _row(record: dict[str, Any]) -> tuple[Any, ...]:
    what = " ".join(str(record[n]) for n in ("event", "action", "tool") if record.get(n))
    decided = f"{record.get('verdict', '')} {record.get('rule', '')}".strip()
    became = record.get("status") or record.get("outcome") or record.get("reason") or ""
    when = str(record.get("time", ""))[:19].replace("T", " ")
    files = record.get("path") or record.get("folder") or ""
    model = record.get("model") or record.get("served_by") or ""
    return (record.get("seq"), when, record.get("actor", ""), what, decided, became, model, files)


def _chosen(parsed: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the records that the arguments choose, read again for secrets: a key may have become known since."""
    since = _since(parsed.since) if parsed.since else ""
    for record in records(settings.home()):
        fits = not parsed.thread or str(record.get("thread", "")).startswith(parsed.thread)
        if fits and str(record.get("time", "")) >= since:
            yield redacted_json(record)


def _since(given: str) -> str:
    """Return a time as the records have it; raises EverpilotError for what is none."""
    if ago := _AGO.match(given):
        return (datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise EverpilotError(
            f"--since {given} is no time.", hint="Write 2026-05-31, 2026-05-31T12:00, or 7d, 24h.", code="usage"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _verify(parsed: argparse.Namespace) -> int:
    report = verify(settings.home())
    if parsed.json:
        as_json(report.to_dict())
        return DONE if report.whole else FAILED
    for note in report.notes:
        print(safe_text(note))
    for fault in report.faults[:100]:
        say(safe_text(f"record {fault.record} {fault.what}"))
    if report.whole:
        print(f"The log is whole: {report.records} records. The last is {report.last}, {report.last_hash}.")
        return DONE
    say(f"the log was tampered with or damaged: {len(report.faults)} faults in {report.records} records")
    return FAILED


def _export(parsed: argparse.Namespace) -> int:
    if not parsed.file:
        raise EverpilotError(
            "There is no file to export to.", hint="Run: everpilot audit export FILE.csv", code="usage"
        )
    path = Path(parsed.file).expanduser()
    write = _as_csv if path.suffix.lower() == ".csv" else _as_lines
    if str(path) == "-":
        count = write(sys.stdout, _chosen(parsed))
    else:
        with open(path, "w", encoding="utf-8", newline="", opener=_private) as file:
            count = write(file, _chosen(parsed))
        print(f"{count} records are in {safe_text(str(path))}.")
    return DONE


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _as_lines(file: TextIO, found: Iterable[dict[str, Any]]) -> int:
    count = 0
    for count, record in enumerate(found, 1):  # noqa: B007 - the last number is the count
        file.write(json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n")
    return count


def _as_csv(file: TextIO, found: Iterable[dict[str, Any]]) -> int:
    rows = csv.writer(file)
    rows.writerow((*COLUMNS, "more"))
    count = 0
    for count, record in enumerate(found, 1):  # noqa: B007 - as above
        more = {name: value for name, value in record.items() if name not in COLUMNS}
        rows.writerow([_cell(record.get(name)) for name in COLUMNS] + [json.dumps(more, sort_keys=True)])
    return count


def _cell(value: Any) -> str:
    """Return a value as a spreadsheet takes it for text: a name may begin like a formula."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
