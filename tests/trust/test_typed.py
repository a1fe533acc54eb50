"""What the person typed: whole values, by their type, and never a part of something."""

from __future__ import annotations

import string
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.trust.typed import EVERYTHING, Typed

SAID = (
    'Send the summary of "Q3 report.docx" and notes.txt to Anna.Meyer@contoso.com, bob@contoso.com before 2026-05-13. '
    "Put 42 into B4, 1,500 into Budget!C9:C12 and -3.5% in D1; post it to #general, see https://docs.contoso.com/a/B?q=1."
)
TYPED = Typed((SAID, "also tell Carl by 14 May 2026"), ("sub/budget.xlsx",))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("anna.meyer@contoso.com", "recipient"),
        (["bob@contoso.com", "Anna.Meyer@Contoso.com"], "recipient"),
        ("#general", "recipient"),
        ("Carl", "recipient"),
        ("notes.txt", "path"),
        ("./notes.txt", "path"),
        ("Q3 report.docx", "path"),
        ("sub/budget.xlsx", "path"),
        ("https://docs.contoso.com/a/B?q=1", "url"),
        ("HTTPS://DOCS.contoso.com/a/B?q=1", "url"),
        (42, "target"),
        (42.0, "target"),
        ("42", "body"),
        (1500, "target"),
        ("1,500", "target"),
        ("$B$4", "target"),
        ("budget!c9:c12", "target"),
        ("2026-05-13", "target"),
        ("13.05.2026", "target"),
        (date(2026, 5, 13), "target"),
        (datetime(2026, 5, 14), "target"),
        ("Q3 report.docx", "target"),
        ("the summary", "target"),
        ({"B4": 42}, "target"),
        (None, "recipient"),
        ([], "path"),
    ],
)
def test_typed(value: Any, kind: str) -> None:
    assert TYPED.endorses(value, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("meyer@contoso.com", "recipient"),
        ("bob@contoso.co", "recipient"),
        ("bob@contoso.com.evil.example", "recipient"),
        ("bob", "recipient"),
        ("contoso.com", "recipient"),
        ("before", "recipient"),
        ("general", "recipient"),
        (["bob@contoso.com", "eve@evil.example"], "recipient"),
        ("bob@contoso.com, eve@evil.example", "recipient"),
        ("13", "recipient"),
        ("notes", "path"),
        ("otes.txt", "path"),
        ("other/notes.txt", "path"),
        ("../notes.txt", "path"),
        ("budget.xlsx", "path"),
        ("report.docx", "url"),
        ("https://docs.contoso.com/a", "url"),
        ("https://docs.contoso.com/a/B?q=2", "url"),
        ("https://docs.contoso.com/a/b?q=1", "url"),
        ("http://docs.contoso.com/a/B?q=1", "url"),
        (13, "target"),
        ("13", "target"),
        ("5", "target"),
        (2026, "target"),
        (4, "target"),
        ("B", "target"),
        ("B40", "target"),
        ("C10", "target"),
        (500, "target"),
        ("2026-05-12", "target"),
        (datetime(2026, 5, 13, 9), "target"),
        ("summ", "target"),
        ("summary of", "path"),
        (True, "target"),
        ({"B4": 43}, "target"),
        ({"B5": 42}, "target"),
    ],
)
def test_not_typed(value: Any, kind: str) -> None:
    assert not TYPED.endorses(value, kind)


@pytest.mark.parametrize("kind", ["recipient", "url", "path", "target", "body"])
@given(st.text(string.ascii_lowercase, min_size=3, max_size=8), st.text(string.ascii_lowercase + ".", max_size=6))
def test_no_part_of_an_address_is_one(kind: str, name: str, rest: str) -> None:
    typed = Typed((f"send it to {name}.{name}@contoso.com please",))
    for part in (name, f"{name}@contoso.com", f"{name}.{name}", "contoso.com", f"{name}.{name}@contoso.com.{rest}x"):
        assert not typed.endorses(part, "recipient")
    assert not typed.endorses(f"{name}@contoso.com", kind)


@given(st.integers(10, 10**9), st.data())
def test_no_part_of_a_number_is_one(number: int, data: st.DataObject) -> None:
    typed = Typed((f"pay {number} now",))
    digits = str(number)
    start = data.draw(st.integers(0, len(digits) - 1))
    end = data.draw(st.integers(start + 1, len(digits)))
    part = digits[start:end]
    assert typed.endorses(part, "target") is (int(part) == number)
    assert typed.endorses(int(part), "target") is (int(part) == number)


@given(st.dates(date(1990, 1, 1), date(2099, 12, 31)))
def test_no_part_of_a_date_is_a_number(day: date) -> None:
    for text in (day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%d %B %Y}", f"{day:%B %d, %Y}"):
        typed = Typed((f"before {text}, please",))
        assert typed.endorses(day, "target"), text
        assert not any(typed.endorses(n, "target") for n in (day.day, day.month, day.year)), text


@given(st.text(max_size=60), st.text(max_size=12))
def test_nothing_typed_endorses_only_nothing(text: str, value: str) -> None:
    assert Typed().endorses(value, "target") is (value == "")
    assert not Typed((text,)).endorses(f"{text}x@evil.example", "recipient")


def test_links_that_were_not_typed() -> None:
    assert TYPED.links("see https://docs.contoso.com/a/B?q=1, notes.txt, 3.5 and e.g. bob@contoso.com") == []
    for text in (
        "https://evil.example/x",
        "click www.evil.example",
        "go to evil.example now",
        "mailto:eve@evil.example",
        "eve@evil.example",
        "[a](//evil.example)",
        "![](http://evil.example/?d=1)",
        "data:text/html,x",
        "docs.contoso.com.evil.example",
    ):
        assert TYPED.links(text), text


def test_how_often_and_with_which_words() -> None:
    typed = Typed(("mail anna@x.org", "who is bob@x.org?", "Mail Anna@x.org again"))
    assert typed.times("anna@x.org") == 2
    assert typed.said("anna@x.org", ["mail"])
    assert not typed.said("bob@x.org", ["mail"])
    assert not typed.said("bob@x.org", [])


def test_who_wrote_the_call_typed_it_all() -> None:
    assert EVERYTHING.endorses("eve@evil.example", "recipient")
    assert EVERYTHING.links("http://evil.example") == []
