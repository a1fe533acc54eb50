"""`everpilot batch`: begins a run and works on it, shows how runs stand, and takes what a person answers."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli import DONE, FAILED, NEEDS_APPROVAL
from copilot.errors import EverpilotError, JobError, ToolInputError
from copilot.hosts import render
from copilot.hosts.batch_screen import Progress, Screen, Summary, steps
from copilot.hosts.once import open_copilot
from copilot.hosts.output import as_json, command, say, short
from copilot.jobs.database import Database
from copilot.jobs.job import WAITING, Job, Mode, Status
from copilot.jobs.report.view import by_kind, dollars
from copilot.jobs.runs import Runs
from copilot.jobs.store import Document, Run

if TYPE_CHECKING:
    from copilot.agent.copilot import Copilot
    from copilot.models.health import Health
    from copilot.models.roster import Candidate

_LOOK = 0.5  # seconds between two looks at how a run stands
_RECIPES = (".yaml", ".yml", ".md")


def batch(parsed: argparse.Namespace) -> int:
    """Do what was asked, and return the exit code."""
    acts: dict[str, Callable[[argparse.Namespace], int]] = {
        "run": _begin,
        "list": _list,
        "status": _status,
        "resume": _resume,
        "retry": _retry,
        "review": _review,
        "accept": _accept,
        "reject": _reject,
        "report": _report,
        "cancel": _cancel,
        "forget": _forget,
    }
    return acts[parsed.action](parsed)


# --- beginning ----------------------------------------------------------------------------------------------------


def _begin(parsed: argparse.Namespace) -> int:
    copilot, job, place = prepared(parsed, _opened(parsed))
    with _runs(copilot) as runs:
        for other in runs.same(job, place):
            hint = f"To stop it: {command()} batch cancel {other}"
            say(f"Run {other} does the same with the same documents, and has not ended: each is changed twice. {hint}")
        run = runs.begin(job, place, title=parsed.title, by=_person(copilot))
        runs.order(run)
        if parsed.detach:
            return _ordered(run)
        return _worked(parsed, copilot, runs, run)


def prepared(parsed: argparse.Namespace, copilot: Copilot) -> tuple[Copilot, Job, dict[str, Any]]:
    """Return the assistant that reaches what is named, what is asked of it, and where it lies.

    Raises what is wrong with any of it, before a run is begun.
    """
    if getattr(parsed, "recipe", None) and parsed.work:  # then no word is a prompt
        parsed.given, parsed.work = [parsed.work, *parsed.given], ""
    copilot = _reaching(copilot, parsed.given)
    job, place = asked(parsed, copilot)
    _checked(copilot, job, place)
    return copilot, job, place


def asked(parsed: argparse.Namespace, copilot: Copilot) -> tuple[Job, dict[str, Any]]:
    """Return what a command line asks of every document, and where they lie."""
    from copilot.jobs.feeding import place_of

    recipe = _recipe_file(parsed, copilot)
    job = _job(parsed, copilot, recipe)
    given = [_anywhere(word, copilot) for word in parsed.given]
    written: dict[str, Any] = {"table": parsed.table, "report": parsed.report, "to": job.to}
    place = place_of(copilot, given, rows=parsed.rows, recipe=recipe, **written)
    return job, {**place, "sample": parsed.dry_run}


def _anywhere(word: str, copilot: Copilot) -> str:
    """Return a word as it is meant wherever a worker runs: what lies beside this command alone, by its whole path."""
    fixed = re.split(r"[*?\[{]", word, maxsplit=1)[0]
    if not fixed or copilot.mounts or (copilot.folder / fixed).exists() or not (Path.cwd() / fixed).exists():
        return word
    return str(Path.cwd() / word)


def _reaching(copilot: Copilot, given: list[str]) -> Copilot:
    """Return an assistant that also opens the folders outside its own that a person named."""
    outside: list[Path] = []
    for word in given:
        fixed = Path(re.split(r"[*?\[]", word, maxsplit=1)[0]).expanduser()
        place = (copilot.folder / fixed).resolve()
        place = place if place.is_dir() else place.parent
        if place.is_dir() and not any(place.is_relative_to(root) for root in (*copilot.roots, *outside)):
            outside.append(place)
    return copilot.like(folders=(*copilot.roots[1:], *outside)) if outside else copilot


def _job(parsed: argparse.Namespace, copilot: Copilot, recipe: Path | None) -> Job:
    from copilot.jobs.rows.schemas import schema_of

    jobs = copilot.settings.jobs
    mode: Mode = "dry-run" if parsed.dry_run else "yes" if parsed.yes else "read-only" if parsed.read_only else "ask"
    budget = parsed.budget if parsed.budget is not None else jobs.budget
    plain = {"prompt": parsed.work, "inputs": dict(map(_input, parsed.input))}
    work = _recipe(parsed, copilot, recipe) if recipe else plain
    return Job(
        **work,
        fields=schema_of(parsed.fields) if parsed.fields else None,
        mode=mode,
        model=parsed.model or "",
        agent=parsed.agent or "",
        to=_to(parsed.to, copilot),
        budget=budget,
        tries=parsed.tries or jobs.tries,
        reuse=parsed.reuse,
        deferred=parsed.deferred,
        seconds=jobs.seconds,
    )


def _to(to: str, copilot: Copilot) -> str:
    """Return the folder that results go to; raises OutsideRootsError for one that is not below an opened folder."""
    if to:
        copilot.workspace.target(f"{to.rstrip('/')}/x")
    return to


def _input(said: str) -> tuple[str, str]:
    name, separator, value = said.partition("=")
    if not separator:
        raise ToolInputError(f"--input {said!r} is not NAME=VALUE.", code="usage")
    return name.strip(), value


def _recipe_file(parsed: argparse.Namespace, copilot: Copilot) -> Path | None:
    """Return the file of the recipe that is named, None for a prompt. Raises PluginError where it is not there."""
    named = getattr(parsed, "recipe", None)
    if not named and not _names_a_recipe(parsed.work):
        return None
    from copilot.jobs.recipes.starting import found

    return found(named or parsed.work, copilot.folder).absolute()


def _names_a_recipe(word: str) -> bool:
    path = Path(word).expanduser()
    return path.suffix.lower() in _RECIPES and (path.is_file() or not any(c.isspace() for c in word))


def _recipe(parsed: argparse.Namespace, copilot: Copilot, path: Path) -> dict[str, Any]:
    """Return a recipe, checked, with its inputs."""
    from copilot.jobs.recipes.examining import examined
    from copilot.jobs.recipes.inputs import bound, written
    from copilot.jobs.recipes.reading import read

    recipe = examined(read(path), copilot.offered.tools()).recipe
    parsed.given = parsed.given or list(recipe.files)
    values = bound(recipe, written(parsed.input, recipe, Path.cwd()))
    return {"recipe": recipe.to_dict(), "inputs": values}


def _checked(copilot: Copilot, job: Job, place: dict[str, Any]) -> None:
    """Raise what is wrong with what is asked, or with the documents that are named, before a run is begun."""
    from copilot.jobs.feeding import listed
    from copilot.jobs.sources import Found
    from copilot.jobs.work import check

    found = Found()
    first = next(listed(copilot, Run("", job, place), found), None)
    if first is None:
        raise JobError("There is no document to work on.", code="usage")
    check(job, first.values)
    if place.get("table"):
        from copilot.jobs.rows import writer

        writer(place["table"], job.fields)


# --- going on -----------------------------------------------------------------------------------------------------


def _resume(parsed: argparse.Namespace) -> int:
    return _again(parsed, lambda runs, run: runs.resume(run.id, budget=parsed.budget))


def _retry(parsed: argparse.Namespace) -> int:
    return _again(parsed, lambda runs, run: runs.retry(run.id))


def _again(parsed: argparse.Namespace, order: Callable[[Runs, Run], int]) -> int:
    copilot = _opened(parsed)
    with _runs(copilot) as runs:
        run = _chosen(runs, parsed)
        order(runs, run)
        return _ordered(run) if parsed.detach else _worked(parsed, copilot, runs, run)


def _accept(parsed: argparse.Namespace) -> int:
    copilot = _opened(parsed)
    with _runs(copilot) as runs:
        run = _chosen(runs, parsed)
        shown = runs.shown(run.id, parsed.shown or "")
        answer = shown.only(parsed.only) if parsed.only else shown.but(parsed.but) if parsed.but else shown.all()
        return _answered(parsed, copilot, runs, run, answer)


def _reject(parsed: argparse.Namespace) -> int:
    copilot = _opened(parsed)
    with _runs(copilot) as runs:
        run = _chosen(runs, parsed)
        return _answered(parsed, copilot, runs, run, runs.shown(run.id, parsed.shown or "").none())


def _answered(parsed: argparse.Namespace, copilot: Copilot, runs: Runs, run: Run, answer: Any) -> int:
    said = runs.answer(answer, _person(copilot), copilot.audit.record)
    for name in said.stale[:5]:
        say(f"{name} is not what the report showed any more: look at a new report.")
    say(f"{said.accepted:,} accepted, {said.declined:,} declined.")
    if parsed.detach:
        return _ordered(run)
    code = _worked(parsed, copilot, runs, run)
    return FAILED if said.stale and code == DONE else code


def _review(parsed: argparse.Namespace) -> int:
    import webbrowser

    from copilot.jobs.ending import Seen, view
    from copilot.jobs.report.review import review

    def tell(address: str) -> None:
        say(f"Look at the changes and answer at {address} (on this machine only; Ctrl-C leaves them waiting).")
        if not parsed.no_browser:
            webbrowser.open(address)

    copilot = _opened(parsed)
    with _runs(copilot) as runs:
        run, seen = _chosen(runs, parsed), Seen()
        answer = review(view(run, runs.store, seen, command()), seen.of(runs.store.documents(run.id)), tell)
        if answer is None:
            shown = runs.shown(run.id)
            say("Nothing was answered." if shown.changes or shown.sends else "Nothing waits for an answer.")
            return NEEDS_APPROVAL
        return _answered(parsed, copilot, runs, run, answer)


def _ordered(run: Run) -> int:
    say(f"Run {run.id} is ordered; workers do it: {command()} worker. How it stands: {command()} batch status {run.id}")
    return DONE


# --- working ------------------------------------------------------------------------------------------------------


def _worked(parsed: argparse.Namespace, copilot: Copilot, runs: Runs, run: Run) -> int:
    """Work on a run until nothing is left to do without a person, and show how that goes."""
    from copilot.jobs.worker import working

    jobs = copilot.settings.jobs.model_copy(update={"parallel": parsed.parallel} if parsed.parallel else {})
    began, stopped = time.monotonic(), False
    with Screen(run.title, parsed.output_format) as screen:
        try:
            with _stoppable(), working(runs, jobs, live={run.id: copilot}, told=say):
                _followed(runs, run, screen, copilot)
        except KeyboardInterrupt:
            stopped = True
        run = runs.store.run(run.id)
        screen.close(_summary(runs, run, copilot, time.monotonic() - began, stopped))
    with suppress(EverpilotError):  # the next run does it, too
        runs.forget(jobs.keep_days)
    return 130 if stopped else exit_code(runs.store.counts(run.id))


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let the end of the session (SIGTERM) stop a run as Ctrl-C does."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _followed(runs: Runs, run: Run, screen: Screen, copilot: Copilot) -> None:
    """Show how a run goes on, until its end. Raises JobError ("stuck") for what a person has to mend first."""
    from copilot.jobs.troubles import stuck

    while runs.is_open(run.id):
        if why := stuck():
            raise JobError(f"Run {run.id} stopped; what it has done is kept. {why}", code="stuck")
        began = time.monotonic()
        screen.update(_progress(runs, run, copilot))
        time.sleep(max(_LOOK, 9 * (time.monotonic() - began)))  # of a million documents a look takes a second
    screen.update(_progress(runs, run, copilot))


def _progress(runs: Runs, run: Run, copilot: Copilot | None = None) -> Progress:
    """Return how a run stands; with an assistant also how its models are."""
    now = runs.store.run(run.id)
    last = [_told(each) for each in reversed(runs.store.latest(run.id))]
    vendors = {**(_vendors(copilot) if copilot else {}), **_at_vendors(runs, now)}
    return Progress(runs.store.counts(run.id), cost=now.spent, budget=now.budget, last=last, vendors=vendors)


def _vendors(copilot: Copilot) -> dict[str, str]:
    """Return of each configured model whether it is well, or what is the matter."""
    router = copilot.router
    known = [each for each in router.roster.quick() if not each.is_builtin]
    return {each.name: _state(each, router.health) for each in known}


def _state(each: Candidate, health: Health) -> str:
    if each.trouble is not None:
        return "can't be used"
    circuit, left = health.circuit(each.identity), health.remaining(each.identity)
    return f"is left alone for {left:.0f} s ({circuit.reason})" if circuit and left > 0 else "ok"


def _at_vendors(runs: Runs, run: Run) -> dict[str, str]:
    """Return how the batches of a deferred run stand, by their ids."""
    return {f"batch {each['batch']}": _batch(each) for each in runs.batches(run.id)} if run.job.deferred else {}


def _batch(each: dict[str, Any]) -> str:
    if trouble := each.get("trouble"):
        return f"can't be asked: {trouble}"
    answered = int(each["done"]) + int(each["failed"])
    return "ok" if each["ended"] else f"waits at {each['model']}: {answered:,} of {each['total']:,} answered"


def _told(each: Document) -> str:
    from copilot.jobs.report.view import WORDS

    name, word = each.source.path or each.source.key, WORDS[each.status][0]
    why = (each.outcome.error or {}).get("message", "") if each.outcome and each.status not in (Status.DONE,) else ""
    return short(f"{name}: {word}{f': {why}' if why else ''}", 200)


def exit_code(counts: dict[Status, int]) -> int:
    """Return what a run's counts mean for a script: done, failed, or something waits for a person."""
    if any(counts.get(status) for status in (Status.FAILED, Status.QUARANTINED)):
        return FAILED
    return NEEDS_APPROVAL if any(counts.get(status) for status in WAITING) else DONE


