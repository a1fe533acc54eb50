"""The report of a run: what a person reads, what a document can't do to it, and what an answer is bound to."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit
from weakref import ref

import lxml.html
import pytest

from copilot.errors import ApprovalError
from copilot.jobs.job import Citation, Edit, Outcome, Source, Status
from copilot.jobs.report import RunView, Shown, Written, changes, digest, write
from copilot.jobs.report.answering import Form
from copilot.jobs.report.review import Server, review
from copilot.jobs.report.values import MEANING

OLD, NEW = "The office is at 12 Harbour Street, Port Elm.", "The office is at 7 Mill Lane, Port Elm."
STARTED = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
EVIL = "</td></details><script>alert(1)</script><a href=http://evil.example onclick=x()>click\u202e\x1b[31m&amp;"

Documents = list[tuple[Source, Outcome]]


def edit(path: str, hunks: list[dict[str, Any]] | None = None, **more: Any) -> Edit:
    given = [{"where": "paragraph 4", "before": OLD, "after": NEW, "kind": "text"}] if hunks is None else hunks
    fields = {"before": "a" * 64, "after": "b" * 64, "summary": "Replaced the address", **more}
    return Edit(path=path, hunks=given, **fields)


def doc(path: str, status: Status = Status.DONE, **more: Any) -> tuple[Source, Outcome]:
    return Source(key=path, path=path), Outcome(status=status, **more)


def card(to: str = "legal@example.com") -> dict[str, Any]:
    hunks = [{"where": "To", "before": "", "after": to, "kind": "text"}]
    item = {"call_id": "1", "tool": "mail.send", "summary": "Send a mail", "path": "", "hunks": hunks, "warnings": []}
    return {"id": "c1", "digest": "e" * 64, "why": "Leaves the organisation.", "created": "now", "items": [item]}


def cell(row: int) -> dict[str, Any]:
    return {"where": f"Budget!D{row}", "before": str(row), "after": f"=B{row}+C{row}", "kind": "cell"}


CITATIONS = [
    Citation(field="number", where="page 1", quote="Invoice No. 2026-7", confidence="exact"),
    Citation(field="total", where="page 2, table 1", quote="Total: 1 204,50", confidence="near"),
    Citation(field="due", confidence="missing"),
    Citation(field="buyer", quote="Sold to nobody", confidence="unsupported"),
]
VALUES = {"number": "2026-7", "total": 1204.5, "due": None, "buyer": "Acme", "lines": [{"what": "Travel", "hours": 2}]}


def everything() -> Documents:
    return [
        doc("contracts/acme.docx", Status.REVIEW, edits=[edit("contracts/acme.docx", warnings=["A chart is old."])]),
        doc("budget.xlsx", Status.REVIEW, edits=[edit("budget.xlsx", [cell(4), cell(5)])]),
        doc("notice.docx", Status.ASKED, cards=[card()]),
        doc("invoice.pdf", values=VALUES, citations=CITATIONS, served_by="one:small", cost=0.0012),
        doc("exact.pdf", values={"number": "1"}, citations=CITATIONS[:1], reused=True),
        doc("saved.docx", edits=[edit("saved.docx", entry=17)]),
        doc("asked.docx", text="# Result\n\n**Two** parties. ![x](http://evil.example/x.png)\n\n|a|b|\n|:-|-:|\n|1|2|"),
        doc("nothing.docx"),
        *(doc(f"bad/{n}.docx", Status.FAILED, error=failure(f"bad/{n}.docx", n)) for n in range(3)),
        doc("locked.docx", Status.FAILED, error={"code": "locked", "message": "Mina has it open."}),
        doc("poison.docx", Status.QUARANTINED, error={"code": "broken", "message": "Torn.", "hint": "Ask for a copy."}),
        *(
            doc(f"{each}.docx", Status(each))
            for each in ("held", "rejected", "cancelled", "queued", "running", "saving")
        ),
    ]


def failure(path: str, number: int) -> dict[str, Any]:
    return {"code": "odd", "message": f"{path} has {number} odd pages.", "hint": ""}


def view(documents: Iterable[tuple[Source, Outcome]] = (), **more: Any) -> RunView:
    fields = {
        "title": "New address",
        "prompt": "Replace the address.\nLeave the schedules alone.",
        "started": STARTED,
        "ended": STARTED + timedelta(minutes=73),
        "by": "Mina Okafor",
        "cost": 1.2345,
        "budget": 5.0,
        "models": {"one:small": 14},
        "notes": ("3 files were left out.",),
    }
    return RunView("r-7f3a", counts=Counter(outcome.status for _, outcome in documents), **{**fields, **more})


@dataclass
class Page:
    """A written report, parsed."""

    written: Written

    def __post_init__(self) -> None:
        self.source = self.written.files[0].read_text("utf-8")
        self.tree = lxml.html.document_fromstring(self.source)

    def section(self, anchor: str) -> str:
        (found,) = self.tree.xpath("//section[@aria-labelledby=$anchor]", anchor=anchor)
        return " ".join(found.text_content().split())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    documents = everything()
    return Page(write(tmp_path_factory.mktemp("report") / "report.html", view(documents), documents))


# --- what a person reads ----------------------------------------------------------------------------------------------


def test_the_top_says_what_was_asked_and_how_it_ended(page: Page) -> None:
    text = " ".join(page.tree.text_content().split())
    for told in (
        "5 of 19 documents are done. 4 wait, 5 failed, 1 was declined, 4 not done.",
        "Replace the address. Leave the schedules alone.",
        "2 March 2026, 09:05 UTC",
        "1 h 13 min",
        "Mina Okafor",
        "$1.23 of at most $5.00",
        "one:small (14 documents)",
    ):
        assert told in text
    assert page.tree.xpath("string(//svg/@aria-label)") == "5 done, 4 waiting, 5 failed, 1 declined, 4 not done"


def test_what_needs_a_person_comes_first(page: Page) -> None:
    needs = page.section("needs")
    assert "2 changes wait: look, then answer" in needs
    assert "1 document would send something" in needs
    assert "1 document is held by the budget or a quota: everpilot batch resume r-7f3a" in needs
    assert "4 documents failed: everpilot batch retry r-7f3a" in needs
    order = [each.get("id") for each in page.tree.iter("h2")]
    assert order == ["needs", "sends", "changes", "warnings", "values", "failed", "aside", "results", "left", "all"]


def test_a_change_is_a_diff_by_words_and_cells_are_a_table(page: Page) -> None:
    changes = page.tree.xpath("//section[@aria-labelledby='changes']")[0]
    assert changes.xpath(".//del/text()")[:1] == ["12 Harbour Street"]
    assert changes.xpath(".//ins/text()")[:1] == ["7 Mill Lane"]
    rows = [[part.text_content() for part in row] for row in changes.xpath(".//table[@class='cells']/tbody/tr")]
    assert rows == [["Budget!D4", "4", "=B4+C4"], ["Budget!D5", "5", "=B5+C5"]]
    assert "paragraph 4" in page.section("changes")
    assert "legal@example.com" in page.section("sends")
    assert "Leaves the organisation." in page.section("sends")
    assert "contracts/acme.docx: A chart is old." in page.section("warnings")
    assert "everpilot undo 17" in page.section("results")


def test_a_change_is_ticked_beforehand_and_what_would_be_sent_is_not(page: Page) -> None:
    boxes = {box.get("aria-label"): box for box in page.tree.xpath("//input[@type='checkbox']")}
    assert {name: "checked" in box.attrib for name, box in boxes.items()} == {
        "Accept contracts/acme.docx": True,
        "Accept budget.xlsx": True,
        "Accept notice.docx": False,
    }
    shown = page.written.shown
    assert boxes["Accept notice.docx"].get("value") == shown.sends["notice.docx"][:12]
    assert f"everpilot batch accept r-7f3a --shown {shown.digest}" in page.source


def test_values_have_their_confidence_in_words_with_quote_and_place(page: Page) -> None:
    table = page.tree.xpath("//table[@class='values']")[0]
    rows = {row[0].text_content(): row for row in table.xpath("./tbody/tr")}
    flags = {name: row.xpath("string(.//*[contains(@class, 'flag')])") for name, row in rows.items()}
    words = {kind: word for kind, (word, _) in MEANING.items()}
    assert flags == {
        "number": words["exact"],
        "total": words["near"],
        "due": words["missing"],
        "buyer": words["unsupported"],
        "lines": words["unsupported"],  # nobody said where it comes from
    }
    assert [cell.text_content() for cell in rows["total"].xpath(".//q")] == ["Total: 1 204,50"]
    assert "page 2, table 1" in rows["total"].text_content()
    assert "what: Travel, hours: 2" in rows["lines"].text_content()


def test_a_value_of_many_places_is_as_sure_as_the_least_of_them(tmp_path: Path) -> None:
    cited = [Citation(field=f"lines[{n}].what", quote="x", confidence=kind) for n, kind in enumerate(("exact", "near"))]
    documents = [doc("a.pdf", values={"lines": ["x", "y"]}, citations=cited)]
    found = Page(write(tmp_path / "r.html", view(documents), documents))
    assert found.tree.xpath("//table[@class='values']//span[contains(@class, 'flag')]/text()") == [
        "check", "exact", "check",
    ]  # fmt: skip


def test_failures_stand_in_groups_with_the_next_step(page: Page) -> None:
    failed = page.section("failed")
    assert "… has … odd pages. 3 documents Next: Look at the message, then: everpilot batch retry r-7f3a" in failed
    assert "bad/2.docx has 2 odd pages." in failed
    assert "Somebody has the file open 1 document Next: When it is closed: everpilot batch retry r-7f3a" in failed
    assert "The file is damaged 1 document Next: Ask for a copy." in page.section("aside")
    left = page.section("left")
    for told in ("3 files were left out.", "Held: the budget", "Not begun", "Declined", "nothing to change"):
        assert told in left


def test_an_answer_in_markdown_is_text_without_links_pictures_and_headings(page: Page) -> None:
    (prose,) = page.tree.xpath("//section[@aria-labelledby='results']//div[@class='prose']")
    assert prose.xpath(".//strong/text()") == ["Two"]
    assert not prose.xpath(".//a | .//img | .//h1 | .//*[@style]")
    assert "http://evil.example/x.png" in prose.text_content()


def test_a_run_without_documents_has_a_report(tmp_path: Path) -> None:
    found = Page(write(tmp_path / "r.html", RunView("r-0"), []))
    assert "No document was worked on." in found.tree.text_content()
    assert not found.tree.xpath("//input | //script")


@pytest.mark.parametrize("hunks", [[], [cell(n) for n in range(100)]])
def test_all_places_of_a_change_are_shown(tmp_path: Path, hunks: list[dict[str, Any]]) -> None:
    documents = [doc("a.xlsx", Status.REVIEW, edits=[edit("a.xlsx", hunks)])]
    found = Page(write(tmp_path / "r.html", view(documents), documents))
    assert len(found.tree.xpath("//table[@class='cells']/tbody/tr")) == len(hunks)
    assert "not shown in full" not in found.source


def test_long_changes_are_told_whole_once_comparing_took_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [(f"{'same ' * 20}old {n}", f"{'same ' * 20}new {n}") for n in range(5)]
    monkeypatch.setattr(changes, "_COMPARED", 2 * len(texts[0][0]) ** 2)
    hunks = [{"where": "p", "before": old, "after": new, "kind": "text"} for old, new in texts]
    documents = [doc("a.docx", Status.REVIEW, edits=[edit("a.docx", hunks)])]
    found = Page(write(tmp_path / "r.html", view(documents), documents))
    assert found.tree.xpath("//del/text()") == ["old", "old", *(old for old, _ in texts[2:])]
    assert "not shown in full" not in found.source


def test_a_dry_run_says_that_nothing_was_saved(tmp_path: Path) -> None:
    documents = [doc("a.docx", edits=[edit("a.docx")])]
    found = Page(write(tmp_path / "r.html", view(documents, mode="dry-run"), documents))
    assert "What would be changed: a dry run, nothing was saved (1)" in found.section("results")
    assert "What was changed" not in found.source


def test_a_change_too_long_to_show_says_so_and_is_not_ticked(tmp_path: Path) -> None:
    long = [{"where": "paragraph 1", "before": "", "after": "word " * 10_000, "kind": "text"}]
    many = [{**cell(n), "after": "x" * 500} for n in range(1_500)]
    documents = [doc(name, Status.REVIEW, edits=[edit(name, hunks)]) for name, hunks in (("a", long), ("b", many))]
    found = Page(write(tmp_path / "r.html", view(documents), documents))
    assert found.source.count("It is too long for this page.") == 2
    assert not found.tree.xpath("//input[@checked]")
    assert len(found.source) < 1_500_000


# --- the page itself --------------------------------------------------------------------------------------------------


@dataclass
class Checker(HTMLParser):
    """Takes note of what is wrong with a page: what is not closed, doubled ids, attributes that load or run."""

    open: list[str] = field(default_factory=list)
    ids: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    tags: Counter[str] = field(default_factory=Counter)

    VOID = frozenset({"meta", "input", "br", "hr", "rect"})

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids[value or ""] += 1
            if name in ("style", "src", "srcset", "formaction", "ping") or name.startswith("on"):
                self.wrong.append(f"{tag} {name}={value}")
            if name == "href" and not re.fullmatch(r"(?:[\w.%-]+\.html)?(?:#[\w-]+)?", value or ""):
                self.wrong.append(f"leads away: {value}")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")


def checked(source: str) -> Checker:
    checker = Checker()
    checker.feed(source)
    checker.close()
    assert checker.wrong == []
    assert checker.open == []
    assert [name for name, count in checker.ids.items() if count > 1] == []
    return checker


def test_the_page_is_well_formed_and_loads_nothing(page: Page) -> None:
    checked(page.source)
    policy = page.tree.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == "'none'"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", page.source, re.DOTALL)
        hashed = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{hashed}'"
    assert "url(" not in page.source


def test_the_page_can_be_used_by_everyone(page: Page) -> None:
    tree = page.tree
    assert tree.get("lang") == "en"
    assert all(each.get("scope") in ("col", "row") for each in tree.xpath("//th[not(ancestor::*[@class='prose'])]"))
    assert all(table.xpath("./caption") for table in tree.xpath("//table[not(ancestor::*[@class='prose'])]"))
    levels = [int(each.tag[1]) for each in tree.iter("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(each.get("aria-label") for each in tree.xpath("//input[@type='checkbox'] | //svg | //nav"))
    assert tree.xpath("//main")
    assert "prefers-color-scheme: dark" in page.source
    assert "@media print" in page.source


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2, 1.4.3)."""

    def light(colour: str) -> float:
        full = "".join(c * 2 for c in colour) if len(colour) == 3 else colour
        parts = [int(full[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_told_apart_in_light_and_dark(page: Page) -> None:
    blocks = re.findall(r":root \{(.*?)\}", page.source, re.DOTALL)
    for block in blocks[:2]:
        colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]+)", block))
        pairs = [(ink, back) for ink in ("ink", "dim", "link", "good", "bad", "look") for back in ("paper", "raised")]
        pairs += [("good", "good-back"), ("bad", "bad-back"), ("look", "look-back")]
        assert [pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < 4.5] == []


def test_a_text_never_becomes_markup(tmp_path: Path) -> None:
    hunks = [{"where": EVIL, "before": EVIL, "after": f"{EVIL}!", "kind": kind} for kind in ("text", "cell", "odd")]
    hostile = edit(EVIL, hunks, summary=EVIL, warnings=[EVIL])
    cited = [Citation(field=EVIL, where=EVIL, quote=EVIL, confidence="near")]
    asked = {**card(EVIL), "why": EVIL, "items": [{**card()["items"][0], "summary": EVIL, "tool": EVIL}, None, "x"]}
    plain = {"edits": [edit("a")], "cards": [card()], "values": {"a": 1}, "text": "a", "served_by": "a"}
    evil = {"edits": [hostile], "cards": [asked], "values": {EVIL: EVIL}, "citations": cited, "text": EVIL}
    tags = []
    for name, fields in (("a", plain), (EVIL, {**evil, "served_by": EVIL, "error": {"message": EVIL, "hint": EVIL}})):
        documents = [(Source(key=f"{name}{each}", path=name), Outcome(status=each, **fields)) for each in Status]
        run = RunView(name, title=name, prompt=name, recipe=name, by=name, models={name: 1}, notes=(name,), output=name)
        written = write(tmp_path / "r.html", run, documents, form=Form("answer", "n"))
        source = written.files[0].read_text("utf-8")
        tags.append(checked(source).tags)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", source)
    assert "alert(1)" in source
    assert set(tags[1]) - set(tags[0]) <= {"q", "code", "p"}
    assert tags[1]["script"] == tags[0]["script"] == 1


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(status=Status.FAILED),
        Outcome(status=Status.FAILED, error={"code": ["a"], "message": None, "hint": 3}),
        Outcome(status=Status.ASKED, cards=[{}, {"items": 3, "why": None}, {"items": [{"hunks": "x", "warnings": 1}]}]),
        Outcome(
            status=Status.REVIEW, edits=[edit("a", [{}, {"where": None, "before": 3, "after": ["x"], "kind": []}])]
        ),
        Outcome(status=Status.DONE, text="half of a pair: \ud83d", values=None),
        Outcome(status=Status.DONE, values={"deep": [[[[[[[1]]]]]]], "odd": {"\ud83d": True}}),
    ],
    ids=lambda outcome: outcome.status,
)
def test_odd_outcomes_are_shown_all_the_same(tmp_path: Path, outcome: Outcome) -> None:
    checked(write(tmp_path / "r.html", view(), [(Source(key="k"), outcome)]).files[0].read_text("utf-8"))


