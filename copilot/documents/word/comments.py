"""Comments (17.13.4) in threads: listed, added, answered, resolved, rewritten, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from copilot.documents.hunks import Hunk
from copilot.documents.word import bodies, build, builtin, spans
from copilot.documents.word.blocks import Block, Story
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, Number, Words, editor
from copilot.documents.word.ink import stamp
from copilot.documents.word.names import Element, add, children, every, name, namespace, new, value, within
from copilot.documents.word.notes import take_out
from copilot.documents.word.threads import Threads
from copilot.errors import ToolInputError

_WHERE = ("body", "footnote", "endnote")


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment: `id` ("cm3") names it in edits and begins the addresses of its paragraphs.

    `anchor` is the text that it is about and `address` the paragraph where that begins; `parent` is the id of the
    comment that it answers ("" when it begins a thread); `done`: its thread is resolved; `date` is as the file has it.
    """

    id: str
    author: str
    initials: str
    date: str
    text: str
    anchor: str
    address: str
    parent: str = ""
    done: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the comment as JSON types."""
        return asdict(self)


def list_comments(content: bytes) -> list[Comment]:
    """Return a document's comments, answers behind what they answer. Raises DocumentError."""
    document = Document(content)
    threads = Threads(document)
    stories = [s for s in document.stories if s.kind == "comment"]
    stories.sort(key=lambda story: int(story.prefix[2:]))
    by_mark = {threads.known_mark(s.container): s.prefix for s in stories}
    anchors = _anchors(document)
    found = []
    for story in stories:
        parent = by_mark.get(threads.parent(story.container), "") if threads.parent(story.container) else ""
        found.append(_comment(story, anchors, parent, threads))
    roots = [each for each in found if not each.parent]
    return [one for root in roots for one in (root, *(each for each in found if each.parent == root.id))]


def _comment(story: Story, anchors: dict[str, tuple[str, str]], parent: str, threads: Threads) -> Comment:
    element = story.container
    anchor, address = anchors.get(value(element, "id") or "", ("", ""))
    author, initials, date = (value(element, key) or "" for key in ("author", "initials", "date"))
    done = threads.is_done(element)
    return Comment(story.prefix, author, initials, date, bodies.said(story), anchor, address, parent, done)


def _anchors(document: Document) -> dict[str, tuple[str, str]]:
    """Return the text that each comment is about, by id, with the address of the paragraph where it begins."""
    found: dict[str, tuple[str, str]] = {}
    blocks = {block.element: block for block in document.blocks if block.kind == "paragraph"}
    for part in _parts(document):
        open_: dict[str, list[str]] = {}
        starts: dict[str, Element] = {}
        waiting: list[str] = []
        paragraph: Element | None = None
        pieces = _pieces(document, part)
        for each in document.package.xml(part).iter():
            kind = name(each)
            if kind == "w:p":
                paragraph = each
                starts.update(dict.fromkeys(waiting, each))
                waiting.clear()
                for words in open_.values():
                    words.append("\n")
            elif kind == "w:commentRangeStart":
                key = value(each, "id") or ""
                open_[key] = []
                if within(each, "w:p") is None:
                    waiting.append(key)
                elif paragraph is not None:
                    starts[key] = paragraph
            elif kind == "w:commentRangeEnd":
                key = value(each, "id") or ""
                found[key] = ("".join(open_.pop(key, [])).strip(), _address(document, blocks, starts.get(key)))
            elif kind == "w:commentReference":
                found.setdefault(value(each, "id") or "", ("", _address(document, blocks, paragraph)))
            elif open_ and each in pieces:
                for words in open_.values():
                    words.append(pieces[each])
    return found


def _pieces(document: Document, part: str) -> dict[Element, str]:
    """Return the text of each element that shows one, deletions left out."""
    shown = [b for b in document.blocks if b.kind == "paragraph" and b.story.part == part]
    if next(every(document.package.xml(part), "commentRangeStart"), None) is None:
        return {}
    return {piece.element: piece.text for block in shown for piece in document.line(block).pieces}


def _address(document: Document, blocks: dict[Element, Block], paragraph: Element | None) -> str:
    block = blocks.get(paragraph) if paragraph is not None else None
    return "" if block is None else document.address(block)


def _parts(document: Document) -> list[str]:
    return list(dict.fromkeys(story.part for story in document.stories if story.kind in _WHERE))


# Adding


