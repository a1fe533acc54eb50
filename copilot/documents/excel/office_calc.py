"""LibreOffice as a second engine, where it is installed: for formulas that the built-in one can't compute.

It costs some seconds for each file, so that it is only asked when that is said.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.engine import Model, same
from copilot.documents.excel.formula_tokens import calls
from copilot.documents.excel.values import Scalar
from copilot.documents.excel.workbook import Workbook
from copilot.errors import DocumentError, ToolInputError

#: Seconds that one conversion may take.
TIMEOUT = 90
_COMMANDS = ("soffice", "libreoffice")
#: Calculate everything when a file is opened (0: always).
_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item></oor:items>
"""

At = tuple[str, int, int]


def available() -> str | None:
    """Return the command that starts LibreOffice, None where it is not installed."""
    return next((found for name in _COMMANDS if (found := shutil.which(name))), None)


def calculated(content: bytes) -> dict[At, Scalar]:
    """Return the values of all cells as LibreOffice calculates them.

    Raises ToolInputError where it is not installed, DocumentError where it fails or takes longer than TIMEOUT.
    """
    command = available()
    if command is None:
        hint = "Install it, or leave `engine` out."
        raise ToolInputError("LibreOffice is not installed.", hint=hint, code="no_office")
    with tempfile.TemporaryDirectory() as folder:
        profile, source, out = Path(folder) / "profile", Path(folder) / "book.xlsx", Path(folder) / "out"
        (profile / "user").mkdir(parents=True)
        (profile / "user" / "registrymodifications.xcu").write_text(_SETTINGS, "utf-8")
        source.write_bytes(content)
        _convert(command, profile, source, out)
        made = out / "book.xlsx"
        if not made.exists():
            raise DocumentError("LibreOffice could not calculate the workbook.", code="unsupported")
        workbook = Workbook.open(made.read_bytes())
    return {
        (sheet.name, cell.row, cell.column): cell.value
        for sheet in workbook.worksheets
        for _, cells in SheetReader(workbook, sheet).rows()
        for cell in cells
    }


def _convert(command: str, profile: Path, source: Path, out: Path) -> None:
    arguments = ["--headless", "--norestore", f"-env:UserInstallation={profile.as_uri()}", "--convert-to", "xlsx"]
    try:
        subprocess.run(
            [command, *arguments, "--outdir", str(out), str(source)], capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise DocumentError(
            f"LibreOffice took longer than {TIMEOUT} seconds.", hint="Leave `engine` out.", code="unsupported"
        ) from None


def agreed_values(content: bytes, model: Model, wanted: Iterable[At]) -> dict[At, Scalar]:
    """Return LibreOffice's values for formulas, as far as it can be trusted.

    That is where it reproduced the file's value of every other formula that calls one of the same functions (of all
    formulas where one of these is called nowhere else), or of the formula itself. What hangs on the clock or
    on chance, and data tables, are never taken.
    """
    found = calculated(content)
    held = {at: cell.value for at, cell in model.formulas.items()}
    wanted = {at for at in wanted if at in found and model.computable(at) and len(model.covered(at)) == 1}
    known = [at for at, value in held.items() if at not in wanted and value is not None and at in found]
    seen = {name for at in known for name in _functions(model, at)}
    wrong = {name for at in known if not same(found[at], held[at], model.workbook) for name in _functions(model, at)}

    def sure(at: At) -> bool:
        called = _functions(model, at)
        judged = wrong & called if called <= seen else wrong
        return not judged or same(found[at], held[at], model.workbook)

    return {at: found[at] for at in sorted(wanted) if sure(at)}


def _functions(model: Model, at: At) -> set[str]:
    """Return the functions that a formula calls; "" stands for none."""
    formula = model.formulas[at].formula
    try:
        return {call.name for call in calls(formula.text if formula is not None else "")} or {""}
    except ToolInputError:
        return {""}
