"""Bad input: what is said names the file or the argument and the next step, nothing is lost, the thread goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from copilot import Copilot
from copilot.agent.events import Final
from copilot.errors import DocumentError, OutsideRootsError
from tests.acceptance.broken_files import FILES, compound, tools_for


def snapshot(folder: Path) -> dict[str, bytes]:
    """Everything in the folder, by name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(copilot: Copilot, tool: str, args: dict[str, Any], mode: str = "yes") -> tuple[str, str]:
    """Call a tool that must fail, see that it wrote nothing, and return the code and the words."""
    before = snapshot(copilot.folder)
    told = copilot.call(tool, args, mode=mode)
    assert told["status"] == "failed", told["text"]
    assert told["changes"] == []
    assert told["error"]["message"] == told["text"]
    assert snapshot(copilot.folder) == before
    return told["error"]["code"], told["text"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_used_is_named_with_the_reason_and_the_next_step(office: Path, name: str) -> None:
    source, spoil, code, words = FILES[name]
    (office / name).write_bytes(spoil((office / source).read_bytes()))
    copilot = Copilot(office)
    for tool, args in tools_for(source):
        found, text = refused(copilot, tool, {"path": name, **args})
        assert (found, name in text, words in text) == (code, True, True), text
        assert len(text.split(". ")) > 1, f"no next step: {text}"


def test_a_folder_with_files_that_cannot_be_used_is_searched_all_the_same(office: Path) -> None:
    for name in ("half.docx", "secret.docx", "old.doc"):
        source, spoil, _, _ = FILES[name]
        (office / name).write_bytes(spoil((office / source).read_bytes()))
    told = Copilot(office).call("documents.search", {"query": "Acme"})
    assert told["status"] == "done"
    assert "contract.docx" in told["text"]
    for name in ("half.docx", "secret.docx"):
        assert name in told["text"], "what was not searched is said"


def test_nobody_guesses_the_sheet_of_a_workbook_that_lost_one(office: Path) -> None:
    source, spoil, _, _ = FILES["no-sheet.xlsx"]
    (office / "no-sheet.xlsx").write_bytes(spoil((office / source).read_bytes()))
    copilot = Copilot(office)
    code, text = refused(copilot, "excel.write_cells", {"path": "no-sheet.xlsx", "cells": {"A1": 1}})
    assert (code, "'Sales' is missing" in text) == ("lost_sheet", True)
    total = {"path": "no-sheet.xlsx", "column": "Revenue", "function": "sum"}
    assert refused(copilot, "excel.aggregate", total)[0] == "lost_sheet"
    read = copilot.call("documents.read", {"path": "no-sheet.xlsx"})["text"]
    assert "sheet Sales: the file lists it but does not hold it" in read
    args = {"path": "no-sheet.xlsx", "sheet": "Summary", "cells": {"A1": "x"}, "overwrite": True}
    assert copilot.call("excel.write_cells", args, mode="yes")["status"] == "done"


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("contrat.docx", "missing", "Did you mean: 'contract.docx'"),
        ("nowhere/contract.docx", "missing", "Did you mean: 'contract.docx'"),
        ("folder.docx", "folder", "Name a file in it"),
        ("../outside.docx", "outside_roots", "Opened: "),
        ("/etc/hosts", "outside_roots", "Opened: "),
        ("link.docx", "outside_roots", "Opened: "),
        ("sub/../../outside.docx", "outside_roots", "Opened: "),
        ("", "missing", "Name a file"),
        ("con\0tract.docx", "missing", "no file name"),
        ("a" * 400 + ".docx", "missing", "There is no file"),
    ],
)
def test_a_path_that_leads_nowhere_or_out(office: Path, path: str, code: str, words: str) -> None:
    outside = office.parent / "outside.docx"
    outside.write_bytes((office / "contract.docx").read_bytes())
    (office / "folder.docx").mkdir()
    (office / "link.docx").symlink_to(outside)
    before = outside.read_bytes()
    for tool, args in tools_for("contract.docx"):
        found, text = refused(Copilot(office), tool, {"path": path, **args})
        assert (found, words in text) == (code, True), text
    assert outside.read_bytes() == before


def _word_lock(folder: Path) -> None:
    (folder / "~$ntract.docx").write_bytes(b"\x04Anna".ljust(162, b"\0"))


def _libreoffice_lock(folder: Path) -> None:
    (folder / ".~lock.contract.docx#").write_text(",Anna,desk,22.11.2026 10:00,file:///x;")


