"""What drawings and embedded objects show, in words: pictures with their size, charts with their numbers, SmartArt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from copilot.documents.package import Package
from copilot.documents.word.document import shortened
from copilot.documents.word.names import Element, child, children, every, name, relationship
from copilot.errors import DocumentError

#: By a word of the address that `a:graphicData` gives as the kind of its content.
_GRAPHICS = (("chart", "chart"), ("diagram", "SmartArt"), ("picture", "picture"), ("ink", "ink"), ("slicer", "slicer"))
#: The same for shapes, which count as what they are only where they hold neither text nor pictures.
_SHAPES = (("wordprocessingShape", "shape"), ("wordprocessingGroup", "shapes"), ("wordprocessingCanvas", "canvas"))
_CENTIMETRE = 360_000  # EMU
_MOST_POINTS = 12  # values of a series that are shown
_MOST_SERIES = 8
_MOST_WORDS = 1_000  # characters of a SmartArt or drawing
_WATERMARK = "WaterMark"  # in the id of the shapes that Word makes for them
_SHAPE_ID = "{urn:schemas-microsoft-com:office:office}spid"


@dataclass(frozen=True, slots=True)
class Depicted:
    """A drawing: its mark in the text, its alternative text, what of it can't be shown, and the words in it."""

    mark: str = ""
    alt: str = ""
    missing: str = ""
    words: str = ""
    kind: str = ""


def depicted(package: Package, part: str, element: Element, where: str) -> Depicted:
    """Return what a `w:drawing`, `w:pict` or `w:object` of a part shows; nothing for what holds only text boxes."""
    if lettering := _lettering(element):
        return Depicted(f"[{lettering}]", words=lettering, kind="paragraph")
    kind = _kind(element)
    if not kind:
        return Depicted()
    alt, size = _alt_text(element), _size(element)
    head = kind + (f", {size}" if size else "")
    words = _words(package, part, element, kind)
    missing = "" if words else f"{kind} in {where}" + (f" ({shortened(alt)!r})" if alt else "")
    said = "; ".join(each for each in (alt, words) if each)
    return Depicted(f"![{head}: {said}]" if said else f"![{head}]", alt, missing, words, kind)


def _kind(element: Element) -> str:
    """Return what a drawing shows, "" for what holds nothing but text."""
    found = {name(each) for each in element.iter()}
    if name(element) == "w:object" or "o:OLEObject" in found:
        program = next((each.get("ProgID") for each in element.iter() if name(each) == "o:OLEObject"), None) or ""
        what = "equation in an embedded object" if program.startswith("Equation.") else "embedded object"
        return f"{what} {program}".strip()
    uris = [each.get("uri") or "" for each in element.iter() if name(each) == "a:graphicData"]
    for mark, what in _GRAPHICS:
        if any(mark in uri for uri in uris):
            return what
    if "v:imagedata" in found or "pic:pic" in found:
        return "picture"
    if next(every(element, "txbxContent"), None) is not None:
        return ""
    shape = next((what for mark, what in _SHAPES if any(mark in uri for uri in uris)), "drawing")
    return "ink" if name(element) == "w:contentPart" else shape


def _lettering(element: Element) -> str:
    """Return the words of WordArt in VML (part 4, 19.1.2.23), and whether they are a watermark."""
    for each in element.iter():
        if name(each) == "v:textpath" and (words := (each.get("string") or "").strip()):
            shape = each.getparent()
            ids = "" if shape is None else f"{shape.get('id')} {shape.get(_SHAPE_ID)}"
            return f"{'watermark' if _WATERMARK in ids else 'WordArt'}: {words}"
    return ""


def _alt_text(element: Element) -> str:
    for each in _described(element):
        words = (each.get("descr") or each.get("alt") or "").strip()
        if words:
            return words
    return ""


def _described(element: Element) -> Iterator[Element]:
    """Yield the elements that may carry the alternative text of a drawing."""
    for frame in children(element, "wp:inline", "wp:anchor"):
        if (properties := child(frame, "wp:docPr")) is not None:
            yield properties
    for each in element.iter():
        if name(each) in ("v:shape", "v:rect", "v:imagedata", "pic:cNvPr"):
            yield each