def test_a_secret_in_an_error_is_not_in_the_report(tmp_path: Path) -> None:
    secret = "sk-ant-" + "a1b2c3d4" * 5
    error = {"code": "odd", "message": f"The key {secret} was refused.", "hint": f"Renew {secret}."}
    written = write(tmp_path / "r.html", view(), [doc("a", Status.FAILED, error=error)])
    assert secret not in written.files[0].read_text("utf-8")


# --- large runs -------------------------------------------------------------------------------------------------------


def many(
    count: int, alive: list[ref[Outcome]] | None = None, most: list[int] | None = None
) -> Iterator[tuple[Any, Any]]:
    for number in range(count):
        waits = number % 10 == 0
        made = doc(f"folder/{number:05}.docx", Status.REVIEW if waits else Status.DONE)
        if waits:
            made[1].edits.append(edit(made[0].path, [cell(4)]))
        if alive is not None and most is not None:
            alive.append(ref(made[1]))
            most.append(sum(each() is not None for each in alive[-50:]))
        yield made


def test_ten_thousand_documents_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    alive: list[ref[Outcome]] = []
    most: list[int] = []
    written = write(tmp_path / "report.html", view(), many(10_000, alive, most))
    assert max(most) <= 3
    names = [path.name for path in written.files]
    assert names[0] == "report.html"
    assert {"report.changes-4.html", "report.all-10.html"} <= set(names)
    assert len(names) == 13
    assert len(written.pages) == 4
    assert max(path.stat().st_size for path in written.files) < 1_500_000
    assert all(path.stat().st_mode & 0o077 == 0 for path in written.files)
    links = {}
    for path in written.files:
        source = path.read_text("utf-8")
        links[path.name] = (set(re.findall(r' id="([^"]*)"', source)), set(re.findall(r'href="([^"]*)"', source)))
    for name, (_, hrefs) in links.items():
        for href in hrefs:
            file, _, anchor = href.partition("#")
            assert not anchor or anchor in links[unquote(file) or name][0], href
    boxes = sum(path.read_text("utf-8").count('name="pick"') for path in written.files)
    assert boxes == len(written.shown.changes) == 1_000


