"""A new Word document from Markdown. The same text always gives the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from copilot.documents.hunks import Hunk
from copilot.documents.word import build, text
from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document
from copilot.documents.word.insert import MAX_DEPTH, ListMaker, list_maker
from copilot.documents.word.names import Element, add, child, children, name, new
from copilot.documents.word.reader import read

_CORE = "{http://schemas.openxmlformats.org/package/2006/metadata/core-properties}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip entry can carry
_MONO = "Consolas"
_MARKS: dict[str, tuple[str, ...]] = {"strong": ("b",), "em": ("i",), "s": ("strike",)}
_BREAKS = {"softbreak": " ", "hardbreak": "\n"}
_SCHEMES = ("http://", "https://", "mailto:")
_RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def create(markdown: str, *, title: str = "") -> bytes:
    """Return a .docx with the headings, paragraphs, lists, tables, quotes and links of `markdown`.

    `title` becomes the document's title, above all else, and its title property. Raises ToolInputError for characters
    that no document can hold.
    """
    document = Document(_template())
    writer = _Writer(document)
    title = " ".join(build.clean(title, "title").split())
    if title:
        writer.title(title)
    writer.blocks(SyntaxTreeNode(_parser().parse(build.clean(markdown, "markdown"))).children)
    _describe(document, title)
    document.package.touch(document.main)
    return document.package.save()


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


@lru_cache(maxsize=1)
def _template() -> bytes:
    """Return python-docx's template without its sample picture, in a zip that has no time of its own."""
    import docx

    made = io.BytesIO()
    docx.Document().save(made)
    plain = io.BytesIO()
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(plain, "w") as target:
        for entry in sorted(source.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
            info = zipfile.ZipInfo(entry, _STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0
            target.writestr(info, source.read(entry))
    document = Document(plain.getvalue())
    for part in document.package.related("", "thumbnail"):
        document.package.remove(part)
        document.package.unrelate("", part)
    for each in list(document.body):
        if name(each) != "w:sectPr":
            document.body.remove(each)
    document.package.touch(document.main)
    return document.package.save()


def _describe(document: Document, title: str) -> None:
    """Set the title property and take out what the template says of itself."""
    for part in document.package.related("", "core-properties"):
        root = document.package.xml(part)
        for each in list(root):
            if each.tag == f"{_DC}title":
                each.text = title
            elif each.tag != f"{_CORE}revision":
                root.remove(each)
        document.package.touch(part)


class _Writer:
    """Appends the blocks of parsed Markdown to a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._section = child(document.body, "w:sectPr")

    def put(self, block: Element) -> None:
        """Append a block: the section properties stay last."""
        if self._section is not None:
            self._section.addprevious(block)
        else:
            self._document.body.append(block)

    def title(self, words: str) -> None:
        """Append the document's title."""
        style = self._document.styles.id_of("Title", "paragraph")
        self.put(build.paragraph(self._document.body, words, style=style))

    def blocks(self, nodes: Sequence[SyntaxTreeNode], style: str | None = None) -> None:
        """Append blocks, plain paragraphs in the style with that name."""
        for node in nodes:
            if node.type == "heading":
                self.put(self._paragraph(node, self._document.styles.heading(int(node.tag[1:]))))
            elif node.type == "paragraph":
                self.put(self._paragraph(node, self._style(style)))
            elif node.type in ("bullet_list", "ordered_list"):
                self._list(node, 0, None)
            elif node.type == "table":
                self._table(node)
            elif node.type == "blockquote":
                self.blocks(node.children, "Quote")
            elif node.type in ("fence", "code_block"):
                self._code(node.content)
            elif node.type == "hr":
                self._rule()

    def _style(self, wanted: str | None) -> str | None:
        return self._document.styles.id_of(wanted, "paragraph") if wanted else None

    def _paragraph(self, node: SyntaxTreeNode, style: str | None) -> Element:
        made = build.paragraph(self._document.body, "", style=style)
        self._inline(made, node.children, ())
        return made

    def _list(self, node: SyntaxTreeNode, depth: int, outer: tuple[bool, ListMaker] | None) -> None:
        """Append a list. A list of the same kind inside of another is a deeper level of it, else one of its own."""
        numbered = node.type == "ordered_list"
        same = outer is not None and outer[0] == numbered
        make = outer[1] if outer is not None and same else list_maker(self._document, self._document.body, numbered)
        for item in node.children:
            first_one = True
            for block in item.children:
                if block.type in ("bullet_list", "ordered_list"):
                    self._list(block, min(depth + 1, MAX_DEPTH - 1), (numbered, make))
                elif block.type == "paragraph" and first_one:
                    made = make("", depth)
                    self._inline(made, block.children, ())
                    self.put(made)
                    first_one = False
                else:
                    self.blocks([block], "List Paragraph")

    def _table(self, node: SyntaxTreeNode) -> None:
        rows = [row for part in node.children for row in part.children]
        document = self._document
        near = Block(document.body, "paragraph", "", "", document.stories[0])
        empty = [["" for _ in row.children] for row in rows]
        style = build.usual_table_style(document)
        made = build.table(document, near, empty, style, header=True)
        for index, (element, row) in enumerate(zip(children(made, "w:tr"), rows, strict=True)):
            for cell, content in zip(children(element, "w:tc"), row.children, strict=False):
                paragraph = child(cell, "w:p")
                assert paragraph is not None
                self._inline(paragraph, content.children, ("b",) if index == 0 else ())
        self.put(made)
        self.put(new(document.body, "p"))

    def _code(self, words: str) -> None:
        made = build.paragraph(self._document.body, "", style=self._style("macro"))
        self._run(made, words.rstrip("\n"), ("code",))
        self.put(made)

    def _rule(self) -> None:
        made = add(self._document.body, "p")
        add(add(add(made, "pPr"), "pBdr"), "bottom", val="single", sz="6", space="1", color="auto")
        self.put(made)

    def _inline(self, parent: Element, nodes: Sequence[SyntaxTreeNode], marks: tuple[str, ...]) -> None:
        for node in nodes:
            if node.type == "link":
                address = str(node.attrs.get("href", ""))
                link = self._link(parent, address)
                self._inline(link, node.children, marks if link is parent else (*marks, "link"))
                if address and address not in (words := _words(node), f"mailto:{words}"):
                    self._run(parent, f" ({address})", marks)  # where a link leads is to be read, also on paper
            elif node.type in _BREAKS:
                self._run(parent, _BREAKS[node.type], marks)
            elif node.type in ("text", "code_inline"):
                self._run(parent, node.content, marks if node.type == "text" else (*marks, "code"))
            elif node.type == "image":
                self._run(parent, f"[picture: {node.content}]", marks)
            elif node.type in ("inline", *_MARKS):
                self._inline(parent, node.children, (*marks, *_MARKS.get(node.type, ())))

    def _run(self, parent: Element, words: str, marks: tuple[str, ...]) -> None:
        if not words:
            return
        run = add(parent, "r")
        if marks:
            properties = add(run, "rPr")
            if "code" in marks:
                add(properties, "rFonts", ascii=_MONO, hAnsi=_MONO, cs=_MONO)
            for mark in ("b", "i", "strike"):
                if mark in marks:
                    add(properties, mark)
            if "link" in marks:
                add(properties, "color", val="0563C1")
                add(properties, "u", val="single")
        text.set_text(run, words)

    def _link(self, parent: Element, address: str) -> Element:
        """Return the hyperlink that text goes into; the paragraph itself for an address that Word can't follow."""
        if not address.startswith(_SCHEMES):
            return parent
        package = self._document.package
        link = add(parent, "hyperlink")
        link.set(f"{{{_RELATIONSHIPS}}}id", package.relate(self._document.main, "hyperlink", address, external=True))
        return link


def _words(node: SyntaxTreeNode) -> str:
    return node.content if not node.children else "".join(map(_words, node.children))


def contents(content: bytes) -> list[Hunk]:
    """Return what a new document holds as hunks, block by block, for the person who approves it."""
    return [Hunk(s.where, "", s.text, "structure") for s in read(content).segments if s.kind != "property"]
