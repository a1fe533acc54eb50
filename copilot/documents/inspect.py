"""What a model would be given of a file: every piece with its place, what is hidden, and what is left out."""

from __future__ import annotations

from typing import Any

from copilot.documents.reading import read
from copilot.documents.segments import Segment
from copilot.errors import DocumentError

#: What the flags of a reading mean, for a person.
FLAGS = {
    "macros": "contains macros, which are never run",
    "external-links": "refers to places outside the file, which are never fetched",
    "hidden-text": "contains text that a person would not see",
    "tracked-changes": "contains tracked changes",
    "comments": "contains comments",
    "signed": "is digitally signed; an edit would break the signature",
    "javascript": "contains scripts, which are never run",
    "embedded-files": "carries other files inside",
    "wrong-suffix": "is of another kind than its name says",
    "bidi-controls": "contains characters that reverse the order of text on screen",
    "fields": "contains fields, whose text may be out of date",
    "form": "contains a form",
    "encrypted": "is encrypted with an empty password",
}


def inspect(content: bytes, name: str, *, confidentiality: str = "default") -> dict[str, Any]:
    """Return what a model would be given of the file, as JSON types; never raises for a file that can't be read.

    Opened: `{"status": "opened", "kind", "title", "segments": [{"text", "where", "kind", "address", "level",
    "integrity", "hidden", "hidden_reason"}], "flags", "confidentiality", "omitted", "properties"}`.
    Refused: `{"status": "refused", "code", "message", "hint", "flags"}` with a code of DOCUMENT_CODES.
    `confidentiality` is what the policy made of the file's label: "default" where there is none.
    """
    try:
        reading = read(content, name)
    except DocumentError as error:
        return {"status": "refused", "code": error.code, "message": error.message, "hint": error.hint, "flags": []}
    return {
        "status": "opened",
        "kind": reading.kind,
        "title": reading.title,
        "segments": [_segment(s) for s in reading.segments],
        "flags": list(reading.flags),
        "confidentiality": confidentiality,
        "omitted": list(reading.omitted),
        "properties": dict(reading.properties),
    }


def _segment(segment: Segment) -> dict[str, Any]:
    return {**segment.to_dict(), "hidden": bool(segment.hidden), "hidden_reason": segment.hidden}


def render(inspected: dict[str, Any], name: str = "") -> str:
    """Return what `inspect` found as Markdown for a person. Document text is quoted line by line."""
    if inspected["status"] == "refused":
        refusal = f"{inspected['message']} {inspected.get('hint', '')}".strip()
        return f"**Refused** ({inspected['code']}): {refusal}"
    segments = inspected["segments"]
    hidden = [s for s in segments if s["hidden"]]
    title = f" “{_line(inspected['title'])}”" if inspected.get("title") else ""
    lines = [
        f"**{name or 'The file'}**{title}: {inspected['kind']}, {_count(len(segments), 'segment')}, "
        f"{len(hidden)} hidden. "
        f"Confidentiality: {inspected['confidentiality']}. Everything below is untrusted content.",
        "",
    ]
    lines += [f"- Flag **{flag}**: {FLAGS.get(flag, flag.replace('-', ' '))}." for flag in inspected["flags"]]
    lines += [f"- Not shown: {_line(text)}" for text in inspected["omitted"]]
    for segment in segments:
        mark = f" (hidden: {segment['hidden_reason']})" if segment["hidden"] else ""
        address = f" `{segment['address']}`" if segment["address"] else ""
        lines += ["", f"{segment['kind']}, {_line(segment['where'])}{address}{mark}", *_quoted(segment["text"])]
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in text.splitlines()]
