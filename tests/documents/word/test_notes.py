"""Footnotes and endnotes (17.11), links (17.16.22) and bookmarks (17.13.6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from copilot.documents import word
from copilot.documents.hunks import Edited
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

from .make import docx, field, p, part, r, text_box
from .whole import added_only, at, sound, texts

NOTED = {
    "footnotes": '<w:footnote w:type="separator" w:id="0"><w:p/></w:footnote>'
    '<w:footnote w:id="7"><w:p><w:r><w:footnoteRef/></w:r><w:r><w:t> Old note.</w:t></w:r></w:p></w:footnote>'
}
REFERENCE = '<w:r><w:footnoteReference w:id="7"/></w:r>'
INSERTED = '<w:ins w:id="4" w:author="Bob"><w:r><w:t>new words</w:t></w:r></w:ins>'


def notes(content: bytes) -> dict[str, str]:
    document = Document(content)
    return {b.path: document.text(b).strip() for b in document.blocks if b.story.kind in ("footnote", "endnote")}


@pytest.mark.parametrize("strict", [False, True])
def test_the_first_notes_bring_their_parts_styles_and_separators(strict: bool) -> None:
    content = docx(p("Hello ", r("big", "<w:b/>"), " world."), p("Second."), strict=strict)
    edited = word.add_footnote(content, at(content, "p1"), "One.\nTwo.", "big")
    changed = sound(content, edited.content, strict=strict)
    assert changed == {
        "[Content_Types].xml", "word/document.xml", "word/styles.xml", "word/footnotes.xml", "word/settings.xml",
        "word/_rels/document.xml.rels",
    }  # fmt: skip
    added_only(content, edited.content)
    assert notes(edited.content) == {"fn1.p1": "One.", "fn1.p2": "Two."}
    made = part(edited.content, "word/footnotes.xml")
    assert 'w:type="separator" w:id="-1"' in made
    assert 'w:type="continuationSeparator" w:id="0"' in made
    assert '<w:footnotePr><w:footnote w:id="-1"/><w:footnote w:id="0"/></w:footnotePr>' in part(
        edited.content, "word/settings.xml"
    )
    body = part(edited.content)
    assert body.index(">big<") < body.index("footnoteReference ") < body.index("> world.<")
    again = word.add_endnote(edited.content, at(edited.content, "p2"), "End.")
    assert notes(again.content)["en1.p1"] == "End."
    assert again.hunks[0].after == "endnote 1: End."


def test_notes_are_numbered_by_the_text_and_keep_their_ids() -> None:
    content = docx(p("First. ", "Second.", REFERENCE), **NOTED)
    edited = word.add_footnote(content, at(content, "p1"), "New.", "First.")
    assert notes(edited.content) == {"fn1.p1": "New.", "fn2.p1": "Old note."}
    assert '<w:footnoteReference w:id="8"/>' in part(edited.content)
    sound(content, edited.content)


def test_a_note_is_rewritten_and_deleted() -> None:
    content = docx(p("Text.", REFERENCE), **NOTED)
    edited = word.edit_note(content, "fn1", "Old but better note.\nAnd more.")
    assert notes(edited.content) == {"fn1.p1": "Old but better note.", "fn1.p2": "And more."}
    assert sound(content, edited.content) == {"word/footnotes.xml"}
    assert notes(word.edit_note(edited.content, "footnote 1", "Short.").content) == {"fn1.p1": "Short."}
    deleted = word.delete_note(content, "fn1")
    assert notes(deleted.content) == {}
    assert "footnoteReference" not in part(deleted.content)
    assert 'w:type="separator"' in part(deleted.content, "word/footnotes.xml")
    with pytest.raises(ToolInputError, match="fn1 'Old note"):
        word.edit_note(content, "fn3", "x")
    with pytest.raises(ToolInputError, match="already"):
        word.edit_note(content, "fn1", "Old note.")


def test_a_reference_never_lands_in_a_field_or_an_insertion_that_it_follows() -> None:
    content = docx(p("See ", field("REF x", "the clause"), " and ", INSERTED))
    inside = part(word.add_footnote(content, at(content, "p1"), "n", "the").content)
    assert inside.index('"end"') < inside.index("footnoteReference")
    behind = part(word.add_footnote(content, at(content, "p1"), "n", "words").content)
    assert behind.index("</w:ins>") < behind.index("footnoteReference")


@pytest.mark.parametrize(
    ("content", "path", "after", "code"),
    [
        (docx(p("one one")), "p1", "one", "ambiguous"),
        (docx(p("one")), "p1", "two", "not_found"),
        (docx(p("x"), header1=p("head")), "h1.p1", "", "place"),
        (docx(p("x", text_box(p("boxed")))), "p1.x1.p1", "", "place"),
        (docx(p("x", REFERENCE), **NOTED), "fn1.p1", "", "place"),
    ],
)
def test_places_for_notes_are_checked(content: bytes, path: str, after: str, code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        word.add_footnote(content, at(content, path), "n", after)
    assert caught.value.code == code


# Links


LINKED = (
    '<w:hyperlink r:id="rId9"><w:r><w:rPr><w:rStyle w:val="Hyperlink"/></w:rPr><w:t>the site</w:t></w:r></w:hyperlink>'
)


def test_words_become_a_link_and_insertions_stay_whole() -> None:
    content = docx(p("Some ", INSERTED, " at the end."))
    edited = word.add_link(content, at(content, "p1"), "words at", url="https://example.com/a?b=c&d", tooltip="Tip")
    body = part(edited.content)
    assert '<w:hyperlink r:id="rId2" w:history="1" w:tooltip="Tip"><w:ins w:id="4" w:author="Bob"><w:r><w:rPr>' in body
    assert 'Target="https://example.com/a?b=c&amp;d" TargetMode="External"' in part(
        edited.content, "word/_rels/document.xml.rels"
    )
    assert texts(edited.content) == texts(content)
    sound(content, edited.content)
    assert edited.hunks[0].after == "[words at](https://example.com/a?b=c&d)"


def test_a_link_in_a_header_belongs_to_the_header() -> None:
    content = docx(p("x"), header1=p("our site"))
    edited = word.add_link(content, at(content, "h1.p1"), "site", url="mailto:a@example.com")
    assert 'Target="mailto:a@example.com"' in part(edited.content, "word/_rels/header1.xml.rels")
    sound(content, edited.content)


def test_a_link_is_led_elsewhere_and_taken_away() -> None:
    content = docx(p("See ", LINKED, "."), p("Target"), links={"rId9": "https://old.example"})
    content = word.add_bookmark(content, "Here", at(content, "p2")).content
    changed = word.change_link(content, at(content, "p1"), bookmark="here")
    assert '<w:hyperlink w:anchor="Here" w:history="1">' in part(changed.content)
    assert "old.example" not in part(changed.content, "word/_rels/document.xml.rels")
    removed = word.remove_link(content, at(content, "p1"))
    assert texts(removed.content) == texts(content)
    assert "w:hyperlink" not in part(removed.content)
    assert "rStyle" not in part(removed.content)
    as_field = docx(p("See ", field('HYPERLINK "https://old.example"', "it"), "."))
    edited = word.change_link(as_field, at(as_field, "p1"), url="https://new.example")
    assert 'HYPERLINK "https://new.example"' in part(edited.content)
    assert "fldChar" not in part(word.remove_link(as_field, at(as_field, "p1")).content)


@pytest.mark.parametrize(
    ("words", "options", "code"),
    [
        ("site", {"url": "https://x.example"}, "link"),
        ("clause", {"url": "https://x.example"}, "field"),
        ("end", {"url": "file:///etc/hosts"}, "url"),
        ("end", {"url": "javascript:alert(1)"}, "url"),
        ("end", {"bookmark": "Nowhere"}, "unknown_bookmark"),
        ("end", {}, "arguments"),
    ],
)
def test_links_are_checked(words: str, options: dict[str, str], code: str) -> None:
    content = docx(
        p("See ", LINKED, " and ", field("REF x", "clause nine"), " end"), links={"rId9": "https://a.example"}
    )
    with pytest.raises(ToolInputError) as caught:
        word.add_link(content, at(content, "p1"), words, **options)
    assert caught.value.code == code


# Bookmarks


def test_bookmarks_are_renamed_with_all_that_refers_to_them() -> None:
    content = docx(
        p("Clause nine applies."),
        p(
            "See ",
            field("REF Old_name \\h", "nine"),
            " ",
            '<w:hyperlink w:anchor="old_name"><w:r><w:t>x</w:t></w:r></w:hyperlink>',
        ),
        p('<w:fldSimple w:instr=" PAGEREF Old_name "><w:r><w:t>1</w:t></w:r></w:fldSimple>'),
    )
    made = word.add_bookmark(content, "Old_name", at(content, "p1"), "nine").content
    assert [(b.name, b.text, b.uses) for b in word.list_bookmarks(made)] == [("Old_name", "nine", 3)]
    renamed = word.rename_bookmark(made, "old_NAME", "Clause9")
    assert [(b.name, b.uses) for b in word.list_bookmarks(renamed.content)] == [("Clause9", 3)]
    assert sound(made, renamed.content) == {"word/document.xml"}
    with pytest.raises(ToolInputError, match="3 fields or links"):
        word.delete_bookmark(made, "Old_name")
    gone = word.delete_bookmark(made, "Old_name", used=True)
    assert gone.warnings
    assert texts(gone.content) == texts(made)


@pytest.mark.parametrize("name", ["1st", "_Ref5", "two words", "a" * 41, "", "Taken"])
def test_names_of_bookmarks_are_checked(name: str) -> None:
    content = docx(p('<w:bookmarkStart w:id="0" w:name="taken"/>', "x", '<w:bookmarkEnd w:id="0"/>'))
    with pytest.raises(ToolInputError) as caught:
        word.add_bookmark(content, name, at(content, "p1"))
    assert caught.value.code == "name"


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: word.add_footnote(c, at(c, "p1"), "n", "words"),
        lambda c: word.add_link(c, at(c, "p1"), "words", url="https://x.example"),
        lambda c: word.add_comment(c, at(c, "p1"), "n", "words"),
        lambda c: word.add_bookmark(c, "Mark", at(c, "p1"), "words"),
    ],
)
def test_the_same_edit_gives_the_same_bytes(edit: Callable[[bytes], Edited]) -> None:
    content = docx(p("Some words here."))
    assert edit(content).content == edit(content).content
