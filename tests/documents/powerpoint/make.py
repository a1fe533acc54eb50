"""Presentations for tests: written line by line, and taken apart again."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from lxml import etree
from pptx import Presentation

from tests.conftest import CORPUS
from tests.documents.makers import rezipped

CORPUS_DECKS = sorted(CORPUS.glob("*.pp*")) if CORPUS.is_dir() else []


def deck(*slides: str) -> bytes:
    """A deck of slides: the first line is the title, others bullets (two spaces a level).

    A bar cuts a line into runs; a line that starts with "N:" is the notes.
    """
    made = Presentation()
    for text in slides:
        title, *lines = text.split("\n")
        slide = made.slides.add_slide(made.slide_layouts[1])
        _runs(slide.shapes.title.text_frame.paragraphs[0], title)
        body = slide.placeholders[1].text_frame
        for number, line in enumerate(each for each in lines if not each.startswith("N:")):
            paragraph = body.paragraphs[0] if number == 0 else body.add_paragraph()
            paragraph.level = (len(line) - len(line.lstrip())) // 2
            _runs(paragraph, line.strip())
        for line in lines:
            if line.startswith("N:"):
                slide.notes_slide.notes_text_frame.text = line[2:]
    return saved(made)


def _runs(paragraph: Any, text: str) -> None:
    for number, piece in enumerate(text.split("|")):
        run = paragraph.add_run()
        run.text = piece
        run.font.bold = True if number % 2 else None


def saved(made: Any) -> bytes:
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def opened(content: bytes) -> Any:
    return Presentation(io.BytesIO(content))


def part(content: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


def names(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.namelist()


def changed(content: bytes, name: str, old: str, new: str) -> bytes:
    """The deck with a piece of one part's XML replaced."""
    text = part(content, name).decode()
    assert old in text
    return rezipped(content, {name: text.replace(old, new, 1).encode()})


def strict(content: bytes) -> bytes:
    """The deck in the strict flavour."""
    pairs = {
        "http://schemas.openxmlformats.org/drawingml/2006/": "http://purl.oclc.org/ooxml/drawingml/",
        "http://schemas.openxmlformats.org/presentationml/2006/": "http://purl.oclc.org/ooxml/presentationml/",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships": (
            "http://purl.oclc.org/ooxml/officeDocument/relationships"
        ),
    }
    parts = {}
    for name in names(content):
        data = part(content, name)
        if name.endswith((".xml", ".rels")):
            for old, new in pairs.items():
                data = data.replace(old.encode(), new.encode())
        parts[name] = data
    return rezipped(content, parts)


def raw(content: bytes) -> dict[str, bytes]:
    """The compressed bytes of every entry as they lie in the file."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            head = entry.header_offset
            lengths = (int.from_bytes(content[head + at : head + at + 2], "little") for at in (26, 28))
            start = head + 30 + sum(lengths)
            found[entry.filename] = content[start : start + entry.compress_size]
    return found


def elements(data: bytes) -> Counter[tuple[Any, ...]]:
    """The elements of a part with their attributes, counted."""
    root = etree.fromstring(data)
    return Counter((e.tag, *sorted(e.attrib.items())) for e in root.iter() if isinstance(e.tag, str))


def touched(before: bytes, after: bytes) -> set[str]:
    """The entries that differ or are new; no entry may be gone."""
    old, new = raw(before), raw(after)
    assert set(old) <= set(new)
    return {name for name in new if old.get(name) != new[name]}


def lost(before: bytes, after: bytes) -> dict[str, Any]:
    """The elements of touched parts that are not there any more."""
    gone = {}
    for name in touched(before, after) & set(names(before)):
        if missing := elements(part(before, name)) - elements(part(after, name)):
            gone[name] = missing
    return gone


def text(content: bytes, slide: int = 1) -> list[str]:
    """All texts of a slide as python-pptx reads them."""
    found = opened(content).slides[slide - 1]
    return [s.text_frame.text for s in found.shapes if s.has_text_frame]


def word_in(path: Path) -> str:
    """A word that stands in a run of the first slide that has one."""
    for name in names(path.read_bytes()):
        if re.fullmatch(r"ppt/slides/slide\d+\.xml", name) and (
            found := re.search(rb"<a:t>[^<]*?(\w{4,})[^<]*</a:t>", part(path.read_bytes(), name))
        ):
            return found[1].decode()
    return ""


def with_diagram(content: bytes) -> bytes:
    """The deck with a diagram of one node, "Old words", on its first slide."""
    a = "http://schemas.openxmlformats.org/drawingml/2006/main"
    dgm = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
    dsp = "http://schemas.microsoft.com/office/drawing/2008/diagram"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    body = "<a:bodyPr/><a:lstStyle/><a:p><a:r><a:t>Old</a:t></a:r><a:r><a:t> words</a:t></a:r></a:p>"
    data = (
        f'<dgm:dataModel xmlns:dgm="{dgm}" xmlns:a="{a}"><dgm:ptLst><dgm:pt modelId="1" type="doc"/>'
        f'<dgm:pt modelId="2"><dgm:t>{body}</dgm:t></dgm:pt></dgm:ptLst>'
        '<dgm:cxnLst><dgm:cxn modelId="3" srcId="1" destId="2" srcOrd="0" destOrd="0"/></dgm:cxnLst></dgm:dataModel>'
    )
    drawing = (
        f'<dsp:drawing xmlns:dsp="{dsp}" xmlns:a="{a}"><dsp:spTree><dsp:sp><dsp:txBody>{body}</dsp:txBody></dsp:sp>'
        "</dsp:spTree></dsp:drawing>"
    )
    frame = (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="20" name="Diagram"/><p:cNvGraphicFramePr/><p:nvPr/>'
        '</p:nvGraphicFramePr><p:xfrm><a:off x="0" y="0"/><a:ext cx="9" cy="9"/></p:xfrm><a:graphic>'
        f'<a:graphicData uri="{dgm}"><dgm:relIds xmlns:dgm="{dgm}" r:dm="rId20" xmlns:r="{kinds}"/></a:graphicData>'
        "</a:graphic></p:graphicFrame></p:spTree>"
    )
    links = (
        f'<Relationship Id="rId20" Type="{kinds}/diagramData" Target="../diagrams/data1.xml"/>'
        '<Relationship Id="rId21" Type="http://schemas.microsoft.com/office/2007/relationships/diagramDrawing" '
        'Target="../diagrams/drawing1.xml"/></Relationships>'
    )
    content = changed(content, "ppt/slides/slide1.xml", "</p:spTree>", frame)
    content = changed(content, "ppt/slides/_rels/slide1.xml.rels", "</Relationships>", links)
    parts = {"ppt/diagrams/data1.xml": data.encode(), "ppt/diagrams/drawing1.xml": drawing.encode()}
    return rezipped(content, parts)