def _read_only(folder: Path) -> None:
    (folder / "contract.docx").chmod(0o444)


def _read_only_folder(folder: Path) -> None:
    folder.chmod(0o555)


def _hard_link(folder: Path) -> None:
    os.link(folder / "contract.docx", folder.parent / "twin.docx")


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        (_word_lock, "Anna has contract.docx open"),
        (_libreoffice_lock, "Anna on desk has contract.docx open"),
        (_read_only, "contract.docx is read-only"),
        (_read_only_folder, "Check the permissions of"),
        (_hard_link, "hard links"),
    ],
)
def test_a_file_that_may_not_be_written_just_now(office: Path, lock: Callable[[Path], None], words: str) -> None:
    """It can be read, the edit is refused before anybody is asked, and once it is free the same call does it."""
    copilot = Copilot(office)
    reading, (tool, edit) = tools_for("contract.docx")
    lock(office)
    try:
        assert copilot.call(reading[0], {"path": "contract.docx"})["status"] == "done"
        for mode in ("ask", "yes"):
            code, text = refused(copilot, tool, {"path": "contract.docx", **edit}, mode)
            assert (code, words in text) == ("locked", True), text
    finally:
        office.chmod(0o755)
    (office / "contract.docx").chmod(0o644)
    for left in (office / "~$ntract.docx", office / ".~lock.contract.docx#", office.parent / "twin.docx"):
        left.unlink(missing_ok=True)
    assert copilot.call(tool, {"path": "contract.docx", **edit}, mode="yes")["status"] == "done"


@pytest.mark.parametrize(
    ("tool", "args", "code", "words"),
    [
        ("excel.read_range", {"sheet": "Sale", "range": "A1:B2"}, "unknown_sheet", "'Sales'"),
        ("excel.read_range", {"sheet": "Sales", "range": "B9:A1"}, "address", "Did you mean A1:B9"),
        ("excel.read_range", {"sheet": "Sales", "range": "XFE1"}, "address", "ends at XFD1048576"),
        ("excel.read_range", {"sheet": "Sales", "range": "A1048577"}, "address", "ends at XFD1048576"),
        ("excel.read_range", {"sheet": "Sales", "range": "here"}, "address", "Write it like"),
        ("excel.read_table", {"table": "Sals"}, "unknown_table", "'Sales'"),
        ("excel.aggregate", {"column": "Revenu", "function": "sum"}, "unknown_column", "'Revenue'"),
        ("excel.aggregate", {"column": "Revenue", "function": "total"}, "arguments", "'sum'"),
        ("excel.write_cells", {"cells": {"A0": 1}}, "address", "Write it like"),
        ("excel.write_cells", {"cells": {}}, "arguments", "cells"),
        ("excel.write_cells", {"sheet": "Nope", "cells": {"A1": 1}}, "unknown_sheet", "'Summary'"),
        ("excel.write_cells", {"sheet": "Sales", "cells": {"Z1": "=SUM("}}, "formula", "close every bracket"),
        ("excel.write_formula", {"sheet": "Sales", "cell": "Z1", "formula": "=SUM(A1"}, "formula", "bracket"),
        ("excel.add_row", {"values": {"Nope": 1}}, "unknown_column", "'Region'"),
        ("excel.add_sheet", {"name": "Sales"}, "sheet_name", "Choose another name"),
        ("excel.add_sheet", {"name": "a/b"}, "sheet_name", "not allowed"),
        ("word.replace_text", {"find": "Zebra", "replace": "x"}, "not_found", "Closest"),
        ("word.replace_text", {"find": "", "replace": "x"}, "tool_input", "find is empty"),
        ("word.replace_text", {"find": "Acme", "replace": "a\0b"}, "tool_input", "control character"),
        ("word.replace_paragraph", {"address": "p999", "text": "x"}, "address", "There is: p"),
        ("word.replace_paragraph", {"address": "p1:ffff", "text": "x"}, "stale_address", "Read the document again"),
        ("word.insert", {"at": "Definitons", "text": "x"}, "unknown_heading", "'Definitions'"),
        ("powerpoint.set_title", {"slide": 99, "title": "x"}, "unknown_slide", "slides 1 to"),
        ("powerpoint.add_slide", {"title": "x", "layout": "Nope"}, "unknown_layout", "'Title Slide'"),
        ("word.replace_txt", {}, "unknown_tool", "'word.replace_text'"),
        ("word.read", {"pth": "contract.docx"}, "arguments", "It takes: path"),
    ],
)
def test_an_argument_that_does_not_fit_is_named_with_what_would(
    office: Path, tool: str, args: dict[str, Any], code: str, words: str
) -> None:
    path = {"excel": "sales.xlsx", "word": "contract.docx", "powerpoint": "kickoff-deck.pptx"}[tool.partition(".")[0]]
    found, text = refused(Copilot(office), tool, {"path": path, **args})
    assert (found, words in text) == (code, True), text


