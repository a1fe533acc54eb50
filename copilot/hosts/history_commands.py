"""The commands that look back: `history`, `restore`, `undo`, `redo`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from copilot.cli import DONE
from copilot.hosts import render
from copilot.hosts.once import open_copilot, reaching
from copilot.hosts.output import as_json, say
from copilot.trust.sanitise import safe_text
from copilot.workspace.workspace import Entry, Version, Workspace


def undo(parsed: argparse.Namespace) -> int:
    """Take back a change, a turn or a thread; or list the changes."""
    workspace = _workspace(parsed)
    if parsed.list:
        return _list_changes(workspace, parsed.json)
    if parsed.thread is not None:
        done = workspace.undo_turn(thread=parsed.thread) if parsed.turn else workspace.undo_thread(parsed.thread)
    else:
        done = workspace.undo_turn() if parsed.turn else [workspace.undo(parsed.number)]
    whole = parsed.turn or parsed.thread is not None
    return _show(workspace, done, "Undone: {} is as it was before change {}.", parsed.json, whole=whole)


def redo(parsed: argparse.Namespace) -> int:
    """Do again what was undone."""
    workspace = _workspace(parsed)
    return _show(workspace, [workspace.redo(parsed.number)], "Done again: {}; that takes back undo {}.", parsed.json)


def history(parsed: argparse.Namespace) -> int:
    """List the versions of a file."""
    workspace = _workspace(parsed)
    found = workspace.versions(parsed.file)
    _tell_notes(workspace)
    if parsed.json:
        as_json([version.to_dict() for version in found])
        return DONE
    rows = [_row(version) for version in found]
    heads = ("N", "When (UTC)", "Bytes", "Thread", "What", "State")
    render.console().print(render.table(heads, rows) if rows else "Nothing was written to it from here.")
    return DONE


def restore(parsed: argparse.Namespace) -> int:
    """Bring back a version of a file."""
    workspace = _workspace(parsed)
    entry = workspace.restore(parsed.file, parsed.number, to=parsed.to)
    _tell_notes(workspace)
    if parsed.json:
        as_json(entry.to_dict())
    else:
        shown = safe_text(workspace.show(entry.path))
        print(f"Restored: {shown} is version {parsed.number}. To take it back: undo {entry.number}.")
    return DONE


def _workspace(parsed: argparse.Namespace) -> Workspace:
    """Return the folder's workspace, and what the last thread reached: the last change may lie outside."""
    copilot = open_copilot(parsed)
    recent = copilot.threads.recent(copilot.folder, 1)
    return reaching(copilot, recent[0].id if recent else None).workspace


def _show(workspace: Workspace, done: Sequence[Entry], words: str, json: bool, *, whole: bool = False) -> int:
    _tell_notes(workspace)
    if json:
        as_json([entry.to_dict() for entry in done] if whole else done[0].to_dict())
        return DONE
    for entry in done:
        print(words.format(safe_text(workspace.show(entry.path)), entry.undoes))
    return DONE


def _tell_notes(workspace: Workspace) -> None:
    for note in workspace.notes:
        say(note)


def _list_changes(workspace: Workspace, json: bool) -> int:
    entries = workspace.history()
    if json:
        as_json([entry.to_dict() for entry in entries])
        return DONE
    rows = [(e.number, _when(e.time), workspace.show(e.path), e.summary, _undone(e)) for e in entries]
    heads = ("N", "When (UTC)", "File", "Change", "State")
    render.console().print(render.table(heads, rows) if rows else "No changes yet.")
    return DONE


def _row(version: Version) -> tuple[Any, ...]:
    size = "" if version.size is None else f"{version.size:,}"
    return version.number, _when(version.time), size, version.thread, version.summary, _state(version)


def _state(version: Version) -> str:
    if version.present:
        return "now"
    if version.sha256 is None:
        return "no file"
    return "" if version.restorable else "not kept"


def _when(time: str) -> str:
    return time[:16].replace("T", " ")


def _undone(entry: Entry) -> str:
    return f"undoes {entry.undoes}" if entry.undoes else f"undone by {entry.undone_by}" if entry.undone_by else ""
