"""Hostile files: each is refused with the right code, or opened with what it hides marked; within 5 s and 512 MiB.

All cases run in one child process under the limits (a start of Python for each would take minutes); a case that takes
the child down is told as such, and the next child goes on behind it.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.documents.guarded import _died, read_guarded
from copilot.documents.inspect import inspect, refused
from copilot.documents.reading import read
from copilot.documents.survey import survey
from copilot.errors import DOCUMENT_CODES, DocumentError
from tests.conftest import CORPUS, ROOT
from tests.documents.hostile import CASES, bomb, cell, excel, mail, office, run, word
from tests.thinning import examples, thinned

SECONDS, BYTES = 5, 512 << 20
REAL = sorted(p for p in CORPUS.glob("*.*") if p.suffix != ".tsv") if CORPUS.is_dir() else []
TRIED = thinned(list(CASES), 3)
SMALL = [p for p in REAL if p.stat().st_size < 60_000]

_CHILD = """
import json, resource, sys
sys.path.insert(0, sys.argv[1])
from copilot.documents.inspect import inspect
from tests.documents.hostile import CASES
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
for name in json.loads(sys.argv[2]):
    content = CASES[name].build()
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = inspect(content, CASES[name].name)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps([name, found, seconds]), flush=True)
"""


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[dict[str, Any], float]]:
    """What `inspect` said of every case, and how many seconds of computing it took."""
    found: dict[str, tuple[dict[str, Any], float]] = {}
    while len(found) < len(TRIED):
        command = [sys.executable, "-c", _CHILD, str(ROOT), json.dumps(TRIED[len(found) :]), str(BYTES)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        for line in done.stdout.splitlines():
            name, outcome, seconds = json.loads(line)
            found[name] = (outcome, seconds)
        if len(found) < len(TRIED):
            found[TRIED[len(found)]] = ({"status": "crashed", "said": done.stderr[-500:]}, 0.0)
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on processes there")
@pytest.mark.parametrize("name", TRIED)
def test_hostile(name: str, outcomes: dict[str, tuple[dict[str, Any], float]]) -> None:
    case, (found, seconds) = CASES[name], outcomes[name]
    assert seconds < SECONDS
    if found["status"] == "refused":
        assert found["code"] in (case.codes or DOCUMENT_CODES), found
        assert (case.hidden, case.seen, case.flags, case.unflagged) == ((), (), (), False), found
        assert case.name in found["message"]
        assert ". " not in found["message"]
        return
    assert found["status"] == "opened", found
    assert not case.codes, found["segments"]
    hidden = "\n".join(s["text"] for s in found["segments"] if s["hidden"])
    visible = "\n".join(s["text"] for s in found["segments"] if not s["hidden"])
    assert [text for text in case.hidden if text not in hidden] == []
    assert [text for text in case.hidden if text in visible] == []
    assert [text for text in case.seen if text not in visible] == []
    assert set(case.flags) <= set(found["flags"])
    assert not (case.unflagged and found["flags"])


def _holds(path: Path) -> bool:
    """Whether a file holds anything that is flagged, told without our own code: by names of parts and relationships."""
    with zipfile.ZipFile(path) as archive:
        names = " ".join(archive.namelist())
        links = " ".join(archive.read(n).decode() for n in archive.namelist() if n.endswith(".rels"))
        pieces = [piece for piece in links.split("<Relationship ") if 'TargetMode="External"' in piece]
        fields = archive.read("word/document.xml").decode() if "word/document.xml" in archive.namelist() else ""
    outside = any("/hyperlink" not in piece for piece in pieces)
    inside = any(
        word in names + links for word in ("vbaProject", "/oleObject", "activeX", "/package", "_xmlsignatures")
    )
    return outside or inside or "INCLUDE" in fields or "DDE" in fields


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_real_files_are_not_flagged_for_what_they_do_not_hold(path: Path) -> None:
    found = inspect(path.read_bytes(), path.name)
    assert found["status"] == "opened"
    looks = {"hidden-text", "hidden-sheets", "hidden-slides"}
    assert _holds(path) or set(found["flags"]) <= looks, found["flags"]


def _mutated(content: bytes, changes: list[tuple[float, int]], cut: float | None) -> bytes:
    made = bytearray(content)
    for place, byte in changes:
        made[int(place * (len(made) - 1))] = byte
    return bytes(made if cut is None else made[: int(cut * len(made))])


CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12)
QUICK = settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))


def _is_sound(found: dict[str, Any], name: str) -> None:
    assert json.loads(json.dumps(found)) == found
    if found["status"] == "refused":
        assert found["code"] in DOCUMENT_CODES
        assert name in found["message"]
    else:
        assert found["status"] == "opened"
        assert {s["integrity"] for s in found["segments"]} <= {"untrusted"}
        assert all(isinstance(s["hidden"], bool) for s in found["segments"])


@pytest.mark.skipif(not SMALL, reason="the corpus is not here")
@QUICK
@given(st.sampled_from(SMALL), CHANGES, st.none() | st.floats(0, 1))
def test_mutated_files_end_in_one_of_two_forms(path: Path, changes: list[tuple[float, int]], cut: float | None) -> None:
    _is_sound(inspect(_mutated(path.read_bytes(), changes, cut), path.name), path.name)


@pytest.mark.skipif(not SMALL, reason="the corpus is not here")
@QUICK
@given(st.sampled_from(SMALL), st.integers(0, 10_000), CHANGES, st.none() | st.floats(0, 1))
def test_mutated_parts_end_in_one_of_two_forms(
    path: Path, which: int, changes: list[tuple[float, int]], cut: float | None
) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        names = [n for n in dict.fromkeys(source.namelist()) if source.getinfo(n).file_size]
        for name in names:
            data = source.read(name)
            made.writestr(name, _mutated(data, changes, cut) if name == names[which % len(names)] else data)
    _is_sound(inspect(out.getvalue(), path.name), path.name)


@QUICK
@given(
    st.sampled_from(
        [n for n, c in CASES.items() if c.name.endswith((".pdf", ".eml", ".csv")) and "bomb" not in n and len(n) < 30]
    ),
    CHANGES,
)
def test_mutated_text_formats_end_in_one_of_two_forms(name: str, changes: list[tuple[float, int]]) -> None:
    content = CASES[name].build()
    if 0 < len(content) < 100_000:
        _is_sound(inspect(_mutated(content, changes, None), CASES[name].name), CASES[name].name)


# --- the child process ---------------------------------------------------------------------------------------------


def test_guarded_reading_is_the_same_reading() -> None:
    content = office(word(run("SEEN") + run("SECRET", "<w:vanish/>")))
    assert read_guarded(content, "a.docx") == survey(content, read(content, "a.docx"))


@pytest.mark.parametrize(
    ("build", "name", "code"),
    [(bytes, "a.docx", "empty"), (partial(bomb, 200 << 20), "b.docx", "too_large"), (lambda: b"x", "c.pdf", "broken")],
    ids=["empty", "bomb", "broken"],
)
def test_guarded_refusals_are_the_readers_own(build: Callable[[], bytes], name: str, code: str) -> None:
    with pytest.raises(DocumentError, match=name) as caught:
        read_guarded(build(), name)
    assert caught.value.code == code


def _long(rows: int) -> bytes:
    return office(word("".join(run(f"paragraph {n}") for n in range(rows))))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on processes there")
def test_a_file_that_takes_too_long_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"a\.docx takes more than 0\.5 seconds") as caught:
        read_guarded(_long(120_000), "a.docx", seconds=0.5)
    assert caught.value.code == "too_large"


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")
def test_a_file_that_takes_too_much_memory_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"a\.docx needs more memory") as caught:
        read_guarded(_long(120_000), "a.docx", seconds=60, bytes=150 << 20)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [(-11, b"", "broken"), (-9, b"", "too_large"), (1, b"MemoryError", "too_large"), (1, b"", "broken")],
)
def test_a_reader_that_dies_is_told(code: int, said: bytes, kind: str) -> None:
    error = _died("a.docx", code, 3, said)
    assert error.code == kind
    assert "a.docx" in refused(error)["message"]


def test_names_are_data() -> None:
    name = "a\"; import os; '\n.txt"
    assert read_guarded(b"SEEN", name).segments[0].text == "SEEN"


def test_attachments_are_labelled_with_their_place() -> None:
    found = inspect(CASES["mail: attached document"].build(), "a.eml")
    assert any(s["where"].startswith("attachment a.docx: ") for s in found["segments"])


def test_cells_that_are_not_seen_are_left_out_of_the_table() -> None:
    found = inspect(
        office(excel('<row r="1">' + cell("SEEN") + '</row><row r="2" hidden="1">' + cell("no", "A2") + "</row>")),
        "a.xlsx",
    )
    table = next(s for s in found["segments"] if s["kind"] == "table")
    assert "no" not in table["text"]


def test_what_is_ordinary_is_told_but_not_flagged() -> None:
    found = inspect(
        office(word('<w:p><w:ins w:id="1" w:author="A"><w:r><w:t>SEEN</w:t></w:r></w:ins></w:p>')), "a.docx"
    )
    assert (found["flags"], found["contains"]) == ([], ["tracked-changes"])


def test_mail_headers_are_decoded() -> None:
    content = mail("x").replace(b"Ann", b"=?utf-8?b?w4RubmU=?=")
    assert any("Änne" in s["text"] for s in inspect(content, "a.eml")["segments"] if not s["hidden"])
