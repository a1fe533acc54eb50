from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from copilot.documents import excel
from copilot.documents.excel.numfmt import BUILTIN, color_of, display, rounded
from copilot.documents.excel.values import CellError

from .books import cells, part, with_parts

ACCOUNTING = BUILTIN[44]
PHONE = "[<=9999999]###-####;(###) ###-####"

#: (value, code, what Excel shows): examples of ECMA-376 part 1, 18.8.31 and of Microsoft's "Number format codes".
SHOWN: list[tuple[Any, str, str]] = [
    # placeholders
    (1234.59, "####.#", "1234.6"),
    (8.9, "#.000", "8.900"),
    (0.631, "0.#", "0.6"),
    (12, "#.0#", "12.0"),
    (1234.568, "#.0#", "1234.57"),
    (44.398, "???.???", " 44.398"),
    (102.65, "???.???", "102.65 "),
    (2.8, "???.???", "  2.8  "),
    (12, "00000", "00012"),
    (123, '"000"#', "000123"),
    (123456789, "000-00-0000", "123-45-6789"),
    (5, "0.#", "5."),
    (0.25, ".00", ".25"),
    (1.25, ".00", "1.25"),
    (0, "#", ""),
    (1.005, "0.00", "1.01"),
    (2.5, "0", "3"),
    (-2.5, "0", "-3"),
    # thousands, scaling, percent
    (12000, "#,###", "12,000"),
    (12000, "#,", "12"),
    (12200000, "0.0,,", "12.2"),
    (5, "0,000", "0,005"),
    (1234567, '#,##0,"K"', "1,235K"),
    (0.08, "0%", "8%"),
    (2.8, "0%", "280%"),
    (0.1234, "0.0%", "12.3%"),
    # fractions and exponents
    (5.25, "# ???/???", "5   1/4  "),
    (5.3, "# ???/???", "5   3/10 "),
    (0.5, "# ?/?", " 1/2"),
    (5, "# ?/?", "5    "),
    (0, "# ?/?", "0    "),
    (1.3, "# ?/8", "1 2/8"),
    (2.5, "?/?", "5/2"),
    (12345, "0.00E+00", "1.23E+04"),
    (12200000, "##0.0E+0", "12.2E+6"),
    (0.00012, "0.0E-0", "1.2E-4"),
    (9.999, "0.0E+0", "1.0E+1"),
    # sections, conditions, colours, text
    (-5, '"$"0.00;[Red](0.00)', "(5.00)"),
    (0, '0;-0;"zero";@', "zero"),
    ("abc", '0;0;0;"<"@">"', "<abc>"),
    ("abc", "0", "abc"),
    ("abc", ";;;", ""),
    (5, ";;;", ""),
    (5, '"sum: "General', "sum: 5"),
    (5551234, PHONE, "555-1234"),
    (2065551234, PHONE, "(206) 555-1234"),
    (-5, "[>100]0;0", "-5"),
    (-5, '[>=0]0;"less "0', "less 5"),
    (150, "[<=100]0;[>200]0", "########"),
    (1234.5, ACCOUNTING, " $1,234.50 "),
    (-1234.5, ACCOUNTING, " $(1,234.50)"),
    (0, ACCOUNTING, " $-   "),
    (15, "@", "15"),
    (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
    # General: 11 characters
    (1234567.891234, "General", "1234567.891"),
    (12345678901, "General", "12345678901"),
    (123456789012, "General", "1.23457E+11"),
    (0.1 + 0.2, "General", "0.3"),
    (1 / 3, "General", "0.333333333"),
    (0.00001, "General", "0.00001"),
    (0.000012345678, "General", "1.23457E-05"),
    (1e-10, "General", "1E-10"),
    (-0.5, "General", "-0.5"),
    # dates and times; day 60 never was
    (39938.25, "m/d/yyyy h:mm", "5/5/2009 6:00"),
    (60, "yyyy-mm-dd", "1900-02-29"),
    (1, "ddd", "Sun"),
    (0, "m/d/yyyy", "1/0/1900"),
    (-1, "yyyy", "########"),
    (39938, "dddd, mmmm d, yy", "Tuesday, May 5, 09"),
    (39938, "mmmmm", "M"),
    (39938, "[$-407]dddd, d. mmmm yyyy", "Dienstag, 5. Mai 2009"),
    (39938, "[$-F800]dddd", "Tuesday, May 5, 2009"),
    (1.5, "[h]:mm:ss", "36:00:00"),
    (1.05, "[mm]:ss", "1512:00"),
    (0.5, "h:mm AM/PM", "12:00 PM"),
    (0.25, "h A/P", "6 A"),
    (0.75, 'h "h" mm "min"', "18 h 00 min"),
    (0.123456, "hh:mm:ss.00", "02:57:46.60"),
    (0.999999, "h:mm:ss", "0:00:00"),
    # given as what they are
    (date(2026, 3, 9), "d-mmm-yy", "9-Mar-26"),
    (datetime(2026, 3, 9, 14, 30), "m/d/yyyy h:mm", "3/9/2026 14:30"),
    (time(6, 5), "h:mm AM/PM", "6:05 AM"),
    (timedelta(hours=30), "[h]:mm", "30:00"),
    (True, "0", "TRUE"),
    (CellError("#N/A"), "0.00", "#N/A"),
    (None, "0.00", ""),
]


@pytest.mark.parametrize(("value", "code", "shown"), SHOWN)
def test_what_excel_shows(value: Any, code: str, shown: str) -> None:
    assert display(value, code) == shown


def test_the_other_date_system() -> None:
    assert display(0, "yyyy-mm-dd", date1904=True) == "1904-01-01"
    assert display(date(2026, 3, 9), "yyyy-mm-dd", date1904=True) == "2026-03-09"


def test_colours_and_rounding_come_from_the_section_that_applies() -> None:
    assert (color_of(-1, "0;[Red]0"), color_of(1, "0;[Red]0"), color_of(5, "[Color 10]0")) == ("red", "", "color 10")
    assert float(rounded(0.12345, "0.0%")) == 0.123


ODD = ["", ";", "[", '"', "\\", "_", "*", "0;;;;;", "[$-", "E+", "/", "?/", "yyyy/", "[h", ".", ",", "0/0/0"]


@pytest.mark.parametrize("code", ODD)
def test_a_code_that_makes_no_sense_still_shows_something_or_nothing(code: str) -> None:
    assert isinstance(display(1.5, code) + display("a", code) + display(date(2026, 1, 2), code), str)


def test_a_range_is_read_as_excel_shows_it() -> None:
    content = cells(
        '<row r="1"><c r="A1" s="1"><v>1234.567</v></c><c r="B1" s="2"><v>0.5</v></c><c r="C1" s="3"><v>46090</v></c>'
        '<c r="D1"><v>2.5</v></c></row>'
    )
    styles = part(content, "xl/styles.xml")
    start, end = styles.index("<cellXfs"), styles.index("</cellXfs>")
    formats = "".join(f'<xf numFmtId="{n}" fontId="0" fillId="0" borderId="0" xfId="0"/>' for n in (0, 3, 9, 14))
    styles = styles[:start] + f'<cellXfs count="4">{formats}' + styles[end:]
    found = excel.read_range(with_parts(content, {"xl/styles.xml": styles.encode()}), None)
    assert found.shown == [["1,235", "50%", "3/9/2026", "2.5"]]
    assert found.values == [[1234.567, 0.5, "2026-03-09", 2.5]]
    assert "| 1 | 1,235 (1234.567) | 50% | 2026-03-09 | 2.5 |" in found.markdown
