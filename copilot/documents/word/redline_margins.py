"""Headers and footers of two versions: which belong together, and how one that is missing is brought over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from copilot.documents.package import Package
from copilot.documents.word import order
from copilot.documents.word.ink import hollow
from copilot.documents.word.names import Element, children, every, name, new, relationship, value

_KINDS = ("header", "footer")
#: A use of a header: its kind ("header"), the section from 0, and which pages ("default", "first", "even").
_Use = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Margin:
    """A header or footer as the versions have it; `old` or `now` is "" where it is missing.

    `alone`: the other version has none there or in a section before it to inherit, so that an empty one looks as none.
    """

    use: _Use
    old: str = ""
    now: str = ""
    alone: bool = False

    @property
    def label(self) -> str:
        """What it is called: "header of section 1"."""
        return f"{self.use[0]} of section {self.use[1] + 1}" if self.use[1] >= 0 else f"{self.use[0]} out of use"


def differ(before: Package, after: Package) -> bool:
    """Return whether a header or footer differs, or what the main part refers to."""
    links = [{(r.id, r.target) for r in p.relationships(p.main)} for p in (before, after)]
    parts = {t for p in (before, after) for k in _KINDS for t in p.related(p.main, k)}
    both = [part for part in parts if before.has(part) and after.has(part)]
    return links[0] != links[1] or any(before.read(part) != after.read(part) for part in both)


def paired(before: Package, after: Package) -> Iterator[Margin]:
    """Yield the headers and footers by their use in both versions, each part of the new one once."""
    uses = _uses(before), _uses(after)
    alike = _sections(before) == _sections(after)
    seen: set[str] = set()
    for use, now in uses[1].items():
        if now not in seen:
            seen.add(now)
            yield Margin(use, uses[0].get(use, ""), now, alike and not _inherits(use, uses[0]))
    for use, old in uses[0].items():
        if use not in uses[1]:
            yield Margin(use, old, "", alike and not _inherits(use, uses[1]))
    for kind in _KINDS:
        for part in dict.fromkeys(before.related(before.main, kind)):
            unused = part not in seen and part not in uses[0].values()
            if unused and before.has(part) and after.has(part):
                yield Margin((kind, -1, ""), part, part)


def _inherits(use: _Use, uses: dict[_Use, str]) -> bool:
    """Return whether there is a header for a use, its own or that of a section before it (17.10.5)."""
    kind, index, pages = use
    return any((kind, at, pages) in uses for at in range(index + 1))


def carry(before: Package, after: Package, margin: Margin) -> str:
    """Add an empty part for a header that only the old version has to its section; return its name."""
    root = hollow(before.xml(margin.old))
    part = margin.old
    if after.has(part):
        stem = part.rpartition(".")[0].rstrip("0123456789")
        part = after.unused_name(f"{stem}{{}}.xml")
    after.add(part, etree.tostring(root, encoding="UTF-8", xml_declaration=True), before.content_type(margin.old))
    kind, index, pages = margin.use
    link = after.relate(after.main, kind, part)
    section = _described(after)[index]
    reference = new(section, f"{kind}Reference", type=pages)
    reference.set(_link_name(after), link)
    order.insert(section, reference)
    after.touch(after.main)
    return part


def _link_name(package: Package) -> str:
    base = "http://purl.oclc.org/ooxml" if package.strict else "http://schemas.openxmlformats.org"
    return f"{{{base}/officeDocument/{'' if package.strict else '2006/'}relationships}}id"


def _sections(package: Package) -> int:
    return len(_described(package)) or 1  # which needs no properties


def _described(package: Package) -> list[Element]:
    """Return the properties of the sections, former ones left out."""
    return [each for each in every(package.xml(package.main), "sectPr") if not _former(each)]


def _former(section: Element) -> bool:
    parent = section.getparent()
    return parent is not None and name(parent) == "w:sectPrChange"


def _uses(package: Package) -> dict[_Use, str]:
    """Return the parts of headers and footers by what refers to them."""
    found: dict[_Use, str] = {}
    targets = {r.id: r.target for r in package.relationships(package.main) if not r.external}
    if not any(package.related(package.main, kind) for kind in _KINDS):
        return found
    for index, section in enumerate(_described(package)):
        for each in children(section, "w:headerReference", "w:footerReference"):
            part = targets.get(relationship(each), "")
            if package.has(part):
                found.setdefault((name(each)[2:8], index, value(each, "type") or "default"), part)
    return found
