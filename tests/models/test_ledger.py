"""The usage table, with a clock that is moved by hand."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.models.ledger import ANSWERED, FILE_NAME, Ledger, Spent, day_begins, of_process

NOON = 1_800_014_400.0  # 2027-01-15, 12:00 UTC
CALL = Spent(
    time=NOON,
    model="claude",
    identity="id-claude",
    provider="anthropic",
    vendor_model="claude-sonnet-4-5",
    outcome=ANSWERED,
    thread="t1",
    turn="u1",
    user="ann",
    input=1000,
    output=200,
    cached=400,
    reasoning=50,
    cost=0.006,
    seconds=2.0,
    first=0.5,
)


def ledger(path: Path | None = None) -> Ledger:
    return Ledger(path, clock=lambda: NOON)


def test_what_was_spent_by_thread_turn_user_day_and_model() -> None:
    book = ledger()
    for spent in (
        CALL,
        replace(CALL, turn="u2", cost=0.01),
        replace(CALL, thread="t2", user="bob", cost=0.1),
        replace(CALL, time=NOON - 86400, identity="other", cost=5.0),
        replace(CALL, cost=None),
    ):
        book.add(spent)
    assert book.spent(thread="t1", turn="u1") == pytest.approx(5.006)
    assert book.spent(thread="t2") == pytest.approx(0.1)
    today = day_begins(NOON)
    assert today == NOON - 12 * 3600
    assert book.spent(since=today) == pytest.approx(0.116)
    assert book.spent(since=today, user="ann") == pytest.approx(0.016)
    assert book.spent(identity="other") == 5.0


def test_what_is_under_way_counts_as_spent() -> None:
    book = ledger()
    with book.reserved(replace(CALL, cost=0.5)):
        assert book.spent(thread="t1") == 0.5
        assert book.spent(thread="t2") == 0
    assert book.spent(thread="t1") == 0


def test_totals_keep_what_was_wasted_apart() -> None:
    book = ledger()
    book.add(CALL)
    book.add(replace(CALL, outcome="dead", output=7, cost=0.002))
    book.add(replace(CALL, outcome="auth", input=0, output=0, cached=0, reasoning=0, cost=None))
    book.add(replace(CALL, model="mine", cost=None))
    rows = {row["model"]: row for row in book.totals("model")}
    assert rows["claude"] == {
        "model": "claude",
        "calls": 1,
        "failed": 2,
        "input_tokens": 1000,
        "output_tokens": 200,
        "cached_tokens": 400,
        "reasoning_tokens": 50,
        "wasted_tokens": 1007,
        "cost": pytest.approx(0.008),
        "wasted_cost": pytest.approx(0.002),
        "unpriced": 0,
    }
    assert (rows["mine"]["cost"], rows["mine"]["unpriced"]) == (None, 1)
    assert [row["day"] for row in book.totals("day")] == ["2027-01-15"]
    assert book.totals("user", since=NOON + 1) == []


def test_the_standing_of_a_model() -> None:
    book = ledger()
    assert book.standing("new").first is None
    assert book.standing("new").quality == 1.0
    for first in (0.9, 0.3, 0.5):
        book.add(replace(CALL, first=first))
    book.add(replace(CALL, first=60.0, time=NOON - 30 * 86400))
    assert book.standing("id-claude").first == 0.5, "the middle one, of those that are not old"
    for _ in range(8):
        book.add(replace(CALL, outcome="soft"))
    book.add(replace(CALL, outcome="dead"))
    assert book.standing("id-claude").quality == 0.5, "an outage is no lack of quality: 8 usable with the prior, 8 not"
    book.mark("id-claude", 0.75)
    assert book.standing("id-claude").quality == 0.375


def test_it_survives_the_process_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / FILE_NAME
    ledger(path).add(CALL)
    assert ledger(path).spent(thread="t1") == 0.006
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert of_process(tmp_path) is of_process(tmp_path)


def test_many_threads_and_two_ledgers_lose_no_row(tmp_path: Path) -> None:
    books = [ledger(tmp_path / FILE_NAME), ledger(tmp_path / FILE_NAME)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: books[n % 2].add(replace(CALL, cost=1.0)), range(200)))
    assert books[0].spent() == 200.0


def test_a_table_that_cannot_be_used_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database, and long enough to be seen as such" * 30)
    book = ledger(tmp_path / FILE_NAME)
    book.add(CALL)
    assert book.spent() == 0
    assert "usage table" in caplog.text


def test_old_rows_are_dropped(tmp_path: Path) -> None:
    ledger(tmp_path / FILE_NAME).add(replace(CALL, time=NOON - 500 * 86400))
    assert ledger(tmp_path / FILE_NAME).spent() == 0
