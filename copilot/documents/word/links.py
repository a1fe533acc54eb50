"""Hyperlinks (17.16.22): put around words, led elsewhere, taken away."""

from __future__ import annotations

import re
from dataclasses import dataclass

from copilot.documents.hunks import Hunk
from copilot.documents.word import bookmarks, builtin, fieldcodes, spans
from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, Number, editor
from copilot.documents.word.fieldcodes import FieldCode
from copilot.documents.word.names import Element, child, every, is_strict, name, namespace, new, relationship, value
from copilot.documents.word.order import ensure, set_child
from copilot.documents.word.remove import unlink
from copilot.errors import ToolInputError

_RELATIONSHIPS = {
    False: "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    True: "http://purl.oclc.org/ooxml/officeDocument/relationships",
}
_SAFE = r"[^\s\"<>\\^`{|}]"  # what a URL is made of (RFC 3986)
_URL = re.compile(rf"(?:https?://(?![/?#]){_SAFE}+|mailto:(?!@){_SAFE}+@{_SAFE}+)\Z", re.IGNORECASE)
_LINK_STYLES = ("hyperlink", "followedhyperlink")


@editor
def add_link(
    document: Document,
    address: str,
    words: str,
    *,
    url: str = "",
    bookmark: str = "",
    tooltip: str = "",
    nth: Number | None = None,
) -> Edit:
    """Make words of a paragraph a link to a `url` (http, https, mailto) or to a `bookmark` of the document.

    `nth` says which, from 1, when the words stand there several times.
    Raises ToolInputError for a stale address, words that are not there, are a link already or a part of a field,
    another kind of URL, or an unknown bookmark.
    """
    target = _target(document, url, bookmark)
    if not words:
        raise ToolInputError("words is empty: a link needs the words to click on.", code="arguments")
    at = spans.span(document, address, words, nth)
    if any(piece.trail.link is not None for piece in document.line(at.block).touched(at.start, at.end)):
        hint = "Lead it elsewhere with change_link."
        raise ToolInputError(f"{at.words!r} is in a link already in {at.block.where}.", hint=hint, code="link")
    style = builtin.ensure(document.styles, "Hyperlink", "character")
    for group in spans.groups(document, at):
        link = new(at.block.element, "hyperlink")
        group[0].addprevious(link)
        link.extend(group)
        link.tail, group[-1].tail = group[-1].tail, None
        _lead(document, at.block, link, target)
        if tooltip:
            link.set(f"{{{namespace(link)}}}tooltip", tooltip)
        for run in every(link, "r"):
            set_child(ensure(run, "rPr"), "rStyle", val=style)
    document.touch(at.block.story)
    return Edit.of([Hunk(at.block.where, at.words, f"[{at.words}]({target.said})", "structure")], _copies(at.block))


@editor
def change_link(document: Document, address: str, *, words: str = "", url: str = "", bookmark: str = "") -> Edit:
    """Lead a link of a paragraph to another `url` or `bookmark`; `words` of it tell which when there are several.

    Raises ToolInputError when there is no such link, or several.
    """
    target = _target(document, url, bookmark)
    block, link, said = _found(document, address, words)
    before = _leads_to(document, block, link)
    if before == target.said:
        raise ToolInputError(f"It leads to {before} already: nothing would change.", code="unchanged")
    if isinstance(link, FieldCode):
        link.set_code(f'HYPERLINK "{target.url}"' if target.url else f'HYPERLINK \\l "{target.bookmark}"')
    else:
        old = relationship(link)
        _lead(document, block, link, target)
        _release(document, block.story.part, old)
    document.touch(block.story)
    return Edit.of([Hunk(block.where, f"[{said}]({before})", f"[{said}]({target.said})", "structure")], _copies(block))


@editor
def remove_link(document: Document, address: str, words: str = "") -> Edit:
    """Make a link of a paragraph plain text; its words stay, `words` of it tell which when there are several.

    Raises ToolInputError when there is no such link, or several.
    """
    block, link, said = _found(document, address, words)
    before = _leads_to(document, block, link)
    runs = [e.getparent() for e in link.result] if isinstance(link, FieldCode) else list(every(link, "r"))
    for run in runs:
        _plain(document, run)
    if isinstance(link, FieldCode):
        fieldcodes.remove(link)
    else:
        fieldcodes.unwrap(link)
        _release(document, block.story.part, relationship(link))
    document.touch(block.story)
    return Edit.of([Hunk(block.where, f"[{said}]({before})", said, "structure")], _copies(block))