@editor
def add_comment(
    document: Document,
    address: str,
    text: Words,
    words: str = "",
    *,
    nth: Number | None = None,
    author: str = "",
    date: datetime | None = None,
    initials: str = "",
) -> Edit:
    """Comment on words of a paragraph; without `words` on all of the paragraph, cell, row or table at `address`.

    `nth` says which, from 1, when they stand there several times. `author` and `date` are those of the edit unless
    given. Raises ToolInputError for a stale address, words that are not there, or a place where Word allows no comments
    (headers, footers, text boxes, comments).
    """
    lines = build.lines(text)
    place = None if not words and _is_wide(document, address) else spans.span(document, address, words, nth)
    block = document.place(address) if place is None else place.block
    bodies.refuse_place(block, "comments", *_WHERE)
    spans.refuse_box(block, "comments")
    comment = _made(document, lines, author, date, initials)
    key = value(comment, "id") or ""
    near = block.element
    start, end = new(near, "commentRangeStart", id=key), new(near, "commentRangeEnd", id=key)
    if place is not None:
        spans.enclose(document, place, start, end)
    else:
        _enclose_wide(document, block, start, end)
    spans.add_behind(end, _reference(document, near, key))
    document.touch(block.story)
    _settle(document, comment, None)
    about = f" on {shortened(place.words)!r}" if place is not None and words else ""
    return Edit.of([_hunk(document, f"{block.where}", f"comment{about} by {value(comment, 'author')}", lines)])


def _is_wide(document: Document, address: str) -> bool:
    return document.place(address).kind != "paragraph"


def _enclose_wide(document: Document, block: Block, start: Element, end: Element) -> None:
    """Let a range begin in the first paragraph of a table, row or cell and end in the last one."""
    inside = [b for b in document.blocks if b.kind == "paragraph" and b.path.startswith(f"{block.path}.")]
    inside = [b for b in inside if not b.boxed]
    if not inside:
        raise ToolInputError(f"{block.where} holds no paragraph.", code="address")
    for at, mark in ((inside[0], start), (inside[-1], end)):
        line = document.line(at)
        whole = spans.Span(at, 0, len(line.text), line.text, True)
        other = new(at.element, "commentRangeEnd")
        spans.enclose(document, whole, *((mark, other) if mark is start else (other, mark)))
        other.getparent().remove(other)  # type: ignore[union-attr]


def _made(document: Document, lines: Sequence[str], author: str, date: datetime | None, initials: str) -> Element:
    """Return a new comment in its part, which nothing refers to yet."""
    author = build.clean(author or document.author, "author").strip()
    threads = Threads(document)
    root = threads.root()
    style = builtin.ensure(document.styles, "annotation text")
    sign = builtin.ensure(document.styles, "annotation reference", "character")
    references = (each for part in _parts(document) for each in every(document.package.xml(part), "commentReference"))
    key = bodies.next_id([*children(root, "w:comment"), *references], 0)
    written = stamp(date or document.date)
    dated = {"date": written} if written else {}
    comment = add(root, "comment", id=key, author=author, **dated, initials=initials or _initials(author))
    mark = bodies.mark(comment, "annotationRef", sign)
    comment.extend(bodies.paragraphs(comment, lines, style, mark))
    return comment


def _settle(document: Document, comment: Element, parent: Element | None) -> None:
    """Write a new comment into the lists and let the document know of it."""
    threads = Threads(document)
    threads.enlist(comment, parent=parent, date=value(comment, "date") or "")
    threads.know(value(comment, "author") or "")
    document.package.touch(threads.part)
    document.touch(document.stories[0])


def _initials(author: str) -> str:
    return "".join(word[0] for word in author.split() if word[0].isalnum())[:9].upper()


def _reference(document: Document, near: Element, key: str) -> Element:
    sign = builtin.ensure(document.styles, "annotation reference", "character")
    run = bodies.mark(near, "commentReference", sign)
    run[-1].set(f"{{{namespace(near)}}}id", key)
    return run


def _hunk(document: Document, where: str, what: str, lines: Iterable[str]) -> Hunk:
    return Hunk(where, "", f"{what}: " + "\n".join(lines), "structure")


@editor
def reply_comment(
    document: Document,
    comment: str,
    text: Words,
    *,
    author: str = "",
    date: datetime | None = None,
    initials: str = "",
) -> Edit:
    """Answer a comment ("cm3"); the answer stands in its thread. Raises ToolInputError for an unknown comment."""
    lines = build.lines(text)
    story = bodies.story(document, comment, "cm")
    top = _top(document, story.container)
    marks = _last_marks(document, _thread(document, top))
    if not marks:
        raise ToolInputError(f"{story.label} is about no place in the text, so it can't be answered.", code="address")
    made = _made(document, lines, author, date, initials)
    own = value(made, "id") or ""
    for part, each in marks:
        _beside(document, each, own)
        document.package.touch(part)
    threads = Threads(document)
    threads.enlist(top, date=_utc(top))
    _settle(document, made, top)
    return Edit.of([_hunk(document, story.label, f"answer by {value(made, 'author')}", lines)])


