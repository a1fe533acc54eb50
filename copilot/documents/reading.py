"""Any document as a `Reading` or an `Outline`: finds out what it is and asks the reader of that kind."""

from __future__ import annotations

import hashlib
import importlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Generic, Protocol, TypeVar, cast

from copilot.documents.invisible import invisible
from copilot.documents.kinds import kind_of, noun, promised_kind
from copilot.documents.refusals import named
from copilot.documents.segments import DocumentKind, Outline, Reading
from copilot.errors import DocumentError, EverpilotError

__all__ = ["kind_of", "outline", "read"]

T = TypeVar("T")

_MODULES = {"mail": "eml"}  # the readers that are not named like their kind
_CACHED_READINGS = 16
_CACHED_OUTLINES = 128
_CACHED_BYTES = 8 << 20  # Markdown of one reading: larger ones are not kept


class _Cache(Generic[T]):
    """The values used last, by key; safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> T | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: str, value: T) -> None:
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)


_readings: _Cache[Reading] = _Cache(_CACHED_READINGS)
_outlines: _Cache[Outline] = _Cache(_CACHED_OUTLINES)


def read(content: bytes, name: str) -> Reading:
    """Return the document as a model would be given it.

    `name` decides between kinds of text and stands in messages. A file whose suffix belies its content is read
    by its content and flagged "wrong-suffix". Raises DocumentError with one of DOCUMENT_CODES.
    """
    key = _key(content, name)
    found = _readings.get(key)
    if found is None:
        kind = kind_of(content, name)
        found = _named(_guarded(_reader(kind, name).read, content, name), kind, name)
        if len(found.markdown) <= _CACHED_BYTES:
            _readings.put(key, found)
    return found


def outline(content: bytes, name: str) -> Outline:
    """Return the names in the document that a request can refer to. Raises DocumentError like `read`."""
    key = _key(content, name)
    found = _outlines.get(key)
    if found is None:
        found = _guarded(_reader(kind_of(content, name), name).outline, content, name)
        _outlines.put(key, found)
    return found


def _key(content: bytes, name: str) -> str:
    return hashlib.sha256(content).hexdigest() + PurePath(name).suffix.lower() + "/" + PurePath(name).stem


def _named(reading: Reading, kind: DocumentKind, name: str) -> Reading:
    promised = promised_kind(name)
    if unseen := invisible(reading.markdown):
        reading = replace(reading, flags=tuple(dict.fromkeys((*reading.flags, *unseen))))
    if promised is None or promised == kind:
        return reading
    found = f"{noun(kind)}, although the name promises a {noun(promised)}"
    return replace(reading, flags=(*reading.flags, "wrong-suffix"), properties={**reading.properties, "format": found})


def _guarded(reader: Callable[[bytes], T], content: bytes, name: str) -> T:
    """Run a reader; whatever it did not foresee in a stranger's file becomes a DocumentError that names the file."""
    try:
        return reader(content)
    except DocumentError as error:
        raise named(error, name) from error
    except EverpilotError:
        raise
    except MemoryError as error:
        raise DocumentError(f"{name} needs more memory than there is.", code="too_large") from error
    except Exception as error:  # broad: a malformed file can fail in any line of five parsers; the cause is kept
        raise DocumentError(
            f"{name} is damaged or of a form that no reader foresaw ({type(error).__name__}).",
            hint="Open it in Office and save it again.",
            code="broken",
        ) from error


class _Reader(Protocol):
    """What the module of one kind offers."""

    def read(self, content: bytes) -> Reading: ...

    def outline(self, content: bytes) -> Outline: ...


def _reader(kind: DocumentKind, name: str) -> _Reader:
    """Return the reader of a kind, imported when a file of it comes: the libraries behind it cost 100 ms and more."""
    if kind == "text":
        return _TextReader(name)
    return cast(_Reader, importlib.import_module(f"copilot.documents.{_MODULES.get(kind, kind)}"))


class _TextReader:
    """The reader of text, which needs the name to tell Markdown and CSV from plain text."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, content: bytes) -> Reading:
        from copilot.documents import text

        return text.read(content, self._name)

    def outline(self, content: bytes) -> Outline:
        from copilot.documents import text

        return text.outline(content, self._name)
