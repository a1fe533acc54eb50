"""Writes a report: one HTML file that needs nothing else, and further pages beside it where a run is large."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from copilot.jobs.job import Outcome, Source
from copilot.jobs.report.answering import Desk, Form
from copilot.jobs.report.digest import Shown
from copilot.jobs.report.markup import flag, folded, items, rows, text
from copilot.jobs.report.page import foot, head
from copilot.jobs.report.reasons import LISTED, Group, Groups
from copilot.jobs.report.sections import Name, Sections
from copilot.jobs.report.summary import bar, facts, headline, needs
from copilot.jobs.report.values import MEANING
from copilot.jobs.report.view import RunView, counted

_WAITING: tuple[Name, ...] = ("sends", "changes")
_TITLES: dict[Name, str] = {
    "sends": "Would be sent",
    "changes": "Changes that wait for you",
    "values": "Extracted values",
    "results": "What was changed or answered",
    "all": "All documents",
}
_DRY: dict[Name, str] = {"results": "What would be changed: a dry run, nothing was saved"}
#: All sections, as they follow each other.
_ORDER = ("sends", "changes", "warnings", "values", "failed", "aside", "results", "left", "all")


@dataclass(frozen=True)
class Written:
    """A report: its files, the first of them to be opened; what was shown; the names of the pages to be answered."""

    files: tuple[Path, ...]
    shown: Shown
    pages: tuple[str, ...] = ()


def write(
    path: Path, run: RunView, documents: Iterable[tuple[Source, Outcome]], *, form: Form | None = None
) -> Written:
    """Write the report of a run to `path` and return what is to be kept of it (`Written.shown`).

    `documents` are read once and not held. A large run gets further files beside the first, `NAME.SECTION-N.html`.
    With `form` the pages have buttons, for a server. Only the owner can read the files; each is put in place whole.
    """
    sections = Sections(run, path.name, Shown(run.id))
    with closing(sections):
        for source, outcome in documents:
            sections.add(source, outcome)
        return _Writer(path, run, sections, form).write()


class _Writer:
    def __init__(self, path: Path, run: RunView, sections: Sections, form: Form | None) -> None:
        self._path = path
        self._run = run
        self._sections = sections
        self._form = form
        self._desk = Desk(run, sections.shown, form)
        self._counts = {**sections.counts, **run.counts}
        self._title = run.title or run.recipe or "Everpilot run"
        self._titles = {**_TITLES, **(_DRY if run.mode == "dry-run" else {})}
        self._answerable = list(dict.fromkeys(sections.file(n, p) for n in _WAITING for p in self._pages(n)))

    def write(self) -> Written:
        files = [self._path]
        for name, spool in self._sections.spools.items():
            for page in range(2, spool.page + 1):
                files.append(self._file(self._sections.file(name, page), self._part(name, page)))
            self._forget(name, spool.page + 1)
        self._file(self._path.name, self._main())
        return Written(tuple(files), self._sections.shown, tuple(self._answerable))

    # --- pages ----------------------------------------------------------------------------------------------------

    def _main(self) -> Iterator[bytes]:
        scripts = self._sections.file("all", 1) in self._answerable
        yield _bytes(head(f"{self._title} – report", scripts=scripts, posts=self._form is not None))
        yield _bytes(f'<h1 dir="auto">{text(self._title)}</h1><p class="lead">{headline(self._run, self._counts)}</p>')
        yield _bytes(bar(self._counts) + needs(self._run, self._counts) + facts(self._run) + self._contents())
        yield from self._needs_you()
        yield from self._groups("warnings", "Warnings", self._sections.warnings)
        yield from self._section("values")
        yield from self._groups("failed", "Failed", self._sections.failures)
        yield from self._groups("aside", "Set aside: failed as often as they may", self._sections.aside)
        yield from self._section("results")
        yield from self._not_done()
        yield from self._section("all")
        yield _bytes(foot(self._foot(), scripts=scripts))

    def _part(self, name: Name, page: int) -> Iterator[bytes]:
        """Yield a further page of a section."""
        file = self._sections.file(name, page)
        scripts = file in self._answerable
        last = self._sections.spools[name].page
        title = f"{self._titles[name]}, page {page} of {last}"
        yield _bytes(head(f"{title} – {self._title}", scripts=scripts, posts=self._form is not None))
        back = f'<a href="{quote(self._sections.file(name, 1))}">The whole report</a>'
        yield _bytes(f'<p>{back}</p><h1>{text(title)}</h1><p class="lead" dir="auto">{text(self._title)}</p>')
        before, after = self._desk.around(file, len(self._answerable)) if scripts else ("", "")
        yield _bytes(before)
        yield from self._body(name, page)
        yield _bytes(after)
        yield _bytes(foot(self._foot(), scripts=scripts))

    def _contents(self) -> str:
        sections = self._sections
        groups = {
            "warnings": ("Warnings", sections.warnings),
            "failed": ("Failed", sections.failures),
            "aside": ("Set aside", sections.aside),
            "left": ("Not done", sections.left),
        }
        entries = {name: (title, len(each)) for name, (title, each) in groups.items()}
        entries |= {name: (self._titles[name], spool.count) for name, spool in sections.spools.items()}
        listed = items(
            f'<a href="#{name}">{title}</a> ({count:,})' for name in _ORDER for title, count in [entries[name]] if count
        )
        return f'<nav aria-label="Contents">{listed}</nav>'

    # --- sections -------------------------------------------------------------------------------------------------

    def _needs_you(self) -> Iterator[bytes]:
        """Yield what waits for an answer on the first page, in one form."""
        file = self._sections.file("changes", 1)
        before, after = ("", "")
        if file in self._answerable:
            before, after = self._desk.around(file, len(self._answerable))
        yield _bytes(before)
        for name in _WAITING:
            yield from self._section(name)
        yield _bytes(after)

    def _section(self, name: Name) -> Iterator[bytes]:
        spool = self._sections.spools[name]
        if not spool.count:
            return
        yield _bytes(f'<section aria-labelledby="{name}"><h2 id="{name}">{self._titles[name]} ({spool.count:,})</h2>')
        if name == "values":
            yield _bytes(self._doubts())
        yield from self._body(name, 1)
        yield b"</section>"

    def _body(self, name: Name, page: int) -> Iterator[bytes]:
        turning = self._turning(name, page)
        yield _bytes(turning)
        before, after = "", ""
        if name == "all":
            heads = ("No.", "Document", "Status", "Model", "Cost")
            before, after = rows(heads, "\0", "All documents of the run", "index").split("\0")
        yield _bytes(before)
        yield from self._sections.spools[name].read(page)
        yield _bytes(after + turning)

    def _turning(self, name: Name, page: int) -> str:
        """Return the links to the pages of a section, "" if there is only one."""
        last = self._sections.spools[name].page
        if last == 1:
            return ""
        near = [n for n in range(1, last + 1) if n in (1, last) or abs(n - page) <= 5]
        links = items(self._link(name, n, page) for n in near)
        return f'<nav class="pages" aria-label="Pages of: {self._titles[name]}">{links}</nav>'

    def _link(self, name: Name, number: int, here: int) -> str:
        if number == here:
            return f'<b aria-current="page">Page {number}</b>'
        return (
            f'<a href="{quote(self._sections.file(name, number))}#{name if number == 1 else "main"}">Page {number}</a>'
        )

    def _groups(self, anchor: str, title: str, groups: Groups) -> Iterator[bytes]:
        if not len(groups):
            return
        yield _bytes(f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{title} ({len(groups):,})</h2>')
        for group in groups:
            yield from _group(group, opened=len(groups) <= 5)
        yield b"</section>"

    def _not_done(self) -> Iterator[bytes]:
        notes = items(text(note) for note in self._run.notes)
        if notes and not len(self._sections.left):
            yield _bytes(f'<section aria-labelledby="left"><h2 id="left">Not done</h2>{notes}</section>')
            return
        for number, part in enumerate(self._groups("left", "Not done, or nothing to do", self._sections.left)):
            yield part
            yield _bytes(notes) if number == 0 else b""

    def _doubts(self) -> str:
        doubts = self._sections.doubts
        if not doubts:
            return "<p>Every value stands in its document as it was taken.</p>"
        told = (
            f"{flag(MEANING[kind][0], kind)} {doubts[kind]:,}: {MEANING[kind][1]}" for kind in MEANING if doubts[kind]
        )
        return f"<p>Look at these; their documents are open:</p>{items(told, 'warnings')}"

    def _foot(self) -> str:
        shown = self._sections.shown
        bound = f" What waits is shown as it was under <code>{shown.digest}</code>." if self._answerable else ""
        return f"Written by Everpilot for run {text(self._run.id)}. This page loads and sends nothing by itself.{bound}"

    # --- files ----------------------------------------------------------------------------------------------------

    def _pages(self, name: Name) -> range:
        spool = self._sections.spools[name]
        return range(1, spool.page + 1) if spool.count else range(0)

    def _file(self, name: str, content: Iterable[bytes]) -> Path:
        """Put a file in place, whole: a crash leaves the former one."""
        target = self._path.with_name(name)
        handle, made = tempfile.mkstemp(dir=target.parent, prefix=f".{name}.")
        try:
            with open(handle, "wb") as out:
                out.writelines(content)
            os.replace(made, target)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
        return target

    def _forget(self, name: Name, page: int) -> None:
        """Remove the further pages of a longer report that had the same name."""
        while (old := self._path.with_name(self._sections.file(name, page))).is_file():
            old.unlink()
            page += 1


def _group(group: Group, *, opened: bool) -> Iterator[bytes]:
    step = f"<p><b>Next:</b> {text(group.step)}</p>" if group.step else ""
    summary = f'<h3>{text(group.title)}</h3> <span class="dim">{counted(group.count, "document")}</span>'
    before, after = folded(summary, f"{step}<ul>\0</ul>", opened=opened).split("\0")
    yield _bytes(before)
    yield from group.lines.read()
    left = group.count - LISTED
    yield _bytes(f"{after}" if left <= 0 else f"<li>and {left:,} more: see the list of all documents</li>{after}")


def _bytes(html: str) -> bytes:
    return html.encode("utf-8", "replace")
