"""Templates: marks in every place where text lives, loops, conditions, merge fields, and what is wrong with them."""

from __future__ import annotations

import base64
import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

import docx as reader
import pytest

from copilot.documents import word
from copilot.documents.package import Package
from copilot.documents.word import templates
from copilot.documents.word.document import Document
from copilot.documents.word.templates import Shown, Template, fields, fill, fill_template
from copilot.errors import ToolInputError
from tests.thinning import thinned

from .make import changed_parts, docx, field, item, lost, p, part, r, table, text_box
from .sameness import said

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
)
ITEMS = [{"name": "Apple", "price": 1.5}, {"name": "Pear", "price": 2}]


def texts(content: bytes, kind: str = "body") -> list[str]:
    document = Document(content)
    return [document.text(b) for b in document.blocks if b.kind == "paragraph" and b.story.kind == kind]


def filled(*blocks: str, **data: Any) -> list[str]:
    return texts(fill(docx(*blocks), data).edited.content)


@pytest.mark.parametrize(
    ("mark", "value", "shown"),
    [
        ("{{x}}", "Ann", "Ann"),
        ("{{ x }}", 12, "12"),
        ("{{x}}", 0.1, "0.1"),
        ("{{x}}", 3.0, "3"),
        ("{{x}}", True, "true"),
        ("{{x}}", None, ""),
        ("{{x}}", date(2026, 3, 1), "2026-03-01"),
        ("{{x}}", Shown(date(2026, 3, 1), "1-Mar-26"), "1-Mar-26"),
        ("{{x|dd.MM.yyyy}}", Shown(date(2026, 3, 1), "1-Mar-26"), "01.03.2026"),
        ("{{x|d. MMMM yyyy}}", "2026-03-01", "1. March 2026"),
        ("{{x|dddd, h:mm am/pm}}", datetime(2026, 3, 1, 15, 5), "Sunday, 3:05 pm"),
        ("{{x|HH:mm}}", "2026-03-01T09:07", "09:07"),
        ("{{x|#,##0.00}}", 1234.5, "1,234.50"),
        ("{{x|#.##0,00}}", 1234.5, "1.234,50"),
        ("{{x|#,##0}}", "1234.5", "1,235"),
        ("{{x|0,0}}", 2.25, "2,3"),
        ("{{x|0.000}}", 2.25, "2.250"),
        ("{{x|0%}}", 0.25, "25%"),
        ("{{x|upper}}", "Ann", "ANN"),
        ("{{x|lower}}", "Ann", "ann"),
        ("{{x|title}}", "ann of kent", "Ann Of Kent"),
        ("{{x|default:nobody}}", "", "nobody"),
        ("{{y|default:\u201cno one\u201d}}", "", "no one"),
        ("{{X}}", "other case", "other case"),
        ("{{x}}", "{{y}}{{#each z}}", "{{y}}{{#each z}}"),
        ("{{x}}", "<w:p/> & more", "<w:p/> & more"),
        ("{{x.a.b}}", {"a": {"b": "deep"}}, "deep"),
        ("{{x.1.a}}", [{"a": 1}, {"a": 2}], "2"),
        ("{{x.a}}", {"a": "split"}, "split"),
    ],
)
def test_values_are_shown_as_their_marks_want(mark: str, value: object, shown: str) -> None:
    assert filled(p(f"A {mark} B"), x=value) == [f"A {shown} B"]


def test_a_mark_cut_by_runs_takes_the_look_of_its_first_character() -> None:
    content = docx(p("To {", r("{customer.na", "<w:b/>"), r("me}}", "<w:i/>"), r(" here", "<w:u/>")))
    done = fill(content, {"customer": {"name": "Ann"}})
    assert texts(done.edited.content) == ["To Ann here"]
    xml = part(done.edited.content)
    assert "<w:i/>" not in xml
    assert '<w:r><w:t xml:space="preserve">To Ann</w:t></w:r>' in xml
    assert changed_parts(content, done.edited.content) == {"word/document.xml"}


