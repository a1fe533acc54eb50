"""`everpilot watch`: does what comes into a folder or a place, or changes there, as it comes."""

from __future__ import annotations

import argparse
import hashlib
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.cli import DONE
from copilot.errors import EverpilotError, JobError
from copilot.hosts import render
from copilot.hosts.batch_commands import (
    _opened,
    _person,
    _progress,
    _reaching,
    _runs,
    _stoppable,
    _summary,
    asked,
    exit_code,
)
from copilot.hosts.batch_screen import Screen, Summary
from copilot.hosts.output import as_json, command, say, short
from copilot.jobs.job import Job, Status
from copilot.jobs.runs import Runs
from copilot.jobs.store import Run
from copilot.jobs.triggers.keeping import presence_of
from copilot.jobs.triggers.waiting import Waiting
from copilot.jobs.triggers.watches import Watch, Watches
from copilot.jobs.triggers.watching import Watcher
from copilot.plugins import connectors
from copilot.trust.sanitise import safe_text

_SHOWN = 0.5  # seconds between two looks at how the run stands
_HERE, _ELSEWHERE = 5.0, 60.0  # seconds between two looks where nothing tells of changes


def watch(parsed: argparse.Namespace) -> int:
    """Do what was asked, and return the exit code."""
    if parsed.action == "run":
        return _run(parsed)
    with _runs(_opened(parsed)) as runs:
        return _list(parsed, Watches(runs)) if parsed.action == "list" else _remove(parsed, Watches(runs))


def _run(parsed: argparse.Namespace) -> int:
    if parsed.dry_run:
        raise JobError(
            "A watch has no --dry-run.", hint="Try the work first: everpilot batch ... --dry-run", code="usage"
        )
    copilot = _opened(parsed)
    parsed.folder = parsed.folder if _is_place(parsed.folder) else _whole(parsed.folder, copilot)
    copilot = _reached(parsed, copilot)
    parsed.given, parsed.rows = [parsed.folder], None
    _there(parsed.folder, copilot)
    job, place = asked(parsed, copilot)
    with _runs(copilot) as runs:
        watches = Watches(runs)
        wanted = _wanted(parsed, copilot, job, place)
        lock = presence_of(runs, wanted.name)
        mine = lock.hold()
        if not parsed.detach and not mine:
            hint = f"Look at it with: {command()} batch status watch-{wanted.name}"
            raise JobError(f"Another process watches {wanted.name} already.", hint=hint, code="busy")
        try:
            found = watches.add(wanted)
            if parsed.detach and mine and not found.begun and not found.existing:
                Watcher(watches, found, copilot).look()  # what is there now is no news to the workers
            return _ordered(found) if parsed.detach else _watched(parsed, copilot, watches, found)
        finally:
            lock.leave()


def _reached(parsed: argparse.Namespace, copilot: Copilot) -> Copilot:
    if _is_place(parsed.folder):
        return copilot.like(folders=(*copilot.roots[1:], parsed.folder))
    return _reaching(copilot, [parsed.folder])


def _is_place(folder: str) -> bool:
    name, _ = connectors.parted(folder)
    return name in connectors.known() and name != "folder"


def _whole(folder: str, copilot: Copilot) -> str:
    """Return a folder or pattern by its whole path: should it be gone for a while, nothing else is meant."""
    word = Path(folder.removeprefix("folder:")).expanduser()
    fixed = re.split(r"[*?\[{]", str(word), maxsplit=1)[0]
    return str((copilot.folder if (copilot.folder / fixed).exists() else Path.cwd()) / word)


def _there(folder: str, copilot: Copilot) -> None:
    """Raise what is wrong with what is to be watched; that it is empty is no fault."""
    from copilot.jobs.sources.folders import Folders
    from copilot.jobs.sources.found import Found
    from copilot.jobs.sources.meant import Reader

    found = Found()
    Reader(copilot, Folders(copilot.workspace, found, ()), found).listings(folder)


def _wanted(parsed: argparse.Namespace, copilot: Copilot, job: Job, place: dict[str, Any]) -> Watch:
    interval = parsed.interval if parsed.interval is not None else _ELSEWHERE if copilot.mounts else _HERE
    title = parsed.title or f"{Path(parsed.folder).name}: {short(parsed.work, 60)}"
    return Watch(
        parsed.name or _name(parsed.folder, job, place),
        job,
        place,
        title=title,
        by=_person(copilot),
        existing=parsed.existing,
        quiet=parsed.quiet,
        interval=interval,
        detached=parsed.detach,
    )


