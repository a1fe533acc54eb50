"""What a model would be given of a file: every piece with its place, what is hidden, and what is left out."""

from __future__ import annotations

from typing import Any

from copilot.documents.reading import read
from copilot.documents.refusals import named
from copilot.documents.segments import DocumentKind, Reading, Segment
from copilot.documents.survey import survey
from copilot.errors import DocumentError

#: What the flags of a reading mean, for a person.
FLAGS = {
    "macros": "contains macros, which are never run",
    "external-relationships": "refers to places outside the file, which are never fetched",
    "external-content": "has fields that load content from outside, which are never followed",
    "remote-template": "loads its template from outside, which is never fetched",
    "remote-images": "shows pictures from outside, which are never fetched",
    "external-workbooks": "refers to other workbooks, which are never opened",
    "connections": "is connected to data outside, which is never asked for",
    "web-queries": "asks web pages for data, which never happens here",
    "dde": "has DDE fields, which start programs and are never run",
    "formula-injection": "has formulas or texts that run programs or send data when a spreadsheet opens them",
    "ole-objects": "carries embedded objects, which are never opened",
    "activex": "carries ActiveX controls, which are never run",
    "hidden-text": "contains text that a person would not see",
    "hidden-sheets": "has hidden sheets",
    "hidden-slides": "has hidden slides",
    "signed": "is digitally signed; an edit would break the signature",
    "javascript": "contains scripts, which are never run",
    "launch-actions": "would start programs, which never happens here",
    "external-actions": "would send a form or open other files, which never happens here",
    "embedded-files": "carries other files inside",
    "program-attachments": "has programs attached, which are never run",
    "wrong-suffix": "is of another kind than its name says",
    "bidi-controls": "contains characters that reverse the order of text on screen",
    "zero-width": "contains characters of no width, which hide what it says",
    "encrypted": "is encrypted with an empty password",
}

#: What is ordinary in a document: told, but no reason for a warning.
ORDINARY = {
    "tracked-changes": "contains tracked changes",
    "comments": "contains comments",
    "notes": "contains speaker notes",
    "fields": "contains fields, whose text may be out of date",
    "form": "contains a form",
    "external-links": "links to places outside the file",
}

#: Why a segment of these kinds is not read as part of the page, although a person can find it.
BESIDE = {
    "header": "page header",
    "footer": "page footer",
    "comment": "comment",
    "alt-text": "alternative text",
    "picture": "alternative text",
    "property": "document property",
}


def inspect(content: bytes, name: str, *, confidentiality: str = "default") -> dict[str, Any]:
    """Return what a model would be given of the file, as JSON types; never raises for a file that can't be read.

    Opened: `{"status": "opened", "kind", "title", "segments": [{"text", "where", "kind", "address", "level",
    "integrity", "hidden", "hidden_reason"}], "flags", "contains", "confidentiality", "omitted", "properties"}`;
    `contains` lists what is ordinary (comments, tracked changes, fields), `flags` what deserves attention.
    Refused: `{"status": "refused", "code", "message", "hint", "flags"}` with a code of DOCUMENT_CODES.
    `confidentiality` is what the policy made of the file's label: "default" where there is none.
    """
    try:
        return described(survey(content, read(content, name)), confidentiality=confidentiality)
    except DocumentError as error:
        return refused(named(error, name))
    except MemoryError:
        return refused(DocumentError(f"{name} needs more memory than there is.", code="too_large"))
    except Exception as error:  # noqa: BLE001 - broad: the second look meets what a stranger wrote, like the readers do
        return refused(DocumentError(f"{name} is damaged ({type(error).__name__}).", code="broken"))


def refused(error: DocumentError) -> dict[str, Any]:
    """Return what is said of a file that is not opened; the message is one sentence."""
    message = error.message.rstrip()
    return {"status": "refused", "code": error.code, "message": message, "hint": error.hint, "flags": []}


def described(reading: Reading, *, confidentiality: str = "default") -> dict[str, Any]:
    """Return a reading as JSON types, see `inspect`."""
    return {
        "status": "opened",
        "kind": reading.kind,
        "title": reading.title,
        "segments": [_segment(s, reading.kind) for s in reading.segments],
        "flags": [flag for flag in reading.flags if flag not in ORDINARY],
        "contains": [flag for flag in reading.flags if flag in ORDINARY],
        "confidentiality": confidentiality,
        "omitted": list(reading.omitted),
        "properties": dict(reading.properties),
    }


def _segment(segment: Segment, kind: DocumentKind) -> dict[str, Any]:
    why = segment.hidden or BESIDE.get(segment.kind, "")
    if kind == "powerpoint" and segment.kind == "note":
        why = why or "speaker notes"
    return {**segment.to_dict(), "hidden": bool(why), "hidden_reason": why}


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
    lines += [f"- It {ORDINARY[flag]}." for flag in inspected["contains"]]
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
