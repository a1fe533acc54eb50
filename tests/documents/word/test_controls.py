"""Content controls of every kind and level: listed, filled with their data, put around words, taken away."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import docx as reader
import pytest

from copilot.documents.word import controls as controls_
from copilot.documents.word.controls import add_control, controls, fill_controls, remove_control
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError
from tests.thinning import thinned

from .make import changed_parts, docx, elements, p, part, r, table
from .test_templates import PNG
from .validity import problems

PROMPT = r("Click here", '<w:rStyle w:val="PlaceholderText"/>')
W15 = 'xmlns:w15="http://schemas.microsoft.com/office/word/2012/wordml"'
STORE = "{11111111-2222-3333-4444-555555555555}"
BINDING = (
    '<w:dataBinding w:prefixMappings="xmlns:d=\'urn:d\'" w:xpath="/d:form[1]/d:NODE" w:storeItemID="STORE"/>'
).replace("STORE", STORE)


def sdt(inner: str, properties: str = "<w:text/>", *, tag: str = "t", number: int = 5) -> str:
    return (
        f'<w:sdt><w:sdtPr><w:tag w:val="{tag}"/><w:id w:val="{number}"/>{properties}</w:sdtPr>'
        f"<w:sdtContent>{inner}</w:sdtContent></w:sdt>"
    )


def texts(content: bytes) -> list[str]:
    document = Document(content)
    return [document.text(b) for b in document.blocks if b.kind == "paragraph"]


def value_of(content: bytes, tag: str = "t") -> str:
    return next(c.value for c in controls(content) if c.tag == tag)


DROPDOWN = (
    '<w:dropDownList><w:listItem w:displayText="Net 30 days" w:value="30"/>'
    '<w:listItem w:displayText="At once" w:value="0"/></w:dropDownList>'
)
DATE = '<w:date><w:dateFormat w:val="d. MMMM yyyy"/><w:lid w:val="de-DE"/></w:date>'
BOX = (
    '<w14:checkbox><w14:checked w14:val="0"/><w14:checkedState w14:val="{0}" w14:font="{1}"/>'
    '<w14:uncheckedState w14:val="2610" w14:font="MS Gothic"/></w14:checkbox>'
)


@pytest.mark.parametrize(
    ("properties", "given", "shown", "xml"),
    [
        ("<w:text/>", "Ann", "Ann", ""),
        ("<w:text/>", 12, "12", ""),
        ('<w:text w:multiLine="1"/>', "a\nb", "a\nb", "<w:br/>"),
        ("", "Ann", "Ann", ""),
        (DROPDOWN, "At once", "At once", ""),
        (DROPDOWN, "30", "Net 30 days", ""),
        (DROPDOWN.replace("dropDownList", "comboBox"), "Never", "Never", ""),
        (DATE, "2026-03-01", "1. März 2026", 'w:fullDate="2026-03-01T00:00:00Z"'),
        (BOX.format("2612", "MS Gothic"), True, "true", "\u2612"),
        (BOX.format("F0FE", "Wingdings"), "yes", "true", '<w:sym w:font="Wingdings" w:char="F0FE"/>'),
    ],
)
@pytest.mark.parametrize("level", ["run", "block", "cell"])
def test_a_control_takes_a_value_of_its_kind(level: str, properties: str, given: Any, shown: str, xml: str) -> None:
    prompt = "<w:showingPlcHdr/>" + properties
    made = {
        "run": p("A ", sdt(PROMPT, prompt), " B"),
        "block": sdt(p(PROMPT), prompt),
        "cell": "<w:tbl><w:tblPr/><w:tblGrid/><w:tr>" + sdt(f"<w:tc>{p(PROMPT)}</w:tc>", prompt) + "</w:tr></w:tbl>",
    }[level]
    content = docx(made, p("end"))
    before = controls(content)[0]
    assert (before.placeholder, before.level) == (True, level)
    done = fill_controls(content, {"t": given})
    after = controls(done.content)[0]
    assert (after.value, after.placeholder, after.kind) == (shown, False, before.kind)
    assert xml in part(done.content)
    assert "PlaceholderText" not in part(done.content)
    assert changed_parts(content, done.content) == {"word/document.xml"}
    reader.Document(io.BytesIO(done.content))


def test_rich_text_keeps_its_formatting_and_grows_by_paragraphs() -> None:
    inner = p(r("The "), r("old", "<w:b/>"), r(" price"), properties='<w:jc w:val="right"/>')
    done = fill_controls(docx(sdt(inner, "")), {"t": "The old, low price\nMore"})
    assert texts(done.content) == ["The old, low price", "More"]
    xml = part(done.content)
    assert xml.count('<w:jc w:val="right"/>') == 2
    assert "<w:b/>" in xml


def test_the_look_of_a_controls_text_is_its_own() -> None:
    properties = "<w:showingPlcHdr/><w:text/>"
    content = docx(p(sdt(PROMPT, properties).replace("<w:sdtPr>", "<w:sdtPr><w:rPr><w:i/></w:rPr>")))
    assert "<w:r><w:rPr><w:i/></w:rPr><w:t>Ann</w:t></w:r>" in part(fill_controls(content, {"t": "Ann"}).content)


def bound(*blocks: str, data: str) -> bytes:
    """A document with a custom XML part."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rels = "http://schemas.openxmlformats.org/package/2006/relationships"
    props = f'<ds:datastoreItem xmlns:ds="{kind.replace("relationships", "customXml")}" ds:itemID="{STORE}"/>'
    extra = {
        "customXml/item1.xml": f'<form xmlns="urn:d">{data}</form>',
        "customXml/itemProps1.xml": props,
        "customXml/_rels/item1.xml.rels": f'<Relationships xmlns="{rels}"><Relationship Id="rId1" '
        f'Type="{kind}/customXmlProps" Target="itemProps1.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{rels}"><Relationship Id="rId1" '
        f'Type="{kind}/customXml" Target="../customXml/item1.xml"/></Relationships>',
    }
    return docx(*blocks, extra=extra)