def test_lines_and_tabs_of_a_value_become_elements() -> None:
    assert "a</w:t><w:br/><w:t>b</w:t><w:tab/><w:t>c" in part(fill(docx(p("{{x}}")), {"x": "a\nb\tc"}).edited.content)


@pytest.mark.parametrize(
    ("blocks", "data", "shown"),
    [
        ([p("{{#if x}}yes{{else}}no{{/if}}")], {"x": 1}, ["yes"]),
        ([p("{{#if x}}yes{{else}}no{{/if}}")], {"x": []}, ["no"]),
        ([p("{{#if x}}yes{{/if}}"), p("b")], {"x": ""}, ["b"]),
        ([p("{{#if x}}yes{{/if}}."), p("b")], {"x": ""}, [".", "b"]),
        ([p("{{#if x}}"), p("yes"), p("{{else}}"), p("no"), p("{{/if}}"), p("b")], {"x": True}, ["yes", "b"]),
        ([p("{{#if x}}"), p("yes"), p("{{else}}"), p("no"), p("{{/if}}"), p("b")], {}, ["no", "b"]),
        ([p("{{#if x}}one"), p("two{{/if}}"), p("b")], {"x": True}, ["one", "two", "b"]),
        ([p("{{#if x}}one"), p("two{{/if}}"), p("b")], {"x": False}, ["b"]),
        ([p("a {{#each x}}{{.}}{{#if @last}}.{{else}}, {{/if}}{{/each}}")], {"x": ["p", "q"]}, ["a p, q."]),
        ([p("{{#each x}}"), item("{{@index}} {{this}}"), p("{{/each}}")], {"x": ["p", "q"]}, ["1 p", "2 q"]),
        ([p("{{#each x}}{{a}}"), p("{{b}}{{/each}}")], {"x": [{"a": 1, "b": 2}, {"a": 3}], "b": 9},
         ["1", "2", "3", "9"]),
        ([p("{{#each x}}"), p("{{n}}:"), p("{{#each y}}"), p("{{n}}{{.}}"), p("{{/each}}{{/each}}")],
         {"x": [{"n": "A", "y": [1, 2]}, {"n": "B", "y": []}]}, ["A:", "A1", "A2", "B:"]),
        ([p("{{#if a}}"), p("A"), p("{{/if}}{{#if b}}"), p("B"), p("{{/if}}")], {"b": 1}, ["B"]),
        ([p("{{#each x}}"), p("q"), p("{{/each}}"), p("end")], {"x": []}, ["end"]),
        ([p("{{#if x}}", r("{{y}}", "<w:b/>"), "{{/if}}")], {"x": 1, "y": "Y"}, ["Y"]),
    ],
)  # fmt: skip
def test_conditions_and_loops(blocks: list[str], data: dict[str, Any], shown: list[str]) -> None:
    assert filled(*blocks, **data) == shown


def rows_of(content: bytes) -> list[list[str]]:
    made = reader.Document(io.BytesIO(content))
    return [[cell.text for cell in row.cells] for row in made.tables[0].rows]


@pytest.mark.parametrize(
    "rows",
    [
        [["Name", "Price"], ["{{#each items}}{{name}}", "{{price|0.00}}{{/each}}"], ["Sum", "{{sum}}"]],
        [["Name", "Price"], ["{{#each items}}", ""], ["{{name}}", "{{price|0.00}}"], ["", "{{/each}}"],
         ["Sum", "{{sum}}"]],
    ],
)  # fmt: skip
def test_rows_are_repeated(rows: list[list[str]]) -> None:
    done = fill(docx(table(*rows, style="Raster")), {"items": ITEMS, "sum": "3.50"})
    assert rows_of(done.edited.content) == [["Name", "Price"], ["Apple", "1.50"], ["Pear", "2.00"], ["Sum", "3.50"]]
    assert done.unfilled == done.unused == ()
    none = fill(docx(table(*rows)), {"items": [], "sum": "0"}).edited.content
    assert rows_of(none) == [["Name", "Price"], ["Sum", "0"]]


