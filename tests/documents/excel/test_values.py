from __future__ import annotations

from datetime import date, datetime, time

import pytest

from copilot.documents.excel.styles import kind_of_format
from copilot.documents.excel.values import CellError, Percent, from_serial, show, to_serial, typed
from copilot.errors import ToolInputError


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("6.5", 6.5),
        ("1200", 1200),
        ("-3", -3),
        ("1,234.50", 1234.5),
        ("1e3", 1000.0),
        ("12.5%", Percent(0.125)),
        ("TRUE", True),
        ("true", "true"),
        ("2026-03-01", date(2026, 3, 1)),
        ("2026-03-01T14:30", datetime(2026, 3, 1, 14, 30)),
        ("2026-02-30", "2026-02-30"),
        ("14:30", time(14, 30)),
        ("#N/A", CellError("#N/A")),
        ("007", "007"),
        ("+49 30 1234", "+49 30 1234"),
        ("+5", "+5"),
        ("-", "-"),
        ("@here", "@here"),
        ("12,34", "12,34"),
        ("1234567890123456", "1234567890123456"),
        ("'2026-03-01", "2026-03-01"),
        ("", ""),
        (None, None),
        (True, True),
        (1234567890123456789, "1234567890123456789"),
    ],
)
def test_values_are_typed_as_excel_does(given: object, value: object) -> None:
    found = typed(given)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("given", [float("nan"), float("inf"), "x" * 40_000, ["a"], {"a": 1}])
def test_what_a_cell_cannot_hold_is_refused(given: object) -> None:
    with pytest.raises(ToolInputError):
        typed(given)


# 18.17.4.1: serial 1 is 1900-01-01 and 60 the day that never was; in the 1904 system 0 is 1904-01-01.
@pytest.mark.parametrize(
    ("serial", "date1904", "day"),
    [
        (1, False, date(1900, 1, 1)),
        (59, False, date(1900, 2, 28)),
        (61, False, date(1900, 3, 1)),
        (45_000, False, date(2023, 3, 15)),
        (0, True, date(1904, 1, 1)),
        (43_538, True, date(2023, 3, 15)),
    ],
)
def test_serial_numbers(serial: int, date1904: bool, day: date) -> None:
    assert from_serial(serial, "date", date1904=date1904) == day
    assert to_serial(day, date1904=date1904) == serial


def test_a_time_of_day_survives() -> None:
    moment = datetime(2024, 5, 17, 13, 45, 30)
    assert from_serial(to_serial(moment, date1904=False), "datetime", date1904=False) == moment


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("General", "general"),
        ("0.00", "number"),
        ("#,##0.00 [$€-407]", "number"),
        ("0.0%", "percent"),
        ("dd.mm.yyyy", "date"),
        ("[$-409]mmm d, yyyy", "date"),
        ("yyyy-mm-dd hh:mm", "datetime"),
        ("h:mm AM/PM", "time"),
        ("[h]:mm:ss", "duration"),
        ("@", "text"),
        ('0 "days"', "number"),
        ("0.00E+00", "number"),
        ("[Red]0;[Blue]-0", "number"),
    ],
)
def test_number_formats(code: str, kind: str) -> None:
    assert kind_of_format(code) == kind


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), (1e20, "1E+20"), (3.0, "3"), (Percent(0.125), "12.5%"), (True, "TRUE"), (None, "")],
)
def test_values_in_words(value: object, text: str) -> None:
    assert show(value) == text  # type: ignore[arg-type]
