"""What a Word file says, to compare two by: stories as nested tuples, whatever the ids and cuts of runs are.

Left out is what no tracked change can bring back: which comments and headers there are, and older changes of format.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from copilot.documents.package import Package

_MARKERS = re.compile(
    r"bookmark(Start|End)|commentRange(Start|End)|perm(Start|End)|proofErr|lastRenderedPageBreak|noProof"
    r"|(moveFrom|moveTo|customXml\w+)Range(Start|End)"
)
_QUIET = re.compile(r"rsid\w*|paraId|textId|dirty|anchorId|editId|space")
_STATES = frozenset({"ins", "del", "moveFrom", "moveTo"})


def local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""


def said(content: bytes, *, bodies: bool = False) -> Any:
    """Everything that the stories of a document say; only the body's (with its notes) if `bodies`."""
    package = Package.open(content)
    stories = [_Teller(package, package.main).told()]
    if bodies:
        return stories
    names = [p for k in ("header", "footer") for p in package.related(package.main, k) if package.has(p)]
    return [*stories, *sorted(repr(_Teller(package, p).told()) for p in dict.fromkeys(names))]


class _Teller:
    def __init__(self, package: Package, part: str) -> None:
        self._package = package
        self._part = part
        self._links = {r.id: self._target(r.target, r.external) for r in package.relationships(part)}

    def told(self) -> Any:
        root = self._package.xml(self._part)
        return self._tell(next((e for e in root if local(e) == "body"), root))

    def _target(self, target: str, external: bool) -> str:
        if external or not self._package.has(target):
            return target
        return hashlib.sha256(self._package.read(target)).hexdigest()[:12]

    def _attributes(self, element: etree._Element) -> tuple[Any, ...]:
        found = []
        for key, given in element.attrib.items():
            name = str(key).rpartition("}")[2]
            if not _QUIET.fullmatch(name) and (local(element), name) != ("docPr", "id"):
                linked = "elationships" in str(key)
                found.append((name, self._links.get(str(given), given) if linked else given))
        return tuple(sorted(found))

    def _tell(self, element: etree._Element) -> Any:
        kind = local(element)
        if kind in ("footnoteReference", "endnoteReference"):
            return kind, self._note(kind, element)
        if kind == "numId":
            return kind, self._list(element)
        if kind in ("rPr", "pPr", "tblPr", "trPr", "tcPr", "sectPr"):
            return kind, tuple(sorted((self._tell(e) for e in element if self._counts(e)), key=repr))
        if kind in ("hdr", "ftr"):
            return kind, tuple(self._joined(self._flat(element, ())))
        inner = list(self._joined(self._flat(element, ())))
        return kind, self._attributes(element), (element.text or "").strip() if not inner else "", tuple(inner)

    def _counts(self, element: etree._Element) -> bool:
        kind = local(element)
        if not kind or kind in ("headerReference", "footerReference", "commentReference") or _MARKERS.fullmatch(kind):
            return False
        if kind in ("rPr", "pPr", "trPr", "tblPr", "tblPrEx"):
            return any(self._counts(each) for each in element)
        return not kind.endswith("Change")

    def _flat(self, parent: etree._Element, states: tuple[Any, ...]) -> Iterator[Any]:
        for each in parent:
            kind = local(each)
            if kind == "r" and "math" not in str(each.tag):
                look = next((self._tell(e) for e in each if local(e) == "rPr" and self._counts(e)), None)
                for sign in each:
                    if local(sign) in ("t", "delText"):
                        yield "text", look, states, (sign.text or "") + "".join(e.tail or "" for e in sign)
                    elif local(sign) in ("instrText", "delInstrText"):
                        yield "code", look, states, sign.text or ""
                    elif local(sign) != "rPr" and self._counts(sign):
                        yield "sign", look, states, self._tell(sign)
            elif kind in _STATES and len(each):
                yield from self._flat(each, (*states, (kind, self._author(each))))
            elif kind in _STATES:
                yield kind, self._author(each)
            elif kind == "pPr" and not self._tell(each)[1]:
                continue
            elif self._counts(each):
                yield self._tell(each)

    @staticmethod
    def _author(element: etree._Element) -> str:
        return next((str(v) for k, v in element.attrib.items() if str(k).endswith("}author")), "")

    @staticmethod
    def _joined(items: Iterator[Any]) -> Iterator[Any]:
        last: Any = None
        for item in items:
            if item[0] in ("text", "code") and not item[3]:
                continue
            if last is not None and last[0] == item[0] and item[0] in ("text", "code") and last[1:3] == item[1:3]:
                last = (*last[:3], last[3] + item[3])
                continue
            if last is not None:
                yield last
            last = item
        if last is not None:
            yield last

    def _note(self, kind: str, element: etree._Element) -> Any:
        wanted = next((v for k, v in element.attrib.items() if str(k).endswith("}id")), "")
        for part in self._package.related(self._part, f"{kind[:-9]}s"):
            for note in self._package.xml(part):
                if next((v for k, v in note.attrib.items() if str(k).endswith("}id")), None) == wanted:
                    return _Teller(self._package, part)._tell(note)[3]
        return None

    def _list(self, element: etree._Element) -> Any:
        wanted = str(next(iter(element.attrib.values()), ""))
        root = next((self._package.xml(p) for p in self._package.related(self._package.main, "numbering")), None)
        if root is None:
            return wanted
        by_id = {(local(e), str(v)): e for e in root for k, v in e.attrib.items() if str(k).endswith("Id")}
        found = by_id.get(("num", wanted))
        if found is None:
            return wanted
        abstract = next((str(v) for e in found if local(e) == "abstractNumId" for v in e.attrib.values()), "")
        levels = by_id.get(("abstractNum", abstract))
        own = [self._tell(e) for e in found if local(e) != "abstractNumId"]
        return repr((own, [] if levels is None else [self._tell(e) for e in levels]))
