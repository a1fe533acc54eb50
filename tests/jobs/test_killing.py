"""Workers are killed, vendors fail, the database restarts: each document is done once, and the report is right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.jobs.killing import MOMENTS, NEW, OLD, Nursery, Plan, Vendor, budget, carried_out, site
from tests.jobs.postgres import Postgres, postgres
from tests.thinning import ALL

COUNT = 1_000 if ALL else 24
SECONDS = 3_600.0 if ALL else 100.0


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as made:
        yield made


@pytest.mark.timeout(SECONDS + 20)
def test_a_run_that_is_killed_between_its_steps_on_one_machine(nursery: Nursery) -> None:
    moments = [f"{moment}:{n}" for n, moment in enumerate(MOMENTS, 1)]
    with site(COUNT, nursery=nursery) as here:
        run = here.begin(f"replace {OLD} by {NEW}")
        carried_out(here, run, Plan(kills=20 if ALL else 0, dies=moments if ALL else moments[1:4]), SECONDS)
        assert here.faults(run) == []
        assert here.killed >= 3


@pytest.mark.timeout(SECONDS + 20)
def test_a_run_of_two_machines_whose_vendor_and_database_fail(nursery: Nursery, server: Postgres) -> None:
    kills = 20 if ALL else 1
    with Vendor() as first, Vendor() as second, site(COUNT, server.fresh("kill"), (first, second), nursery) as here:
        run = here.begin("Put the new name of Acme into the contract", budget=budget(COUNT, kills + 1))
        after = {COUNT // 3: first.stop, COUNT // 2: lambda: server.restart("immediate")}
        if ALL:
            after[2 * COUNT // 3] = server.restart
        carried_out(here, run, Plan(kills, ["saved:3"], after), SECONDS)
        assert here.faults(run, (first, second)) == []
        assert here.killed == kills + 1
        assert second.asked