def test_a_table_that_loses_all_its_rows_goes() -> None:
    content = docx(table(["{{#each items}}{{name}}", "{{/each}}"]), p("end"))
    assert "w:tbl" not in part(fill(content, {"items": []}).edited.content)


def test_a_control_of_rows_goes_with_them() -> None:
    cells = f"<w:tc>{p('{{#each x}}{{.}}')}</w:tc><w:tc>{p('{{/each}}')}</w:tc>"
    rows = f"<w:sdt><w:sdtContent><w:tr>{cells}</w:tr></w:sdtContent></w:sdt>"
    content = docx(f"<w:tbl><w:tblPr/><w:tblGrid/>{rows}</w:tbl>", p("end"))
    assert part(fill(content, {"x": ["a", "b"]}).edited.content).count("<w:tr>") == 2
    assert "w:tbl" not in part(fill(content, {"x": []}).edited.content)


def test_a_table_in_a_loop_is_repeated_and_parted() -> None:
    content = docx(p("{{#each x}}"), table(["{{.}}"]), p("{{/each}}"), p("end"))
    xml = part(fill(content, {"x": ["a", "b"]}).edited.content)
    assert xml.count("<w:tbl>") == 2
    assert "</w:tbl><w:p/><w:tbl>" in xml


def test_a_cell_keeps_a_paragraph() -> None:
    cell = "<w:tc>" + p("{{#if x}}") + p("in") + p("{{/if}}") + "</w:tc>"
    xml = part(fill(docx(table([cell]), p("b")), {"x": 0}).edited.content)
    assert "<w:tc><w:p/></w:tc>" in xml


@pytest.mark.parametrize("strict", [False, True])
def test_every_story_is_filled(strict: bool) -> None:
    reference = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    content = docx(
        p("{{#each items}}"),
        p("{{name}}", reference),
        p("{{/each}}"),
        p(text_box(p("Box {{title}}"))),
        p(f'<w:ins w:id="9" w:author="A">{r("{{title}}")}</w:ins>'),
        header1=p("Head {{title}}"),
        footnotes=f'<w:footnote w:id="2">{p("Note on {{name}}")}</w:footnote>',
        strict=strict,
    )
    done = fill(content, {"items": ITEMS, "title": "T"}).edited.content
    assert texts(done) == ["Apple", "Pear", "", "Box T", "T"]
    assert texts(done, "header") == ["Head T"]
    assert sorted(texts(done, "footnote")) == ["Note on Apple", "Note on Pear"]
    assert "{{" not in part(done)


def test_copies_have_ids_of_their_own() -> None:
    marks = '<w:bookmarkStart w:id="1" w:name="here"/><w:bookmarkEnd w:id="1"/>'
    control = f'<w:sdt><w:sdtPr><w:id w:val="7"/></w:sdtPr><w:sdtContent>{r("{{.}}")}</w:sdtContent></w:sdt>'
    xml = part(fill(docx(p("{{#each x}}"), p(marks, control), p("{{/each}}")), {"x": [1, 2, 3]}).edited.content)
    assert xml.count("w:bookmarkStart") == xml.count("w:bookmarkEnd") == 1
    assert sorted(xml.split('<w:id w:val="')[i][:1] for i in (1, 2, 3)) == ["7", "8", "9"]


@pytest.mark.parametrize("block", [False, True])
def test_content_controls_around_marks_stay_and_show_their_text(block: bool) -> None:
    inner = p("{{x}}") if block else r("{{x}}")
    control = f"<w:sdt><w:sdtPr><w:showingPlcHdr/><w:text/></w:sdtPr><w:sdtContent>{inner}</w:sdtContent></w:sdt>"
    loop = [p("{{#each y}}"), control if block else p(control), p("{{/each}}")]
    xml = part(fill(docx(*loop), {"x": "X", "y": [1, 2]}).edited.content)
    assert xml.count("<w:sdt>") == xml.count(">X</w:t>") == 2
    assert "showingPlcHdr" not in xml


