"""What the parameters of the tools mean: to a model by their description, to the builtin planner by their slot."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copilot.documents import excel
from copilot.slots import Slot

#: Tokens of one reading, below what a model is given of a result: so it sees where to go on.
READ_TOKENS = 12_000

Scalar = str | int | float | bool | None
Sheet = Annotated[str, Slot("sheet", cues=("sheet", "tab", "on", "in"))]
Table = Annotated[str, Slot("table", cues=("table",))]
Column = Annotated[str, Slot("column"), Field(description="A column header.")]
OptionalColumn = Annotated[str, Slot("column")]
Cell = Annotated[str, Slot("cell"), Field(description='Such as "B4".')]
Range = Annotated[str, Slot("range"), Field(description='Such as "A1:C9" or "Budget!A:C"; all that is used if empty.')]
WhereColumn = Annotated[
    str, Slot("column", cues=("where", "for", "with", "whose")), Field(description="Only rows where this column ...")
]
WhereOperator = Annotated[excel.Operator, Slot("operator")]
WhereValue = Annotated[Scalar, Slot("value"), Field(description="... compares so with this.")]
Values = Annotated[
    list[Scalar] | dict[str, Scalar],
    Slot("row_values"),
    Field(description="In the order of the columns, or by column name."),
]
Grid = Annotated[list[list[Scalar]], Slot("row_values", many=True), Field(description="Rows of values, headers first.")]
Formulas = Annotated[bool, Field(description='Whether texts with "=" in front are formulas.')]
Overwrite = Annotated[bool, Slot("choice"), Field(description="Needed where something stands already.")]
Count = Annotated[int, Slot("number", cues=("top", "first", "best", "bottom")), Field(ge=1, le=1000)]
