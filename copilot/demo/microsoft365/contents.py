"""The words in a file, for search; kept by the hash of the content."""

from __future__ import annotations

import io
import re
import zipfile

from copilot.demo.microsoft365.state import Resource, State

_TAGS = re.compile(r"<[^>]+>")
_PARTS = re.compile(r"(?:word/document|xl/sharedStrings|xl/worksheets/sheet\d+|ppt/slides/slide\d+)\.xml\Z")
_TEXTS = ("text/", "application/json")
_MOST = 200_000
_known: dict[str, str] = {}


def words_of(state: State, item: Resource) -> str:
    """Return the words of a file, "" for a folder or what has none."""
    key = item.get("_blob")
    if not key:
        return ""
    if key not in _known:
        _known[key] = _read(state.blobs.get(key), item["file"]["mimeType"])
    return _known[key]


def _read(data: bytes, kind: str) -> str:
    if kind.startswith(_TEXTS):
        return data[:_MOST].decode("utf-8", "replace")
    if "openxmlformats" not in kind:
        return ""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            texts = [package.read(n).decode("utf-8", "replace") for n in package.namelist() if _PARTS.match(n)]
    except (zipfile.BadZipFile, OSError):
        return ""
    return re.sub(r"\s+", " ", _TAGS.sub(" ", " ".join(texts)))[:_MOST]
