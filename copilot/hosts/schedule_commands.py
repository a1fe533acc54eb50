"""`everpilot schedule`: runs that begin by the clock."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from copilot.cli import DONE
from copilot.hosts import render
from copilot.hosts.batch_commands import _opened, _person, _runs, prepared
from copilot.hosts.output import as_json, command, say, short
from copilot.jobs.triggers.cron import cron
from copilot.jobs.triggers.schedules import Schedule, Schedules
from copilot.trust.sanitise import safe_text

_NEXT = 5  # times that are shown


def schedule(parsed: argparse.Namespace) -> int:
    """Do what was asked, and return the exit code."""
    acts: dict[str, Callable[[argparse.Namespace, Schedules], None]] = {
        "list": _list,
        "show": _show,
        "pause": _pause,
        "resume": _resume,
        "remove": _remove,
        "run": _run,
    }
    if parsed.action == "add":
        return _add(parsed)
    with _runs(_opened(parsed)) as runs:
        acts[parsed.action](parsed, Schedules(runs))
    return DONE


def _add(parsed: argparse.Namespace) -> int:
    times = cron(parsed.cron, parsed.zone)
    copilot, job, place = prepared(parsed, _opened(parsed))
    with _runs(copilot) as runs:
        asked = Schedule(
            parsed.name,
            times,
            job,
            place,
            title=parsed.title,
            by=_person(copilot),
            catch_up=parsed.catch_up,
            overlap=parsed.overlap,
        )
        made = Schedules(runs).add(asked)
    say(f"Schedule {made.name}: the first time is {_at(made, made.due)} ({made.cron.zone}).")
    say(f"A worker begins it: {command()} worker")
    return DONE


def _list(parsed: argparse.Namespace, schedules: Schedules) -> None:
    found = schedules.all()
    if parsed.json:
        return as_json([_told(each) for each in found])
    if not found:
        return print(f'There are no schedules. Make one: {command()} schedule add NAME "CRON" "PROMPT" FILE ...')
    heads = ("Schedule", "When", "Next", "What", "Last run", "")
    return render.console().print(render.table(heads, [_cells(each) for each in found]))


def _cells(each: Schedule) -> list[str]:
    due = "paused" if each.paused else _at(each, each.due)
    cells = [each.name, f"{each.cron.text} ({each.cron.zone})", due, short(_what(each), 40), each.last, each.note]
    return [safe_text(cell) for cell in cells]


def _show(parsed: argparse.Namespace, schedules: Schedules) -> None:
    each = schedules.get(parsed.name)
    if parsed.json:
        return as_json(_told(each))
    for name, value in _told(each).items():
        print(safe_text(f"{name.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else value}"))
    return None


def _told(each: Schedule) -> dict[str, Any]:
    following = [] if each.paused else [each.due, *islice(each.cron.times(each.due, float("inf")), _NEXT - 1)]
    when = {"cron": each.cron.text, "zone": each.cron.zone, "catch_up": each.catch_up, "overlap": each.overlap}
    what = {"work": _what(each), "mode": each.job.mode, "folder": each.place.get("folder", "")}
    files = {"given": each.place.get("given", []), "rows": each.place.get("rows", "")}
    state = {"paused": each.paused, "next": [_at(each, time) for time in following]}
    told = {"by": each.by, "created": each.created, "last": each.last, "note": each.note}
    return {"name": each.name, **when, **what, **files, **state, **told}


def _what(each: Schedule) -> str:
    return each.title or str((each.job.recipe or {}).get("name") or each.job.prompt)


def _at(each: Schedule, moment: float) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(each.cron.zone)).strftime("%Y-%m-%d %H:%M")


def _pause(parsed: argparse.Namespace, schedules: Schedules) -> None:
    schedules.pause(parsed.name)
    say(f"Schedule {parsed.name} begins nothing until: {command()} schedule resume {parsed.name}")


def _resume(parsed: argparse.Namespace, schedules: Schedules) -> None:
    found = schedules.resume(parsed.name)
    say(f"Schedule {found.name}: the next time is {_at(found, found.due)} ({found.cron.zone}).")


def _remove(parsed: argparse.Namespace, schedules: Schedules) -> None:
    schedules.remove(parsed.name)
    say(f"Schedule {parsed.name} is forgotten; its runs stay.")


def _run(parsed: argparse.Namespace, schedules: Schedules) -> None:
    run = schedules.fire(parsed.name)
    say(f"Run {run.id} is ordered; workers do it. How it stands: {command()} batch status {run.id}")
