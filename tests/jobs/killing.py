"""A run over many documents whose workers are killed, over and over, its vendor fails and its database restarts: by
hand with any numbers, in tests/jobs/test_killing.py with small ones.

    python -m tests.jobs.killing 1000 --kills 30 --postgres --model --seed 7

Workers are processes: forks of one that has everything imported (the nursery). A fork may be told to kill itself right
after a moment that a random kill seldom meets.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbos")

from docx import Document as Word

from copilot.jobs.database import Database
from copilot.jobs.ending import report_of
from copilot.jobs.job import Job, Status
from copilot.jobs.runs import Runs
from tests.vendors import Call, OpenAIServer, Reply, Request

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = "Acme Ltd", "Acme Ltd & Co"  # done twice, it can be seen
PARALLEL = 4
#: US dollars for a million tokens, and the tokens of every answer.
PRICE, TOKENS = {"input": 1.0, "output": 10.0}, {"input_tokens": 1_000, "output_tokens": 100}
COST = (PRICE["input"] * 1_000 + PRICE["output"] * 100) / 1e6
#: Moments right after which a worker can be made to die, as "module:function".
MOMENTS = {
    "begun": "copilot.jobs.store:Store.begin",
    "blob": "copilot.jobs.store:Store.put_blob",  # its outcome is not written yet
    "outcome": "copilot.jobs.store:Store.keep",  # nothing is saved yet
    "saved": "copilot.jobs.hand:save",  # nobody knows it
    "ended": "copilot.jobs.store:Store.end",  # the workflow does not know it
}


class Vendor(OpenAIServer):
    """Has the name replaced by a call of the tool, then says so; counts what it answered, by document and turn."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self._counting = threading.Lock()
        super().__init__(self._obey)

    def _obey(self, request: Request) -> Reply:
        said = request.body["messages"]
        path = next(
            re.findall(r"Files: (\S+)", str(m["content"]))[0] for m in reversed(said) if "Files: " in str(m["content"])
        )
        is_told = said[-1]["role"] == "tool"
        with self._counting:
            self.asked[path, "end" if is_told else "begin"] += 1
        if is_told:
            return Reply("Done.", **TOKENS)
        return Reply(calls=(Call("word__replace_text", {"path": path, "find": OLD, "replace": NEW}),), **TOKENS)


@dataclass
class Worker:
    """A process that works on runs, on one of the machines."""

    pid: int
    machine: int
    dies: str = ""
    was_killed: bool = False

    def kill(self) -> None:
        """Kill it where it stands; returns once it is gone."""
        self.was_killed = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        while self.is_alive():
            time.sleep(0.002)

    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


