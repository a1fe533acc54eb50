from __future__ import annotations

import pytest

from copilot.documents.excel.refs import (
    Area,
    address,
    column_letters,
    column_number,
    parse_cell,
    quote_sheet,
    split_sheet,
)
from copilot.errors import ToolInputError


@pytest.mark.parametrize(
    ("number", "letters"), [(1, "A"), (26, "Z"), (27, "AA"), (702, "ZZ"), (703, "AAA"), (16384, "XFD")]
)
def test_columns(number: int, letters: str) -> None:
    assert column_letters(number) == letters
    assert column_number(letters.lower()) == number


@pytest.mark.parametrize(("text", "cell"), [("B4", (4, 2)), ("$b$4", (4, 2)), (" XFD1048576 ", (1048576, 16384))])
def test_cells(text: str, cell: tuple[int, int]) -> None:
    assert parse_cell(text) == cell
    assert parse_cell(address(*cell)) == cell


@pytest.mark.parametrize("text", ["", "4B", "A0", "XFE1", "A1048577", "B4:C5", "Total", "A-1", "B 4"])
def test_what_is_no_cell_is_refused(text: str) -> None:
    with pytest.raises(ToolInputError):
        parse_cell(text)


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("A1:C9", Area(1, 1, 9, 3)),
        ("$B$2:B2", Area(2, 2, 2, 2)),
        ("B4", Area(4, 2, 4, 2)),
        ("A:C", Area(1, 1, 1048576, 3)),
        ("2:5", Area(2, 1, 5, 16384)),
    ],
)
def test_areas(text: str, area: Area) -> None:
    assert Area.parse(text) == area


def test_a_reversed_range_is_refused_with_the_right_one() -> None:
    with pytest.raises(ToolInputError, match="A1:C9"):
        Area.parse("C9:A1")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Budget!A1:B2", ("Budget", "A1:B2")),
        ("'My Sheet'!A1", ("My Sheet", "A1")),
        ("'It''s!'!B2", ("It's!", "B2")),
        ("A1", (None, "A1")),
    ],
)
def test_sheets_before_addresses(text: str, parts: tuple[str | None, str]) -> None:
    assert split_sheet(text) == parts


@pytest.mark.parametrize("name", ["Budget", "My Sheet", "It's", "Q1", "2026", "R1C1", "Übersicht", "a-b"])
def test_quoted_names_come_back(name: str) -> None:
    assert split_sheet(quote_sheet(name) + "!A1") == (name, "A1")


@pytest.mark.parametrize(
    ("name", "quoted"), [("Budget", "Budget"), ("Q1", "'Q1'"), ("My Sheet", "'My Sheet'"), ("2026", "'2026'")]
)
def test_only_names_that_need_it_are_quoted(name: str, quoted: str) -> None:
    assert quote_sheet(name) == quoted