def test_what_is_held_while_writing_does_not_grow_with_the_run(tmp_path: Path) -> None:
    peaks = []
    for count in (200, 600):
        tracemalloc.start()
        write(tmp_path / "report.html", view(), many(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 700_000  # of 900 documents: their names and digests, spools that move to disk


def test_a_shorter_report_of_the_same_name_leaves_no_page_of_the_longer_one(tmp_path: Path) -> None:
    (tmp_path / "report.of-mine-2.html").write_text("mine")
    write(tmp_path / "report.html", view(), many(2_600))
    assert (tmp_path / "report.changes-2.html").is_file()
    write(tmp_path / "report.html", view(), many(4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.of-mine-2.html"]


def test_a_report_that_breaks_off_leaves_the_former_one(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[Source, Outcome]]:
        yield doc("a.docx")
        raise RuntimeError("the database went away")

    (former,) = write(tmp_path / "report.html", view(), []).files
    before = former.read_bytes()
    with pytest.raises(RuntimeError):
        write(former, view(), broken())
    assert former.read_bytes() == before
    assert list(tmp_path.iterdir()) == [former]


# --- what an answer is bound to ---------------------------------------------------------------------------------------


def test_the_digest_changes_with_everything_that_is_shown() -> None:
    source, outcome = doc("a.docx", Status.REVIEW, edits=[edit("a.docx")], cards=[card()])
    first = digest("r", source, outcome)
    others = [
        digest("r2", source, outcome),
        digest("r", Source(key="b.docx"), outcome),
        digest("r", source, outcome.model_copy(update={"status": Status.ASKED})),
        digest("r", source, outcome.model_copy(update={"cards": [card("other@example.com")]})),
        digest("r", source, outcome.model_copy(update={"values": {"a": 1}})),
        *(
            digest("r", source, outcome.model_copy(update={"edits": [changed]}))
            for changed in (
                edit("b.docx"),
                edit("a.docx", before="c" * 64),
                edit("a.docx", after="c" * 64),
                edit("a.docx", []),
                edit("a.docx", warnings=["x"]),
            )
        ),
    ]
    assert len({first, *others}) == len(others) + 1
    again = {**card(), "created": "later", "id": "c2", "expires": "later"}
    assert digest("r", source, outcome.model_copy(update={"cards": [again], "seconds": 3.0})) == first


def shown_of(documents: Documents) -> Shown:
    shown = Shown("r")
    for source, outcome in documents:
        shown.add(source, outcome)
    return shown


def waiting() -> Documents:
    names = ("a.docx", "b.docx", "c.docx")
    return [
        *(doc(name, Status.REVIEW, edits=[edit(name)]) for name in names),
        doc("mail", Status.ASKED, cards=[card()]),
    ]


def test_answers_say_of_each_document_what_was_said() -> None:
    documents = waiting()
    shown = shown_of(documents)
    name = shown.changes["b.docx"][:12]
    wanted = {
        "all": (shown.all(), ["accepted"] * 3 + ["unanswered"]),
        "none": (shown.none(), ["declined"] * 4),
        "only": (shown.only([name, "mail"]), ["unanswered", "accepted", "unanswered", "accepted"]),
        "but": (shown.but([name]), ["accepted", "declined", "accepted", "unanswered"]),
    }
    for answer, verdicts in wanted.values():
        assert [answer.verdict(*each) for each in documents] == verdicts
    documents[1][1].edits[0] = edit("b.docx", after="d" * 64)
    assert [shown.all().verdict(*each) for each in documents] == ["accepted", "stale", "accepted", "unanswered"]
    assert shown.none().verdict(*documents[1]) == "stale"


@pytest.mark.parametrize("name", ["", "d.docx", "000000000000", "*"])
def test_an_answer_that_names_what_was_not_shown_is_refused(name: str) -> None:
    with pytest.raises(ApprovalError, match="that waits"):
        shown_of(waiting()).only([name])


def test_what_was_shown_can_be_kept_and_not_be_altered() -> None:
    shown = shown_of(waiting())
    kept = shown.to_bytes()
    assert hashlib.sha256(kept).hexdigest() == shown.digest
    assert Shown.from_bytes(kept, shown.digest) == shown
    assert shown_of(waiting()[::-1]).digest == shown.digest
    for data in (kept.replace(b"a.docx", b"x.docx"), b"", b"[]"):
        with pytest.raises(ApprovalError):
            Shown.from_bytes(data, shown.digest)
    with pytest.raises(ApprovalError):
        Shown.from_bytes(
            b'{"run":"r","changes":[],"sends":{}}', hashlib.sha256(b'{"run":"r","changes":[],"sends":{}}').hexdigest()
        )


# --- the review -------------------------------------------------------------------------------------------------------

FORM = Form("answer", "the-nonce")


@dataclass
class Person:
    """Somebody with a browser, as far as HTTP goes."""

    server: Server

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, str]:
        connection = http.client.HTTPConnection(self.server.host, timeout=5)
        sent = {"Host": self.server.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, path, body or None, {name: value for name, value in sent.items() if value})
        answer = connection.getresponse()
        told = answer.read().decode()
        connection.close()
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, answer.headers.get("Location", ""), told

    def opens(self) -> str:
        status, place, _ = self.ask("GET", urlsplit(self.server.url).path)
        assert status == 303
        assert self.ask("GET", place)[0] == 200
        return place.rpartition("/")[0]

    def says(self, room: str, verdict: str, picks: Iterable[str] = (), **more: Any) -> tuple[int, str, str]:
        fields = {"verdict": verdict, "nonce": FORM.nonce, "page": "report.html", **more.pop("fields", {})}
        body = urlencode([*fields.items(), *(("pick", each) for each in picks)])
        headers = {"Origin": self.server.origin, "Content_Type": "application/x-www-form-urlencoded", **more}
        return self.ask("POST", f"{room}/answer", body, **headers)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    documents = waiting()
    with Server(write(tmp_path / "report.html", view(documents), documents, form=FORM), FORM) as server:
        yield Person(server)


def shown_here(person: Person) -> Shown:
    return person.server._desk._shown


def test_the_address_opens_the_report_once(person: Person) -> None:
    url = urlsplit(person.server.url).path
    assert person.ask("GET", url[:-1])[0] == 403
    assert person.ask("GET", url, Host=f"attacker.example:{person.server.host.rpartition(':')[2]}")[0] == 400
    room = person.opens()
    assert person.ask("GET", url)[0] == 403
    for path in ("/", "/report.html", f"{room}/", f"{room}/../report.html", f"{room}x/report.html", f"{room}/%2e%2e/x"):
        assert person.ask("GET", path)[0] == 404, path


def test_an_answer_counts_only_from_the_page_itself(person: Person) -> None:
    room = person.opens()
    good = {"shown": shown_here(person).digest}
    refused = [
        person.says(room, "all", fields=good, Origin=""),
        person.says(room, "all", fields=good, Origin="null"),
        person.says(room, "all", fields=good, Origin="http://attacker.example"),
        person.says(room, "all", fields=good, Origin=f"http://localhost:{person.server.host.rpartition(':')[2]}"),
        person.says(room, "all", fields=good, Sec_Fetch_Site="same-site"),
        person.says(room, "all", fields=good, Host="attacker.example"),
        person.says(room, "all", fields=good, Content_Type="text/plain"),
        person.says("/guess", "all", fields=good),
        person.says(room, "all", fields={**good, "nonce": "x"}),
        person.says(room, "all", fields={**good, "shown": "f" * 64}),
        person.says(room, "everything", fields=good),
        person.says(room, "selected", ["ffffffffffff"], fields=good),
        person.ask("POST", f"{room}/answer", Origin=person.server.origin, Content_Length="999999999999"),
    ]
    assert [status for status, _, _ in refused] == [403] * 6 + [400] + [409] * 5 + [400]
    assert person.server.wait(0) is None
    assert person.says(room, "all", fields=good)[0] == 200
    assert person.says(room, "none", fields=good)[0] == 409  # it was answered


@pytest.mark.parametrize(
    ("verdict", "picks", "accepted", "declined", "told"),
    [
        ("all", [], 3, 0, "3 documents accepted, 1 still waiting."),
        ("none", [], 0, 4, "0 documents accepted, 4 declined."),
        ("selected", ["a.docx", "mail"], 2, 0, "2 documents accepted, 2 still waiting."),
        ("selected", [], 0, 0, "0 documents accepted, 4 still waiting."),
    ],
)
def test_an_answer_ends_the_review(
    person: Person, verdict: str, picks: list[str], accepted: int, declined: int, told: str
) -> None:
    shown = shown_here(person)
    names = [{**shown.changes, **shown.sends}[key][:12] for key in picks]
    status, _, page = person.says(person.opens(), verdict, names, fields={"shown": shown.digest})
    answer = person.server.wait(60)
    assert (status, told in page) == (200, True)
    assert answer is not None
    assert (len(answer.accepted), len(answer.declined)) == (accepted, declined)
    verdicts = Counter(answer.verdict(*each) for each in waiting())
    assert (verdicts["accepted"], verdicts["declined"], verdicts["stale"]) == (accepted, declined, 0)
    assert answer.run == "r-7f3a"


def test_a_long_review_is_answered_page_by_page(tmp_path: Path) -> None:
    documents = [doc(f"{n}.docx", Status.REVIEW, edits=[edit(f"{n}.docx", [])]) for n in range(251)]
    written = write(tmp_path / "report.html", view(documents), documents, form=FORM)
    assert written.pages == ("report.html", "report.changes-2.html")
    names = [value[:12] for value in written.shown.changes.values()]
    with Server(written, FORM) as server:
        person = Person(server)
        room = person.opens()
        shown = {"shown": written.shown.digest}
        assert person.says(room, "selected", names[:2], fields=shown)[:2] == (303, f"{room}/report.changes-2.html")
        second = {**shown, "page": "report.changes-2.html"}
        assert "3 documents accepted, 248 still waiting." in person.says(room, "selected", names[-1:], fields=second)[2]
        answer = server.wait(60)
    assert answer is not None
    assert list(answer.accepted) == ["0.docx", "1.docx", "250.docx"]


def test_a_review_tells_its_address_and_returns_the_answer() -> None:
    documents = waiting()
    told: list[str] = []

    def answers(url: str) -> None:
        told.append(url)
        threading.Thread(target=answer_all, args=(url,), daemon=True).start()

    answer = review(view(documents), documents, answers, patience=60)
    assert answer is not None
    assert [answer.verdict(*each) for each in documents] == ["accepted"] * 3 + ["unanswered"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/open/[\w-]{40,}", told[0])
    assert review(view(), [doc("a.docx")], told.append) is None
    assert len(told) == 1  # where nothing waits, nothing is served


def answer_all(url: str) -> None:
    """Do what a browser does when the button is pressed."""
    host = urlsplit(url).netloc
    connection = http.client.HTTPConnection(host, timeout=5)
    connection.request("GET", urlsplit(url).path)
    place = connection.getresponse().headers["Location"]
    connection.close()
    connection.request("GET", place)
    form = lxml.html.document_fromstring(connection.getresponse().read()).forms[0]
    fields = [(each.get("name"), each.get("value")) for each in form.xpath(".//input[@type='hidden']")]
    connection.close()
    headers = {"Origin": f"http://{host}", "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode([*fields, ("verdict", "all")])
    connection.request("POST", f"{place.rpartition('/')[0]}/{form.get('action')}", body, headers)
    connection.getresponse().read()
    connection.close()