def test_bound_data_is_written_and_everything_that_shows_it_follows() -> None:
    name, due = BINDING.replace("NODE", "name[1]"), BINDING.replace("NODE", "due[1]")
    content = bound(
        p(sdt(r("old"), f"{name}<w:text/>", tag="a", number=1)),
        sdt(p(r("old", "<w:b/>")), f"{name}<w:text/>", tag="b", number=2),
        p(sdt(PROMPT, f"<w:showingPlcHdr/>{due}{DATE}", tag="c", number=3)),
        data="<name>old</name><due/>",
    )
    done = fill_controls(content, {"a": "new", "c": "2026-03-01"})
    assert [c.value for c in controls(done.content)] == ["new", "new", "1. März 2026"]
    assert part(done.content, "customXml/item1.xml").endswith("<name>new</name><due>2026-03-01T00:00:00</due></form>")
    assert [h.where for h in done.hunks] == [
        "paragraph 1, control a", "paragraph 2, control b", "paragraph 3, control c",
    ]  # fmt: skip


def section(binding: str = "", inner: str = "") -> str:
    item = inner or p(sdt(r("old"), "<w:text/>", tag="name", number=12), " costs ", sdt(r("1"), tag="price", number=13))
    return (
        f'<w:sdt><w:sdtPr><w:tag w:val="lines"/><w:id w:val="10"/>{binding}<w15:repeatingSection {W15}/></w:sdtPr>'
        f'<w:sdtContent><w:sdt><w:sdtPr><w:id w:val="11"/><w15:repeatingSectionItem {W15}/></w:sdtPr><w:sdtContent>'
        f"{item}</w:sdtContent></w:sdt></w:sdtContent></w:sdt>"
    )


def test_a_repeating_section_gets_an_item_for_each_of_a_list() -> None:
    content = docx(section(), p("end"))
    done = fill_controls(content, {"lines": [{"name": n, "price": i} for i, n in enumerate("abc")]}).content
    assert texts(done) == ["a costs 0", "b costs 1", "c costs 2", "end"]
    ids = [c.id for c in controls(done)]
    assert len(set(ids)) == len(ids) == 10
    again = fill_controls(done, {"lines": [{"name": "z", "price": 9}]}).content
    assert texts(again) == ["z costs 9", "end"]


