"""What a bank statement adds up to, to the cent."""

import csv
import io
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import Field

from copilot import Result, Slot, ToolContext, tool
from copilot.errors import ToolInputError

Statement = Annotated[str, Slot("document", (".csv",)), Field(description="The exported statement.")]


@tool(effect="read", examples=["add up the statement statement.csv"], cues=["statement", "spent", "received"])
def statement_total(
    ctx: ToolContext, path: Statement, word: Annotated[str, Field(description="Only lines that hold it.")] = ""
) -> Result:
    """Add up a bank statement: what came in, what went out, and the difference."""
    file = ctx.open(path)
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig", "replace"))))
    if not rows or "amount" not in rows[0]:
        raise ToolInputError(f"{file.name} has no column 'amount'.", hint="Tidy it first, with scripts/tidy.py.")
    amounts = [_amount(row, number) for number, row in enumerate(rows, 2) if word.lower() in str(row).lower()]
    income, spent = sum(a for a in amounts if a > 0), -sum(a for a in amounts if a < 0)
    text = f"{len(amounts)} lines: {income:,.2f} came in, {spent:,.2f} went out, {income - spent:,.2f} is left."
    return Result(text, data={"in": str(income), "out": str(spent)}, sources=(file.name,))


def _amount(row: dict[str, str], line: int) -> Decimal:
    try:
        return Decimal(row["amount"])
    except InvalidOperation:
        raise ToolInputError(f"Line {line} has no plain amount.", hint="Tidy it first, with scripts/tidy.py.") from None