def test_pictures_stand_in_the_line() -> None:
    content = docx(p("Logo: {{image:logo|width:2cm}}"), p("{{image:seal}}"))
    uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
    done = fill(content, {"logo": {"data": PNG, "alt": "Our logo"}, "seal": uri}).edited.content
    xml = part(done)
    assert 'cx="720000" cy="720000"' in xml
    assert 'descr="Our logo"' in xml
    assert len(reader.Document(io.BytesIO(done)).inline_shapes) == 2
    assert [n for n in Package.open(done).names() if "media" in n] == ["word/media/picture-" + _digest() + ".png"]


def _digest() -> str:
    import hashlib

    return hashlib.sha256(PNG).hexdigest()[:12]


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("MERGEFIELD Name", "Ann", "Ann"),
        ('MERGEFIELD "First name" \\* MERGEFORMAT', "Ann", "Ann"),
        ("MERGEFIELD First_name \\* Upper", "Ann", "ANN"),
        ("MERGEFIELD name \\* FirstCap", "ann lee", "Ann lee"),
        ("MERGEFIELD name \\* Caps", "ann lee", "Ann Lee"),
        ('MERGEFIELD name \\b "Dear " \\f "!"', "Ann", "Dear Ann!"),
        ('MERGEFIELD name \\b "Dear " \\f "!"', "", ""),
        ('MERGEFIELD name \\@ "dd.MM.yyyy"', date(2026, 3, 1), "01.03.2026"),
        ('MERGEFIELD name \\# "#,##0.00"', 1234.5, "1,234.50"),
    ],
)
def test_merge_fields_are_filled_with_their_switches(code: str, value: object, shown: str) -> None:
    quoted = code.replace('"', "&quot;")
    simple = f'<w:fldSimple w:instr=" {quoted} ">{r("«x»", "<w:b/>")}</w:fldSimple>'
    for made in (simple, field(code, "«x»")):
        done = fill(docx(p("[", made, "]")), {"Name": value, "First name": value})
        assert texts(done.edited.content) == [f"[{shown}]"]
        assert "fld" not in part(done.edited.content)


def test_a_field_that_only_word_can_fill_is_reported_and_left() -> None:
    content = docx(p("{{x}}", field('IF 1 = 1 "a" "b"', "a")), p(field("MERGEFIELD y", "«y»")))
    done = fill(content, {"x": "X"})
    assert [(u.name, u.mark) for u in done.unfilled] == [("y", "MERGEFIELD y"), ("", 'IF 1 = 1 "a" "b"')]
    assert part(done.edited.content).count("w:fldChar ") == 6


# What is missing, and what was not asked for


def test_what_is_missing_stays_and_is_reported_with_its_place() -> None:
    content = docx(
        p("{{x}} and {{y|upper}}"), p("{{#each z}}"), p("q {{w}}"), p("{{/each}}"), p("k{{#each z}}i{{/each}}")
    )
    done = fill(content, {"x": 1, "spare": {"a": 1, "b": [{"c": 2}]}})
    assert texts(done.edited.content) == [
        "1 and {{y|upper}}",
        "{{#each z}}",
        "q {{w}}",
        "{{/each}}",
        "k{{#each z}}i{{/each}}",
    ]
    assert [(u.name, u.where) for u in done.unfilled] == [
        ("y", "paragraph 1"),
        ("z", "paragraph 2"),
        ("z", "paragraph 5"),
    ]
    assert done.unused == ("spare.a", "spare.b.c")
    again = fill(done.edited.content, {"y": "y", "z": [{"w": 5}]}).edited.content
    assert texts(again) == ["1 and Y", "q 5", "ki"]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({}, ["{{#each m}}", "q", "{{/each}}{{#each k}}", "r", "{{/each}}", "end"]),
        ({"a": 1, "k": [1]}, ["A", "{{#each m}}", "q", "{{/each}}", "r", "end"]),
        ({"a": 1, "m": [1]}, ["A", "q", "{{#each k}}", "r", "{{/each}}", "end"]),
        ({"m": [1, 2], "k": []}, ["q", "q", "end"]),
    ],
)
def test_marks_that_share_a_paragraph_stay_one_by_one(data: dict[str, Any], shown: list[str]) -> None:
    blocks = ["{{#if a}}", "A", "{{/if}}{{#each m}}", "q", "{{/each}}{{#each k}}", "r", "{{/each}}", "end"]
    assert filled(*[p(each) for each in blocks], **data) == shown


