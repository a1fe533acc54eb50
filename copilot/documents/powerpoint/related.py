"""The parts that belong to a slide: charts, diagrams (SmartArt), notes and comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from copilot.documents.package import Package
from copilot.documents.powerpoint.deck import Deck, Slide, is_body, placeholder_type, shapes, tree
from copilot.documents.powerpoint.names import Element, child, children, is_, relation, tags
from copilot.documents.powerpoint.paragraphs import plain, text_of

_CHARTS = ("chart", "chartEx")


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment on a slide."""

    author: str
    date: str
    text: str
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class ChartData:
    """What a chart shows: its titles, and its series over the categories as rows with a header."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def chart_parts(package: Package, slide: Slide) -> list[str]:
    """Return the chart parts of a slide in the order of its relationships."""
    return [name for kind in _CHARTS for name in package.related(slide.part, kind) if package.has(name)]


def diagram_parts(package: Package, slide: Slide) -> list[str]:
    """Return the data parts of a slide's diagrams: what their texts are kept in."""
    return [name for name in package.related(slide.part, "diagramData") if package.has(name)]


def drawing_parts(package: Package, slide: Slide) -> list[str]:
    """Return the drawings of a slide's diagrams: how PowerPoint last drew them ([MS-ODRAWXML] 2.2)."""
    return [name for name in package.related(slide.part, "diagramDrawing") if package.has(name)]


def target_of(package: Package, part: str, relation_id: str) -> str:
    """Return the part that a relationship leads to, "" if none."""
    found = next((r for r in package.relationships(part) if r.id == relation_id and not r.external), None)
    return found.target if found is not None and package.has(found.target) else ""


def chart_data(root: Element) -> ChartData:
    """Return titles and cached values of a chart part, of either generation."""
    if is_(root, "cx:chartSpace"):
        return _new_chart(root)
    titles = tuple(text for title in root.iter(*tags("c:title")) if (text := plain(title).replace("\n", " ")))
    names: list[str] = []
    columns: list[dict[int, str]] = []
    labels: dict[int, str] = {}
    for series in root.iter(*tags("c:ser")):
        labels = labels or _points(_first(series, "c:cat", "c:xVal"))
        names.append(" ".join(_points(child(series, "c:tx")).values()) or f"Series {len(names) + 1}")
        columns.append(_points(_first(series, "c:val", "c:yVal")))
    return ChartData(titles, _chart_rows(names, labels, columns))


def _new_chart(root: Element) -> ChartData:
    """Return the same of a chart of the kinds that came with Office 2016 ([MS-ODRAWXML] 2.24.3)."""
    titles = tuple(" ".join(text.split()) for t in root.iter(*tags("cx:title")) if (text := plain(t)))
    labels: dict[int, str] = {}
    columns: list[dict[int, str]] = []
    for data in root.iter(*tags("cx:data")):
        for dimension in children(data, "cx:strDim", "cx:numDim"):
            points = children(child(dimension, "cx:lvl"), "cx:pt")
            values = {int(p.get("idx", "0")): p.text or "" for p in points if p.get("idx", "").isdecimal()}
            if is_(dimension, "cx:strDim"):
                labels = labels or values
            else:
                columns.append(values)
    found = [next((v.text or "" for v in s.iter(*tags("cx:v"))), "") for s in root.iter(*tags("cx:series"))]
    names = [(found[i] if i < len(found) else "") or f"Series {i + 1}" for i in range(len(columns))]
    return ChartData(titles, _chart_rows(names, labels, columns))


def _chart_rows(names: list[str], labels: dict[int, str], columns: list[dict[int, str]]) -> tuple[tuple[str, ...], ...]:
    if not columns:
        return ()
    rows = [("", *names)]
    for index in sorted(set(labels).union(*columns)):
        rows.append((labels.get(index, str(index + 1)), *(column.get(index, "") for column in columns)))
    return tuple(rows)


def _first(element: Element, *names: str) -> Element | None:
    return next(iter(children(element, *names)), None)


