"""A recipe over one document of a folder, in the terminal: worked on in a private copy, then shown and saved as one.

A document whose recipe fails, or whose change is declined, stays byte for byte as it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import EverpilotError
from copilot.jobs.job import Source
from copilot.jobs.recipes.hands import CopilotHands, Decide
from copilot.jobs.recipes.recipe import Recipe
from copilot.jobs.recipes.running import Followed, follow
from copilot.jobs.sources.patterns import Pattern, spread
from copilot.plugins.context import ToolContext
from copilot.plugins.loader import from_functions
from copilot.plugins.tools import tool
from copilot.workspace.change import Change

_MOST_HUNKS = 2_000


@dataclass(frozen=True)
class Drafted:
    """What came of one document: `saved` is what `Copilot.call` says of saving it, None where nothing changed."""

    path: str
    followed: Followed
    saved: dict[str, Any] | None = None

    @property
    def status(self) -> str:
        """How it ended: as `Followed`, but "ask" or "denied" where the change was not saved."""
        if self.saved and self.saved["status"] not in ("done", "dry-run"):
            return str(self.saved["status"])
        return self.followed.status


class Drafts:
    """Follows a recipe over documents of an assistant's folders, one after the other.

    `copilot.mode` says whether changes are asked about. `decide` is handed what would be saved, or would go out, and
    returns what the person says; without it nothing is saved that must be asked about.
    """

    def __init__(self, copilot: Copilot, recipe: Recipe, inputs: Mapping[str, Any], decide: Decide | None) -> None:
        self._copilot = copilot
        self._recipe = recipe
        self._inputs = inputs
        self._decide = decide

    async def run(self, path: str, row: Mapping[str, Any] | None = None) -> Drafted:
        """Return what came of one document; raises ModelError where no model could answer."""
        place, name = self._place(path)
        shown = self._copilot.workspace.show(place)
        with self._copies([(path, name), *self._others()]) as folder:
            hands = CopilotHands(self._scratch(folder), name, self._decide)
            before = _files(folder)
            source = Source(key=path, path=name, values=dict(row or {}))
            followed = await follow(self._recipe, self._inputs, source, hands)
            after = _files(folder)
            changed = {each: data for each, data in after.items() if before.get(each) != data}
            if followed.status != "done" or not changed or self._recipe.outputs.files == "none":
                return Drafted(shown, followed)
            return Drafted(shown, followed, self._saved(changed, hands.changes, {name: place}))

    def _place(self, path: str) -> tuple[Path, str]:
        """Return where a document lies, and what it is called in the copy. Raises DocumentError."""
        place = self._copilot.workspace.read(path).path
        shown = PurePath(self._copilot.workspace.show(place))
        return place, place.name if shown.is_absolute() or ".." in shown.parts else shown.as_posix()

    def _others(self) -> Iterator[tuple[str, str]]:
        """Yield the files that inputs name: a recipe reads them, and they are not changed."""
        for name, wanted in self._recipe.inputs.items():
            given = self._inputs.get(name, wanted.default)
            if wanted.type == "file" and isinstance(given, str) and given:
                yield given, self._place(given)[1]

    @contextmanager
    def _copies(self, wanted: Sequence[tuple[str, str]]) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="everpilot-recipe-") as made:
            folder = Path(made).resolve() / "work"
            for path, name in wanted:
                copy = folder / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(self._copilot.workspace.read(path).content)
            yield folder

    def _scratch(self, folder: Path) -> Copilot:
        """Return an assistant over the copy, which may write there; with prompts it keeps its threads and budget."""
        state = {} if self._recipe.needs_model else {"state": folder.parent / "state"}
        made = self._copilot.like(folder=folder, folders=(), mode="yes", **state)
        made.__dict__["skills"] = self._copilot.skills
        return made

    # --- saving -------------------------------------------------------------------------------------------------------

    def _saved(
        self, changed: Mapping[str, bytes], told: Sequence[Mapping[str, Any]], places: Mapping[str, Path]
    ) -> dict[str, Any]:
        """Save all that changed as one call of a tool, so that the policy decides on it as on any other."""

        @tool(effect="write")
        def save(context: ToolContext) -> list[Change]:
            """Save what a recipe made of a document."""
            summary = f"Recipe {self._recipe.name}"
            return [
                _change(context, places.get(name, name), data, _hunks(told, name), f"{summary}: {name}")
                for name, data in changed.items()
            ]

        saving = self._copilot.like()
        own = from_functions([save], name="recipe")
        saving.__dict__["skills"] = self._copilot.skills.plus([own])
        saving.__dict__["workspace"] = self._copilot.workspace
        return saving.call("recipe.save", {}, decide=self._decide)


def _change(context: ToolContext, place: Path | str, data: bytes, hunks: tuple[Hunk, ...], summary: str) -> Change:
    """Return the change of the document, which has a place, or of a new file, which has a name."""
    if isinstance(place, str):
        return context.create(place, data, summary, hunks)
    file = context.open(str(place))
    shown = hunks or (Hunk(file.name, "", f"{len(data):,} bytes", "file"),)
    return context.edit(file, Edited(data, shown), summary)


def _hunks(told: Sequence[Mapping[str, Any]], name: str) -> tuple[Hunk, ...]:
    """Return what changed in a file, in the order in which it was done; that it is a new one is told elsewhere."""
    found = [hunk for each in told if each.get("path") == name for hunk in each.get("hunks", ())]
    found = [hunk for hunk in found if hunk["kind"] != "file"]
    parts = [{key: hunk[key] for key in ("where", "before", "after", "kind")} for hunk in found[:_MOST_HUNKS]]
    return tuple(Hunk(**each) for each in parts)


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def documents(copilot: Copilot, recipe: Recipe, most: int) -> list[str]:
    """Return the documents that the recipe's own patterns find; raises EverpilotError for none, or too many."""
    found: dict[str, None] = {}
    files = copilot.workspace.files()
    for pattern in recipe.files:
        names = (copilot.workspace.show(file) for file in files if _fits(copilot.workspace.show(file), pattern))
        found |= dict.fromkeys(names)
    if not found:
        hint = "Name them: everpilot recipe run FILE DOCUMENT ..."
        raise EverpilotError("There are no documents to follow the recipe with.", hint=hint, code="usage")
    if len(found) > most:
        hint = "everpilot batch does it with all of them, and can be stopped and resumed."
        raise EverpilotError(f"{len(found):,} documents are more than {most} for one command.", hint=hint, code="usage")
    return list(found)


def _fits(name: str, pattern: str) -> bool:
    """Return whether a path fits a pattern: `**` is any number of folders, {a,b} either."""
    return any(Pattern(tuple(each.split("/"))).fits(PurePath(name).parts) for each in spread(pattern))
