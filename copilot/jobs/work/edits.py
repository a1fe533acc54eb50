"""What was written into a scratch, as edits of the real places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from copilot.jobs.job import Edit
from copilot.jobs.work.keeping import Blobs
from copilot.jobs.work.scratch import Scratch, Written
from copilot.trust.labels import join

_SUMMARIES = 5  # that are told of one file


def edits_of(scratch: Scratch, blobs: Blobs) -> list[Edit]:
    """Return one edit for each file that is another than before, the document first; their bytes are in `blobs` then.

    Raises DocumentError when a file of the scratch can't be read.
    """
    by_path: dict[Path, list[Written]] = {}
    for each in scratch.workspace.written:
        by_path.setdefault(each.entry.path, []).append(each)
    paths = sorted(by_path, key=lambda path: (path != scratch.document, path))
    found = (_edit(scratch, path, by_path[path], blobs) for path in paths)
    return [edit for edit in found if edit is not None]


def _edit(scratch: Scratch, path: Path, written: Sequence[Written], blobs: Blobs) -> Edit | None:
    before, after = written[0].entry.before or "", written[-1].entry.after or ""
    if before == after:
        return None
    if after:
        content = scratch.workspace.read(path).content
        after = blobs.put(content)
    summaries = list(dict.fromkeys(each.entry.summary for each in written if each.entry.summary))
    more = len(summaries) - _SUMMARIES
    return Edit(
        path=scratch.shown(path),
        before=before,
        after=after,
        summary="; ".join(summaries[:_SUMMARIES]) + (f"; and {more} more" if more > 0 else ""),
        hunks=chained(hunk for each in written for hunk in each.entry.hunks),
        warnings=list(dict.fromkeys(warning for each in written for warning in each.warnings)),
        label=join([scratch.origin.label, *(each.label for each in written)]).to_dict(),
    )


def chained(hunks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the hunks of edits made one after the other, those of one place that follow each other as one; what came
    back to what it was is left out."""
    kept: list[dict[str, Any]] = []
    for hunk in hunks:
        last = next((h for h in reversed(kept) if _place(h) == _place(hunk)), None)
        if last is not None and last["after"] == hunk["before"] and last["after"]:
            last["after"] = hunk["after"]
        else:
            kept.append(dict(hunk))
    return [hunk for hunk in kept if hunk["before"] != hunk["after"] or hunk.get("kind") in ("format", "structure")]


def _place(hunk: dict[str, Any]) -> tuple[Any, Any]:
    return hunk["where"], hunk.get("kind")
