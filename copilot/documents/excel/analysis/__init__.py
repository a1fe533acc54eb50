"""Answers about columns and rows, computed exactly: no arithmetic is left to a model.

`analyse` takes steps given as data; the functions on a `Region` are its older, smaller sisters.
"""

from copilot.documents.excel.analysis.figures import (
    FUNCTIONS,
    OPERATORS,
    Aggregate,
    ColumnFacts,
    Function,
    Operator,
    Rows,
    Where,
    aggregate,
    describe,
    is_number,
    select,
    sort,
    top,
)
from copilot.documents.excel.analysis.run import ANALYSES, Analysis, analyse

__all__ = [
    "ANALYSES",
    "FUNCTIONS",
    "OPERATORS",
    "Aggregate",
    "Analysis",
    "ColumnFacts",
    "Function",
    "Operator",
    "Rows",
    "Where",
    "aggregate",
    "analyse",
    "describe",
    "is_number",
    "select",
    "sort",
    "top",
]
