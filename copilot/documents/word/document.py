"""A Word document that is being read or edited: its stories, blocks, styles and lists over one package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property

from copilot.documents.hunks import Edited, Hunk
from copilot.documents.package import Package
from copilot.documents.word import lean, orphans, text
from copilot.documents.word.blocks import (
    Block,
    Story,
    block_text,
    parse_address,
    short_hash,
    walk,
)
from copilot.documents.word.frozen import Frozen
from copilot.documents.word.lists import Numbering
from copilot.documents.word.names import Element, child, children, every, is_on, value
from copilot.documents.word.styles import Styles
from copilot.errors import DocumentError, ToolInputError

_SHOWN = 60  # characters of a paragraph that a message quotes
_NOTES = (("footnotes", "w:footnote", "fn", "footnote"), ("endnotes", "w:endnote", "en", "endnote"))


class Document:
    """A document over its package. Objects handed out are elements: the XML holds all state."""

    def __init__(self, content: bytes, words: Sequence[str] = ()) -> None:
        """Open a document; with `words` only what may hold one of them, for edits that touch nothing else."""
        self.package = Package.open(content)
        if self.package.kind != "word":
            raise DocumentError(
                f"This is no Word document: its content is of the kind {self.package.kind!r}.", code="unsupported"
            )
        self._lean = lean.reduced(self.package.read(self.main), words) if words else None
        if self._lean is not None:
            self.package.write(self.main, self._lean.data)
        self.styles = Styles(self.package)
        self.numbering = Numbering(self.package, self.styles)
        self._fields: dict[str, text.Fields] = {}
        self._blocks: list[Block] | None = None
        self._paths: dict[str, Block] | None = None
        self._elements: dict[Element, Block] | None = None
        self._frozen: Frozen | None = None
        #: Kind and id of notes and comments whose reference an edit took away.
        self.released: set[tuple[str, str]] = set()
        #: Who edits, and when: what comments say that name nobody themselves.
        self.author = "Everpilot"
        self.date: datetime | None = None

    @property
    def main(self) -> str:
        """The name of the main part."""
        return self.package.main

    @cached_property
    def body(self) -> Element:
        """The `w:body`."""
        body = child(self.package.xml(self.main), "w:body")
        if body is None:
            raise DocumentError("The document has no body: it is damaged.", code="broken")
        return body

    @cached_property
    def stories(self) -> list[Story]:
        """Every flow of text: body, headers, footers, footnotes, endnotes, comments."""
        found = [Story(self.main, self.body, "", "", "body")]
        found += self._margins("header", "h")
        found += self._margins("footer", "f")
        for kind, element, prefix, label in _NOTES:
            found += self._notes(kind, element, prefix, label)
        found += self._notes("comments", "w:comment", "cm", "comment")
        return found

    def _margins(self, kind: str, prefix: str) -> Iterator[Story]:
        parts = [p for p in dict.fromkeys(self.package.related(self.main, kind)) if self.package.has(p)]
        for index, part in enumerate(sorted(parts, key=_natural), 1):
            yield Story(part, self.package.xml(part), f"{prefix}{index}", f"{kind} {index}", kind)

    def _notes(self, kind: str, element: str, prefix: str, label: str) -> Iterator[Story]:
        for part in dict.fromkeys(self.package.related(self.main, kind)):
            if not self.package.has(part):
                continue
            numbers = self.note_numbers(element)
            for note in children(self.package.xml(part), element):
                if value(note, "type") not in (None, "normal"):
                    continue
                shown = numbers.setdefault(value(note, "id") or "", len(numbers) + 1)
                yield Story(part, note, f"{prefix}{shown}", f"{label} {shown}", label)

    def note_numbers(self, element: str) -> dict[str, int]:
        """Return the number of each note ("w:footnote", "w:endnote", "w:comment") by id, in the order of the text."""
        local = element.partition(":")[2]
        ids = [value(each, "id") or "" for each in every(self.body, f"{local}Reference")]
        return {note: index for index, note in enumerate(dict.fromkeys(ids), 1)}

    # Blocks

    @property
    def blocks(self) -> list[Block]:
        """Every block in document order, story by story."""
        if self._blocks is None:
            self._blocks = [block for story in self.stories for block in walk(story)]
        return self._blocks

    def _by_path(self, path: str) -> Block | None:
        if self._paths is None:
            self._paths = {block.path: block for block in self.blocks}
        return self._paths.get(path)

    def block_of(self, element: Element) -> Block | None:
        """Return the block that an element is now, None when it is no more part of the document."""
        if self._elements is None:
            self._elements = {block.element: block for block in self.blocks}
        return self._elements.get(element)

    def fields(self, part: str) -> text.Fields:
        """Return what of a part's runs belongs to complex fields."""
        if part not in self._fields:
            self._fields[part] = text.field_parts(self.package.xml(part))
        return self._fields[part]

    def fresh_fields(self, part: str) -> text.Fields:
        """Return the same after runs were cut or added."""
        self._fields.pop(part, None)
        return self.fields(part)

    def line(self, block: Block) -> text.Line:
        """Return a paragraph's text with its pieces."""
        return text.line(block.element, self.fields(block.story.part))

    def text(self, block: Block) -> str:
        """Return a block's text as an address is made from it."""
        fields = self.fields(block.story.part)
        return block_text(block, lambda p: text.line(p, fields).text)

    def address(self, block: Block) -> str:
        """Return the address that names the block as it is now."""
        return f"{block.path}:{short_hash(self.text(block))}"

    def at(self, address: str) -> Block:
        """Return the block with that address.

        Raises ToolInputError when it is no address, its hash is missing or stale (with what stands there now), or
        nothing is there. A table may be named without its hash ("t2").
        """
        parsed = parse_address(address)
        if parsed is None:
            hint = 'An address looks like "p12:3fa2"; reading the document shows them.'
            raise ToolInputError(f"{address!r} is no address.", hint=hint, code="address")
        path, digest = parsed
        block = self.named(path)
        if block is None and not digest and path.startswith("t") and path[1:].isdigit():
            block = self.new_table(int(path[1:]))
        if block is not None and (self._digest(path, block) == digest or (not digest and block.kind == "table")):
            return block
        raise self._stale(address, path, digest, block)

    def _digest(self, path: str, block: Block) -> str:
        frozen = None if self._frozen is None else self._frozen.digests.get(path)
        return short_hash(self.text(block)) if frozen is None else frozen

    def freeze(self, addresses: Iterable[str]) -> Frozen:
        """Let addresses mean the blocks that they name now, whatever edits do from here on; return what to ask of it.

        `addresses` are those that will be asked for; what looks like none is passed over.
        """
        self._frozen = Frozen(self, addresses)
        return self._frozen

    @property
    def is_frozen(self) -> bool:
        """Whether addresses mean the document as a batch found it."""
        return self._frozen is not None

    def named(self, path: str) -> Block | None:
        """Return the block with this path, in a batch the one that had it when the batch began; None if there is none.

        Raises ToolInputError "overlap" when an edit of the batch has deleted it.
        """
        return self._by_path(path) if self._frozen is None else self._frozen.at(path)

    def new_table(self, number: int) -> Block | None:
        """Return a table that a batch has made, counted behind those of the body as it began; None for no such one."""
        return None if self._frozen is None else self._frozen.table(number)

    def _stale(self, address: str, path: str, digest: str, block: Block | None) -> ToolInputError:
        kind = block.kind if block else "paragraph"
        same = [b for b in self.blocks if b.kind == kind and digest and short_hash(self.text(b)) == digest]
        offered = same[:3]
        if not offered and block is None:
            known = [b for b in self.blocks if b.story.kind == "body" and b.depth == 0]
            tables = [b for b in known if b.kind == "table"] if path.startswith("t") else []
            offered = tables[:3] or [b for b in known if b.kind == "paragraph"][-1:]
        there = [self.quoted(b) for b in offered]
        if block is not None:  # a batch goes on meaning the text that it was given
            there.append(f"{path}:{self._digest(path, block)} {shortened(self.text(block))!r}")
        hint = f"There is: {'; '.join(dict.fromkeys(there))}." if there else ""
        if block is None:
            return ToolInputError(f"Nothing has the address {address!r}.", hint=hint, code="address")
        if not digest:
            return ToolInputError(f"The address {address!r} lacks its hash.", hint=hint, code="address")
        reason = f"The address {address!r} is stale: another text stands there now."
        return ToolInputError(reason, hint=f"{hint} Read the document again.", code="stale_address")

    def quoted(self, block: Block) -> str:
        """Return address and beginning of a block, for messages."""
        return f"{self.address(block)} {shortened(self.text(block))!r}"

    def headings(self) -> list[tuple[Block, int]]:
        """Return the headings of the body with their level, tables and text boxes left out."""
        found = []
        for block in self.blocks:
            if block.story.kind != "body":
                break
            if block.kind == "paragraph" and block.depth == 0 and (level := self.styles.level(block.element)):
                found.append((block, level))
        return found

    def heading(self, wanted: str) -> Block:
        """Return the heading that reads `wanted` (case and number do not matter); raises ToolInputError."""
        known = [(block, self.text(block).strip()) for block, _ in self.headings()]
        known = [(block, words) for block, words in known if words]
        folded = " ".join(wanted.split()).casefold()
        labels = self._labels()
        exact = [
            block
            for block, words in known
            if folded in (plain := " ".join(words.split()).casefold(), f"{labels.get(block.path, '')} {plain}".strip())
        ]
        if len(exact) == 1:
            return exact[0]
        if exact:
            offered = "; ".join(self.quoted(block) for block in exact[:5])
            raise ToolInputError(f"{len(exact)} headings read {wanted!r}.", hint=f"Use an address: {offered}.")
        raise ToolInputError.unknown("heading", wanted, [words for _, words in known])

    def _labels(self) -> dict[str, str]:
        self.numbering.restart()
        found = {}
        for block in self.blocks:
            numbered = self.numbering.label(block.element) if block.kind == "paragraph" else None
            if numbered and not numbered.bullet:
                found[block.path] = numbered.label.casefold()
        return found

    def is_address(self, anchor: str) -> bool:
        """Return whether `place` takes this for an address, not for the words of a heading."""
        parsed = parse_address(anchor)
        if not parsed or parsed[1]:
            return parsed is not None
        words = anchor.strip().casefold()
        return not any(self.text(block).strip().casefold() == words for block, _ in self.headings())

    def place(self, anchor: str) -> Block:
        """Return the block that an address, the words of a heading or the whole text of a paragraph name.

        Raises ToolInputError, also when several paragraphs have that text.
        """
        if self.is_address(anchor):
            return self.at(anchor)
        try:
            return self.heading(anchor)
        except ToolInputError as error:
            wanted = " ".join(anchor.split())
            same = [b for b in self.blocks if b.kind == "paragraph" and " ".join(self.text(b).split()) == wanted]
            if len(same) == 1 and error.code == "unknown_heading":
                return same[0]
            named = next((b for b in self.blocks if b.where == wanted.casefold()), None)
            if named is not None:
                hint = f"There is: {self.quoted(named)}."
                raise ToolInputError(f"{anchor!r} is no address.", hint=hint, code="address") from None
            raise

    def places(self, anchors: Iterable[str]) -> list[Block]:
        """Return the blocks that these name, each once; "p3:1a2b..p9:3c4d" names those from one address to the other.

        In a batch those are the ones that stood there when it began. Raises ToolInputError.
        """
        found: dict[str, Block] = {}
        for anchor in anchors:
            first, dots, last = (each.strip() for each in anchor.partition(".."))
            spans = dots and self.is_address(first) and self.is_address(last)
            blocks = self._between(self.at(first), self.at(last)) if spans else [self.place(anchor)]
            found.update((block.path, block) for block in blocks)
        return list(found.values())

    def _between(self, first: Block, last: Block) -> list[Block]:
        """Return the blocks from one to another that stand beside them, in the same cell, text box or story."""
        holder = first.path.rpartition(".")[0]
        here = (b for b in self.blocks if b.story.prefix == first.story.prefix)
        beside = [b for b in here if b.path.rpartition(".")[0] == holder]
        paths = [block.path for block in beside]
        if last.path not in paths or paths.index(last.path) < paths.index(first.path):
            reason = f"{last.where} does not follow {first.where} in the same place."
            hint = "Give the upper address first, both of the same cell, text box or flow of text."
            raise ToolInputError(reason, hint=hint, code="address")
        named = beside[paths.index(first.path) : paths.index(last.path) + 1]
        return named if self._frozen is None else [b for b in named if self._frozen.knows(b)]

    # Saving

    def touch(self, story: Story) -> None:
        """Note that a story's part has changed; its blocks are counted, its fields looked for anew."""
        self.package.touch(story.part)
        self._fields.pop(story.part, None)
        self._blocks = self._paths = self._elements = None
        self.__dict__.pop("stories", None)

    def finish(self, hunks: Iterable[Hunk], warnings: Iterable[str] = ()) -> Edited:
        """Return the edited document with what there is to warn about."""
        orphans.drop(self, self.released)
        return Edited.of(self.save(), hunks, dict.fromkeys([*warnings, *self.standing_warnings()]))

    def save(self) -> bytes:
        """Return the file with the edits that were made."""
        if self._lean is not None:
            whole = self._lean.whole(self.package.read(self.main))
            self.package.write(self.main, iter([whole]))
        return self.package.save()

    def settled(self) -> Package:
        """Return the package with the edits that were made, to go on with instead of the document."""
        if self._lean is not None:
            self.package.write(self.main, self._lean.whole(self.package.read(self.main)))
            self._lean = None
        self.package.settle()
        return self.package

    def standing_warnings(self, *, tracked: bool = False) -> Iterator[str]:
        """Yield what any edit of this document is to be warned about; `tracked`: it is made as tracked changes."""
        if self.package.signed:
            yield "The document is digitally signed: this change makes the signature invalid."
        if self.tracks and not tracked:
            yield "The document has Track Changes on; this change is made directly, not as a tracked one."
        if self.protection and not (tracked and self.protection == "trackedChanges"):
            yield f"The document is protected ({self.protection})."
        if value(self.setting("w:writeProtection"), "recommended") in ("1", "true", "on"):
            yield "The document's author recommends to open it for reading only."
        if self._is_final():
            yield "The document is marked as final; it stays so marked."

    @property
    def tracks(self) -> bool:
        """Whether the document has Track Changes on (17.15.1.90)."""
        return bool(is_on(self.setting("w:trackRevisions")))

    @property
    def protection(self) -> str:
        """The restriction that is enforced (17.15.1.29): "readOnly", "comments", "trackedChanges", "forms", or ""."""
        found = self.setting("w:documentProtection")
        if found is None or (value(found, "enforcement") or "0") in ("0", "false", "off"):
            return ""
        kind = value(found, "edit") or "editing is restricted"
        return "" if kind == "none" else kind

    def _is_final(self) -> bool:
        for part in self.package.related("", "custom-properties"):
            for each in self.package.xml(part) if self.package.has(part) else ():
                if each.get("name") == "_MarkAsFinal":
                    return "".join(map(str, each.itertext())).strip().lower() in ("true", "1")
        return False

    def setting(self, wanted: str) -> Element | None:
        """Return an element of the document's settings."""
        for part in self.package.related(self.main, "settings"):
            if self.package.has(part):
                return child(self.package.xml(part), wanted)
        return None


def _natural(part: str) -> tuple[str, int, str]:
    digits = "".join(c for c in part if c.isdigit())
    return part.rstrip("0123456789.xml"), int(digits or 0), part


def shortened(words: str, length: int = _SHOWN) -> str:
    """Return the beginning of a text in one line."""
    line = " ".join(words.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def section_blocks(document: Document, heading: Block) -> list[Block]:
    """Return the heading and the blocks at top level up to the next heading that is not deeper."""
    top = [b for b in document.blocks if b.story.kind == "body" and b.depth == 0]
    start = next(i for i, b in enumerate(top) if b.path == heading.path)
    level = document.styles.level(heading.element)
    end = len(top)
    for index, block in enumerate(top[start + 1 :], start + 1):
        if block.kind == "paragraph" and 0 < document.styles.level(block.element) <= (level or 9):
            end = index
            break
    return top[start:end]