class Nursery:
    """A process with everything imported, whose forks are the workers."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.jobs.killing", "--nursery"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def fork(self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], log: Path, dies: str = "") -> int:
        """Return the process id of `everpilot ARGUMENTS`; `dies` is a moment and its count: "saved:2"."""
        assert self._process.stdin
        assert self._process.stdout
        asked = {"arguments": list(arguments), "folder": str(folder), "env": dict(env), "log": str(log), "dies": dies}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _nurse() -> None:
    """Fork a worker for each line that comes in, and tell its id."""
    from importlib import import_module

    from copilot.jobs import worker  # noqa: F401
    from tests.warm import LIBRARIES

    for name in (*LIBRARIES, "dbos", "psycopg", "copilot.hosts.batch_commands", "copilot.jobs.work.agent"):
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    children = []
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            _become(json.loads(line))
        children.append(child)
        print(child, flush=True)
    for child in children:  # whoever asked for them has died
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _become(asked: dict[str, Any]) -> None:
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for number, stream in enumerate((null, log, log)):
        os.dup2(stream, number)
    sys.stdout = sys.stderr = open(1, "w", closefd=False)  # noqa: SIM115 - until the process ends
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    os.setsid()
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["folder"])
    if asked["dies"]:
        _die_after(*asked["dies"].split(":"))
    from copilot.cli import main

    try:
        code = main(asked["arguments"])
    except BaseException:  # noqa: BLE001 - told and counted as an interpreter does
        import traceback

        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)


def _die_after(moment: str, times: str) -> None:
    """Have this process kill itself once the function of the moment has returned so often."""
    from importlib import import_module

    module, _, path = MOMENTS[moment].partition(":")
    owner: Any = import_module(module)
    *outer, name = path.split(".")
    for each in outer:
        owner = getattr(owner, each)
    real, left = getattr(owner, name), [int(times)]

    def dying(*args: Any, **named: Any) -> Any:
        found = real(*args, **named)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, dying)


class Site:
    """A folder of documents, and two machines that work on it; with Postgres each has a state folder of its own."""

    def __init__(
        self, home: Path, count: int, nursery: Nursery, database: str = "", vendors: Sequence[OpenAIServer] = ()
    ) -> None:
        self.docs, self.count = home / "docs", count
        self.homes = [home / "a", home / "b"] if database else [home / "a", home / "a"]
        self.workers: list[Worker] = []
        self.killed, self.ended = 0, 0
        self._database, self._nursery = database, nursery
        self._fill()
        for each in set(self.homes):
            each.mkdir(mode=0o700)
            (each / "copilot.toml").write_text(self._settings(vendors))
        self.runs = Runs(Database(database, self.homes[0]))

    def _fill(self) -> None:
        self.docs.mkdir()
        made = Word()
        made.add_paragraph(f"Between {OLD} and the client.")
        made.add_paragraph("NUMBER")
        for number in range(self.count):
            made.paragraphs[1].text = f"Contract {number}"
            made.save(str(self.docs / f"{number:05}.docx"))

    def _settings(self, vendors: Sequence[OpenAIServer]) -> str:
        lines = [f"database = {json.dumps(self._database)}", "[jobs]", f"parallel = {PARALLEL}", "tries = 20"]
        for number, vendor in enumerate(vendors):
            lines += ["[[models]]", f'name = "vendor-{number}"', 'provider = "openai"', 'model = "gpt-test"']
            lines += [f"base_url = {json.dumps(vendor.base_url)}", 'api_key_env = "EVERPILOT_TEST_KEY"']
            lines += [f"price = {{ input = {PRICE['input']}, output = {PRICE['output']} }}"]
            lines += ['max_confidentiality = "internal"']
        return "\n".join(lines) + "\n"

    def begin(self, prompt: str, **more: Any) -> str:
        """Order a run over all documents, and return its id."""
        job = Job(**{"prompt": prompt, "mode": "yes", "tries": 20, **more})
        run = self.runs.begin(job, {"folder": str(self.docs), "folders": [], "given": ["*.docx"]})
        self.runs.order(run)
        return run.id

    def work(self, machine: int, dies: str = "", *more: str) -> Worker:
        """Start a worker on a machine."""
        home = self.homes[machine]
        env = {**os.environ, "EVERPILOT_HOME": str(home), "EVERPILOT_TEST_KEY": "test-key"}
        asked = ["worker", "--dir", str(self.docs), *more]
        pid = self._nursery.fork(asked, ROOT, env, home / "worker.log", dies)
        made = Worker(pid, machine, dies)
        self.workers.append(made)
        return made

    def kill(self, worker: Worker) -> None:
        """Kill a worker, and start another on its machine."""
        worker.kill()
        self.replace(worker)

    def replace(self, worker: Worker, dies: str = "") -> None:
        """Start another worker in the place of one that was killed, or that has ended by itself."""
        if worker.dies or worker.was_killed:
            self.killed += 1
        else:
            self.ended += 1
        self.workers.remove(worker)
        self.work(worker.machine, dies)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.runs.close()

    def told(self, run: str) -> str:
        """What can be known of a run that is stuck: counts, where each worker stands, the ends of their logs."""
        for each in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGUSR1)
        time.sleep(1.0)
        return f"{dict(self.runs.store.counts(run))}, {self.runs.store.run(run)}\n{self._logs()[-40_000:]}"

    def done(self, run: str) -> int:
        return self.runs.store.counts(run).get(Status.DONE, 0)

    def entries(self, run: str) -> Counter[str]:
        """How often each document was written, by the journals of all machines."""
        found: Counter[str] = Counter()
        for home in set(self.homes):
            for file in home.rglob("journal/index.sqlite"):
                with contextlib.closing(sqlite3.connect(file)) as journal:
                    rows = journal.execute("SELECT path FROM entries WHERE status = 'done' AND thread = ?", (run,))
                    found.update(Path(os.fsdecode(path)).name for (path,) in rows)
        return found

    def faults(self, run: str, vendors: Sequence[Vendor] = ()) -> list[str]:
        """Return what is wrong with a run that has ended."""
        broken = (
            "something unexpected" in self._logs().lower()
        )  # one that begins while the database is down says so, and ends
        return [
            *([self._logs()[-3_000:]] if broken else []),
            *self._of_documents(run),
            *self._of_tables(run, vendors),
            *self._of_calls(vendors),
        ]

    def _logs(self) -> str:
        return "\n".join((home / "worker.log").read_text() for home in self.homes)

    def _of_documents(self, run: str) -> Iterator[str]:
        expected = {f"{number:05}.docx" for number in range(self.count)}
        there = {path.name for path in self.docs.iterdir()}
        if there != expected:
            yield f"files left or lost: {sorted(there ^ expected)[:5]}"
        for name in sorted(expected & there):
            said = [each.text for each in Word(str(self.docs / name)).paragraphs]
            if said != [f"Between {NEW} and the client.", f"Contract {int(name[:5])}"]:
                yield f"{name} says {said}"
        if (written := self.entries(run)) != Counter(expected):
            wrong = {name: written[name] for name in expected | set(written) if written[name] != 1}
            yield f"not written once: {dict(list(wrong.items())[:5])}"

    def _of_tables(self, run: str, vendors: Sequence[Vendor]) -> Iterator[str]:
        told = self.runs.store.run(run)
        for each in self.runs.store.documents(run):
            if each.status is not Status.DONE:
                yield f"{each.source.path}: {each.status}, {each.outcome and each.outcome.error}"
        if not told.ended or told.finished != told.round:
            yield f"the run has not ended: {told}"
        if told.notes:
            yield f"notes: {told.notes}"
        if not any((page := report_of(told, home)).is_file() and NEW_SHOWN in page.read_text() for home in self.homes):
            yield "there is no report that shows the changes"
        failed = self.runs.client.dbos.list_workflows(status=["ERROR", "PENDING", "ENQUEUED"], load_input=False)
        yield from (f"workflow {each.workflow_id} is {each.status}: {each.error}" for each in failed)
        yield from self._of_money(told.spent, told.job.budget, vendors)

    def _of_money(self, spent: float, budget: float | None, vendors: Sequence[Vendor]) -> Iterator[str]:
        least = 2 * self.count * COST if vendors else 0.0
        if spent < least - 1e-6:
            yield f"${spent:.4f} are counted, and ${least:.4f} were spent"
        if budget is not None and spent > budget + 1e-6:
            yield f"${spent:.4f} are more than the budget of ${budget:.4f}"

    def _of_calls(self, vendors: Sequence[Vendor]) -> Iterator[str]:
        if vendors:
            calls = sum((vendor.asked for vendor in vendors), Counter[tuple[str, str]]())
            extra = sum(calls.values()) - 2 * self.count
            if extra > PARALLEL * (self.killed + 1):  # one in flight each, and each of the vendor that broke off
                yield f"{extra} calls too many: {calls.most_common(5)}"
            missed = 2 * self.count - len(calls)
            if missed:
                yield f"{missed} calls were never made"


#: As the page shows it.
NEW_SHOWN = "amp; Co"


@contextmanager
def site(
    count: int, database: str = "", vendors: Sequence[OpenAIServer] = (), nursery: Nursery | None = None
) -> Iterator[Site]:
    """A site for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="everpilot-kill-", ignore_cleanup_errors=True) as home:
        own = nursery or Nursery()
        made = Site(Path(home), count, own, database, vendors)
        try:
            yield made
        finally:
            made.close()
            if nursery is None:
                own.close()


