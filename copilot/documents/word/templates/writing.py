"""Text in place of marks, and what has to be put right where something was taken out."""

from __future__ import annotations

from collections.abc import Iterable

from copilot.documents.word import text
from copilot.documents.word.names import Element, child, children, descend, every, name, new, within
from copilot.documents.word.runs import like
from copilot.documents.word.templates.elements import TAG, drop_empty, remove
from copilot.documents.word.templates.marks import Mark

#: What holds paragraphs.
BLOCKS = ("w:tc", "w:txbxContent", "w:hdr", "w:ftr", "w:footnote", "w:endnote", "w:sdtContent", "w:body")


def put_text(element: Element, words: str) -> None:
    """Put a text in place of a mark inside of a run, joined to the text beside it."""
    run = new(element, "r")
    if words:
        text.set_text(run, words)
    made = list(run)
    for each in made:
        element.addprevious(each)
    parent = element.getparent()
    if parent is not None and name(parent) != "w:r" and made:
        _wrap(element, made)
    before, behind = element.getprevious(), element.getnext()
    remove(element)
    if behind is not None and before is not None:
        _join(before, behind)
    if made and (first := made[0].getprevious()) is not None:
        _join(first, made[0])
    if parent is not None:
        drop_empty(parent)


def _wrap(element: Element, made: list[Element]) -> None:
    """Give a text whose mark was lifted out of its run a run like the one beside it."""
    beside = next(
        (e for e in (*element.itersiblings(preceding=True), *element.itersiblings()) if name(e) == "w:r"), None
    )
    run = new(element, "r") if beside is None else like(beside)
    element.addprevious(run)
    run.extend(made)


def _join(first: Element, second: Element) -> None:
    if name(first) == name(second) == "w:t" and not len(first) and not len(second):
        text.fill(first, (first.text or "") + (second.text or ""))
        remove(second)


def take_out(element: Element) -> None:
    """Remove a mark and join the text around it."""
    parent, before, behind = element.getparent(), element.getprevious(), element.getnext()
    remove(element)
    if before is not None and behind is not None:
        _join(before, behind)
    if parent is not None:
        drop_empty(parent)


def restore(element: Element, mark: Mark) -> None:
    """Let a mark stand as it stood in the template."""
    if element.tag == TAG and len(element):
        for each in list(element):
            element.addprevious(each)
        remove(element)
    elif element.get("beside"):
        remove(element)
    else:
        put_text(element, mark.text)


def show_content(element: Element) -> None:
    """Note that the content controls around a mark show no placeholder any more (17.5.2.39)."""
    for control in element.iterancestors():
        properties = child(control, "w:sdtPr") if name(control) == "w:sdt" else None
        for each in list(children(properties, "w:showingPlcHdr")):
            remove(each)


def unwrap_field(element: Element, words: str) -> None:
    """Put a run with a text, looking like the field's result, in place of a merge field."""
    runs = [run for each in element for run in every(each, "r")]
    texts = [run for run in runs if child(run, "w:t") is not None]
    model = texts[0] if texts else runs[0] if runs else None
    made = new(element, "r") if model is None else like(model)
    if words:
        text.set_text(made, words)
        element.addprevious(made)
    remove(element)


def part_tables(copies: Iterable[Element]) -> None:
    """Put an empty paragraph between a table and the copy of it, which Word would make one."""
    for each in copies:
        before = each.getprevious()
        if name(each) == "w:tbl" and before is not None and name(before) == "w:tbl":
            each.addprevious(new(each, "p"))


def drop_paragraph(paragraph: Element) -> None:
    """Remove a paragraph of which a loop or condition left nothing."""
    if any(name(each) not in ("w:pPr", "w:proofErr", "") for each in paragraph):
        return
    if descend(paragraph, "w:pPr", "w:sectPr") is not None or (parent := paragraph.getparent()) is None:
        return
    beside = [e for e in parent if name(e) in ("w:p", "w:tbl", "w:sdt") and e is not paragraph]
    if beside:
        remove(paragraph)
        end_well(parent)


def drop_table(container: Element) -> None:
    """Remove a control of rows, and a table, of which no row is left (17.4.38 wants one)."""
    table = container if name(container) == "w:tbl" else within(container, "w:tbl")
    control = container.getparent()
    if control is not None and not len(container) and control.getparent() is table is not container:
        remove(control)
    if table is not None and next(every(table, "tr"), None) is None and (parent := table.getparent()) is not None:
        remove(table)
        end_well(parent)


def end_well(container: Element) -> None:
    """Put the paragraph that a cell, text box, header or note has to end with (17.4.65)."""
    if name(container) not in BLOCKS or (name(container) == "w:sdtContent" and not holds_blocks(container)):
        return
    blocks = list(children(container, "w:p", "w:tbl", "w:sdt", "w:customXml"))
    if blocks and not (name(blocks[-1]) == "w:tbl" and name(container) == "w:tc"):
        return
    made = new(container, "p")
    section = child(container, "w:sectPr")
    if section is not None:
        section.addprevious(made)
    else:
        container.append(made)


def holds_blocks(content: Element) -> bool:
    """Return whether the content of a control holds paragraphs: not rows, cells or runs."""
    control = content.getparent()
    around = control.getparent() if control is not None else None
    return around is not None and name(around) in BLOCKS
