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
from copilot.documents.excel.values import Scalar
from copilot.documents.excel.workbook import Workbook
from copilot.errors import DocumentError, ToolInputError

#: Seconds that one conversion may take.
TIMEOUT = 90
#: Formulas that both know of which this share must agree before anything is taken from it.
AGREEMENT = 0.9
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
    """Return LibreOffice's values for formulas, none where it does not agree with the file elsewhere.

    What hangs on the clock or on chance, and data tables, are never taken.
    """
    found = calculated(content)
    wanted = {at for at in wanted if at in found and model.computable(at) and len(model.covered(at)) == 1}
    others = [at for at, cell in model.formulas.items() if at not in wanted and cell.value is not None and at in found]
    right = sum(same(found[at], model.formulas[at].value, model.workbook) for at in others)
    if others and right < AGREEMENT * len(others):
        return {}
    return {at: found[at] for at in sorted(wanted)}