def budget(count: int, kills: int) -> float:
    """Return the US dollars that so many documents need: each kill loses what those in flight had been allowed."""
    return 2 * count * COST + 0.05 * PARALLEL * kills + 0.1


@dataclass
class Plan:
    """What happens in the course of a run: `kills` at random, `dies` of workers at exact moments ("saved:2"), and
    `after` so many documents are done something else."""

    kills: int = 0
    dies: Sequence[str] = ()
    after: dict[int, Callable[[], Any]] = field(default_factory=dict)
    seed: int = 0


def carried_out(here: Site, run: str, plan: Plan, seconds: float = 3_600.0) -> None:
    """Work on a run until it has ended while the plan happens; TimeoutError when it does not end."""
    chance, dies, until = random.Random(plan.seed), list(plan.dies), time.monotonic() + seconds
    marks = sorted(chance.sample(range(1, here.count), min(plan.kills, here.count - 1)))
    for machine in (0, 1):
        here.work(machine, dies.pop(0) if dies else "")
    while here.runs.is_open(run):
        if time.monotonic() > until:
            raise TimeoutError(here.told(run))
        done = here.done(run)
        for gone in [each for each in here.workers if not each.is_alive()]:
            here.replace(gone, dies.pop(0) if dies else "")
        if marks and done >= marks[0]:
            marks = [mark for mark in marks if mark > done]
            here.kill(chance.choice(here.workers))
        for mark in [mark for mark in plan.after if done >= mark]:
            plan.after.pop(mark)()
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--nursery", action="store_true")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--model", action="store_true", help="with two vendors, of which one dies in the middle")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3_600.0, help="after which it counts as stuck")
    asked = parser.parse_args()
    if asked.nursery:
        return _nurse()
    with ExitStack() as stack:
        server = None
        if asked.postgres:
            from tests.jobs.postgres import postgres

            server = stack.enter_context(postgres())
        vendors = [stack.enter_context(Vendor()) for _ in range(2)] if asked.model else []
        here = stack.enter_context(site(asked.count, server.fresh("kill") if server else "", vendors))
        plan = Plan(asked.kills, [f"{moment}:{n}" for n, moment in enumerate(MOMENTS, 2)], {}, asked.seed)
        if vendors:
            plan.after[asked.count // 3] = vendors[0].stop
        if server:
            plan.after[asked.count // 2] = server.restart
            plan.after[2 * asked.count // 3] = lambda: server.restart("immediate")
        prompt = "Put the new name of Acme into the contract" if vendors else f"replace {OLD} by {NEW}"
        began, run = (
            time.monotonic(),
            here.begin(prompt, budget=budget(asked.count, asked.kills + 5) if vendors else None),
        )
        carried_out(here, run, plan, asked.seconds)
        faults = here.faults(run, vendors)
        calls = sum(sum(vendor.asked.values()) for vendor in vendors)
        print(
            f"{asked.count} documents, {here.killed} kills, {calls} calls, {time.monotonic() - began:.0f} s,", end=" "
        )
        print(f"${here.runs.store.run(run).spent:.4f}: {'; '.join(faults[:20]) or 'all right'}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