def _summary(
    runs: Runs, run: Run, copilot: Copilot, seconds: float, stopped: bool, more: Sequence[str] = ()
) -> Summary:
    from copilot.jobs.ending import report_of

    counts, report = runs.store.counts(run.id), report_of(run, copilot.state)
    next_steps = steps(run.id, counts, command(), _held(runs, run) if counts.get(Status.HELD) else "")
    if stopped and not next_steps:
        next_steps = [("It goes on with", f"{command()} batch resume {run.id}")]
    return Summary(
        run.id,
        counts,
        cost=run.spent,
        seconds=seconds,
        report=str(report) if report.exists() else "",
        output=str(run.place.get("table") or run.job.to),
        steps=next_steps,
        notes=[*run.notes, *more],
        stopped=stopped,
    )


def _held(runs: Runs, run: Run) -> str:
    """Return why the first document that is held is."""
    first = next(runs.store.documents(run.id, (Status.HELD,), most=1), None)
    error = (first.outcome.error if first and first.outcome else None) or {}
    return short(str(error.get("message", "")).rstrip("."), 160)


# --- looking ------------------------------------------------------------------------------------------------------


def _list(parsed: argparse.Namespace) -> int:
    with _runs(_opened(parsed)) as runs:
        rows = [_row(runs, run) for run in runs.store.runs()]
    if parsed.json:
        as_json(rows)
        return DONE
    if not rows:
        print(f'There are no runs. Begin one: {command()} batch "PROMPT" FILE ...')
        return DONE
    heads = ("Run", "Begun", "What", "Done", "Failed", "Waiting", "Open", "Cost")
    render.console().print(render.table(heads, [_cells(row) for row in rows]))
    return DONE