@dataclass(frozen=True, slots=True)
class _Target:
    url: str
    bookmark: str

    @property
    def said(self) -> str:
        return self.url or f"#{self.bookmark}"


def _target(document: Document, url: str, bookmark: str) -> _Target:
    url, bookmark = url.strip(), bookmark.strip()
    if bool(url) == bool(bookmark):
        raise ToolInputError("Give either url or bookmark: where the link leads.", code="arguments")
    if bookmark:
        start = bookmarks.required(document, bookmark.removeprefix("#"))
        return _Target("", value(start, "name") or "")
    if not _URL.match(url):
        hint = "It begins with https://, http:// or mailto: and holds no spaces or quotes."
        raise ToolInputError(f"{url!r} can't be where a link leads.", hint=hint, code="url")
    return _Target(url, "")


def _lead(document: Document, block: Block, link: Element, target: _Target) -> None:
    space = namespace(link)
    own = f"{{{_RELATIONSHIPS[is_strict(link)]}}}id"
    for key in [k for k in link.attrib if k == own or str(k).rpartition("}")[2] in ("anchor", "docLocation")]:
        del link.attrib[key]
    if target.url:
        part = block.story.part
        link.set(own, document.package.relate(part, "hyperlink", target.url, external=True))
    else:
        link.set(f"{{{space}}}anchor", target.bookmark)
    link.set(f"{{{space}}}history", "1")


def _release(document: Document, part: str, rel_id: str) -> None:
    """Remove the relationship of a link that nothing in the part uses any more."""
    root = document.package.xml(part)
    if not rel_id or any(rel_id in each.attrib.values() for each in root.iter() if isinstance(each.tag, str)):
        return
    target = next((r for r in document.package.relationships(part) if r.id == rel_id and r.external), None)
    if target is not None and target.short_type == "hyperlink":
        same = [r for r in document.package.relationships(part) if r.target == target.target]
        if len(same) == 1:
            document.package.unrelate(part, target.target)


def _found(document: Document, address: str, words: str) -> tuple[Block, Element | FieldCode, str]:
    """Return the one link of a paragraph (that holds these words), and its text."""
    block = spans.paragraph(document, address)
    links: list[tuple[Element | FieldCode, str]] = []
    for element in every(block.element, "hyperlink"):
        links.append((element, "".join(t.text or "" for t in every(element, "t"))))
    links += [(f, f.shown) for f in fieldcodes.fields(block.element) if f.kind == "HYPERLINK"]
    fitting = [(link, said) for link, said in links if words.casefold() in said.casefold()]
    if len(fitting) == 1:
        return block, *fitting[0]
    offered = ", ".join(repr(shortened(said)) for _, said in fitting or links)
    hint = f"There is: {offered}." if offered else "There is none."
    which = f" with {words!r}" if words else ""
    many = f"{len(fitting)} links" if fitting else "no link"
    code = "ambiguous" if fitting else "not_found"
    raise ToolInputError(f"{block.where} holds {many}{which}.", hint=hint, code=code)


def _leads_to(document: Document, block: Block, link: Element | FieldCode) -> str:
    if isinstance(link, FieldCode):
        inner = link.option("\\l")
        return link.argument or f"#{inner}"
    rel_id = relationship(link)
    targets = {r.id: r.target for r in document.package.relationships(block.story.part)}
    anchor = value(link, "anchor")
    return targets.get(rel_id, "") if rel_id else f"#{anchor or ''}"


def _plain(document: Document, run: Element | None) -> None:
    """Take the style of links from a run."""
    properties = child(run, "w:rPr")
    style = child(properties, "w:rStyle")
    if run is None or properties is None or style is None:
        return
    if document.styles.name(value(style)).casefold() in _LINK_STYLES:
        unlink(style)
        if not len(properties):
            unlink(properties)


def _copies(block: Block) -> list[str]:
    copied = any(name(each) == "mc:Choice" for each in block.element.iterancestors())
    return ["The text box has a copy for programs older than Word 2010, which stays as it was."] if copied else []


#: The operations of this module.
OPERATIONS = (add_link, change_link, remove_link)
