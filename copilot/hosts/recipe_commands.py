"""`everpilot recipe`: make, check, test and follow a recipe over a few documents."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli import DONE, FAILED, NEEDS_APPROVAL, exit_code_of
from copilot.errors import EverpilotError, PluginError
from copilot.hosts import render
from copilot.hosts.once import open_copilot
from copilot.hosts.output import agreed, as_json, say, short
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.agent.copilot import Copilot
    from copilot.jobs.recipes.drafts import Drafted
    from copilot.jobs.recipes.reading import Read
    from copilot.jobs.recipes.testing import Tested

#: Documents of one `recipe run`; more of them are a batch.
_MOST = 50


def recipe(parsed: argparse.Namespace) -> int:
    """Make, check, test and follow recipes."""
    return _ACTIONS[parsed.action](parsed)


def _folder(parsed: argparse.Namespace) -> Path:
    return Path(parsed.dir or ".").expanduser().resolve()


def new(parsed: argparse.Namespace) -> int:
    """Write a recipe to start from."""
    from copilot.jobs.recipes.starting import start

    path = start(parsed.name, _folder(parsed), parsed.prompt or "")
    if parsed.json:
        as_json({"path": str(path)})
        return DONE
    shown = safe_text(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
    print(f"{shown} is written, and works as it is. Try it:  everpilot recipe test {shown}")
    return DONE


def check(parsed: argparse.Namespace) -> int:
    """Say what is wrong with recipes, before any document is touched."""
    copilot = open_copilot(parsed)
    rows: list[dict[str, Any]] = []
    for name in parsed.files_:
        try:
            read = _examined(name, copilot, parsed)
        except PluginError as error:
            rows.append({"file": name, "ok": False, "faults": error.message.splitlines(), "hint": error.hint})
        else:
            rows.append({"file": str(read.path), "ok": True, "faults": [], "hint": "", **_described(read)})
    if parsed.json:
        as_json(rows)
    else:
        for row in rows:
            _print_checked(row)
    return DONE if all(row["ok"] for row in rows) else FAILED


def _described(read: Read) -> dict[str, Any]:
    recipe = read.recipe
    told = {"name": recipe.name, "version": recipe.version, "digest": recipe.digest, "needs_model": recipe.needs_model}
    return {**told, "steps": sum(1 for _ in recipe.walk()), "tests": len(recipe.tests), "inputs": list(recipe.inputs)}


def _print_checked(row: dict[str, Any]) -> None:
    if not row["ok"]:
        print("\n".join(safe_text(line) for line in [*row["faults"], *([row["hint"]] if row["hint"] else [])]))
        return
    model = "with a model" if row["needs_model"] else "without a model"
    steps, tests = _count(row["steps"], "step"), _count(row["tests"], "test")
    print(safe_text(f"{row['name']} {row['version']} is right: {steps}, {tests}, runs {model}."))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _examined(name: str, copilot: Copilot, parsed: argparse.Namespace) -> Read:
    from copilot.jobs.recipes.examining import examined
    from copilot.jobs.recipes.reading import read
    from copilot.jobs.recipes.starting import found

    return examined(read(found(name, _folder(parsed))), copilot.offered.tools())


# --- tests ------------------------------------------------------------------------------------------------------------


def test(parsed: argparse.Namespace) -> int:
    """Run the tests of recipes, with no model."""
    copilot = open_copilot(parsed)
    results = [each for name in parsed.files_ for each in _tested(name, copilot, parsed)]
    if parsed.json:
        as_json([{"recipe": r.recipe, "test": r.name, "ok": r.passed, "failures": list(r.failures)} for r in results])
    elif results:
        rows = [(r.recipe, r.name, "passed" if r.passed else "failed", "; ".join(r.failures)) for r in results]
        render.console().print(render.table(("Recipe", "Test", "Outcome", "Why"), rows))
    else:
        say("There are no tests; docs/recipes.md shows how they are written.")
    return DONE if all(result.passed for result in results) else FAILED


def _tested(name: str, copilot: Copilot, parsed: argparse.Namespace) -> Iterator[Tested]:
    from copilot.jobs.recipes.testing import Tested, run_tests

    try:
        read = _examined(name, copilot, parsed)
    except PluginError as error:
        yield Tested(Path(name).stem, "the recipe itself", (str(error),))
        return
    yield from run_tests(read, copilot.skills)


# --- following --------------------------------------------------------------------------------------------------------


def run(parsed: argparse.Namespace) -> int:
    """Follow a recipe over a few documents, and ask before anything is saved."""
    from copilot.jobs.recipes.drafts import Drafts, documents
    from copilot.jobs.recipes.inputs import bound, written

    parsed.files = parsed.documents
    copilot = open_copilot(parsed)
    read = _examined(parsed.file, copilot, parsed)
    inputs = written(parsed.input, read.recipe, Path.cwd())
    bound(read.recipe, inputs)  # what is missing is said once, before any document
    paths = parsed.files or documents(copilot, read.recipe, _MOST)
    asking = None if parsed.json else _asking()
    drafts = Drafts(copilot, read.recipe, inputs, asking)
    drafted: list[Drafted] = []
    try:
        for path in paths:
            drafted.append(asyncio.run(drafts.run(path)))
            _print_draft(parsed, drafted[-1], asking)
    except EverpilotError as error:
        if not drafted or parsed.json:
            raise
        say(str(error))
        return exit_code_of(error)
    _reported(parsed, read, drafted)
    return _exit_code(drafted)


class _Asking:
    """Asks a person at the terminal, and remembers what they were shown."""

    def __init__(self) -> None:
        self._seen: list[Any] = []

    def __call__(self, shown: list[dict[str, Any]]) -> bool:
        """Show what would be done and return what the person says."""
        self._seen += [change["hunks"] for change in shown]
        render.console().print(render.changes(shown, most=None))
        return agreed("Do it?")

    def short(self, changes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return changes without what was looked at a moment ago."""
        return [{**change, "hunks": []} if change["hunks"] in self._seen else change for change in changes]


