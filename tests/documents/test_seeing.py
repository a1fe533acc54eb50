"""Pages as pictures: with LibreOffice what an edit changes is seen, and a hostile document reaches nobody."""

from __future__ import annotations

import io
import stat
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from copilot.documents import seeing, word
from copilot.documents.package import Package
from copilot.errors import DocumentError, ToolInputError

from .word.make import TRANSITIONAL, docx, field, p, table

needs_office = pytest.mark.skipif(seeing.available() is None, reason="LibreOffice is not installed")


def opened(picture: bytes) -> Any:
    images = pytest.importorskip("PIL.Image")
    return images.open(io.BytesIO(picture))


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_OPTIONS = do_PROPFIND = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()
        thread.join()


def hostile(url: str) -> bytes:
    """Three pages that would fetch a picture by a field, by a relationship, and a template."""
    linked = '<w:r><w:pict><v:shape style="width:50pt;height:50pt"><v:imagedata r:id="rId7"/></v:shape></w:pict></w:r>'
    page = '<w:r><w:br w:type="page"/></w:r>'
    content = docx(
        p("Agreement"),
        p("The fee is due in thirty days."),
        p(field(f' INCLUDEPICTURE "{url}/field.png" \\d '.replace('"', "&quot;"), "x")),
        p(linked, page),
        table(["Item", "Price"], ["Fox", "5"]),
        p(page),
        p("The last page."),
        links={"rId7": f"{url}/picture.png"},
    )
    package = Package.open(content)
    package.relate(package.main, f"{TRANSITIONAL['r']}/attachedTemplate", f"{url}/template.dotm", external=True)
    return package.save()


@needs_office
def test_only_the_page_that_changed_is_shown_and_nothing_is_fetched(server: tuple[str, list[str]]) -> None:
    pytest.importorskip("pypdfium2")
    url, asked = server
    before = hostile(url)
    after = word.set_table_cell(before, "1", 2, 2, "7").content
    (changed,) = seeing.changed_pages(before, after, "word", dpi=40)
    assert (changed.before, changed.after) == (2, 2)
    assert asked == []
    picture = opened(changed.picture)
    half = (picture.width - 12) // 2
    left, right = (
        picture.crop((0, 0, half, picture.height)),
        picture.crop((half + 12, 0, picture.width, picture.height)),
    )
    box = pytest.importorskip("PIL.ImageChops").difference(left, right).getbbox()
    assert box is not None
    assert box[3] - box[1] < 30, "only one line differs"
    assert box[0] > half // 2 - 5, "and only its second column"


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeing, "available", lambda: None)
    monkeypatch.setattr(seeing, "_need_renderer", lambda: None)
    with pytest.raises(ToolInputError, match="LibreOffice is not installed") as told:
        seeing.pages(docx(p("x")), "word")
    assert told.value.code == "no_office"


def office(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a script stand for LibreOffice."""
    command = folder / "soffice"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(seeing, "available", lambda: str(command))
    monkeypatch.setattr(seeing, "_need_renderer", lambda: None)
    monkeypatch.setattr(seeing, "_apart", lambda: ())


def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; wait", monkeypatch)
    monkeypatch.setattr(seeing, "TIMEOUT", 2.5)
    with pytest.raises(DocumentError, match=r"took longer than 2\.5 seconds"):
        seeing.pages(docx(p("x")), "word")
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    assert not child.exists() or child.read_text().split()[2] in "ZX"


def test_a_document_that_can_not_be_shown_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office(tmp_path, "exit 0", monkeypatch)
    with pytest.raises(DocumentError, match="could not show the document"):
        seeing.pages(docx(p("x")), "word")
    with pytest.raises(ToolInputError, match="kind of document"):
        seeing.pages(b"%PDF-1.7", "pdf")


def test_the_copy_that_is_converted_leads_nowhere_but_by_its_hyperlinks() -> None:
    harmless = seeing.harmless(hostile("http://evil.example"))
    with zipfile.ZipFile(io.BytesIO(harmless)) as archive:
        relations = archive.read("word/_rels/document.xml.rels").decode()
    assert "evil.example/template" not in relations
    assert "evil.example/picture" in relations, "as a hyperlink, which nobody follows"


def test_pages_that_only_moved_are_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    images = pytest.importorskip("PIL.Image")
    red, green, blue, white = (images.new("RGB", (20, 30), name) for name in ("red", "green", "blue", "white"))
    monkeypatch.setattr(seeing, "_rendered", lambda *_: [[red, green, blue], [white, red, green, blue]])
    (changed,) = seeing.changed_pages(b"", b"", "word")
    assert (changed.before, changed.after) == (None, 1)
    assert opened(changed.picture).size == (52, 30)
    monkeypatch.setattr(seeing, "_rendered", lambda *_: [[red, green, blue], [red, white]])
    assert [(c.before, c.after) for c in seeing.changed_pages(b"", b"", "word")] == [(2, 2), (3, None)]
    monkeypatch.setattr(seeing, "_rendered", lambda *_: [[red], [red]])
    assert seeing.changed_pages(b"", b"", "word") == []
