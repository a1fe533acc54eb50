from __future__ import annotations

import pytest

from copilot.models.builtin.clauses import Stance, clauses, sentences_of, stance
from copilot.models.builtin.lexing import number, scan
from copilot.models.builtin.words import VERBS, looks_english


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("say \"a\" and 'b' and “c” and ‘d’ and «e» and „f“", "quote", ["a", "b", "c", "d", "e", "f"]),
        ("don't use 'Acme's offer' here", "quote", ["Acme's offer"]),
        ("put =SUM(B2:B9) in B10", "formula", ["=SUM(B2:B9)"]),
        ("put =IF(A1>0, \"yes (1)\", B2) in C1", "formula", ["=IF(A1>0, \"yes (1)\", B2)"]),
        ("set C1 to =A1 + B1*2 please", "formula", ["=A1 + B1*2"]),
        ("='My sheet'!B4*2", "formula", ["='My sheet'!B4*2"]),
        ("show A1:C9 and Budget!A1:B2 and 'My sheet'!A1:B2", "range", ["A1:C9", "Budget!A1:B2", "'My sheet'!A1:B2"]),
        ("set b4 and $C$5", "cell", ["b4", "$C$5"]),
        ("XFE1 and A1048577 are outside", "cell", []),
        ("pay 1,200.50 or -3 or 10% or $1,000", "number", ["1,200.50", "-3", "10%", "$1,000"]),
        ("on 2026-03-01, 1 March 2026 and March 1, 2026", "date", ["2026-03-01", "1 March 2026", "March 1, 2026"]),
        ("in contract.docx, sub/plan.xlsx and @deck.pptx.", "file", ["contract.docx", "sub/plan.xlsx", "deck.pptx"]),
        ("open Lease Agreement 2024.docx now", "file", ["Lease Agreement 2024.docx"]),
        ("open 'new plan.docx'", "file", ["new plan.docx"]),
    ],
)  # fmt: skip
def test_tokens(text: str, kind: str, values: list[str]) -> None:
    tokens = scan(text, ["Lease Agreement 2024.docx"])
    assert [t.value for t in tokens if t.kind == kind] == values
    assert all(text[t.start : t.end] == t.text for t in tokens)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,000", 1000), ("1.5", 1.5), ("10%", 0.1), ("$1,000", 1000), ("-5", -5), ("2k", 2000), ("abc", None)],
)
def test_numbers(text: str, value: float | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("replace A with B", Stance.DO),
        ("can you replace A with B?", Stance.DO),
        ("could you please replace A with B", Stance.DO),
        ("replace 'do not' with 'must not'", Stance.DO),
        ("I want you to replace A with B", Stance.DO),
        ("replace A with B?", Stance.TENTATIVE),
        ("we need to replace A with B", Stance.TENTATIVE),
        ("should I replace A with B", Stance.ABOUT),
        ("how do I replace A", Stance.ABOUT),
        ("can I replace A with B?", Stance.ABOUT),
        ("if it is late, replace A with B", Stance.ABOUT),
        ("once Kim approves, replace A with B", Stance.ABOUT),
        ("what would happen if I replaced A", Stance.ABOUT),
        ("what is the total", Stance.ASK),
        ("don't replace A with B", Stance.FORBID),
        ("leave the contract as it is", Stance.FORBID),
        ("show B4 without changing anything", Stance.LOOK),
    ],
)
def test_stance(text: str, expected: Stance) -> None:
    assert stance(scan(text)) is expected


@pytest.mark.parametrize(
    ("text", "verbs"),
    [
        ("replace A with B and add a heading 'C'", ["replace", "add"]),
        ("replace A with B, then summarise it", ["replace", "summarise"]),
        ("please list the sheets; show B4", ["list", "show"]),
        ("in a.docx, replace A with B", ["replace"]),
        ("replace 'x and add y' with Z", ["replace"]),
        ("compare a.docx and b.docx", ["compare"]),
    ],
)
def test_steps(text: str, verbs: list[str]) -> None:
    assert [c.verb for s in sentences_of(scan(text)) for c in clauses(s, VERBS)] == verbs


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("replace Müller with Meier in the contract", True),
        ("ersetze Acme durch Contoso", False),
        ("remplace Lyon par Paris", False),
        ("把合同翻译成英文", False),
        ("total", True),
    ],
)
def test_english(text: str, english: bool) -> None:
    assert looks_english(text.split()) is english