def _points(source: Element | None) -> dict[int, str]:
    """Return the cached points of a reference by index; numbers without the noise of binary fractions."""
    if source is None:
        return {}
    found: dict[int, str] = {}
    levels = list(source.iter(*tags("c:lvl")))
    for point in (levels[0] if levels else source).iter(*tags("c:pt")):
        value = child(point, "c:v")
        if value is not None and point.get("idx", "").isdecimal():
            found[int(point.get("idx", "0"))] = _shown(value.text or "")
    if not found and (value := next(source.iter(*tags("c:v")), None)) is not None:
        found[0] = value.text or ""
    return found


def _shown(text: str) -> str:
    try:
        return f"{float(text):.10g}" if "." in text or "e" in text.lower() else text
    except ValueError:
        return text


def diagram_texts(root: Element) -> list[tuple[int, str]]:
    """Return the texts of a diagram with their depth in its tree, in the order of its nodes."""
    points = {p.get("modelId", ""): p for p in root.iter(*tags("dgm:pt"))}
    below: dict[str, list[tuple[int, str]]] = {}
    for link in root.iter(*tags("dgm:cxn")):
        if link.get("type", "parOf") == "parOf":
            order = int(link.get("srcOrd", "0")) if link.get("srcOrd", "0").isdecimal() else 0
            below.setdefault(link.get("srcId", ""), []).append((order, link.get("destId", "")))
    start = next((k for k, p in points.items() if p.get("type") == "doc"), "")
    found: list[tuple[int, str]] = []
    seen = {start}
    stack = [(0, key) for _, key in sorted(below.get(start, ()), reverse=True)]
    while stack:
        depth, key = stack.pop()
        if key in seen or key not in points:
            continue
        seen.add(key)
        text = plain(child(points[key], "dgm:t"))
        if text:
            found.append((depth, text))
        stack += [(depth + 1, lower) for _, lower in sorted(below.get(key, ()), reverse=True)]
    rest = [(0, text) for k, p in points.items() if k not in seen and (text := plain(child(p, "dgm:t")))]
    return found + [entry for entry in rest if entry[1] not in {t for _, t in found}]


def notes_body(root: Element) -> Element | None:
    """Return the text body of the notes on a notes page: that of its body placeholder."""
    for shape in shapes(tree(root)):
        if is_(shape, "p:sp") and is_body(shape) and placeholder_type(shape) == "body":
            return child(shape, "p:txBody")
    return None


def notes_text(deck: Deck, slide: Slide) -> str:
    """Return the speaker notes of a slide, "" if there are none."""
    part = deck.notes_part(slide)
    body = notes_body(deck.package.xml(part)) if part else None
    return "\n".join(text_of(p) for p in children(body, "a:p")).strip() if body is not None else ""


def remarks(package: Package, slide: Slide) -> list[Remark]:
    """Return the comments on a slide: the old ones and the threads of today with their replies."""
    parts = [part for part in package.related(slide.part, "comments") if package.has(part)]
    authors = _authors(package) if parts else {}
    return [remark for part in parts for remark in _remarks(package.xml(part), authors)]


def _authors(package: Package) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in ("commentAuthors", "authors"):
        for part in package.related(package.main, kind):
            if package.has(part):
                for author in package.xml(part).iter(*tags("p:cmAuthor", "p188:author")):
                    found[author.get("id", "")] = author.get("name", "")
    return found


def _remarks(root: Element, authors: dict[str, str]) -> Iterator[Remark]:
    for entry in root.iter(*tags("p:cm", "p188:cm", "p188:reply")):
        if is_(entry, "p:cm"):
            text = "".join((t.text or "") for t in children(entry, "p:text"))
            yield Remark(authors.get(entry.get("authorId", ""), ""), entry.get("dt", ""), text.strip())
        else:
            body = child(entry, "p188:txBody")
            done = entry.get("status") == "resolved"
            yield Remark(authors.get(entry.get("authorId", ""), ""), entry.get("created", ""), plain(body), done)


def relation_of(element: Element) -> str:
    """Return the relationship id that a chart or diagram reference carries ("" for others)."""
    return relation(element) or relation(element, "dm")
