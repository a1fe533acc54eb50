"""The report in a real browser: what its script does, what its policy lets it do, and a review that is clicked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot.jobs.report import Answer, write
from copilot.jobs.report.review import review
from tests.jobs.test_report import EVIL, cell, doc, edit, everything, view, waiting

CHROMIUM = "/usr/bin/chromium"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).is_file():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield launched
        launched.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    context = browser.new_context(color_scheme="dark", viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.wrong = []
    page.on("console", lambda message: page.wrong.append(message.text))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("request", lambda request: page.wrong.extend([request.url] if _is_elsewhere(request.url) else []))
    yield page
    assert page.wrong == []
    context.close()


def _is_elsewhere(url: str) -> bool:
    return not url.startswith(("file:", "http://127.0.0.1:"))


def test_ticks_make_the_command(tab: Any, tmp_path: Path) -> None:
    documents = [*everything(), doc(EVIL, text=EVIL, values={EVIL: EVIL})]
    written = write(tmp_path / "a report #1.html", view(documents), documents)
    shown = written.shown
    tab.goto(written.files[0].as_uri())
    command = tab.locator("#command")
    base = f"everpilot batch accept r-7f3a --shown {shown.digest}"
    assert command.input_value() == base
    assert tab.locator("#ticked").text_content() == "2 of 3 ticked"
    tab.get_by_label("Accept budget.xlsx").uncheck()
    acme, notice = shown.changes["contracts/acme.docx"][:12], shown.sends["notice.docx"][:12]
    assert command.input_value() == f"{base} --only {acme}"
    tab.get_by_label("Accept notice.docx").check()
    assert command.input_value() == f"{base} --only {notice} {acme}"
    tab.get_by_role("button", name="Untick all").click()
    assert command.input_value() == "Tick at least one document."
    tab.get_by_role("button", name="Tick all changes").click()
    assert command.input_value() == base
    # Nothing is wider than a phone, and the dark colours are on.
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"


def test_a_link_in_the_list_opens_what_is_folded(tab: Any, tmp_path: Path) -> None:
    documents = [doc(f"{n}.docx", edits=[edit(f"{n}.docx", [cell(n)])]) for n in range(40)]
    written = write(tmp_path / "report.html", view(documents), documents)
    tab.goto(written.files[0].as_uri())
    place = tab.get_by_text("=B33+C33")
    assert not place.is_visible()
    tab.get_by_role("link", name="33.docx", exact=True).click()
    place.wait_for(state="visible")
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_review_is_answered_with_a_click(tab: Any) -> None:
    documents = waiting()
    told, answers = threading.Event(), list[Answer | None]()
    urls: list[str] = []

    def tell(url: str) -> None:
        urls.append(url)
        told.set()

    def ask() -> None:
        answers.append(review(view(documents), documents, tell, patience=60))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    assert told.wait(60)
    tab.goto(urls[0])
    tab.get_by_label("Accept b.docx").uncheck()
    tab.get_by_role("button", name="Accept the ticked").click()
    assert "2 documents accepted, 2 still waiting." in tab.locator("main").text_content()
    asking.join(60)
    (answer,) = answers
    assert answer is not None
    assert [answer.verdict(*each) for each in documents] == ["accepted", "unanswered", "accepted", "unanswered"]
