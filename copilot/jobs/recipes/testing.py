"""Runs the tests of a recipe: real files in a folder of their own, real tools, and replies that the test gives."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePath
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.errors import EverpilotError, ToolInputError
from copilot.jobs.job import Source
from copilot.jobs.recipes.filters import as_date
from copilot.jobs.recipes.hands import CopilotHands, checked
from copilot.jobs.recipes.reading import Read
from copilot.jobs.recipes.recipe import Built, Case, Expect
from copilot.jobs.recipes.running import Followed, Reply, follow
from copilot.jobs.recipes.values import as_text
from copilot.plugins.skill import Skills
from copilot.settings import Settings

_MOST_BYTES = 50_000_000


@dataclass(frozen=True)
class Tested:
    """The outcome of one test: what was not as expected, none where all was."""

    recipe: str
    name: str
    failures: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures


def run_tests(read: Read, skills: Skills | None = None) -> Iterator[Tested]:
    """Yield the outcome of each test of a recipe, with the tools of `skills` (the built-in ones if left out).

    Nothing is asked and nothing goes out: a call that would send ends the test's run as "asked", no account is
    connected, and no model is there.
    """
    for number, case in enumerate(read.recipe.tests, 1):
        with tempfile.TemporaryDirectory(prefix="everpilot-recipe-") as folder:
            work = Path(folder).resolve() / "work"
            work.mkdir()
            copilot = Copilot(work, mode="yes", settings=Settings(), state=work.parent / "state", env={})
            if skills is not None:
                copilot.__dict__["skills"] = skills  # loaded once for all tests
            skills = copilot.skills
            yield Tested(read.recipe.name, case.name or f"test {number}", _failures(read, case, work, copilot))


def _failures(read: Read, case: Case, work: Path, copilot: Copilot) -> tuple[str, ...]:
    try:
        return tuple(_Case(read, case, work, copilot).failures())
    except EverpilotError as error:
        return (f"it could not be run: {error}",)


class _Scripted(CopilotHands):
    """Answers prompts with the replies of a test, in order."""

    def __init__(self, copilot: Copilot, path: str, case: Case) -> None:
        super().__init__(copilot, path)
        self._replies = list(case.replies)

    async def prompt(self, text: str, fields: dict[str, Any] | None) -> Reply:
        if not self._replies:
            raise ToolInputError("The test has no reply for this prompt.", hint="Add one to `replies`.", code="test")
        reply = self._replies.pop(0)
        if isinstance(reply, str):
            if fields:
                raise ToolInputError("The prompt has fields, and its reply in the test is a text.", code="test")
            return Reply(reply)
        return Reply("", checked(_all_of(reply, fields or {}), fields or {}))


def _all_of(reply: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reply with null for the fields that it leaves out."""
    return {**dict.fromkeys(fields.get("properties", {})), **reply}


