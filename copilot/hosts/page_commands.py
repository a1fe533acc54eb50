"""The command `pages`: a document's pages as pictures, or those that differ from another version of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from copilot.cli import DONE
from copilot.errors import ToolInputError
from copilot.hosts.output import as_json


def pages(parsed: argparse.Namespace) -> int:
    """Write the pages as PNG files and say where they are."""
    from copilot.documents import seeing
    from copilot.documents.kinds import kind_of
    from copilot.workspace.reading import read_file

    path = Path(parsed.file).expanduser()
    content = read_file(path)
    kind = kind_of(content, path.name)
    folder = Path(parsed.out).expanduser() if parsed.out else path.parent
    if not folder.is_dir():
        raise ToolInputError(f"There is no folder {folder}.", hint="Make it, or leave --out out.", code="folder")
    if parsed.against:
        before = read_file(Path(parsed.against).expanduser())
        changed = seeing.changed_pages(before, content, kind, dpi=parsed.dpi)
        pictures = [(f"{path.stem}-changed-{number}", each.picture) for number, each in enumerate(changed, 1)]
    else:
        made = seeing.pages(content, kind, dpi=parsed.dpi, pages=parsed.page or ())
        numbers = parsed.page or range(1, len(made) + 1)
        pictures = [(f"{path.stem}-page-{number}", each) for number, each in zip(numbers, made, strict=True)]
    written = [folder / f"{name}.png" for name, _ in pictures]
    for target, (_, picture) in zip(written, pictures, strict=True):
        target.write_bytes(picture)
    if parsed.json:
        as_json([str(target) for target in written])
    elif written:
        print("\n".join(map(str, written)))
    else:
        print("No page looks different.")
    return DONE