def _cells(row: dict[str, Any]) -> list[str]:
    kinds = by_kind({Status(status): count for status, count in row["counts"].items()})
    numbers = [f"{kinds[kind]:,}" for kind in ("done", "failed", "waiting", "open")]
    return [row["id"], _when(row["begun"]), short(row["title"], 40), *numbers, dollars(row["cost"])]


def _status(parsed: argparse.Namespace) -> int:
    copilot = _opened(parsed)
    with _runs(copilot) as runs:
        run = _chosen(runs, parsed)
        if parsed.json:
            as_json({**_row(runs, run), **_under_way(runs, run)})
            return DONE
        begun = datetime.fromisoformat(run.created)
        ended = datetime.fromisoformat(run.ended) if run.ended else datetime.now(begun.tzinfo)
        seconds = (ended - begun).total_seconds()
        Screen(run.title).close(_summary(runs, run, copilot, seconds, False, list(_said(runs, run))))
        return exit_code(runs.store.counts(run.id))


def _under_way(runs: Runs, run: Run) -> dict[str, Any]:
    """Return what is only true now: whether it is open, how many workers there are, and what waits at vendors."""
    from copilot.jobs.presence import living

    waiting = runs.batches(run.id) if run.job.deferred else []
    return {"open": runs.is_open(run.id), "workers": living(runs.database), "batches": waiting}


