"""Workbooks for tests: from rows with openpyxl, or from the raw XML of one sheet."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl
from openpyxl.worksheet.table import Table

from copilot.documents import excel
from copilot.documents.hunks import Edited

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"


def book(sheets: Mapping[str, Sequence[Sequence[Any]]], tables: Mapping[str, tuple[str, str]] | None = None) -> bytes:
    """Return a workbook of these rows; `tables` maps a name to its sheet and range."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)  # type: ignore[arg-type]
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    for name, (where, ref) in (tables or {}).items():
        workbook[where].add_table(Table(displayName=name, ref=ref))
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def raw(sheet: str, **more: str) -> bytes:
    """Return a workbook whose only sheet, Data, is this XML; `more` replaces or adds parts (dots for slashes: no)."""
    content = excel.create({"Data": []}).content
    return with_parts(content, {SHEET: sheet.encode(), **{k: v.encode() for k, v in more.items()}})


def cells(data: str, after: str = "", before: str = "") -> bytes:
    """Return a workbook with this inside of sheetData, and these elements around it."""
    return raw(f'<worksheet xmlns="{MAIN}">{before}<sheetData>{data}</sheetData>{after}</worksheet>')


def with_parts(content: bytes, parts: Mapping[str, bytes]) -> bytes:
    """Return the file with parts exchanged."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in dict.fromkeys([*old.namelist(), *parts]):
            new.writestr(name, parts[name] if name in parts else old.read(name))
    return out.getvalue()


def part(content: bytes, name: str = SHEET) -> str:
    """Return a part as text."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name).decode()


def changed(before: bytes, after: bytes) -> set[str]:
    """Return the names of the parts that differ or are in one file only."""
    with zipfile.ZipFile(io.BytesIO(before)) as old, zipfile.ZipFile(io.BytesIO(after)) as new:
        names = set(old.namelist()) | set(new.namelist())
        both = set(old.namelist()) & set(new.namelist())
        return {n for n in names if n not in both or old.read(n) != new.read(n)}


def values(content: bytes, sheet: str | None = None) -> dict[str, Any]:
    """Return what openpyxl reads as the values of a sheet: a reader that is not ours."""
    return _opened(content, sheet, data_only=True)


def formulas(content: bytes, sheet: str | None = None) -> dict[str, Any]:
    """Return what openpyxl reads as the contents of a sheet, formulas as text."""
    return _opened(content, sheet, data_only=False)


def _opened(content: bytes, sheet: str | None, *, data_only: bool) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        workbook = openpyxl.load_workbook(io.BytesIO(content), data_only=data_only)
    found = workbook[sheet] if sheet else workbook.worksheets[0]
    return {c.coordinate: c.value for row in found.iter_rows() for c in row if c.value is not None}


def hunks(edited: Edited) -> list[tuple[str, str, str]]:
    """Return the hunks as tuples."""
    return [(h.where, h.before, h.after) for h in edited.hunks]