class _Case:
    def __init__(self, read: Read, case: Case, folder: Path, copilot: Copilot) -> None:
        self._read = read
        self._case = case
        self._folder = folder
        self._copilot = copilot

    def failures(self) -> Iterator[str]:
        """Yield what is not as expected, after the recipe was followed."""
        document = self._case.document
        for each in [*([document] if document else []), *self._case.files]:
            self._write(each)
        path = document.name if document else ""
        before = self._bytes(path) if path else b""
        hands = _Scripted(self._copilot, path, self._case)
        source = Source(key="test", path=path, values=self._case.row)
        recipe, inputs = self._read.recipe, self._case.inputs
        followed = asyncio.run(follow(recipe, inputs, source, hands, today=self._today))
        yield from _unmet(self._case.expect, followed)
        yield from self._unlike(self._case.expect, path, before)

    def _today(self) -> date:
        return as_date(self._case.today)

    def _write(self, built: Built) -> None:
        if PurePath(built.name).is_absolute() or ".." in PurePath(built.name).parts:
            raise ToolInputError(f"{built.name} is not a name within the test's folder.", code="test")
        place = self._folder / built.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(made(built, self._read.path.parent))

    def _bytes(self, name: str) -> bytes:
        place = self._folder / name
        if not place.is_file():
            raise ToolInputError(f"there is no file {name} afterwards", code="test")
        return place.read_bytes()

    # --- what must have come of it ------------------------------------------------------------------------------------

    def _unlike(self, expect: Expect, path: str, before: bytes) -> Iterator[str]:
        """Yield what is not as expected in the files."""
        if expect.changed is not None and path and (self._bytes(path) != before) != expect.changed:
            yield "the document was changed" if not expect.changed else "the document was not changed"
        if path and (expect.text or expect.no_text):
            text = self._text(path)
            yield from (f"{words!r} is not in the document" for words in expect.text if _flat(words) not in text)
            yield from (f"{words!r} is in the document" for words in expect.no_text if _flat(words) in text)
        for address, wanted in expect.cells.items():
            yield from self._cell(path, address, wanted)
        for name, wanted_words in expect.files.items():
            if not (self._folder / name).is_file():
                yield f"there is no file {name}; there is: {', '.join(self._names()) or 'none'}"
                continue
            text = self._text(name)
            yield from (f"{words!r} is not in {name}" for words in wanted_words if _flat(words) not in text)

    def _names(self) -> list[str]:
        files = (p for p in self._folder.rglob("*") if p.is_file())
        return sorted(p.relative_to(self._folder).as_posix() for p in files)

    def _text(self, name: str) -> str:
        from copilot.documents.markdown import to_markdown
        from copilot.documents.reading import read

        return _flat(to_markdown(read(self._bytes(name), name)))

    def _cell(self, path: str, address: str, wanted: Any) -> Iterator[str]:
        from copilot.documents import excel

        name, _, rest = address.rpartition("!")
        file, _, sheet = name.rpartition("|")
        found = excel.read_range(self._bytes(file or path), sheet.strip("'") or None, rest, budget=1_000).values
        value = found[0][0] if found and found[0] else None
        if not same(value, wanted):
            yield f"{address} is {value!r}, not {wanted!r}"


def made(built: Built, beside: Path) -> bytes:
    """Return the bytes of a test's document; raises ToolInputError for one that can't be read or made."""
    from copilot.documents import excel, word

    if built.markdown is not None:
        return word.create(built.markdown)
    if built.sheets is not None:
        return excel.create(built.sheets).content
    if built.file is None:
        return (built.text or "").encode("utf-8")
    place = (beside / built.file).resolve()
    if not place.is_relative_to(beside.resolve()) or not place.is_file():
        raise ToolInputError(f"there is no file {built.file} beside the recipe", code="test")
    if place.stat().st_size > _MOST_BYTES:
        raise ToolInputError(f"{built.file} is larger than {_MOST_BYTES:,} bytes", code="test")
    return place.read_bytes()


def _unmet(expect: Expect, followed: Followed) -> Iterator[str]:
    """Yield what is not as expected in what the recipe gave."""
    message = str((followed.error or {}).get("message", "")) or followed.text
    wanted = expect.status or ("failed" if expect.fails_with else "done")
    if followed.status != wanted:
        yield f"it ended {followed.status}, not {wanted}{f' ({message})' if message else ''}"
    yield from (f"{w!r} is not in the message {message!r}" for w in expect.fails_with if _flat(w) not in _flat(message))
    yield from (f"{w!r} is not in the answer" for w in expect.answer if _flat(w) not in _flat(followed.text))
    row = followed.values or {}
    for name, value in expect.row.items():
        if name not in row or not same(row[name], value):
            yield f"{name} is {row.get(name)!r}, not {value!r}"


def same(value: Any, wanted: Any) -> bool:
    """Return whether two values are the same: numbers to a millionth, the rest as they are or as they are written."""
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (value, wanted))
    if numbers:
        return bool(abs(value - wanted) <= 1e-6 * max(1.0, abs(wanted)))
    return bool(value == wanted) or (isinstance(wanted, str) and as_text(value) == wanted)


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("\\", "")