def test_an_unknown_style_offers_those_of_the_document(office: Path) -> None:
    copilot = Copilot(office)
    first = copilot.call("word.find", {"path": "contract.docx", "query": "Services Agreement"})["text"]
    address = first.split("{")[1].split("}")[0]
    args = {"path": "contract.docx", "addresses": [address], "style": "Headng 1"}
    code, text = refused(copilot, "word.apply_style", args)
    assert (code, "'heading 1'" in text.lower()) == ("unknown_paragraph_style", True), text


@pytest.mark.parametrize(
    ("tool", "path", "words"),
    [
        ("word.read", "sales.xlsx", "no Word document"),
        ("excel.list_sheets", "contract.docx", "not a workbook"),
        ("powerpoint.read", "contract.docx", "not a PowerPoint presentation"),
        ("word.read", "notes.txt", "is a text file"),
    ],
)
def test_a_document_of_another_kind_than_the_tool_is_for(office: Path, tool: str, path: str, words: str) -> None:
    (office / "notes.txt").write_text("Acme")
    code, text = refused(Copilot(office), tool, {"path": path})
    assert (code, path in text, words in text) == ("unsupported", True, True), text


@pytest.mark.parametrize(
    ("path", "code"),
    [("../x.docx", "outside_roots"), ("folder.docx", "folder"), ("x.xlsx", "tool_input"), (".hidden.docx", "hidden")],
)
def test_a_new_document_in_an_impossible_place(office: Path, path: str, code: str) -> None:
    (office / "folder.docx").mkdir()
    found, _ = refused(Copilot(office), "word.create", {"path": path, "markdown": "# x"})
    assert found == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("replace Acme with Contoso in half.docx", "half.docx"),
        ("read secret.docx", "password"),
        ("replace Acme with Contoso in contrat.docx", "contract.docx"),
        ("write 5 into A1 of the sheet Nonsense in sales.xlsx", "Nonsense"),
    ],
)
def test_without_a_model_the_reason_reaches_the_person_and_the_thread_goes_on(
    office: Path, words: str, said: str
) -> None:
    for name in ("half.docx", "secret.docx"):
        source, spoil, _, _ = FILES[name]
        (office / name).write_bytes(spoil((office / source).read_bytes()))
    before = snapshot(office)
    copilot = Copilot(office, mode="yes")
    final = copilot.ask(words)
    assert said in final.text
    assert final.error is not None
    assert [c for c in final.changes if c["committed"]] == []
    assert snapshot(office) == before
    after = copilot.ask("replace Acme with Contoso in contract.docx", thread=final.thread)
    assert _written(after) == ["contract.docx"]


def _written(final: Final) -> list[str]:
    return [c["path"] for c in final.changes if c["committed"]]


def test_a_named_file_that_is_not_there_is_told_before_a_thread_begins(office: Path) -> None:
    copilot = Copilot(office)
    with pytest.raises(DocumentError, match=r"Did you mean: 'contract\.docx'"):
        copilot.ask("read it", files=["contrat.docx"])
    with pytest.raises(OutsideRootsError):
        copilot.ask("read it", files=["/etc/hosts"])
    assert copilot.threads.recent() == []


def test_half_a_character_in_a_request_is_no_reason_to_fail(office: Path) -> None:
    """A file name that is no valid text comes from the system with lone surrogates."""
    final = Copilot(office).ask("read \udcff contract.docx")
    assert final.text


def test_a_password_is_not_mistaken_for_an_old_format(office: Path) -> None:
    """Both are OLE files; what is inside tells them apart, whatever the name says."""
    (office / "a.xlsx").write_bytes(compound("WordDocument"))
    (office / "b.xls").write_bytes(compound("EncryptionInfo", "EncryptedPackage"))
    copilot = Copilot(office)
    assert refused(copilot, "excel.list_sheets", {"path": "a.xlsx"})[0] == "legacy"
    assert refused(copilot, "excel.list_sheets", {"path": "b.xls"})[0] == "encrypted"