def _last_marks(document: Document, thread: Sequence[Element]) -> list[tuple[str, Element]]:
    """Return the marks of the last comment of a thread that has a reference: an answer stands behind them."""
    for comment in reversed(thread):
        marks = list(_marks(document, {value(comment, "id") or ""}))
        if any(name(each) == "w:commentReference" for _, each in marks):
            return marks
    return []


def _utc(comment: Element) -> str:
    """Return a comment's date if the file says that it is UTC."""
    date = value(comment, "date") or ""
    return date if date.endswith("Z") else ""


def _beside(document: Document, mark: Element, key: str) -> None:
    """Put the mark of an answer behind the same mark of what it answers."""
    if name(mark) != "w:commentReference":
        spans.add_behind(mark, new(mark, name(mark)[2:], id=key))
        return
    run = within(mark, "w:r")
    if run is not None:
        spans.add_behind(run, _reference(document, mark, key))


def _marks(document: Document, keys: set[str]) -> Iterator[tuple[str, Element]]:
    """Yield the ends and references of comments with the part that they stand in."""
    for part in _parts(document):
        root = document.package.xml(part)
        for local in ("commentRangeStart", "commentRangeEnd", "commentReference"):
            yield from ((part, each) for each in list(every(root, local)) if value(each, "id") in keys)


def _thread(document: Document, top: Element) -> list[Element]:
    """Return the first comment of a thread and its answers."""
    threads = Threads(document)
    mark = threads.known_mark(top)
    others = children(threads.root(), "w:comment")
    return [top, *(each for each in others if mark and threads.parent(each) == mark and each is not top)]


def _top(document: Document, comment: Element) -> Element:
    """Return the comment that begins the thread of this one: answers to answers are in it, too."""
    threads = Threads(document)
    by_mark = {threads.known_mark(each): each for each in children(threads.root(), "w:comment")}
    seen = set()
    while (parent := threads.parent(comment)) and parent in by_mark and parent not in seen:
        seen.add(parent)
        comment = by_mark[parent]
    return comment


# Changing


@editor
def resolve_comment(document: Document, comment: str, done: bool = True) -> Edit:
    """Mark the thread of a comment ("cm3") as resolved, or with `done` false as open again.

    Raises ToolInputError for an unknown comment, or when it is so already.
    """
    story = bodies.story(document, comment, "cm")
    threads = Threads(document)
    thread = _thread(document, _top(document, story.container))
    if threads.is_done(thread[0]) is done:
        raise ToolInputError(f"{story.label} is {_state(done)} already: nothing would change.", code="unchanged")
    threads.enlist(thread[0], date=_utc(thread[0]))
    for each in thread:
        threads.set_done(each, done)
    document.touch(story)
    return Edit.of([Hunk(story.label, _state(not done), _state(done), "format")])


def _state(done: bool) -> str:
    return "resolved" if done else "open"


@editor
def edit_comment(document: Document, comment: str, text: Words) -> Edit:
    """Make a comment ("cm3") read `text`, a paragraph a line. Raises ToolInputError."""
    story = bodies.story(document, comment, "cm")
    mark = Threads.known_mark(story.container)
    before, after = bodies.rewrite(story, text)
    Threads(document).keep_mark(story.container, mark)
    document.touch(story)
    return Edit.of([Hunk(story.label, before, after)])


@editor
def delete_comment(document: Document, comment: str) -> Edit:
    """Delete a comment ("cm3"), with its answers when it begins a thread. Raises ToolInputError."""
    story = bodies.story(document, comment, "cm")
    top = story.container
    gone = _thread(document, top)
    threads = Threads(document)
    labels = {s.container: s for s in document.stories if s.kind == "comment"}
    hunks = [Hunk(labels[each].label, bodies.said(labels[each]), "", "structure") for each in gone if each in labels]
    for part, mark in list(_marks(document, {value(each, "id") or "" for each in gone})):
        take_out(mark)
        document.package.touch(part)
    for each in gone:
        threads.delist(each)
        if (holder := each.getparent()) is not None:
            holder.remove(each)
    document.touch(story)
    document.touch(document.stories[0])
    return Edit.of(hunks)


#: The operations of this module.
OPERATIONS = (add_comment, reply_comment, resolve_comment, edit_comment, delete_comment)