def test_a_bound_repeating_section_repeats_its_data() -> None:
    inner = p(sdt(r("old"), BINDING.replace("NODE", "line[1]/d:n[1]") + "<w:text/>", tag="name", number=12))
    whole = BINDING.replace("NODE", "line").replace("<w:dataBinding", f"<w15:dataBinding {W15}")
    content = bound(section(whole, inner), data="<line><n>old</n></line>")
    done = fill_controls(content, {"lines": [{"name": "a"}, "b"]}).content
    assert texts(done) == ["a", "b"]
    assert "<line><n>a</n></line><line><n>b</n></line>" in part(done, "customXml/item1.xml")
    assert "d:line[2]/d:n[1]" in part(done)


def test_a_picture_control_shows_another_picture_of_its_size() -> None:
    drawing = (
        '<w:r><w:drawing><wp:inline><wp:extent cx="9" cy="8"/><wp:docPr id="1" name="x"/><a:graphic><a:graphicData>'
        '<pic:pic><pic:blipFill><a:blip r:embed="rIdX"/></pic:blipFill></pic:pic></a:graphicData></a:graphic>'
        "</wp:inline></w:drawing></w:r>"
    )
    done = fill_controls(docx(p(sdt(drawing, "<w:picture/>"))), {"t": PNG}).content
    assert "rIdX" not in part(done)
    assert '<wp:extent cx="9" cy="8"/>' in part(done)
    assert "../" not in part(done, "word/_rels/document.xml.rels")


@pytest.mark.parametrize(
    ("properties", "inner", "given", "code"),
    [
        (DROPDOWN, r("x"), "Later", "choice"),
        (DATE, r("x"), "soon", "value"),
        (BOX.format("2612", "MS Gothic"), r("x"), "perhaps", "value"),
        ("<w:text/>", r("x"), "a\nb", "value"),
        ("<w:text/>", r("x"), ["a"], "value"),
        ("<w:text/>", r("x"), "x", "unchanged"),
        ('<w:lock w:val="contentLocked"/><w:text/>', r("x"), "y", "locked"),
        ('<w:lock w:val="sdtContentLocked"/><w:text/>', r("x"), "y", "locked"),
        ("<w:picture/>", r("x"), "y", "value"),
        ("", sdt(r("x"), number=6, tag="u"), "y", "value"),
        ("<w:docPartObj/>", r("x"), "y", "value"),
    ],
)
def test_what_a_control_can_t_take_is_refused(properties: str, inner: str, given: Any, code: str) -> None:
    with pytest.raises(ToolInputError, match=r"'t'|already") as caught:
        fill_controls(docx(p(sdt(inner, properties))), {"t": given})
    assert caught.value.code == code


def test_unknown_controls_are_named_with_the_closest_and_locks_may_be_overridden() -> None:
    content = docx(p(sdt(r("x"), '<w:alias w:val="Customer"/><w:lock w:val="contentLocked"/><w:text/>')))
    with pytest.raises(ToolInputError, match="Customer"):
        fill_controls(content, {"Custmer": "y"})
    done = fill_controls(content, {"customer": "y"}, override_locks=True).content
    assert value_of(done) == "y"
    assert controls(done)[0].lock == "content"


def at(content: bytes, path: str) -> str:
    document = Document(content)
    return next(document.address(b) for b in document.blocks if b.path == path)


