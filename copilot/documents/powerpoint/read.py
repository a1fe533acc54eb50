"""A presentation as a model would be given it: slides with titles, bullets, tables, charts, notes, comments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from copilot.documents.package import Package
from copilot.documents.powerpoint import related
from copilot.documents.powerpoint.deck import (
    Deck,
    Slide,
    is_body,
    is_title,
    matching,
    numbers,
    placeholder,
    placeholder_type,
    properties,
    shapes,
    title_shape,
    tree,
)
from copilot.documents.powerpoint.matching import pattern
from copilot.documents.powerpoint.names import Element, child, children, is_, tags
from copilot.documents.powerpoint.paragraphs import parts_of, plain, text_of
from copilot.documents.powerpoint.places import graphic, shape_place, table_of
from copilot.documents.powerpoint.visibility import Sight
from copilot.documents.segments import Heading, Outline, Reading, Segment
from copilot.documents.tables import markdown_table

_CORE = ("title", "creator", "subject", "keywords", "lastModifiedBy", "created", "modified")
_MEDIA = {"video": "video", "audio": "sound", "media": "media file", "oleObject": "embedded object"}


def read(content: bytes) -> Reading:
    """Return everything on the slides, in the order of the show. Raises DocumentError."""
    deck = Deck.open(content)
    known = _properties(deck.package)
    pages = list(_pages(deck))
    segments = [segment for page in pages for segment in page.segments]
    omitted = [f"slide {page.slide.number}: {what}" for page in pages for what in page.omitted()]
    if lost := deck.lost_slides():
        omitted.append(f"{lost} slide{'s' if lost > 1 else ''} that the file lists but does not hold: it is damaged")
    parts = [f"# {known['title']}"] if known.get("title") else []
    parts += [page.markdown for page in pages]
    title = known.get("title") or next((s.text for s in segments if s.kind == "heading"), "")
    markdown = "\n\n".join(parts) + "\n" if parts else ""
    return Reading("powerpoint", tuple(segments), markdown, _flags(deck, segments), tuple(omitted), title, known)


def slide_texts(content: bytes) -> list[str]:
    """Return each slide as Markdown, in the order of the show. Raises DocumentError."""
    return [page.markdown for page in _pages(Deck.open(content))]


def find(
    content: bytes, query: str, *, match_case: bool = False, whole_word: bool = False
) -> list[tuple[str, str, int]]:
    """Return where words occur as (place, passage, how often), notes, comments and chart data included.

    Spaces, quotes and dashes of any kind are alike. Raises DocumentError.
    """
    wanted = pattern(query.strip(), match_case=match_case, whole_word=whole_word, exact=False)
    found = []
    for segment in read(content).segments if query.strip() else ():
        if times := len(wanted.findall(segment.text)):
            found.append((segment.where, segment.text, times))
    return found


def notes(content: bytes) -> list[tuple[int, str, str]]:
    """Return the slides that have speaker notes as (number, title, notes). Raises DocumentError."""
    deck = Deck.open(content)
    with_notes = ((s, related.notes_text(deck, s)) for s in deck.slides())
    return [(s.number, title_of(deck, s), text) for s, text in with_notes if text]


def outline(content: bytes) -> Outline:
    """Return the titles of the slides with their places, and the names of the layouts as styles."""
    deck = Deck.open(content)
    headings = []
    for slide in deck.slides():
        text = title_of(deck, slide) or _first_words(deck, slide) or "(no title)"
        headings.append(Heading(text, 1, f"slide {slide.number}", f"slide {slide.number}"))
    title = _properties(deck.package).get("title", "")
    return Outline("powerpoint", title, tuple(headings), (), tuple(dict.fromkeys(n for n, _ in deck.layouts())))


def title_of(deck: Deck, slide: Slide) -> str:
    """Return the title of a slide on one line, "" if it has none."""
    shape = title_shape(deck.package.xml(slide.part))
    return " ".join(plain(shape).split()) if shape is not None else ""


def _first_words(deck: Deck, slide: Slide) -> str:
    """Return the first line of text on a slide that has no title, as far as it can stand for one."""
    lines = (line for s in shapes(tree(deck.package.xml(slide.part))) for line in plain(s).split("\n") if line.strip())
    return next(lines, "").strip()[:80]


def _properties(package: Package) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in package.related("", "core-properties"):
        for element in package.xml(part) if package.has(part) else ():
            name = str(element.tag).rpartition("}")[2]
            if name in _CORE and element.text and element.text.strip():
                found[name] = element.text.strip()
    return found


def _flags(deck: Deck, segments: list[Segment]) -> tuple[str, ...]:
    package = deck.package
    kinds = {s.kind for s in segments}
    slides = deck.slides()
    outside = (r for s in slides for r in package.relationships(s.part) if r.external and r.short_type != "hyperlink")
    present = {
        "macros": package.macros,
        "external-links": any(outside),
        "hidden-text": any(s.hidden for s in segments),
        "hidden-slides": any(s.hidden for s in slides),
        "comments": "comment" in kinds,
        "notes": "note" in kinds,
        "signed": package.signed,
    }
    return tuple(name for name, there in present.items() if there)


def _pages(deck: Deck) -> Iterator[_Page]:
    for slide in deck.slides():
        page = _Page(deck, slide)
        page.read()
        yield page


@dataclass
class _Page:
    """One slide while it is read: its segments, its Markdown, and what could not be shown."""

    deck: Deck
    slide: Slide
    segments: list[Segment] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    unseen: Counter[str] = field(default_factory=Counter)
    pictures: list[str] = field(default_factory=list)
    sight: Sight | None = None

    @property
    def markdown(self) -> str:
        """The slide as Markdown, without blank lines in a row."""
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).strip()

    def read(self) -> None:
        root = self.deck.package.xml(self.slide.part)
        all_shapes = list(shapes(tree(root)))
        first = [s for s in all_shapes if is_title(s)][:1]
        title = " ".join(plain(first[0]).split()) if first else ""
        mark = " (hidden slide)" if self.slide.hidden else ""
        self.lines.append(f"## Slide {self.slide.number}{': ' + title if title else ''}{mark}")
        if title:
            self._add(title, "title", "heading", first[0], level=1)
        for shape in all_shapes:
            if shape not in first:
                self._shape(shape)
        if next(root.iter(*tags("p:timing")), None) is not None and next(root.iter(*tags("p:cTn")), None) is not None:
            self.unseen["animation"] += 1
        for relation in self.deck.package.relationships(self.slide.part):
            if relation.short_type in ("video", "audio"):
                self.unseen[_MEDIA[relation.short_type]] += 1
        self._notes()
        for remark in related.remarks(self.deck.package, self.slide):
            self._remark(remark)

    def omitted(self) -> list[str]:
        found = list(self.pictures)
        for what, count in self.unseen.items():
            found.append(what if what == "animation" else f"{count} {what}{'s' if count > 1 else ''}")
        return found

    def _add(
        self, text: str, place: str, kind: str, shape: Element | None = None, *, level: int = 0, hidden: str = ""
    ) -> None:
        number = self.slide.number
        hidden = "hidden slide" if self.slide.hidden else self._hidden(shape) or hidden
        where = f"slide {number}, {place}" if place else f"slide {number}"
        self.segments.append(Segment(text, where, kind, f"slide {number}", level, hidden))

    def _hidden(self, shape: Element | None) -> str:
        """Why a person in front of the slide would not see the shape, "" if they would."""
        if self.sight is None:
            self.sight = Sight(self.deck, self.slide)
        return "" if shape is None else self.sight.of_shape(shape)

    def _split(self, paragraph: Element, shape: Element) -> Iterator[tuple[str, str]]:
        """Yield the text of a paragraph in stretches with the reason why they are not seen ("" for what is)."""
        if self.sight is None:
            self.sight = Sight(self.deck, self.slide)
        reasons = {r: why for r in children(paragraph, "a:r", "a:fld") if (why := self.sight.of_run(r, shape))}
        if not reasons:
            yield text_of(paragraph), ""
            return
        pieces = [(reasons.get(element, ""), text) for element, text in parts_of(paragraph)]
        for why in dict.fromkeys(("", *reasons.values())):
            yield "".join(text for own, text in pieces if own == why), why

    def _shape(self, shape: Element) -> None:
        self._alternative(shape)
        if is_(shape, "p:sp", "p:cxnSp"):
            self._text(shape)
        elif is_(shape, "p:graphicFrame"):
            self._frame(shape)
        elif is_(shape, "p:contentPart"):
            self.unseen["ink drawing"] += 1

    def _alternative(self, shape: Element) -> None:
        """Show what a picture, chart or shape is said to show; a picture with nothing said is listed as unseen."""
        shown = properties(shape)
        said = "" if shown is None else " ".join((shown.get("descr") or shown.get("title") or "").split())
        name = "" if shown is None else shown.get("name", "")
        if (said and not is_(shape, "p:sp")) or (said and not plain(shape)):
            self._add(said, f"{shape_place(shape)}, alternative text", "alt-text", shape)
            self.lines.append(f"![{said}]({name})")
        if is_(shape, "p:pic"):
            self.pictures.append(f"picture {name!r}" + ("" if said else " (no alternative text)"))

    def _text(self, shape: Element) -> None:
        place = shape_place(shape)
        hidden = self._hidden(shape)
        for paragraph in children(child(shape, "p:txBody"), "a:p"):
            if placeholder_type(shape) == "sldNum":
                continue
            look = child(paragraph, "a:pPr")
            level = 0 if look is None else numbers(look.get("lvl"))
            listed = self._bulleted(shape, look, level)
            for text, why in self._split(paragraph, shape):
                if not (text := text.strip()):
                    continue
                kind = "list" if listed else "paragraph"
                self._add(text, place, kind, shape, level=level + 1 if listed else 0, hidden=why)
                line = text.replace("\n", " ")
                note = f" ({hidden or why})" if hidden or why else ""
                self.lines.append(f"{'  ' * level}- {line}{note}" if listed else f"\n{line}{note}")

    def _bulleted(self, shape: Element, look: Element | None, level: int) -> bool:
        """Whether a paragraph is shown with a bullet: its own say, its shape's, its layout's, else by placeholder."""
        layout = self.deck.layout_part(self.slide)
        model = matching(shape, self.deck.package.xml(layout)) if layout and placeholder(shape) is not None else None
        for style in (look, _level_style(shape, level), _level_style(model, level)):
            said = _says(style)
            if said is not None:
                return said
        return placeholder(shape) is not None and is_body(shape) and placeholder_type(shape) != "subTitle"

    def _frame(self, shape: Element) -> None:
        table = table_of(shape)
        if table is not None:
            rows = [[plain(c).replace("\n", " ") for c in children(r, "a:tc")] for r in children(table, "a:tr")]
            self._table(markdown_table(rows), shape_place(shape), shape)
            return
        for thing in graphic(shape):
            package, part = self.deck.package, self.slide.part
            target = related.target_of(package, part, related.relation_of(thing))
            if is_(thing, "c:chart", "cx:chart") and target:
                self._chart(related.chart_data(package.xml(target)), shape)
            elif is_(thing, "dgm:relIds") and target:
                self._diagram(related.diagram_texts(package.xml(target)), shape)
            elif is_(thing, "p:oleObj"):
                self.unseen[f"embedded object ({thing.get('progId', 'unknown')})"] += 1
            else:
                self.unseen["graphic of an unknown kind"] += 1

    def _table(self, text: str, place: str, shape: Element, kind: str = "table") -> None:
        if text:
            self._add(text, place, kind, shape)
            self.lines += ["", text, ""]

    def _chart(self, data: related.ChartData, shape: Element) -> None:
        shown = properties(shape)
        title = "; ".join(data.titles) or ("" if shown is None else shown.get("name", ""))
        self.lines += ["", f"**Chart: {title}**"]
        if data.titles:
            self._add("; ".join(data.titles), "chart title", "paragraph", shape)
        self._table(markdown_table(data.rows), f"chart {title!r}", shape, "table")

    def _diagram(self, texts: list[tuple[int, str]], shape: Element) -> None:
        for depth, text in texts:
            self._add(text, "SmartArt", "list", shape, level=depth + 1)
            self.lines.append(f"{'  ' * depth}- {text.replace(chr(10), ' ')}")

    def _notes(self) -> None:
        text = related.notes_text(self.deck, self.slide)
        if text:
            self._add(text, "notes", "note")
            self.lines += ["", *(f"> {line}" for line in f"Notes: {text}".split("\n"))]

    def _remark(self, remark: related.Remark) -> None:
        who = ", ".join(
            part for part in (remark.author, remark.date[:10], "resolved" if remark.resolved else "") if part
        )
        self._add(f"{who}: {remark.text}" if who else remark.text, "comment", "comment")
        self.lines += ["", f"> Comment ({who}): {remark.text}"]


def _says(look: Element | None) -> bool | None:
    """Return whether paragraph properties ask for a bullet; None when they leave it to what they inherit."""
    if look is None:
        return None
    if child(look, "a:buNone") is not None:
        return False
    return True if any(child(look, name) is not None for name in ("a:buChar", "a:buAutoNum", "a:buBlip")) else None


def _level_style(shape: Element | None, level: int) -> Element | None:
    return child(shape, "p:txBody", "a:lstStyle", f"a:lvl{level + 1}pPr")
