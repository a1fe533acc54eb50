"""Writers of one process into a file of SQLite take turns, and none waits longer than those before it take."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from copilot.jobs import writers
from copilot.jobs.database import Database

sa = pytest.importorskip("sqlalchemy")


def test_who_came_first_writes_first(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'file.sqlite'}")
    line = writers.one_at_a_time(engine)
    table = sa.Table("t", sa.MetaData(), sa.Column("who", sa.Integer))
    with engine.begin() as link:
        link.exec_driver_sql("PRAGMA journal_mode=WAL")
        table.create(link)
    at_work, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with engine.begin() as link:
            link.execute(table.insert().values(who=-1))
            at_work.set()
            go_on.wait(20)

    def write(who: int) -> None:
        with engine.begin() as link:
            link.execute(table.insert().values(who=who))

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert at_work.wait(20)
    for who in range(12):
        threads.append(threading.Thread(target=write, args=(who,)))
        threads[-1].start()
        while len(line.waiting) <= who:  # it stands in the line before the next one comes
            os.sched_yield()
    with engine.begin() as link:  # reading waits for nobody
        assert link.execute(sa.select(table.c.who)).all() == []
    go_on.set()
    for each in threads:
        each.join(20)
    with engine.begin() as link:
        assert link.execute(sa.select(table.c.who)).scalars().all() == list(range(-1, 12))
    engine.dispose()


def test_who_waits_too_long_goes_on_and_the_line_with_them() -> None:
    line = writers.Line()
    assert line.acquire(1)
    assert not line.acquire(0.01)
    waits = threading.Thread(target=lambda: [line.acquire(20), line.release()])
    waits.start()
    line.release()
    waits.join(20)
    assert line.acquire(0.01)


def test_a_writer_that_fails_lets_the_next_one_write(tmp_path: Path) -> None:
    database = Database("", tmp_path)
    table = sa.Table("everpilot_t", sa.MetaData(), sa.Column("who", sa.Integer, primary_key=True))
    with database.begin() as link:
        table.create(link)
        link.execute(table.insert().values(who=1))
    with pytest.raises(sa.exc.IntegrityError), database.engine.begin() as link:
        link.execute(table.insert().values(who=1))
    with database.begin() as link:
        link.execute(table.insert().values(who=2))
    database.close()
