"""What the journal costs: a journalled save of 10 MB beside a plain one that syncs, in the same minute.

Goal: the median of the journalled one under 1.3 times the plain one's. The plain save is: write beside, fsync, replace,
fsync the folder. The journalled one is `Workspace.commit` with all it does: hash the bytes, keep the old version,
record the change so that it survives a power cut.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from copilot.workspace.change import Change, sha256
from copilot.workspace.workspace import Workspace

SIZE, ROUNDS = 10 * 2**20, 25


def plain(path: Path, content: bytes) -> None:
    beside = path.with_name(".beside.tmp")
    with beside.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(base: Path, size: int, rounds: int) -> dict[str, float]:
    """Return medians in milliseconds and their ratio; the two take turns, each with new random bytes."""
    docs = base / "docs"
    docs.mkdir()
    workspace = Workspace([docs], base / "state")
    one, other = docs / "plain.docx", docs / "journalled.docx"
    content = os.urandom(size)
    one.write_bytes(content)
    other.write_bytes(content)
    times: dict[str, list[float]] = {"plain": [], "journalled": []}
    before = sha256(content)
    for _ in range(rounds):
        content = os.urandom(size)
        times["plain"].append(seconds(lambda content=content: plain(one, content)))  # type: ignore[misc]
        change = Change(other, before, content, (), "Edit")
        times["journalled"].append(seconds(lambda change=change: workspace.commit(change)))  # type: ignore[misc]
        before = change.after or ""
    medians = {name: statistics.median(found) for name, found in times.items()}
    pairs = [b / a for a, b in zip(times["plain"], times["journalled"], strict=True)]
    return {
        "plain_ms": round(1000 * medians["plain"], 2),
        "journalled_ms": round(1000 * medians["journalled"], 2),
        "ratio": round(medians["journalled"] / medians["plain"], 3),
        "ratio_of_pairs": round(statistics.median(pairs), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE, metavar="BYTES")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--dir", help="where to measure: the disk matters (default: the temporary folder)")
    parsed = parser.parse_args()
    base = Path(tempfile.mkdtemp(dir=parsed.dir))
    try:
        print(json.dumps(measure(base, parsed.size, parsed.rounds)))
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
