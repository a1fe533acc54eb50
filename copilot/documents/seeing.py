"""Pages as pictures, by LibreOffice where it is installed: of a document, and of what an edit changed in it.

A document is a stranger's: a copy without references to the outside is converted, in a profile of its own, with macros
and links off, with no way into the network, and with a limit on its time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.documents.package import Package
from copilot.errors import DocumentError, ToolInputError

if TYPE_CHECKING:
    from PIL.Image import Image

#: Seconds that LibreOffice may take, start included.
TIMEOUT = 120.0
#: Pages of one document that are looked at.
MOST_PAGES = 40
DPI = 72

_COMMANDS = ("soffice", "libreoffice")
#: Suffix and PDF filter of LibreOffice by the kind of the document.
_KINDS = {
    "word": ("docx", "writer_pdf_Export"),
    "excel": ("xlsx", "calc_pdf_Export"),
    "powerpoint": ("pptx", "impress_pdf_Export"),
}
_OFFICE = "/org.openoffice.Office"
#: Settings of the profile: no macros, no links, nothing calculated anew, and a proxy that is not there.
_SETTINGS = (
    (f"{_OFFICE}.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    (f"{_OFFICE}.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    (f"{_OFFICE}.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    (f"{_OFFICE}.Common/Security/Scripting", "DisableActiveContent", "true"),
    (f"{_OFFICE}.Writer/Content/Update", "Link", "0"),
    (f"{_OFFICE}.Calc/Content/Update", "Link", "1"),
    (f"{_OFFICE}.Calc/Formula/Load", "OOXMLRecalcMode", "1"),
    ("/org.openoffice.Inet/Settings", "ooInetProxyType", "2"),
    *(
        ("/org.openoffice.Inet/Settings", f"ooInet{kind}Proxy{what}", value)
        for kind in ("HTTP", "HTTPS")
        for what, value in (("Name", "127.0.0.1"), ("Port", "9"))
    ),
)
_NOWHERE = "http://127.0.0.1:9"  # a port at which nobody listens
_GAP = 12  # pixels between two pages
_FRAME = (230, 120, 0)
_PARTING = 4  # equal rows of pixels that part one frame from the next
_pdfium = threading.Lock()  # PDFium is not made for several threads


@dataclass(frozen=True, slots=True)
class ChangedPage:
    """A page that differs: its number before and after (None: it is not there), and both in one PNG.

    The old page stands on the left, the new one on the right; a frame is around what differs.
    """

    before: int | None
    after: int | None
    picture: bytes


def available() -> str | None:
    """Return the command that starts LibreOffice, None where it is not installed."""
    return next((found for name in _COMMANDS if (found := shutil.which(name))), None)


def pages(
    content: bytes,
    kind: str,
    *,
    dpi: int = DPI,
    pages: Sequence[int] = (),
    most: int = MOST_PAGES,
    seconds: float = 0.0,
) -> list[bytes]:
    """Return the pages of a document ("word", "excel" or "powerpoint") as PNG pictures.

    `pages` are the numbers of those wanted, from 1, at most MOST_PAGES; without it the first `most`. `seconds` are in
    place of TIMEOUT. Raises ToolInputError "no_office" or "no_pictures" where LibreOffice or the PDF renderer is not
    installed, or "page" for a page that is not there; DocumentError where the document can't be converted in time.
    """
    wanted = list(pages)[:MOST_PAGES]
    last = max(wanted, default=most)
    (rendered,) = _rendered([content], kind, dpi, last, seconds)
    for number in wanted:
        if not 1 <= number <= len(rendered):
            raise ToolInputError(
                f"There is no page {number}: the document has {len(rendered)}.", code="page", hint="Count from 1."
            )
    return [_png(rendered[number - 1]) for number in wanted] or [_png(page) for page in rendered]


def changed_pages(before: bytes, after: bytes, kind: str, *, dpi: int = DPI, seconds: float = 0.0) -> list[ChangedPage]:
    """Return the pages that an edit changed, old and new side by side; none where the pages look the same.

    A page that only moved, because one came or went before it, is not changed. The first MOST_PAGES are compared.
    `seconds` are in place of TIMEOUT. Raises what `pages` raises.
    """
    old, new = _rendered([before, after], kind, dpi, MOST_PAGES, seconds)
    matcher = SequenceMatcher(None, [_digest(p) for p in old], [_digest(p) for p in new], autojunk=False)
    found: list[ChangedPage] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            found += _changed(old, new, range(i1, i2), range(j1, j2))
    return found


def _changed(old: Sequence[Image], new: Sequence[Image], gone: range, come: range) -> Iterator[ChangedPage]:
    for at in range(max(len(gone), len(come))):
        left = gone[at] if at < len(gone) else None
        right = come[at] if at < len(come) else None
        picture = _side_by_side(None if left is None else old[left], None if right is None else new[right])
        yield ChangedPage(None if left is None else left + 1, None if right is None else right + 1, _png(picture))


def _rendered(contents: Sequence[bytes], kind: str, dpi: int, last: int, seconds: float) -> list[list[Image]]:
    """Return the pages of documents of one kind, converted in one go."""
    _need_renderer()
    return [_pictures(made, dpi) for made in _pdfs(contents, kind, last, seconds or TIMEOUT)]


def _need_renderer() -> None:
    try:
        import pypdfium2  # noqa: F401
    except ImportError:
        hint = "Install it: pip install everpilot[pages]"
        raise ToolInputError("Pictures of pages need pypdfium2.", hint=hint, code="no_pictures") from None


def _pictures(pdf: bytes, dpi: int) -> list[Image]:
    import pypdfium2

    with _pdfium:
        document = pypdfium2.PdfDocument(pdf)
        try:
            return [page.render(scale=dpi / 72).to_pil().convert("RGB") for page in document]
        finally:
            document.close()


def _pdfs(contents: Sequence[bytes], kind: str, last: int, seconds: float) -> list[bytes]:
    """Return documents as PDF, each up to its page `last`."""
    command = available()
    if command is None:
        hint = "Install it to see pages; the change is also told in words."
        raise ToolInputError("LibreOffice is not installed.", hint=hint, code="no_office")
    if kind not in _KINDS:
        raise ToolInputError.unknown("kind of document", kind, list(_KINDS))
    suffix, writer = _KINDS[kind]
    options = json.dumps({"PageRange": {"type": "string", "value": f"1-{last}"}})
    with tempfile.TemporaryDirectory(prefix="everpilot-pages-") as made:
        folder = Path(made)
        profile = folder / "profile" / "user"
        profile.mkdir(parents=True)
        (profile / "registrymodifications.xcu").write_text(_settings(), "utf-8")
        sources = [folder / f"{number}.{suffix}" for number in range(len(contents))]
        for source, content in zip(sources, contents, strict=True):
            source.write_bytes(harmless(content))
        arguments = ["--headless", "--norestore", "--nologo", f"-env:UserInstallation={profile.parent.as_uri()}"]
        arguments += ["--convert-to", f"pdf:{writer}:{options}", "--outdir", made, *map(str, sources)]
        _run([*_apart(), *_gently(), command, *arguments], folder, seconds)
        return [_made(source.with_suffix(".pdf")) for source in sources]


def _made(pdf: Path) -> bytes:
    if not pdf.exists():
        raise DocumentError("LibreOffice could not show the document.", code="unsupported")
    return pdf.read_bytes()


def _settings() -> str:
    items = "".join(
        f'<item oor:path="{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
        for path, name, value in _SETTINGS
    )
    return f'<oor:items xmlns:oor="http://openoffice.org/2001/registry">{items}</oor:items>'


def _run(command: Sequence[str], home: Path, seconds: float) -> None:
    """Run LibreOffice in a group of its own, which is ended as a whole when the time is over."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "SYSTEMROOT") if key in os.environ}
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), _NOWHERE)
    null = subprocess.DEVNULL
    environment = {**kept, **proxies, "HOME": str(home), "TMPDIR": str(home)}
    process = subprocess.Popen(
        command, cwd=home, env=environment, start_new_session=True, stdin=null, stdout=null, stderr=null
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        hint = "Look at fewer pages, or read the document instead."
        raise DocumentError(f"LibreOffice took longer than {seconds:g} seconds.", hint=hint, code="too_large") from None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a process and of those that it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _gently() -> tuple[str, ...]:
    """Return the command that lets others go first: nobody waits for a picture as they do for an answer."""
    command = shutil.which("nice")
    return (command, "-n", "10") if command else ()


@lru_cache(maxsize=1)
def _apart() -> tuple[str, ...]:
    """Return the command that runs another one without a network, where the system lets us (Linux)."""
    command = shutil.which("unshare")
    if command is None:
        return ()
    apart = (command, "--user", "--map-current-user", "--net")
    try:
        done = subprocess.run([*apart, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return apart if done.returncode == 0 else ()


def harmless(content: bytes) -> bytes:
    """Return a copy of a document whose external references lead nowhere, hyperlinks excepted (they are not followed).

    Pictures, templates, workbooks and frames from outside are what a program would fetch while it opens a file.
    """
    package = Package.open(content)
    for part in [name for name in package.names() if name.endswith(".rels")]:
        changed = False
        for each in package.xml(part):
            if each.get("TargetMode") == "External" and not (each.get("Type") or "").endswith("/hyperlink"):
                each.set("Target", f"{_NOWHERE}/")
                changed = True
        if changed:
            package.touch(part)
    return package.save()


def _digest(picture: Image) -> bytes:
    return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).digest()


def _side_by_side(left: Image | None, right: Image | None) -> Image:
    from PIL import Image as images

    if left is not None and right is not None and left.size == right.size:
        left, right = _framed(left, right)
    size = next(each.size for each in (left, right) if each is not None)
    shown = [images.new("RGB", size, "lightgrey") if each is None else each for each in (left, right)]
    sheet = images.new("RGB", (shown[0].width + _GAP + shown[1].width, max(each.height for each in shown)), "grey")
    sheet.paste(shown[0], (0, 0))
    sheet.paste(shown[1], (shown[0].width + _GAP, 0))
    return sheet


def _framed(left: Image, right: Image) -> tuple[Image, Image]:
    """Return both pages with frames around the lines that differ."""
    from PIL import ImageChops, ImageDraw

    left, right = left.copy(), right.copy()
    boxes = list(_bands(ImageChops.difference(left, right)))
    for page in (left, right):
        for x1, y1, x2, y2 in boxes:
            ImageDraw.Draw(page).rectangle((x1 - 3, y1 - 2, x2 + 2, y2 + 1), outline=_FRAME, width=1)
    return left, right


def _bands(difference: Image) -> Iterator[tuple[int, int, int, int]]:
    """Yield the boxes of what differs, one for each line of text: bands that some equal rows part."""
    width, height = difference.size
    rows = [difference.crop((0, y, width, y + 1)).getbbox() is not None for y in range(height)]
    start = end = -1
    for y, differs in enumerate([*rows, *[False] * _PARTING]):
        if differs:
            start = y if start < 0 else start
            end = y + 1
        elif start >= 0 and y - end >= _PARTING - 1:
            box = difference.crop((0, start, width, end)).getbbox()
            if box is not None:
                yield box[0], start, box[2], end
            start = -1


def _png(picture: Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
