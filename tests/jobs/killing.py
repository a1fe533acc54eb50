"""A run over many documents whose workers are killed at random moments, over and over; by hand with any numbers:

python -m tests.jobs.killing 1000 --kills 30 --postgres --seed 7
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from docx import Document as Word

from copilot.jobs.database import Database
from copilot.jobs.job import Job, Status
from copilot.jobs.runs import Runs
from tests.vendors import Call, OpenAIServer, Reply, Request

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = "Acme Ltd", "Acme Ltd & Co"  # done twice, it can be seen


def obedient(request: Request) -> Reply:
    """Replace the name by a call of the tool, once; then say so."""
    said = request.body["messages"]
    spent = {"input_tokens": 1_000, "output_tokens": 100}
    if said[-1]["role"] == "tool":
        return Reply("Done.", **spent)
    path = next(
        re.findall(r"Files: (\S+)", str(m["content"]))[0] for m in reversed(said) if "Files: " in str(m["content"])
    )
    return Reply(calls=(Call("word__replace_text", {"path": path, "find": OLD, "replace": NEW}),), **spent)


class Site:
    """A folder of documents, and two machines that work on it, each with a state folder of its own."""

    def __init__(self, home: Path, count: int, database: str = "", vendors: tuple[OpenAIServer, ...] = ()) -> None:
        self.docs = home / "docs"
        self.homes = [home / "a", home / "b"] if database else [home / "a", home / "a"]
        self.database = database
        self.workers: list[subprocess.Popen[bytes]] = []
        self._fill(count)
        for each in set(self.homes):
            each.mkdir(mode=0o700)
            (each / "copilot.toml").write_text(self._settings(vendors))
        self.runs = Runs(Database(database, self.homes[0]))

    def _fill(self, count: int) -> None:
        self.docs.mkdir()
        made = Word()
        made.add_paragraph(f"Between {OLD} and the client.")
        made.add_paragraph("NUMBER")
        for number in range(count):
            made.paragraphs[1].text = f"Contract {number}"
            made.save(str(self.docs / f"{number:05}.docx"))

    def _settings(self, vendors: tuple[OpenAIServer, ...]) -> str:
        lines = [f"database = {json.dumps(self.database)}", "[jobs]", "parallel = 4", "tries = 20"]
        for number, vendor in enumerate(vendors):
            lines += ["[[models]]", f'name = "vendor-{number}"', 'provider = "openai"', 'model = "gpt-test"']
            lines += [f"base_url = {json.dumps(vendor.base_url)}", 'api_key_env = "EVERPILOT_TEST_KEY"']
            lines += ["price = { input = 1.0, output = 10.0 }", 'max_confidentiality = "internal"']
        return "\n".join(lines) + "\n"

    def begin(self, prompt: str, **more: object) -> str:
        job = Job(prompt=prompt, mode="yes", tries=20, **more)  # type: ignore[arg-type]
        run = self.runs.begin(job, {"folder": str(self.docs), "folders": [], "given": ["*.docx"]})
        self.runs.order(run)
        return run.id

    def work(self, machine: int) -> None:
        """Start a worker on a machine."""
        env = {**os.environ, "EVERPILOT_HOME": str(self.homes[machine]), "EVERPILOT_TEST_KEY": "sk-test"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        log = (self.homes[machine] / "worker.log").open("ab")
        command = [sys.executable, "-m", "copilot", "worker", "--dir", str(self.docs)]
        self.workers.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log))

    def kill(self, which: int) -> None:
        """Kill a worker where it stands."""
        self.workers[which].send_signal(signal.SIGKILL)
        self.workers.pop(which).wait()

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.runs.close()

    def done(self, run: str) -> int:
        return self.runs.store.counts(run).get(Status.DONE, 0)

    def texts(self) -> list[str]:
        return [Word(str(path)).paragraphs[0].text for path in sorted(self.docs.glob("*.docx"))]


@contextmanager
def site(count: int, database: str = "", vendors: tuple[OpenAIServer, ...] = ()) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="everpilot-kill-", ignore_cleanup_errors=True, **({"delete": False} if False else {})) as home:
        made = Site(Path(home), count, database, vendors)
        try:
            yield made
        finally:
            made.close()


def killed(
    here: Site, run: str, count: int, kills: int, chance: random.Random, after: dict[int, Callable[[], None]]
) -> int:
    """Kill a worker each time that a random number of documents more is done, and start another; `after` so many
    documents are done something else happens. Returns how often a worker was killed."""
    here.work(0)
    here.work(1)
    marks = sorted(chance.sample(range(1, count), min(kills, count - 1)))
    times, waits = 0, dict(after)
    while here.runs.is_open(run):
        done = here.done(run)
        if marks and done >= marks[0]:
            marks = [mark for mark in marks if mark > done]
            machine = chance.randrange(2)
            here.kill(0)
            times += 1
            here.work(machine)
        for mark in [mark for mark in waits if done >= mark]:
            waits.pop(mark)()
        time.sleep(0.05)
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--model", action="store_true", help="with two vendors, of which one dies in the middle")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with ExitStack() as stack:
        server = None
        if asked.postgres:
            from tests.jobs.postgres import postgres

            server = stack.enter_context(postgres())
        first, second = (stack.enter_context(OpenAIServer(obedient)) for _ in range(2))
        vendors = (first, second) if asked.model else ()
        here = stack.enter_context(site(asked.count, server.fresh("kill") if server else "", vendors))
        prompt = "Put the new name of Acme into the contract" if asked.model else f"replace {OLD} by {NEW}"
        began, run = time.monotonic(), here.begin(prompt, budget=1_000.0 if asked.model else None)
        after: dict[int, Callable[[], None]] = {}
        if asked.model:
            after[asked.count // 3] = first.stop
        if server:
            after[2 * asked.count // 3] = server.restart
        times = killed(here, run, asked.count, asked.kills, random.Random(asked.seed), after)
        right = sum(text == f"Between {NEW} and the client." for text in here.texts())
        print(f"{asked.count} documents, {times} kills: {right} right, {dict(here.runs.store.counts(run))}")
        for each in here.runs.store.documents(run, (Status.FAILED, Status.QUARANTINED, Status.HELD)):
            print(each.source.path, each.status, each.tries, each.attempt, each.outcome and each.outcome.error)
        print(
            f"{time.monotonic() - began:.1f} s, ${here.runs.store.run(run).spent:.4f}, {here.runs.store.run(run).notes}"
        )


if __name__ == "__main__":
    main()