def _said(runs: Runs, run: Run) -> Iterator[str]:
    """Yield what a person should know of a run that is under way."""
    now = _under_way(runs, run)
    if now["open"] and now["workers"]:
        yield f"At work: {now['workers']:,} worker{'s' if now['workers'] > 1 else ''} on {runs.database.shown}."
    elif now["open"]:
        yield f"Nobody works on it: start {command()} worker, or go on here with {command()} batch resume {run.id}"
    for name, state in _at_vendors(runs, run).items():
        if state != "ok":
            yield f"{name} {state}"


def _row(runs: Runs, run: Run) -> dict[str, Any]:
    counts = {status.value: count for status, count in runs.store.counts(run.id).items()}
    told = {
        "id": run.id,
        "title": run.title,
        "by": run.by,
        "begun": run.created,
        "ended": run.ended,
        "mode": run.job.mode,
    }
    money = {"cost": run.spent, "budget": run.job.budget}
    return {**told, "counts": counts, **money, "notes": list(run.notes), "folder": run.place.get("folder", "")}


def _report(parsed: argparse.Namespace) -> int:
    from copilot.jobs.ending import finish, report_of

    copilot = _opened(parsed)
    with _runs(copilot) as runs:
        run = _chosen(runs, parsed)
        path = report_of(run, copilot.state)
        if parsed.write or not path.exists():
            path = finish(runs.store, run, copilot, command())
    print(path)
    return DONE


