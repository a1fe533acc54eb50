"""The pen of tracked changes (17.13.5): author, date and fresh ids; and what makes two elements equal."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import cast

from copilot.documents.word import order
from copilot.documents.word.names import _RELATIONSHIPS, Element, child, name, namespace, new

#: Attributes that say how a file was made, not what it is: editing sessions and ids of paragraphs ([MS-DOCX] 2.2.4).
_QUIET = re.compile(r"(?:rsid\w*|paraId|textId|dirty|anchorId|editId)\Z")
#: Elements that a program writes for itself: spelling marks and where pages last broke (17.13.8.1, 17.3.3.13).
QUIET = frozenset({"w:proofErr", "w:lastRenderedPageBreak", "w:noProof"})
#: Wrappers of runs that track a change (17.13.5.14, .18, .22, .25).
ADDED = frozenset({"w:ins", "w:moveTo"})
REMOVED = frozenset({"w:del", "w:moveFrom"})
RUN_MARKS = ADDED | REMOVED

#: Children of properties that are about tracked changes, not about how something looks.
LISTED_SKIP = frozenset(
    {
        "w:rPr",
        "w:rPrChange",
        "w:pPrChange",
        "w:sectPrChange",
        "w:tblPrChange",
        "w:trPrChange",
        "w:tcPrChange",
        "w:tblPrExChange",
    }
)

#: Before the id of a list, when its meaning is asked for.
LIST = "list "
#: What a relationship of a part (or a list) means: (id) -> something that two files can be compared by.
Resolve = Callable[[str], str]


class Ink:
    """Makes marks of one author; every mark gets an id that the document does not have yet (17.13)."""

    def __init__(self, author: str, date: datetime | None, next_id: int) -> None:
        self.author = author
        self.date = stamp(date)
        self._next = next_id
        self._used: set[str] = set()
        self.count = 0

    def fresh(self) -> str:
        """Return an id that is not in use."""
        self._next += 1
        return str(self._next - 1)

    def mark(self, near: Element, local: str) -> Element:
        """Return a new `w:ins`, `w:del`, `w:rPrChange` ... of our author."""
        dated = {"date": self.date} if self.date else {}
        self.count += 1
        return new(near, local, id=self.fresh(), author=self.author, **dated)

    def piece(self, wrapper: Element) -> Element:
        """Return an empty copy of somebody's mark; only its first piece keeps its id."""
        made = hollow(wrapper)
        key = f"{{{namespace(wrapper)}}}id"
        if (given := wrapper.get(key)) is not None:
            if given in self._used:
                made.set(key, self.fresh())
            self._used.add(given)
        return made


def stamp(date: datetime | None) -> str:
    """Return a date as `w:date` has it (ISO 8601 in whole seconds, UTC; without a zone it is taken as UTC)."""
    if date is None:
        return ""
    aware = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%SZ")


def hollow(element: Element) -> Element:
    """Return a copy of an element without what it holds, for the same tree."""
    made = element.makeelement(element.tag, nsmap=cast("dict[str, str]", element.nsmap))
    for key, given in element.attrib.items():
        made.set(key, given)
    return made


def twin_of(element: Element) -> Element:
    """Return a deep copy without the text that follows the element."""
    made = copy.deepcopy(element)
    made.tail = None
    return made


def attributes(element: Element) -> list[tuple[str, str]]:
    """Return names and values of an element's attributes."""
    return cast("list[tuple[str, str]]", element.attrib.items())


def is_link(attribute: str) -> bool:
    """Return whether an attribute is the id of a relationship (`r:id`, `r:embed` ...)."""
    return attribute.startswith("{") and attribute[1:].partition("}")[0] in _RELATIONSHIPS


def local_name(tag: str) -> str:
    """Return a tag or attribute without its namespace."""
    return tag.rpartition("}")[2]


def signature(element: Element, resolve: Resolve, skip: frozenset[str] = frozenset()) -> str:
    """Return a text that is the same for elements that mean the same; `skip` names elements to leave out."""
    parts: list[str] = []
    _sign(element, resolve, skip, parts)
    return "".join(parts)


def _sign(element: Element, resolve: Resolve, skip: frozenset[str], parts: list[str]) -> None:
    kind = name(element)
    if not kind or kind in QUIET or kind in skip:
        return
    parts.append(f"<{element.tag if kind.startswith('?') else kind}")
    listed = kind == "w:numId"
    for key, given in sorted(attributes(element)):
        if not _QUIET.match(local_name(key)) and not (kind == "wp:docPr" and key == "id"):  # a number, no content
            linked = is_link(key)
            parts.append(
                f" {local_name(key)}={resolve(given) if linked else resolve(LIST + given) if listed else given!r}"
            )
    parts.append(">")
    if element.text and (not len(element) or element.text.strip()):
        parts.append(element.text)
    for each in element:
        _sign(each, resolve, skip, parts)
    parts.append("</>")


def look(properties: Element | None, skip: frozenset[str]) -> str:
    """Return what properties say, the tracked changes among them left out; "" for none."""
    said = [] if properties is None else [signature(each, str, skip) for each in properties if name(each) not in skip]
    return "".join(sorted(said))


def former(properties: Element | None, near: Element, local: str, skip: frozenset[str]) -> Element:
    """Return a new `w:<local>` that holds the properties as they were, for a `w:...Change` element."""
    made = new(near, local)
    made.extend(twin_of(each) for each in kept(properties, skip))
    return made


def kept(properties: Element | None, skip: frozenset[str]) -> Iterable[Element]:
    """Return the children of properties but those named."""
    return [] if properties is None else [each for each in properties if name(each) and name(each) not in skip]


def change_properties(
    ink: Ink,
    after: Element | None,
    before: Element | None,
    owner: Element,
    local: str,
    skip: frozenset[str],
    *,
    theirs: bool = False,
) -> bool | None:
    """Note in the properties `w:<local>` of `owner` (made when missing) how they were before.

    Returns True when a change was noted, False when nothing differs, and None when both versions bear the same change
    of somebody already, which then stays as it is: there can be one only. One that only the new version bears is taken
    as accepted, unless `theirs` and it tells the whole difference.
    """
    mark = f"{local}Change"
    standing = child(after, f"w:{mark}")
    if standing is not None and after is not None:
        earlier = child(before, f"w:{mark}")
        if earlier is not None and signature(earlier, str) == signature(standing, str):
            return False if look(after, skip) == look(before, skip) else None
        if theirs and look(next(iter(standing), None), skip) == look(before, skip):
            return False
        after.remove(standing)
    if look(after, skip) == look(before, skip):
        return False
    change = ink.mark(owner, mark)
    change.append(former(before, owner, local, skip))
    (order.ensure(owner, local) if after is None else after).append(change)
    return True
