"""The end of a round of a run: its tables, its report, and whether there is nothing left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.errors import EverpilotError, SettingsError
from copilot.jobs.job import WAITING, Outcome, Source
from copilot.jobs.report import RunView, write
from copilot.jobs.store import Document, Run, Store
from copilot.jobs.troubles import AGAIN
from copilot.workspace.save import make_private

FOLDER = Path("jobs") / "reports"


def report_of(run: Run, state: Path) -> Path:
    """Return where the report of a run lies."""
    return Path(run.place["report"]) if run.place.get("report") else state / FOLDER / f"{run.id}.html"


def finish(store: Store, run: Run, base: Copilot, program: str = "everpilot") -> Path:
    """Write the tables and the report of a run as it stands, and return the report; `program` is how we are called.

    What can't be written becomes a note of the run. With nothing left to do, or to be answered, the run has ended.
    """
    report = report_of(run, base.state)
    counts, seen = store.counts(run.id), Seen()
    waits = sum(counts.get(status, 0) for status in WAITING)
    if not waits and not store.is_open(run.id):
        store.mark(run.id, ended=True)
    run = store.run(run.id)
    try:
        make_private(report.parent)
        with ExitStack() as stack:
            out = _table(store, run, stack)
            documents = seen.of(store.documents(run.id), out)
            written = write(report, view(run, store, seen, program), documents)
        store.put_blob(run.id, written.shown.to_bytes())
    except (OSError, EverpilotError) as error:
        if isinstance(error, SettingsError) and error.code in AGAIN:
            raise  # then all of it is done again
        why = error.message if isinstance(error, EverpilotError) else f"{error.strerror or error}."
        again = f"Write it again when that is mended: everpilot batch report {run.id} --write"
        store.note(run.id, f"The report or the table can't be written: {why} {again}")
    store.finished(run.id, run.round)
    return report


def _table(store: Store, run: Run, stack: ExitStack) -> Any:
    """Return the table that rows go to, None where there is none, or it can't be written."""
    if not run.place.get("table"):
        return None
    from copilot.jobs.rows import writer

    first = next(store.documents(run.id, most=1), None)
    given = list(first.source.values) if first else []
    try:
        return stack.enter_context(writer(Path(run.place["table"]), run.job.fields, given=given))
    except EverpilotError as error:
        store.note(run.id, f"{error.message} {error.hint}".strip())
        return None


class Seen:
    """What is only known once all documents went by: which models served."""

    def __init__(self) -> None:
        self.models: Counter[str] = Counter()

    def of(self, documents: Iterator[Document], table: Any = None) -> Iterator[tuple[Source, Outcome]]:
        """Yield the documents for the report, and put each into the table."""
        for each in documents:
            outcome = each.told
            if outcome.served_by:
                self.models[outcome.served_by] += 1
            if table is not None:
                table.add(each.source, outcome)
            yield each.source, outcome


def view(run: Run, store: Store, seen: Seen, program: str = "everpilot") -> RunView:
    """Return a run as its report shows it; `seen` is filled while the documents go by."""
    return RunView(
        id=run.id,
        title=run.title,
        prompt=run.job.prompt,
        recipe=str((run.job.recipe or {}).get("name", "")),
        started=datetime.fromisoformat(run.created),
        ended=datetime.fromisoformat(run.ended) if run.ended else None,
        by=run.by,
        counts=store.counts(run.id),
        cost=run.spent,
        budget=run.budget,
        models=seen.models,
        workers=store.workers(run.id),
        notes=run.notes,
        mode=run.job.mode,
        output=str(run.place.get("table") or run.job.to),
        program=program,
    )