def _cancel(parsed: argparse.Namespace) -> int:
    copilot = _opened(parsed)
    with _runs(copilot) as runs:
        run = _chosen(runs, parsed)
        say(f"Run {run.id} is cancelled: {runs.cancel(run.id):,} documents were not done. What is written stays.")
        trouble = _stopped(copilot, runs, run) if run.job.deferred else []
        for each in trouble:
            say(f"Not stopped at the vendor yet: {each} Workers try it again.")
    return FAILED if trouble else DONE


def _stopped(copilot: Copilot, runs: Runs, run: Run) -> list[str]:
    """Have vendors stop what waits there; returns what they could not."""
    import asyncio

    from copilot.jobs.deferring import cancel
    from copilot.jobs.work import Desk

    async def stop() -> list[str]:
        async with Desk(copilot, run.id) as desk:
            return await cancel(run.job, desk, runs.batches(run.id))

    return asyncio.run(stop())


def _forget(parsed: argparse.Namespace) -> int:
    with _runs(_opened(parsed)) as runs:
        run = _chosen(runs, parsed)
        if not run.ended:
            raise JobError(
                f"Run {run.id} has not ended.", hint=f"Stop it: {command()} batch cancel {run.id}", code="open"
            )
        runs.remove(run.id)
        say(f"Run {run.id} is forgotten; the documents and their history stay.")
    return DONE


# --- what they share ----------------------------------------------------------------------------------------------


def _opened(parsed: argparse.Namespace) -> Copilot:
    for name, value in {"model": None, "agent": None, "yes": False, "dry_run": None, "json": False}.items():
        if not hasattr(parsed, name):
            setattr(parsed, name, value)
    return open_copilot(parsed)


@contextmanager
def _runs(copilot: Copilot) -> Iterator[Runs]:
    runs = Runs(Database(copilot.settings.database, copilot.state, os.environ))
    try:
        yield runs
    finally:
        runs.close()


def _chosen(runs: Runs, parsed: argparse.Namespace) -> Run:
    """Return the run that was named, or the last one. Raises JobError."""
    if parsed.run:
        return runs.store.run(parsed.run)
    if not (last := runs.store.runs(1)):
        raise JobError(
            "There are no runs yet.", hint=f'Begin one: {command()} batch "PROMPT" FILE ...', code="unknown_run"
        )
    return last[0]


def _person(copilot: Copilot) -> str:
    return copilot.user or getpass.getuser()


def _when(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


def _webhooks(parsed: argparse.Namespace, copilot: Copilot, runs: Runs) -> AbstractContextManager[Any]:
    """Return what answers webhooks inside a block, if it is asked for."""
    if not parsed.webhooks:
        return nullcontext()
    from copilot.hosts.hooks.serve import Address, listening

    return listening(copilot, runs, Address.parse(parsed.webhooks), os.environ, say)


def _told_of(now: str, before: str) -> str:
    """Say what the work waits for, once, and return it."""
    if now and now != before:
        say(f"The work waits. {now}")
    return now


def worker(parsed: argparse.Namespace) -> int:
    """Work on whatever runs there are, until stopped, or until nothing is left to do."""
    from copilot.jobs.triggers.keeping import keeping
    from copilot.jobs.troubles import stuck
    from copilot.jobs.worker import working

    copilot = _opened(parsed)
    jobs = copilot.settings.jobs.model_copy(update={"parallel": parsed.parallel} if parsed.parallel else {})
    with _runs(copilot) as runs:
        hooks, triggers = (
            _webhooks(parsed, copilot, runs),
            keeping(runs, state=copilot.state, told=say, keep_days=jobs.keep_days),
        )
        try:
            with _stoppable(), hooks, working(runs, jobs, state=copilot.state, told=say, patience=10) as made, triggers:
                say(f"Worker {made.id} works on runs in {runs.database.shown}. Ctrl-C ends it.")
                told = ""
                while not (parsed.until_idle and runs.client.is_idle()):
                    time.sleep(_LOOK)
                    told = _told_of(stuck(), told)
        except KeyboardInterrupt:
            say("Stopped. What was not finished goes on in another worker, or when one is started.")
    return DONE
