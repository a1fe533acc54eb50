"""Lists the documents of a run and orders the work on each, a page in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.agent.copilot import Copilot
from copilot.errors import EverpilotError
from copilot.jobs.engine import Client
from copilot.jobs.job import Source
from copilot.jobs.sources import Found, sources
from copilot.jobs.store import PAGE, Document, Run, Store
from copilot.jobs.troubles import AGAIN
from copilot.jobs.workflows import works_of

if TYPE_CHECKING:
    import sqlalchemy as sa


def place_of(
    base: Copilot,
    given: list[str],
    *,
    rows: str | Path | None = None,
    table: str | Path | None = None,
    report: str | Path | None = None,
    to: str = "",
    recipe: str | Path | None = None,
) -> dict[str, Any]:
    """Return where a run's documents lie and its results go, as any worker can find it again.

    What it writes itself (`ours`) is none of its documents, the folder `to` included; `recipe` is the recipe's file.
    """
    named = {"rows": rows, "table": table, "report": report, "recipe": recipe}
    paths = {name: str(Path(path).expanduser().absolute()) for name, path in named.items() if path}
    ours = [paths[name] for name in ("table", "report") if name in paths]
    ours += [str(each) for each in _results(base, to)]
    folders = [str(root) for root in base.roots[1:]]
    return {
        "folder": str(base.folder),
        "folders": folders,
        "given": given,
        "user": base.user,
        "ours": ours,
        **paths,
    }


def _results(base: Copilot, to: str) -> list[Path]:
    """Return the folder that results go to, if it is one of this machine and holds no document's folder."""
    if not to:
        return []
    folder = base.workspace.resolve(to)
    holds_all = any(root.is_relative_to(folder) for root in base.roots)
    return [] if holds_all or any(folder.is_relative_to(each.folder) for each in base.mounts.values()) else [folder]


def listed(base: Copilot, run: Run, found: Found) -> Iterator[Source]:
    """Return the sources of a run; raises at once what is wrong with what it was given."""
    place = run.place
    rows = Path(place["rows"]) if place.get("rows") else None
    ours = [Path(each) for each in place.get("ours", ())]
    values = place.get("values")
    if values is not None and not place.get("given"):  # what a webhook said is the whole work
        return iter((Source(key="request", values=values),))
    each = islice(sources(place.get("given", []), base, rows, found=found, ours=ours), place.get("sample") or None)
    return each if not values else (source.model_copy(update={"values": values}) for source in each)


def feed(store: Store, client: Client, run: Run, base: Copilot) -> int:
    """Order the documents of a run that are not ordered yet, and return how many; listing it again adds nothing.

    What can't be listed becomes a note of the run.
    """
    found, count = Found(), 0
    client.open()

    def order(connection: sa.Connection, documents: Sequence[Document]) -> None:
        client.put(works_of(run.job, documents), connection)

    try:
        for page in _pages(listed(base, run, found)):
            if store.run(run.id).ended:
                return count  # cancelled meanwhile
            count += len(store.add(run.id, page, order))
    except EverpilotError as error:
        if error.code in AGAIN:
            raise  # then the listing goes on where it broke off
        store.note(run.id, f"{error.message} {error.hint}".strip())
    for note in found.lines()[1:]:
        store.note(run.id, note)
    store.mark(run.id, listed=True)
    return count


def _pages(given: Iterable[Source]) -> Iterator[list[Source]]:
    each = iter(given)
    while page := list(islice(each, PAGE)):
        yield page