def test_a_part_in_which_nothing_is_filled_keeps_its_bytes() -> None:
    content = docx(p("{{x}}"), header1=p("{", r("{y", "<w:b/>"), "}}"))
    assert changed_parts(content, fill(content, {"x": 1}).edited.content) == {"word/document.xml"}
    assert fill(content, {"z": 1}).edited.content == content


def test_missing_values_may_be_blank_or_refused() -> None:
    content = docx(p("a{{x}}b"), p("{{#each z}}q{{/each}}"), p("end"))
    assert texts(fill(content, {}, missing="blank").edited.content) == ["ab", "end"]
    with pytest.raises(ToolInputError, match=r"\{\{x\}\} in paragraph 1: there is no value") as caught:
        fill(content, {}, missing="error")
    assert caught.value.code == "missing"


@pytest.mark.parametrize(
    ("blocks", "data", "code", "words"),
    [
        ([p("{{#each x}}")], {}, "nesting", r"\{\{#each x\}\} in paragraph 1: it is never closed"),
        ([p("{{/if}}")], {}, "nesting", "nothing is open"),
        ([p("{{#if a}}{{#each b}}{{/if}}{{/each}}")], {}, "nesting", "still open"),
        ([p("{{#each b}}{{else}}{{/each}}")], {}, "nesting", "else belongs"),
        ([p("a"), p("text {{#each b}}"), p("{{/each}}")], {}, "mark", "in paragraph 2: .*text is in the way"),
        ([p("{{#each b}}"), table(["x{{/each}}"])], {}, "nesting", "another table"),
        ([p("{{x|shout}}")], {"x": 1}, "filter", "no filter 'shout'"),
        ([p("{{#unless x}}")], {}, "mark", "no such mark"),
        ([p("{{a + b = c}}")], {}, "mark", "no name of a value"),
        ([p("{{x"), p("}}")], {}, "mark", "in paragraph 1 is not closed"),
        ([p("{{x}}")], {"x": [1]}, "value", "is a list, no text"),
        ([p("{{x}}")], {"x": {"a": 1}}, "value", "several values"),
        ([p("{{#each x}}{{/each}}")], {"x": "text"}, "value", "is no list"),
        ([p("{{x|dd.MM.yyyy}}")], {"x": "soon"}, "value", "no date"),
        ([p("{{x|0.00}}")], {"x": "much"}, "value", "no number"),
        ([p("{{image:x}}")], {"x": "logo.png"}, "value", "no picture"),
        ([p("{{x}}")], {"x": "\x00"}, "tool_input", "control character"),
        ([p("plain")], {"x": 1}, "no_marks", "no mark"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(
    blocks: list[str], data: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(ToolInputError, match=words) as caught:
        fill(docx(*blocks), data)
    assert caught.value.code == code


# Asking, and filling many times


def test_fields_tell_what_a_template_asks_for() -> None:
    content = docx(
        p("{{name}} {{name|upper}} {{#if vip}}{{gift}}{{/if}} {{image:logo}}"),
        table(["{{#each items}}{{@index}}", "{{price}} {{#each tags}}{{.}}{{/each}}{{/each}}"]),
        p(field("MERGEFIELD City", "«City»")),
    )
    asked = [(f.name, f.kind, [(i.name, i.kind) for i in f.inner]) for f in fields(content)]
    assert asked == [
        ("name", "text", []),
        ("vip", "condition", []),
        ("gift", "text", []),
        ("logo", "picture", []),
        ("items", "list", [("price", "text"), ("tags", "list")]),
        ("City", "merge field", []),
    ]


def test_a_template_is_filled_many_times_alike() -> None:
    content = docx(p("{{x}}"), p("{{#each y}}"), p("{{.}}"), p("{{/each}}"), header1=p("{{x}}"))
    template = Template(content)
    for x in ("one", "two"):
        again = template.fill({"x": x, "y": [x, 2]})
        assert again == fill(content, {"x": x, "y": [x, 2]})
        assert texts(again.edited.content) == [x, x, "2"]


def test_as_an_operation_it_warns_of_what_is_left() -> None:
    content = docx(p("Keep", properties='<w:jc w:val="both"/>'), p("{{x}} {{y}}"))
    done = fill_template(content, {"x": "X", "z": 1})
    assert [h.after for h in done.hunks] == ["X"]
    assert done.warnings == ("1 unfilled: {{y}} (paragraph 2).", "1 value not used: z.")
    assert {e[0].rpartition("}")[2] for e in lost(content, done.content)} <= {"t"}
    with pytest.raises(ToolInputError, match="asks for: x, y") as caught:
        fill_template(content, {"z": 1})
    assert caught.value.code == "unchanged"
    assert [each.__name__ for each in templates.OPERATIONS] == ["fill_template"]


def test_pictures_of_an_operation_are_files() -> None:
    operation = {"op": "fill_template", "values": {}, "pictures": {"logo": "logo.png"}}
    done = word.edit(docx(p("{{image:logo}}")), [operation], opener={"logo.png": PNG}.__getitem__)
    assert len(reader.Document(io.BytesIO(done.content)).inline_shapes) == 1


def test_a_filling_can_be_tracked() -> None:
    content = docx(
        p("Dear {{name}},"), p("{{#each items}}"), item("{{name}}"), p("{{/each}}"),
        table(["Name"], ["{{#each items}}{{name}}{{/each}}"], ["{{#each items}}"], ["{{name}}"], ["{{/each}}"]),
        p("end"),
    )  # fmt: skip
    operations = [{"op": "fill_template", "values": {"items": ITEMS, "name": "Ann"}}]
    plain = word.edit(content, operations).content
    tracked = word.edit(content, operations, track="on", date=datetime(2026, 1, 1)).content
    assert "<w:ins " in part(tracked)
    accepted = word.edit(tracked, [{"op": "accept", "everything": True}]).content
    rejected = word.edit(tracked, [{"op": "reject", "everything": True}]).content
    assert said(accepted) == said(plain)
    assert said(rejected) == said(content)
    assert texts(plain) == ["Dear Ann,", "Apple", "Pear", "Name", "ApplePear", "Apple", "Pear", "end"]


_CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
REAL = thinned(sorted(_CORPUS.glob("*.docx")) if _CORPUS.is_dir() else [], 3)


@pytest.mark.skipif(not REAL, reason="the corpus of real files is not here")
def test_marks_put_into_real_files_are_filled_and_nothing_else_is_touched() -> None:
    for file in REAL:
        template = word.insert_paragraphs(file.read_bytes(), "Sum {{mark}} of {{#each list}}{{.}}, {{/each}}").content
        done = fill(template, {"mark": "M", "list": [1, 2]}).edited.content
        assert any(text.startswith("Sum M of 1, 2,") for text in texts(done)), file.name
        assert not [gone for gone in lost(template, done) if "{{" not in gone[2]], file.name
        assert len(changed_parts(template, done)) == 1, file.name
        reader.Document(io.BytesIO(done))
