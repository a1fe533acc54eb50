"""The budget of a run and the pace of calls hold, whoever asks, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("dbos")

from copilot.jobs.database import Database
from copilot.jobs.job import Job, Outcome, Source, Status
from copilot.jobs.store import Document, Run, Store
from tests.jobs.postgres import Postgres, postgres
from tests.thinning import examples


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    address = request.getfixturevalue("server").fresh("money") if request.param == "postgres" else ""
    made = Database(address, tmp_path)
    yield made
    made.close()


def begun(store: Store, count: int, budget: float | None, id: str = "run") -> list[Document]:
    store.create(Run(id, Job(prompt="x", budget=budget)))
    made = store.add(id, [Source(key=str(n)) for n in range(count)], lambda connection, documents: None)
    return [store.begin(id, each.number, 1, "worker") or each for each in made]


def kept(store: Store, run: str = "run") -> tuple[float, float]:
    with store.database.begin() as connection:
        _, spent, reserved = store._money(connection, run)
    return spent, reserved


def ended(store: Store, document: Document, cost: float) -> bool:
    return store.end(document.run, document.number, document.attempt, Outcome(status=Status.DONE, cost=cost))


COST = st.floats(0.01, 3.0)
STEPS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["ask", "more", "end", "die"]), COST), max_size=25)


@given(steps=STEPS)
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_spent_and_kept_is_never_more_than_the_budget(
    tmp_path: Path, steps: list[tuple[int, str, float]]
) -> None:
    file = Database("", tmp_path)
    store, run = Store(file), f"r{abs(hash(tuple(steps)))}"
    if any(each.id == run for each in store.runs(1000)):
        return file.close()
    documents, allowed, paid = begun(store, 6, 4.0, run), dict.fromkeys(range(6), 0.0), 0.0
    for which, what, dollars in steps:
        document = documents[which]
        if what == "ask":
            allowed[which] = max(store.allowance(document) or 0.0, 0.0)
        elif what == "more":
            allowed[which] = store.more(document, dollars)
        elif what == "die":  # it may have spent all that it was allowed
            paid, allowed[which] = paid + allowed[which], 0.0
            store.bury("worker")
            paid, allowed = paid + sum(allowed.values()), dict.fromkeys(range(6), 0.0)
        elif ended(store, document, cost := min(dollars, allowed[which])):
            paid, allowed[which] = paid + cost, 0.0
        spent, reserved = kept(store, run)
        assert spent + reserved <= 4.0 + 1e-6
        assert reserved == pytest.approx(sum(allowed.values()), abs=1e-6) or what == "end"
        assert paid <= spent + 1e-6
    return file.close()


def test_many_at_once_keep_no_more_than_there_is(database: Database) -> None:
    store = Store(database)
    documents = begun(store, 24, 1.0)

    def take(document: Document) -> float:
        store.allowance(document)
        return store.more(document, 0.1)

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(take, documents))
    spent, reserved = kept(store)
    assert (spent, reserved) == (0.0, pytest.approx(sum(given)))
    assert 0.9 - 1e-6 <= reserved <= 1.0 + 1e-6  # some have a thousandth, and no more


def test_nobody_waits_for_what_the_dead_had(database: Database) -> None:
    store = Store(database)
    first, second = begun(store, 2, 1.0)
    store.allowance(first)
    assert store.more(first, 1.0) == 1.0
    assert store.allowance(second) == 0.0  # wait: it may be free again
    store.bury("worker")
    assert store.allowance(second) == -1.0  # it is gone
    assert kept(store) == (1.0, 0.0)


@pytest.mark.parametrize("pauses", [[0.0] * 40, [0.5] * 40, [30.0, 0, 0, 0, 0, 0, 0, 0] * 4])
def test_no_minute_has_more_calls_than_allowed_although_some_are_late(tmp_path: Path, pauses: list[float]) -> None:
    now = 1_000.0
    file = Database("", tmp_path)
    store, made = Store(file, clock=lambda: now), []
    for pause in pauses:
        now += pause
        made.append(now + store.wait("vendor", 6))
    file.close()
    made = sorted(moment + late for moment, late in zip(made, cycle([1.9, 0.0, 1.0, 0.3]), strict=False))
    spans = [after - before for before, after in zip(made, made[6:], strict=False)]
    assert min(spans) > 60.0, "a window of a minute, its ends included, has more than six"


def test_calls_at_once_are_told_moments_of_their_own(database: Database) -> None:
    store = Store(database, clock=lambda: 1_000.0)
    with ThreadPoolExecutor(8) as pool:
        waits = sorted(pool.map(lambda _: store.wait("vendor", 4), range(12)))
    assert sum(wait < 60.0 for wait in waits) <= 4
    assert len({round(wait, 3) for wait in waits if wait > 0.0}) == sum(wait > 0.0 for wait in waits)
