"""PDF files: their text page by page, with headings and paragraphs guessed, and what a person would not see marked."""

from __future__ import annotations

import io
import logging
import re
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pypdf
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, PyPdfError
from pypdf.generic import ArrayObject, ContentStream, DictionaryObject, NameObject

from copilot.documents import pdf_paint
from copilot.documents.pdf_lines import (
    Line,
    LineCollector,
    blocks,
    body_size,
    folded_titles,
    join,
    repeated_edges,
    wild,
)
from copilot.documents.segments import Heading, Outline, Reading, Segment
from copilot.errors import DocumentError

# pypdf says through logging what it mended; without a handler Python would print that on the user's terminal.
logging.getLogger("pypdf").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class PdfLimits:
    """How much of a PDF is read. Sizes in bytes, `seconds` for the whole file."""

    file: int = 512 << 20
    pages: int = 3000
    page_content: int = 16 << 20
    seconds: float = 30.0
    links: int = 100
    bookmarks: int = 5000


LIMITS = PdfLimits()
_FORMS = 50  # form XObjects of one page that are looked into
_ACTIONS = 20_000  # actions that are looked at: they may lead in circles
_TAIL = 4096  # bytes in which the end mark is looked for: mailers and scanners append some

_BULLETS = re.compile(r"\A[•●▪◦‣–·*\ue000-\uf8ff-]\s*")

#: What a malformed file makes pypdf raise, besides its own errors.
_FAULTS = (
    PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, AssertionError,
    NotImplementedError, ArithmeticError, OSError, zlib.error, struct.error,
)  # fmt: skip


def read(content: bytes, *, limits: PdfLimits = LIMITS, clock: Callable[[], float] = time.monotonic) -> Reading:
    """Return the text of a PDF. Each segment's `where` is "page N".

    Pages without text are named in `omitted`, as are pages that can't be read or exceed a limit. Text that is painted
    invisibly (render mode 3 without a picture, white on nothing, off the page, under 2 points) is marked as hidden.
    Raises DocumentError: encrypted, broken, too_large.
    """
    reader = _open(content, limits)
    bookmarks = list(_bookmarks(reader, limits))
    pages, omitted = _pages(reader, limits, clock)
    body = body_size(page.lines for page in pages)
    edges = repeated_edges([page.lines for page in pages])
    titles = folded_titles((text, level) for text, level, _ in bookmarks)
    segments: list[Segment] = []
    for page in pages:
        segments.extend(_segments(page, body, edges, titles))
    segments.extend(_fields(reader))
    flags = [*_flags(reader, segments), *(["hidden-text"] if any(s.kind == "hidden" for s in segments) else [])]
    omitted += _not_shown(flags)
    properties = _properties(reader)
    title = properties.get("title") or next((s.text for s in segments if s.kind == "heading"), "")
    return Reading("pdf", tuple(segments), _markdown(segments), tuple(flags), tuple(omitted), title, properties)


def outline(content: bytes, *, limits: PdfLimits = LIMITS) -> Outline:
    """Return the title and headings: the bookmarks, or what looks like headings where there are none."""
    reader = _open(content, limits)
    bookmarks = tuple(Heading(text, level, where) for text, level, where in _bookmarks(reader, limits))
    if bookmarks:
        return Outline("pdf", _properties(reader).get("title", "") or bookmarks[0].text, bookmarks)
    reading = read(content, limits=limits)
    headings = tuple(Heading(s.text, s.level, s.where) for s in reading.segments if s.kind == "heading")
    return Outline("pdf", reading.title, headings)


def _open(content: bytes, limits: PdfLimits) -> pypdf.PdfReader:
    if len(content) > limits.file:
        raise DocumentError(f"The PDF is larger than {limits.file >> 20} MiB.", code="too_large")
    # pypdf would rebuild half a file without a word; its end is within the last bytes (ISO 32000-1, 7.5.5, H.3.4.4).
    tail = content[-_TAIL:]
    if b"%%EOF" not in tail and b"startxref" not in tail:
        raise DocumentError("The PDF is cut off: its end is missing.", hint="Ask for it again.", code="broken")
    try:
        reader = pypdf.PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise _encrypted()
        count = len(reader.pages)
    except (FileNotDecryptedError, DependencyError) as error:
        raise _encrypted() from error
    except LimitReachedError as error:
        raise DocumentError("The PDF would take too much memory when unpacked.", code="too_large") from error
    except _FAULTS as error:
        raise DocumentError(
            f"The PDF is damaged or cut off ({type(error).__name__}).", hint="Ask for it again.", code="broken"
        ) from error
    if not count:
        raise DocumentError("The PDF has no pages: it is damaged or cut off.", hint="Ask for it again.", code="broken")
    return reader