def _asking() -> _Asking | None:
    """Return what asks a person, None where nobody sits."""
    return _Asking() if sys.stdin and sys.stdin.isatty() and sys.stdout.isatty() else None


def _print_draft(parsed: argparse.Namespace, drafted: Drafted, asking: _Asking | None) -> None:
    if parsed.json:
        return
    followed, out = drafted.followed, render.console()
    if followed.error:
        say(f"{drafted.path}: {followed.error['message']} {followed.error['hint']}".strip())
    elif followed.status == "skipped":
        say(f"{drafted.path}: left alone. {followed.text}")
    elif followed.cards:
        out.print(render.changes(followed.cards))
        say(f"{drafted.path}: this would go out, and is asked in a terminal each time. Nothing was done.")
    if drafted.saved:
        _print_saved(drafted.path, drafted.saved, asking)
    if followed.status == "done" and followed.text:
        render.show_markdown(out, followed.text)


def _print_saved(path: str, saved: dict[str, Any], asking: _Asking | None) -> None:
    if saved["error"]:
        say(saved["error"]["message"])
        return
    if saved["status"] == "ask" and asking:
        say(f"{path}: nothing was written.")
        return
    if saved["changes"]:
        render.console().print(render.changes(asking.short(saved["changes"]) if asking else saved["changes"]))
    if saved["status"] == "ask":
        say(f"{path}: nothing was written. To write it, run the same command with --yes.")


def _reported(parsed: argparse.Namespace, read: Read, drafted: Sequence[Drafted]) -> None:
    if parsed.json:
        as_json({"recipe": _described(read), "documents": [_as_dict(each) for each in drafted]})
        return
    heads = list(read.recipe.outputs.row)
    rows = [[each.path, *_cells(each, heads)] for each in drafted if each.followed.values]
    if rows:
        render.console().print(render.table(("Document", *heads), rows))


def _cells(drafted: Drafted, heads: Sequence[str]) -> list[str]:
    from copilot.jobs.recipes.values import as_text

    return [short(as_text((drafted.followed.values or {}).get(head)), 60) for head in heads]


def _as_dict(drafted: Drafted) -> dict[str, Any]:
    followed = drafted.followed
    return {
        "document": drafted.path,
        "status": drafted.status,
        "row": followed.values,
        "text": followed.text,
        "error": followed.error,
        "changes": (drafted.saved or {}).get("changes", []),
        "citations": [each.model_dump(mode="json") for each in followed.citations],
        "steps": [{"id": s.id, "kind": s.kind, "status": s.status, "text": s.text} for s in followed.steps],
    }


def _exit_code(drafted: Sequence[Drafted]) -> int:
    statuses = {each.status for each in drafted}
    if statuses & {"failed", "denied", "rejected"}:
        return FAILED
    return NEEDS_APPROVAL if statuses & {"ask", "asked"} else DONE


_ACTIONS = {"new": new, "check": check, "test": test, "run": run}