@pytest.mark.parametrize("kind", ["text", "rich_text", "dropdown", "combo", "date", "checkbox"])
@pytest.mark.parametrize("strict", [False, True])
def test_a_control_is_put_around_words_and_taken_away(kind: Any, strict: bool) -> None:
    content = docx(p("Pay within ", r("30", "<w:b/>"), " days"), p(), strict=strict)
    choices = ["30", "60"] if kind in ("dropdown", "combo") else None
    done = add_control(content, at(content, "p1"), kind, words="30 days", title="Term", tag="term", choices=choices)
    made = controls(done.content)[0]
    assert (made.title, made.tag, made.kind, made.level) == ("Term", "term", kind, "run")
    box = "\u2610" if kind == "checkbox" else ""
    assert texts(done.content) == [f"Pay within {box}30 days", ""]
    assert [c.shown for c in made.choices] == (choices or [])
    gone = remove_control(done.content, "Term").content
    assert controls(gone) == ()
    assert texts(gone) == [f"Pay within {box}30 days", ""]
    empty = add_control(content, at(content, "p2"), kind, tag="e", choices=choices).content
    assert controls(empty)[0].placeholder is (kind != "checkbox")
    assert texts(fill_controls(empty, {"e": {"checkbox": True, "date": "2026-03-01"}.get(kind, "30")}).content)[1] == {
        "checkbox": "\u2612", "date": "2026-03-01",
    }.get(kind, "30")  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("path", ["t1.r2", "p2"])
def test_a_repeating_section_is_made_and_filled(path: str, strict: bool) -> None:
    """[MS-DOCX] 2.5.3.7: a section of items, each a control of its own."""
    content = docx(p("x"), table(["Item"], ["Pear"]), p("Plum"), strict=strict)
    inner = "t1.r2.c1.p1" if path == "t1.r2" else path
    made = add_control(content, at(content, inner), "text", tag="item").content
    done = add_control(made, at(made, path), "repeating_section", title="Lines", tag="lines").content
    assert not problems(done)
    assert [c.kind for c in controls(done)] == ["repeating_section", "repeated_item", "text"]
    assert len(re.findall(r'<w:id w:val="(\d+)"', part(done))) == 3
    filled = fill_controls(done, {"lines": [{"item": "A"}, {"item": "B"}]}).content
    assert [c.value for c in controls(filled) if c.kind == "text"] == ["A", "B"]
    assert not problems(filled)


def test_cells_and_ends_of_sections_are_not_repeated() -> None:
    content = docx(p("a", properties="<w:sectPr/>"), table(["x"]))
    for path in ("p1", "t1.r1.c1"):
        with pytest.raises(ToolInputError, match="can't be repeated"):
            add_control(content, at(content, path), "repeating_section")


def test_controls_that_stand_in_the_way_are_named() -> None:
    content = docx(p("a ", sdt(r("b c"), '<w:lock w:val="sdtLocked"/><w:text/>'), " b"), table(["x"]))
    for words, code in (("a b", "control"), ("b", "not_found"), ("zzz", "not_found")):
        with pytest.raises(ToolInputError) as caught:
            add_control(content, at(content, "p1"), "text", words=words)
        assert caught.value.code == code
    with pytest.raises(ToolInputError) as caught:
        remove_control(content, "t")
    assert caught.value.code == "locked"
    assert texts(remove_control(content, "t", override_locks=True).content)[0] == "a b c b"
    assert [each.__name__ for each in controls_.OPERATIONS] == ["fill_controls", "add_control", "remove_control"]


_CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
REAL = thinned(sorted(_CORPUS.glob("*.docx")) if _CORPUS.is_dir() else [], 4)


@pytest.mark.skipif(not REAL, reason="the corpus of real files is not here")
def test_text_controls_of_real_files_are_filled_and_nothing_else_is_lost() -> None:
    for file in REAL:
        content = file.read_bytes()
        for control in controls(content)[:4]:
            if control.kind != "text" or not control.id:
                continue
            done = fill_controls(content, {control.id: "New words"}, override_locks=True).content
            assert all(c.value == "New words" for c in controls(done) if c.id == control.id), (file.name, control)
            outside = changed_parts(content, done) - {"docProps/core.xml", "docProps/app.xml"}
            assert all(n.startswith(("word/", "customXml/")) for n in outside), file.name
            gone = elements(part(content)) - elements(part(done))
            assert sum(gone.values()) < 40, (file.name, list(gone)[:4])