def _encrypted() -> DocumentError:
    hint = "Open it with its password and save or print it to a PDF without one."
    return DocumentError("The PDF is protected by a password.", hint=hint, code="encrypted")


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    lines: tuple[Line, ...]
    hidden: tuple[tuple[str, str], ...]  # why, text
    notes: tuple[Segment, ...]

    @property
    def where(self) -> str:
        return f"page {self.number}"


def _pages(reader: pypdf.PdfReader, limits: PdfLimits, clock: Callable[[], float]) -> tuple[list[_Page], list[str]]:
    """Read the pages; what was left out is said in the second value."""
    found: list[_Page] = []
    scanned: list[int] = []
    omitted: list[str] = []
    until = clock() + limits.seconds
    count = len(reader.pages)
    for number in range(1, count + 1):
        if number > limits.pages or clock() > until:
            why = "too many pages" if number > limits.pages else "reading took too long"
            omitted.append(f"pages {number}-{count}: {why}")
            break
        try:
            page = _page(reader.pages[number - 1], number, limits)
        except LimitReachedError:
            omitted.append(f"page {number}: larger than the limit for one page")
            continue
        except _FAULTS as error:
            omitted.append(f"page {number}: damaged ({type(error).__name__})")
            continue
        found.append(page)
        if not page.lines and not page.hidden:
            scanned.append(number)
    if scanned:
        omitted.append(
            f"{_numbers(scanned)}: no text in it, probably scanned or a picture; needs text recognition (OCR)"
        )
    return found, omitted


