"""Writes what was approved of a document to its place, once, however often it is asked to."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from copilot.agent.copilot import Copilot
from copilot.documents.hunks import Hunk
from copilot.errors import ConflictError
from copilot.jobs.job import Edit
from copilot.jobs.store import Run
from copilot.trust.labels import UNKNOWN, Label
from copilot.workspace.change import Change


def save(base: Copilot, run: Run, number: int, edit: Edit, content: bytes | None) -> Edit:
    """Return the edit with the number that undoes it, after it is written over the file it was made from.

    With `to` in the job it is written there instead, under its own name. A file that holds the new bytes already was
    written before: by this process, or by another machine. Raises ConflictError when the file is neither, and what
    Workspace.commit raises.
    """
    workspace = base.workspace
    path = workspace.target(_place(base, run, edit))
    key = f"{run.id}:{number}:{edit.path}:{edit.after}"
    entry = workspace.committed(key)
    if entry is None:
        now = workspace.hash(path)
        if now == edit.after and now is not None:
            return edit
        if run.job.to and now is not None:
            hint = "Name another folder with --to, or move the file away and try again: everpilot batch retry."
            raise ConflictError(f"{workspace.show(path)} is there already, and is not from this run.", hint=hint)
        before = None if run.job.to else edit.before or None
        hunks = tuple(Hunk(**hunk) for hunk in edit.hunks)
        label = Label.from_dict(edit.label) if edit.label else UNKNOWN
        change = Change(path, before, content, hunks, edit.summary, tuple(edit.warnings), label=label)
        entry = workspace.commit(change, key=key, thread=run.id, turn=str(number))
        told = {"thread": run.id, "tool": "batch", "path": str(path), "entry": entry.number}
        base.audit.record({"event": "commit", **told, "status": "done", "before": entry.before, "after": entry.after})
    return edit.model_copy(update={"entry": entry.number})


def _place(base: Copilot, run: Run, edit: Edit) -> Path | str:
    if not run.job.to:
        return edit.path
    inside = PurePosixPath(edit.path)
    if inside.is_absolute():  # of another opened folder
        roots = [root for root in base.roots if Path(edit.path).is_relative_to(root)]
        inside = (
            PurePosixPath(Path(edit.path).relative_to(roots[0]).as_posix()) if roots else PurePosixPath(inside.name)
        )
    if ".." in inside.parts:
        raise ConflictError(f"{edit.path} leads out of the folder that the results go to.")
    return f"{run.job.to.rstrip('/')}/{inside}"