def _size(element: Element) -> str:
    """Return width and height in centimetres, "" when they are not told (20.4.2.7)."""
    for frame in children(element, "wp:inline", "wp:anchor"):
        extent = child(frame, "wp:extent")
        sides = [] if extent is None else [extent.get("cx", ""), extent.get("cy", "")]
        if len(sides) == 2 and all(side.isdecimal() and len(side) < 12 for side in sides):
            return " × ".join(f"{int(side) / _CENTIMETRE:.1f}" for side in sides) + " cm"
    return ""


def _words(package: Package, part: str, element: Element, kind: str) -> str:
    if kind == "chart":
        root = _target(package, part, element, "c:chart", "id")
        return "" if root is None else chart_words(root)
    if kind == "SmartArt":
        root = _target(package, part, element, "dgm:relIds", "dm")
        return "" if root is None else shortened("; ".join(_points(root)), _MOST_WORDS)
    texts = ["".join(t.text or "" for t in p.iter() if name(t) == "a:t") for p in element.iter() if name(p) == "a:p"]
    return shortened("; ".join(text for text in texts if text.strip()), _MOST_WORDS)


def _target(package: Package, part: str, element: Element, wanted: str, attribute: str) -> Element | None:
    """Return the root of the part that a graphic refers to, None when it is missing or damaged."""
    reference = next((each for each in element.iter() if name(each) == wanted), None)
    key = "" if reference is None else relationship(reference, attribute)
    found = [r.target for r in package.relationships(part) if r.id == key and not r.external and package.has(r.target)]
    try:
        return package.xml(found[0]) if found else None
    except DocumentError:
        return None


def _points(root: Element) -> Iterator[str]:
    """Yield the texts of a SmartArt's points in their order in the file (21.4.3.5)."""
    for point in root.iter():
        if name(point) == "dgm:pt" and point.get("type", "node") in ("node", "asst"):
            text = "".join(each.text or "" for each in point.iter() if name(each) == "a:t").strip()
            if text:
                yield text


def chart_words(root: Element) -> str:
    """Return a chart's title and its series with the values that the file keeps (21.2.2.27, 21.2.2.170)."""
    series = [each for each in root.iter() if name(each) == "c:ser"]
    title = next((_text(each) for each in root.iter() if name(each) == "c:title"), "") or "untitled"
    kinds = [name(each)[2:] for each in root.iter() if name(each).startswith("c:") and name(each).endswith("Chart")]
    parts = [f"{title} ({', '.join(dict.fromkeys(kinds))})" if kinds else title]
    parts += [_series(each, number) for number, each in enumerate(series[:_MOST_SERIES], 1)]
    parts += [f"… {len(series)} series in all"] if len(series) > _MOST_SERIES else []
    return "; ".join(parts)


def _text(element: Element) -> str:
    rich = "".join(each.text or "" for each in element.iter() if name(each) in ("a:t", "c:v"))
    return " ".join(rich.split())


def _series(series: Element, number: int) -> str:
    called = _text(title) if (title := child(series, "c:tx")) is not None else ""
    labels, values = _cached(series, "c:cat", "c:xVal"), _cached(series, "c:val", "c:yVal")
    shown = [f"{labels[at]} {each}" if at in labels else each for at, each in sorted(values.items())][:_MOST_POINTS]
    more = f" … {len(values)} in all" if len(values) > _MOST_POINTS else ""
    return f"{called or f'series {number}'}: {', '.join(shown)}{more}"


def _cached(series: Element, *wanted: str) -> dict[int, str]:
    """Return the cached points of a series by their index."""
    found: dict[int, str] = {}
    for holder in children(series, *wanted):
        for point in holder.iter():
            if name(point) == "c:pt" and (at := point.get("idx", "")).isdecimal():
                found.setdefault(int(at), _text(point))
    return found
