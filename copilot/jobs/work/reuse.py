"""Identical requests over identical content, answered once (`Job.reuse`)."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from copilot.jobs.job import Edit, Job, Outcome, Source, Status

#: Raised when what is kept would be made otherwise now.
_VERSION = 1
_OF_JOB = ("prompt", "recipe", "inputs", "fields", "model", "agent")
_USEFUL = frozenset({Status.DONE, Status.REVIEW})
_SPENT: dict[str, Any] = {"input_tokens": 0, "output_tokens": 0, "cost": None, "attempts": [], "seconds": 0.0}


def key_of(job: Job, source: Source, content: str, models: str) -> str:
    """Return the SHA-256 of all that an answer depends on: what is asked, of which models, over which bytes (`content`
    is their hash, "" for none), with which row. The name of the document has no part in it, only its ending."""
    asked = {name: getattr(job, name) for name in _OF_JOB}
    told = {
        **asked,
        "version": _VERSION,
        "writes": job.mode != "read-only",
        "values": source.values,
        "content": content,
        "ending": PurePosixPath(source.path).suffix.lower(),
        "models": models,
    }
    text = json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def kept(outcome: Outcome, source: Source) -> dict[str, Any] | None:
    """Return an outcome as it is kept for other documents, None for one that says nothing about them."""
    if outcome.status not in _USEFUL or outcome.cards:
        return None
    folder = PurePosixPath(source.path).parent
    edits = [edit.model_copy(update={"path": _below(edit.path, source.path, folder)}) for edit in outcome.edits]
    own = outcome.model_copy(update={"edits": edits, "thread": "", **_SPENT})
    return own.model_dump(mode="json")


def given(found: dict[str, Any], job: Job, source: Source) -> Outcome | None:
    """Return what was kept as the outcome of this document; None for what can't be read."""
    try:
        outcome = Outcome.model_validate(found)
    except ValidationError:
        return None
    folder = PurePosixPath(source.path).parent
    edits = [edit.model_copy(update={"path": _above(edit, source.path, folder)}) for edit in outcome.edits]
    review = bool(edits) and job.mode in ("ask", "dry-run")
    status = Status.REVIEW if review else Status.DONE
    return outcome.model_copy(update={"edits": edits, "status": status, "reused": True})


def _below(path: str, document: str, folder: PurePosixPath) -> str:
    """Return a path as seen from the document: "" is the document itself."""
    if path == document:
        return ""
    place = PurePosixPath(path)
    return str(place.relative_to(folder)) if place.is_relative_to(folder) else path


def _above(edit: Edit, document: str, folder: PurePosixPath) -> str:
    return str(folder / edit.path) if edit.path else document