def _name(folder: str, job: Job, place: dict[str, Any]) -> str:
    """Return the name of a watch that has none: the same work on the same folder is the same watch."""
    word = re.sub(r"[^a-z0-9]+", "-", Path(folder.rstrip("/")).name.lower()).strip("-")[:24]
    asked = f"{place['folder']}\0{place['given']}\0{job.model_dump_json()}"
    return f"{word or 'watch'}-{hashlib.sha256(asked.encode()).hexdigest()[:6]}"


def _ordered(watch: Watch) -> int:
    say(f"Watch {watch.name} is written down; workers look: {command()} worker")
    say(f"How it stands: {command()} batch status {watch.run}. To end it: {command()} watch remove {watch.name}")
    return DONE


def _watched(parsed: argparse.Namespace, copilot: Copilot, watches: Watches, watch: Watch) -> int:
    """Watch and work until stopped."""
    from copilot.jobs.worker import working

    jobs = copilot.settings.jobs.model_copy(update={"parallel": parsed.parallel} if parsed.parallel else {})
    runs, run, began = watches.runs, watches.run(watch), time.monotonic()
    watches.forget(jobs.keep_days)
    say(f"Watching {parsed.folder} as {watch.name}. Ctrl-C ends it; the same command goes on where it was.")
    with Screen(run.title, parsed.output_format) as screen:
        try:
            with _stoppable(), working(runs, jobs, live={run.id: copilot}, told=say):
                _looked(Watcher(watches, watch, copilot), runs, run, screen, _folders(copilot, parsed.folder))
        except KeyboardInterrupt:
            pass
        seconds = time.monotonic() - began
        screen.close(_ended(_summary(runs, runs.store.run(run.id), copilot, seconds, True)))
    return exit_code(runs.store.counts(run.id))


def _ended(summary: Summary) -> Summary:
    """Return the summary without what goes on by itself when the watch does."""
    held = summary.counts.get(Status.HELD)
    return (
        summary if held else replace(summary, steps=[each for each in summary.steps if " batch resume " not in each[1]])
    )


def _folders(copilot: Copilot, folder: str) -> list[Path]:
    """Return the folders of this machine in which changes are told of."""
    if copilot.mounts:
        return []
    fixed = copilot.workspace.resolve(re.split(r"[*?\[{]", folder, maxsplit=1)[0] or ".")
    return [fixed if fixed.is_dir() else fixed.parent]


def _looked(watcher: Watcher, runs: Runs, run: Run, screen: Screen, folders: list[Path]) -> None:
    waiting, due, trouble = Waiting(folders), 0.0, ""
    while True:
        try:
            watcher.look()
            trouble = ""
        except (EverpilotError, OSError) as error:  # a share that is gone for a while comes again
            if str(error) != trouble:
                say(f"{watcher.watch.name} can't be watched now: {error}")
            trouble = str(error)
        soonest = time.monotonic() + watcher.least
        due = time.monotonic() + watcher.pause
        while (left := due - time.monotonic()) > 0:
            screen.update(_progress(runs, run))
            if waiting.wait(min(left, _SHOWN)):
                due = min(due, soonest)


def _list(parsed: argparse.Namespace, watches: Watches) -> int:
    found = [(each, watches.counts(each)) for each in watches.all()]
    if parsed.json:
        as_json([_told(each, counts) for each, counts in found])
        return DONE
    if not found:
        print(f'Nothing is watched. Begin: {command()} watch FOLDER "PROMPT"')
        return DONE
    heads = ("Watch", "Where", "What", "Versions", "Run", "By")
    render.console().print(render.table(heads, [_cells(each, count) for each, count in found]))
    return DONE


def _cells(each: Watch, count: int) -> list[str]:
    where = ", ".join(each.place.get("given", []))
    by = "workers" if each.detached else "its own command"
    return [safe_text(cell) for cell in (each.name, where, short(each.title, 40), f"{count:,}", each.run, by)]


def _told(each: Watch, count: int) -> dict[str, Any]:
    place = {"folder": each.place.get("folder", ""), "given": each.place.get("given", [])}
    work = {"title": each.title, "mode": each.job.mode, "run": each.run, "detached": each.detached}
    return {"name": each.name, **place, **work, "versions": count, "by": each.by, "created": each.created}


def _remove(parsed: argparse.Namespace, watches: Watches) -> int:
    watches.remove(parsed.name)
    say(f"Watch {parsed.name} is forgotten; its run stays.")
    return DONE
