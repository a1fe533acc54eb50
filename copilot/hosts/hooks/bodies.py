"""What a request asks for: values, names of documents, and documents that it brings."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import PurePosixPath
from typing import Any

from starlette.requests import Request

from copilot.documents.kinds import promised_kind
from copilot.hosts.hooks.problems import Refused
from copilot.sections.jobs import HookSettings

_VALUES = 200  # in one request
_FILES = 1_000
_DEEP = 20
_NAME = re.compile(r"[^\W\d][\w .\-]{0,99}")
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]|[^\x00-\uffff]|[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]')


@dataclass(slots=True)
class Asked:
    """What a request asks for. `files` are names of documents, `brought` the content of others by their names."""

    values: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    brought: dict[str, bytes] = field(default_factory=dict)


async def body_of(request: Request, most: int) -> bytes:
    """Return the body, as it came. Raises Refused (413) for more than so many bytes, before all of it is read."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise _too_large(most)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
    return b"".join(parts)


def _too_large(most: int) -> Refused:
    return Refused(413, f"The request is larger than {most / 1e6:.3g} MB.")


def read(kind: str, body: bytes, hook: HookSettings) -> Asked:
    """Return what a body of a media type asks for. Raises Refused: 400, 415, 422."""
    media = kind.partition(";")[0].strip().lower()
    if media == "application/json" or (media.startswith("application/") and media.endswith("+json")):
        asked = _of_json(body)
    elif media == "multipart/form-data":
        asked = _of_parts(kind, body)
    else:
        raise Refused(415, "The request has to be application/json or multipart/form-data.")
    if asked.files and not hook.names:
        raise Refused(422, "This webhook takes no names of documents (names = true lets it).")
    if asked.brought and not hook.uploads:
        raise Refused(422, "This webhook takes no documents (uploads = FOLDER lets it).")
    return asked


def _of_json(body: bytes) -> Asked:
    try:
        said = json.loads(body.decode("utf-8")) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The body is no JSON: {type(error).__name__}.") from None
    if not isinstance(said, dict):
        raise Refused(422, "The body has to be a JSON object.")
    files = said.pop("files", [])
    if not isinstance(files, list) or not all(isinstance(each, str) for each in files) or len(files) > _FILES:
        raise Refused(422, f'"files" has to be a list of at most {_FILES:,} names.')
    return Asked(_values(said), files)


def _values(said: dict[str, Any]) -> dict[str, Any]:
    if len(said) > _VALUES:
        raise Refused(422, f"There are more than {_VALUES} values.")
    for name, value in said.items():
        if not _NAME.fullmatch(name):
            raise Refused(422, f"{name[:40]!r} can't be the name of a value.")
        if _depth(value) > _DEEP:
            raise Refused(422, f"{name!r} is nested more than {_DEEP} deep.")
    return said


def _depth(value: Any) -> int:
    """Return how deep a value is nested, as far as it matters."""
    level, depth = [value], 0
    while level and depth <= _DEEP:
        depth += 1
        level = [
            below
            for each in level
            for below in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
        ]
    return depth


def _of_parts(kind: str, body: bytes) -> Asked:
    """Return the parts of a form: RFC 7578. Those with a file name are documents, the others values."""
    if "\r" in kind or "\n" in kind:
        raise Refused(400, "The media type is broken.")
    head = f"Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n".encode("latin-1", "replace")
    made = BytesParser(policy=HTTP).parsebytes(head + body)
    if not made.is_multipart():
        raise Refused(400, "The body is no form: its boundary is not there.")
    asked = Asked()
    values: dict[str, Any] = {}
    for part in list(made.iter_parts())[: _VALUES + _FILES]:
        name, file = _said(part)
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        if file:
            asked.brought[_free(fitting(file), asked.brought)] = data
        elif name:
            values[name] = data.decode("utf-8", "replace")
    asked.values = _values(values)
    if len(asked.brought) > _FILES:
        raise Refused(422, f"There are more than {_FILES:,} documents.")
    return asked


def _said(part: Any) -> tuple[str, str]:
    try:
        return str(part.get_param("name", "", "content-disposition") or ""), str(part.get_filename() or "")
    except (ValueError, TypeError, LookupError, AttributeError):  # a header that is none
        return "", ""


def fitting(name: str) -> str:
    """Return a name that a file can have in a folder, whatever was given. Raises Refused (415) for no document."""
    plain = _UNFIT.sub("_", PurePosixPath(name.replace("\\", "/")).name).strip(" .").removeprefix("~$")
    stem, dot, suffix = plain.rpartition(".")
    short = f"{stem.strip(' .')[:80]}{dot}{suffix[:12]}"
    if not stem.strip(" .") or promised_kind(short) is None:
        raise Refused(415, f"{short[:60]!r} is no document that can be read.")
    return short


def _free(name: str, taken: dict[str, bytes]) -> str:
    folded = {each.casefold() for each in taken}
    stem, dot, suffix = name.rpartition(".")
    tried, number = name, 2
    while tried.casefold() in folded:
        tried, number = f"{stem} ({number}){dot}{suffix}", number + 1
    return tried