def _numbers(numbers: list[int]) -> str:
    """Return "page 3" or "pages 1-4, 9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    words = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"page {words}" if len(numbers) == 1 else f"pages {words}"


def _page(page: pypdf.PageObject, number: int, limits: PdfLimits) -> _Page:
    notes = tuple(_annotations(page, number, limits))
    if "/Contents" not in page:
        return _Page(number, (), (), notes)
    # "bytes": strings are decoded later, by the font that they are shown with.
    contents = ContentStream(page["/Contents"].get_object(), page.pdf, "bytes")
    if len(contents.get_data()) > limits.page_content:
        raise LimitReachedError("page content")
    off = _layers_off(page.pdf)
    visible, unseen, forms = pdf_paint.split(contents.operations, page, off)
    inside = _in_forms(page, forms, off) if forms else []
    lines = _lines(page, contents, visible)
    # Without its forms: what is hidden in them has been told, and what is not stands among the lines.
    bare = [(why, [o for o in operations if o[1] != b"Do"]) for why, operations in unseen]
    hidden = [(why, join(line.text for line in _lines(page, contents, operations))) for why, operations in bare]
    return _Page(number, lines, tuple((why, text) for why, text in (*hidden, *inside) if text), notes)


def _layers_off(pdf: Any) -> frozenset[int]:
    """Return the object numbers of the layers that are off when the file is opened (ISO 32000-1, 8.11.4.3)."""
    found = _dictionary(pdf.root_object.get("/OCProperties"))
    plan = _dictionary(found.get("/D"))
    listed = found if plan.get("/BaseState") == "/OFF" else plan
    off = {each.idnum for each in _references(listed.get("/OCGs" if listed is found else "/OFF"))}
    return frozenset(off - ({each.idnum for each in _references(plan.get("/ON"))} if listed is found else set()))


def _references(value: Any) -> list[Any]:
    found = value.get_object() if hasattr(value, "get_object") else value
    return [each for each in found if hasattr(each, "idnum")] if isinstance(found, ArrayObject) else []


def _in_forms(page: pypdf.PageObject, forms: list[pdf_paint.Form], off: frozenset[int]) -> list[tuple[str, str]]:
    """Return (why, text) of what is hidden in the forms of a page; in memory they lose it. One level deep."""
    found: list[tuple[str, str]] = []
    holder = _dictionary(_dictionary(page.get("/Resources")).get("/XObject"))
    for form in {form.name: form for form in forms[:_FORMS]}.values():
        operations = list(ContentStream(form.stream, page.pdf, "bytes").operations)
        visible, unseen, _ = pdf_paint.split(operations, page, off, form)
        for why, hidden in unseen:
            found.append((why, page.extract_xform_text(_form(form.stream, page.pdf, hidden))))  # type: ignore[arg-type]
        if unseen:
            holder[NameObject(form.name)] = _form(form.stream, page.pdf, visible)
    return [(why, " ".join(text.split())) for why, text in found]


def _form(stream: Any, pdf: Any, operations: list[Any]) -> ContentStream:
    """Return a form with other operations."""
    made = ContentStream(stream, pdf, "bytes")
    made.operations = operations
    for key in stream:
        if key not in ("/Length", "/Filter", "/DecodeParms"):
            made[NameObject(key)] = stream.raw_get(key)
    return made


def _lines(page: pypdf.PageObject, contents: ContentStream, operations: list[Any]) -> tuple[Line, ...]:
    """Return the lines that these operations paint. The page is changed in memory only."""
    contents.operations = operations
    page[NameObject("/Contents")] = contents
    collector = LineCollector()
    page.extract_text(visitor_text=collector.visit)
    collector.finish()
    return tuple(collector.lines)


def _segments(page: _Page, body: float, edges: dict[str, str], titles: dict[str, int]) -> Iterator[Segment]:
    inner = [line for line in page.lines if wild(line.text) not in edges or _mid_page(line, page)]
    for line in page.lines:
        if line not in inner:
            kind = edges[wild(line.text)]
            yield Segment(line.text, f"{page.where}, {kind}", kind)
    for block in blocks(inner, body, titles):
        yield Segment(block.text, page.where, block.kind, level=block.level)
    for why, text in page.hidden:
        yield Segment(text, page.where, "hidden", hidden=why)
    yield from page.notes


def _mid_page(line: Line, page: _Page) -> bool:
    at = page.lines.index(line)
    return 2 <= at < len(page.lines) - 2


def _markdown(segments: list[Segment]) -> str:
    """Return the segments as Markdown, with a comment line where each page begins."""
    out: list[str] = []
    page = ""
    for s in segments:
        place = s.where.partition(",")[0]
        if place != page and place.startswith("page "):
            page = place
            out.append(f"<!-- {page} -->")
        if s.hidden:
            out.append(f"[hidden: {s.hidden}] {s.text}")
        elif s.kind == "heading":
            out.append(f"{'#' * min(s.level, 6)} {s.text}")
        elif s.kind == "list":
            out.append(f"- {_BULLETS.sub('', s.text)}")
        elif s.kind in ("header", "footer", "comment", "link", "field"):
            out.append(f"[{s.kind}] {s.text}")
        else:
            out.append(s.text)
    return "\n\n".join(out)


def _bookmarks(reader: pypdf.PdfReader, limits: PdfLimits) -> Iterator[tuple[str, int, str]]:
    """Yield title, depth and place of each bookmark; a damaged tree gives what was readable."""
    try:
        stack: list[tuple[Any, int]] = [(list(reader.outline), 1)]
        pages = {page.indirect_reference.idnum: n for n, page in enumerate(reader.pages, 1) if page.indirect_reference}
    except _FAULTS:
        return
    left = limits.bookmarks
    while stack and left:
        items, level = stack.pop()
        while items and left:
            item = items.pop(0)
            if isinstance(item, list):
                stack.append((items, level))
                items, level = list(item), level + 1
                continue
            left -= 1
            reference = getattr(item, "page", None)
            number = pages.get(getattr(reference, "idnum", -1))
            title = " ".join(str(item.title or "").split())
            if title:
                yield title, level, f"page {number}" if number else ""


def _annotations(page: pypdf.PageObject, number: int, limits: PdfLimits) -> Iterator[Segment]:
    links = 0
    for annotation in _items(page.get("/Annots")):
        text = str(annotation.get("/Contents", "") or "").strip()
        action = _dictionary(annotation.get("/A"))
        if action.get("/S") == "/URI" and links < limits.links:
            links += 1
            yield Segment(str(action.get("/URI", "")), f"page {number}, link", "link", hidden="link target")
        if text and annotation.get("/Subtype") not in ("/Link", "/Popup", "/Widget"):
            author = str(annotation.get("/T", "") or "").strip()
            where = f"page {number}, comment" + (f" by {author}" if author else "")
            yield Segment(text, where, "comment", hidden="comment")


def _fields(reader: pypdf.PdfReader) -> Iterator[Segment]:
    try:
        fields = reader.get_fields() or {}
    except _FAULTS:
        return
    for name, field in fields.items():
        value = field.get("/V")
        if value is not None and not isinstance(value, DictionaryObject):
            yield Segment(f"{name}: {str(value).removeprefix('/')}", f"form field {name}", "field")


def _dictionary(value: Any) -> DictionaryObject:
    """Return what a reference leads to if it is a dictionary, else an empty one."""
    found = value.get_object() if hasattr(value, "get_object") else value
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _items(value: Any) -> list[DictionaryObject]:
    found = value.get_object() if hasattr(value, "get_object") else value
    return [_dictionary(item) for item in found] if isinstance(found, ArrayObject) else []


def _flags(reader: pypdf.PdfReader, segments: list[Segment]) -> Iterator[str]:
    kinds = {s.kind for s in segments}
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("javascript", partial(_has_script, reader)),
        ("launch-actions", partial(_has_action, reader, ("/Launch",))),
        ("external-actions", partial(_has_action, reader, ("/SubmitForm", "/ImportData", "/GoToR", "/GoToE"))),
        ("embedded-files", partial(_has_attachments, reader)),
        ("external-links", lambda: "link" in kinds),
        ("comments", lambda: "comment" in kinds),
        ("form", lambda: _fields_of(reader)),
        ("xfa-form", lambda: "/XFA" in _fields_of(reader)),
        ("signed", lambda: int(_fields_of(reader).get("/SigFlags", 0) or 0) & 1),
        ("encrypted", lambda: reader.is_encrypted),
    )
    for name, check in checks:
        try:
            if check():
                yield name
        except _FAULTS:
            # What can't be checked deserves attention too.
            yield f"{name}-unknown"


def _fields_of(reader: pypdf.PdfReader) -> DictionaryObject:
    return _dictionary(reader.root_object.get("/AcroForm"))


def _has_attachments(reader: pypdf.PdfReader) -> bool:
    names = _dictionary(reader.root_object.get("/Names"))
    attached = any(a.get("/Subtype") == "/FileAttachment" for p in reader.pages for a in _items(p.get("/Annots")))
    return "/EmbeddedFiles" in names or attached


def _has_script(reader: pypdf.PdfReader) -> bool:
    """Whether an action runs a script or starts a program (ISO 32000-1, 12.6.4)."""
    scripts = any("/JS" in action for action in _actions(reader))
    return scripts or _has_action(reader, ("/JavaScript", "/Launch")) or "/JavaScript" in _names(reader)


def _names(reader: pypdf.PdfReader) -> DictionaryObject:
    return _dictionary(reader.root_object.get("/Names"))


def _has_action(reader: pypdf.PdfReader, kinds: tuple[str, ...]) -> bool:
    return any(action.get("/S") in kinds for action in _actions(reader))


def _actions(reader: pypdf.PdfReader) -> Iterator[DictionaryObject]:
    """Yield the actions of the file, its pages and their annotations, and those that follow them."""
    annotations = (a for p in reader.pages for a in _items(p.get("/Annots")))
    stack: list[DictionaryObject] = []
    for holder in (reader.root_object, *reader.pages, *annotations, *_items(_fields_of(reader).get("/Fields"))):
        stack += [_dictionary(holder.get(key)) for key in ("/OpenAction", "/A") if key in holder]
        stack += [_dictionary(value) for value in _dictionary(holder.get("/AA")).values()]
    for _ in range(_ACTIONS):
        if not stack:
            return
        action = stack.pop()
        yield action
        following = action.get("/Next")
        stack += _items(following) or ([_dictionary(following)] if following is not None else [])


def _not_shown(flags: list[str]) -> list[str]:
    shown = {
        "javascript": "scripts and programs that the PDF would start",
        "embedded-files": "files attached to the PDF",
        "xfa-form": "the XFA form, which only Adobe Reader shows",
    }
    return [text for flag, text in shown.items() if flag in flags]


def _properties(reader: pypdf.PdfReader) -> dict[str, str]:
    try:
        metadata: dict[str, Any] = dict(reader.metadata or {})
        found = {key.removeprefix("/").lower(): " ".join(str(value).split()) for key, value in metadata.items()}
    except _FAULTS:
        found = {}
    kept = {
        key: found[key][:500] for key in ("title", "author", "subject", "keywords", "creationdate") if found.get(key)
    }
    return {**kept, "pages": str(len(reader.pages))}
