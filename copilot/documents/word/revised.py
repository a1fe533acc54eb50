"""The tracked changes of a part as a reader shows them: who, when, and what of it a view leaves out."""

from __future__ import annotations

from typing import Literal

from copilot.documents.word.names import WORD_NAMESPACES, Element, children, descend, name, value

#: What is shown of tracked changes: all with their marks, the text as it is once they are accepted, or as it was.
View = Literal["all", "clean", "original"]

_WORDS = {
    "w:ins": "inserted",
    "w:del": "deleted",
    "w:moveTo": "moved here",
    "w:moveFrom": "moved away",
    "w:rPrChange": "format changed",
    "w:pPrChange": "paragraph format changed",
    "w:tblPrChange": "table format changed",
    "w:tblPrExChange": "row format changed",
    "w:trPrChange": "row format changed",
    "w:tcPrChange": "cell format changed",
    "w:cellIns": "cell inserted",
    "w:cellDel": "cell deleted",
    "w:cellMerge": "cell merged",
}
_GONE = frozenset({"w:del", "w:moveFrom"})
_LOOKED_FOR = ("ins", "del", "moveTo", "moveFrom", "rPrChange", "pPrChange")
_TAGS = tuple(f"{{{space}}}{local}" for space in WORD_NAMESPACES for local in _LOOKED_FOR)


class Revised:
    """What one part holds of changes that stand in properties: of runs, paragraphs, and paragraphs' ends."""

    def __init__(self, root: Element) -> None:
        self.formats: dict[Element, Element] = {}
        self._ends: dict[Element, list[Element]] = {}
        for change in root.iter(*_TAGS):
            above = change.getparent()
            if above is None or name(above) not in ("w:rPr", "w:pPr"):
                continue
            holder = above.getparent()
            if name(change) in ("w:rPrChange", "w:pPrChange"):
                if holder is not None and name(holder) in ("w:r", "w:p"):
                    self.formats[holder] = change
            elif holder is not None and name(holder) == "w:pPr" and (paragraph := holder.getparent()) is not None:
                self._ends.setdefault(paragraph, []).append(change)

    def end(self, paragraph: Element) -> Element | None:
        """Return the change of a paragraph's end (17.13.5.14, 17.13.5.19): a deletion before an insertion."""
        found = self._ends.get(paragraph, ())
        return next((each for each in found if name(each) in _GONE), found[0] if found else None)

    def flows(self, paragraph: Element, view: View) -> bool:
        """Return whether a paragraph goes on in the next one in this view: its end is deleted, or not yet there."""
        kinds = {name(each) for each in self._ends.get(paragraph, ())}
        return bool(kinds & _GONE) if view == "clean" else view == "original" and bool(kinds - _GONE)


def said(change: Element) -> str:
    """Return a change in words: "inserted by Ann, 2024-05-06"."""
    return f"{_WORDS.get(name(change), 'changed')}{by(change)}"


def by(change: Element) -> str:
    """Return " by Ann, 2024-05-06", "" when the author is not told."""
    author, date = value(change, "author") or "", (value(change, "date") or "")[:10]
    return f" by {author}{f', {date}' if date else ''}" if author else ""


def row_change(row: Element) -> Element | None:
    """Return the tracked insertion or deletion of a row (17.13.5.16, 17.13.5.13), a deletion first."""
    found = [*children(descend(row, "w:trPr"), "w:del"), *children(descend(row, "w:trPr"), "w:ins")]
    return found[0] if found else None


def property_changes(block: Element, *properties: str) -> list[str]:
    """Return the changes in a table's, row's or cell's properties in words."""
    return [said(each) for held in children(block, *properties) for each in held if name(each) in _IN_TABLES]


_IN_TABLES = frozenset(kind for kind in _WORDS if kind.startswith(("w:t", "w:cell")))
