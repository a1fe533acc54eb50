"""`everpilot -p`: one question, one answer, an exit code that a script can use."""

from __future__ import annotations

import argparse
import json
import os
import select
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.agent.events import ApprovalEvent, Event, Final, Switched, ToolEvent
from copilot.cli import DONE, FAILED, NEEDS_APPROVAL, NO_MODEL
from copilot.errors import ThreadError
from copilot.hosts import render

#: Error codes that mean: no model could do it.
_NO_MODEL = frozenset({"no_model", "model", "too_long", "needs_model", "asked"})
_FIRST_BYTE = 1.0  # seconds to wait for something piped in before it is taken for nothing


def once(parsed: argparse.Namespace) -> int:
    """Answer `parsed.prompt` and return the exit code."""
    copilot = open_copilot(parsed)
    thread = chosen_thread(copilot, parsed)
    return show(
        copilot.stream(_prompt(parsed.prompt), thread=thread, files=parsed.files), copilot, parsed.output_format
    )


def open_copilot(parsed: argparse.Namespace) -> Copilot:
    """Return the assistant over `--dir` and the folders of the named files; says what was ignored in the settings."""
    folder = Path(parsed.dir or ".")
    named = [Path(f).expanduser() for f in getattr(parsed, "files", [])]
    parsed.files = [str(f if f.is_absolute() or not f.exists() else f.resolve()) for f in named]
    outside = [f.resolve().parent for f in named if f.is_file()]
    mode = "yes" if getattr(parsed, "yes", False) else "dry-run" if getattr(parsed, "dry_run", False) else "ask"
    root = folder.expanduser().resolve()
    more = [p for p in dict.fromkeys(outside) if not p.is_relative_to(root)]
    copilot = Copilot(str(folder), folders=more, model=getattr(parsed, "model", None), mode=mode)
    from copilot.models.setup import notes

    for note in [*copilot.settings.notes, *notes(os.environ)]:
        print(f"everpilot: {note}", file=sys.stderr)
    return copilot


def chosen_thread(copilot: Copilot, parsed: argparse.Namespace) -> str | None:
    """Return the thread that -c or -r names, or None for a new one; raises ThreadError when there is none."""
    if parsed.resume:
        return copilot.threads.find(parsed.resume).id
    if not parsed.continue_:
        return None
    recent = copilot.threads.recent(copilot.folder, 1)
    if not recent:
        raise ThreadError(f"There is no thread in {copilot.folder} to continue.", hint="Start one without -c.")
    return recent[0].id


def show(events: Iterator[Event], copilot: Copilot, output: str) -> int:
    """Show the events of a turn in the wanted form and return the exit code."""
    final: Final | None = None
    for event in events:
        if output == "stream-json":
            print(json.dumps(event.to_dict(), ensure_ascii=False), flush=True)
        elif output == "text":
            _narrate(event)
        if isinstance(event, Final):
            final = event
    if final is None:
        print("everpilot: the turn ended without an answer.", file=sys.stderr)
        return FAILED
    if output == "json":
        print(json.dumps({k: v for k, v in final.to_dict().items() if k != "type"}, ensure_ascii=False, indent=2))
    elif output == "text":
        _print_final(final)
    return exit_code(final)


def exit_code(final: Final) -> int:
    """Return the documented exit code of a turn."""
    if final.approvals:
        return NEEDS_APPROVAL
    if final.error:
        return NO_MODEL if final.error["code"] in _NO_MODEL else FAILED
    return DONE


def _narrate(event: Event) -> None:
    """Say on stderr what happens while the answer is made."""
    if isinstance(event, Switched):
        print(f"everpilot: {event.reason}, continued on {event.target}", file=sys.stderr)
    elif isinstance(event, ToolEvent) and event.status == "progress" and sys.stderr.isatty():
        print(f"everpilot: {event.text}", file=sys.stderr)
    elif isinstance(event, ApprovalEvent) and sys.stderr.isatty():
        print("everpilot: this needs your approval", file=sys.stderr)


def _print_final(final: Final) -> None:
    from rich.markdown import Markdown

    out = render.console()
    if final.text:
        text = render.safe_markdown(final.text)
        out.print(Markdown(text) if out.is_terminal else text, markup=False)
    shown = final.approvals or []
    if final.changes and not shown:
        out.print(render.changes(final.changes))
    for card in shown:
        out.print(render.card(card))
        print(f"\nNothing was written. To do it:       everpilot approve {final.thread}")
        print(f"To leave it:                         everpilot approve {final.thread} --reject")
        print("To approve such changes beforehand:  the same command with --yes (make chat: YES=1)")
    if final.error:
        print(f"everpilot: {final.error['message']}", file=sys.stderr)


def _prompt(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    piped = _piped()
    return f"{given}\n\nText that was piped in:\n\n{piped}" if piped.strip() else given


def _piped() -> str:
    """Return what is piped in; an inherited stdin on which nothing comes is no input."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISREG(mode):
        return sys.stdin.read()
    if stat.S_ISFIFO(mode) and select.select([sys.stdin], [], [], _FIRST_BYTE)[0]:
        return sys.stdin.read()
    return ""


def as_json(value: Any) -> None:
    """Print JSON for a script."""
    print(json.dumps(value, ensure_ascii=False, indent=2))
