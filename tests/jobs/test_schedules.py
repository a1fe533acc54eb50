"""Runs by the clock: each time once, whoever looks; clocks that change, workers that were not there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from copilot.cli import main
from copilot.errors import JobError
from copilot.jobs.triggers.cron import Cron, cron, here
from copilot.jobs.triggers.schedules import Schedule, Schedules
from tests.jobs.triggering import Clock, Site, job, site

BERLIN = "Europe/Berlin"
DAY = 86_400.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


# --- times ------------------------------------------------------------------------------------------------------------

# Of cron(8) of Debian: jobs at a particular time are done once when clocks change; those with * go by the new clock.
CHANGES = [
    ("30 2 * * *", "2026-03-28T12:00+01:00", ["29 03:00+0200", "30 02:30+0200"]),  # skipped: right after
    ("30 2 * * *", "2026-10-24T12:00+02:00", ["25 02:30+0200", "26 02:30+0100"]),  # doubled: once
    ("0,30 2 * * *", "2026-03-28T12:00+01:00", ["29 03:00+0200", "30 02:00+0200"]),
    ("30 2-3 * * *", "2026-03-28T12:00+01:00", ["29 03:00+0200", "29 03:30+0200", "30 02:30+0200"]),
    ("*/30 * * * *", "2026-03-29T01:30+01:00", ["29 03:00+0200", "29 03:30+0200"]),
    ("*/30 * * * *", "2026-10-25T02:30+02:00", ["25 02:00+0100", "25 02:30+0100", "25 03:00+0100"]),
    ("15 * * * *", "2026-10-25T02:00+02:00", ["25 02:15+0200", "25 02:15+0100", "25 03:15+0100"]),
    ("0 6 * * mon-fri", "2026-03-27T12:00+01:00", ["30 06:00+0200", "31 06:00+0200"]),
    ("0 0 L * *", "2026-02-01T12:00+01:00", ["28 00:00+0100", "31 00:00+0200"]),
    ("@weekly", "2026-05-01T12:00+02:00", ["03 00:00+0200", "10 00:00+0200"]),
    ("0 0 13 * fri", "2026-03-11T12:00+01:00", ["13 00:00+0100", "20 00:00+0100"]),  # either of both: POSIX crontab
]


@pytest.mark.parametrize(("text", "start", "wanted"), CHANGES)
def test_times_when_clocks_change(text: str, start: str, wanted: list[str]) -> None:
    times, found, now = cron(text, BERLIN), [], at(start)
    for _ in wanted:
        now = times.after(now)
        found.append(f"{datetime.fromtimestamp(now, ZoneInfo(BERLIN)):%d %H:%M%z}")
    assert found == wanted


def test_a_change_of_half_an_hour() -> None:
    times = cron("10 2 * * *", "Australia/Lord_Howe")
    first = times.after(at("2026-10-03T12:00+10:30"))
    assert datetime.fromtimestamp(first, UTC).isoformat() == "2026-10-03T15:30:00+00:00"


WRONG = [
    *("", "0 9", "* * * * * *", "60 * * * *", "*/0 * * * *", "0 0 * * foo", "@reboot", "H H * * *", "R * * * *"),
    *("0 0 31 2 *", "x" * 300, "1" * 190 + " * * * *", "\x1b[31m * * * *", "1-1000000000 * * * *", "٣ * * * *"),
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(JobError) as caught:
        cron(text, "UTC")
    assert caught.value.code == "usage"
    assert "Five fields" in caught.value.hint


def test_zones_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cron("@daily", "W. Europe Standard Time").zone == BERLIN
    with pytest.raises(JobError, match="No time zone named 'Europe/Berlim'"):
        cron("@daily", "Europe/Berlim")
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert here() == "Asia/Tokyo" == cron("@daily").zone


# --- firing -----------------------------------------------------------------------------------------------------------


def scheduled(place: Site, clock: Clock, **more: object) -> Schedules:
    found = Schedules(place.runs, clock)
    daily = Schedule("nightly", Cron("0 2 * * *", "UTC"), job(), place.place("*.txt"), **more)  # type: ignore[arg-type]
    found.add(daily)
    return found


def ids(runs: list[object]) -> list[str]:
    return [run.id for run in runs]  # type: ignore[attr-defined]


def test_a_time_is_one_run(place: Site) -> None:
    clock = Clock(at("2026-11-28T12:00Z"))
    found = scheduled(place, clock, by="nina")
    assert found.tick() == []
    clock.now = at("2026-11-29T02:00:01Z")
    assert ids(found.tick()) == ["nightly-20261129T020000Z"]
    assert found.tick() == []
    run = place.runs.store.run("nightly-20261129T020000Z")
    assert (run.by, run.title) == ("nina", "nightly")
    assert place.runs.client.status(f"{run.id}.feed.0") == "ENQUEUED"
    assert found.get("nightly").due == at("2026-11-30T02:00Z")


# What a worker that comes back after three times (the last of them half an hour ago) begins.
MISSED = [
    ("none", False, [], "was missed"),
    ("last", False, ["20261201T020000Z"], ""),
    ("all", True, ["20261129T020000Z", "20261130T020000Z", "20261201T020000Z"], ""),
    ("all", False, ["20261129T020000Z"], ""),  # the others one after the other
]


@pytest.mark.parametrize(("catch_up", "overlap", "wanted", "note"), MISSED)
def test_missed_times(place: Site, catch_up: str, overlap: bool, wanted: list[str], note: str) -> None:
    clock = Clock(at("2026-11-28T12:00Z"))
    found = scheduled(place, clock, catch_up=catch_up, overlap=overlap)
    clock.now = at("2026-12-01T02:30Z")
    assert ids(found.tick()) == [f"nightly-{time}" for time in wanted]
    assert note in found.get("nightly").note


def test_all_missed_times_are_made_up_for_one_after_the_other(place: Site) -> None:
    clock = Clock(at("2026-11-28T12:00Z"))
    found = scheduled(place, clock, catch_up="all")
    clock.now = at("2026-12-01T02:30Z")
    begun = []
    for _ in range(3):
        [run] = found.tick()
        assert found.tick() == []  # it is at work
        over(place, run.id)
        begun.append(run.id[-16:])
    assert found.tick() == []
    assert begun == ["20261129T020000Z", "20261130T020000Z", "20261201T020000Z"]


def over(place: Site, run: str) -> None:
    place.runs.store.mark(run, listed=True, ended=True)
    place.runs.store.finished(run, 0)


def test_a_run_that_takes_longer_leaves_out_the_next(place: Site) -> None:
    clock = Clock(at("2026-11-28T12:00Z"))
    found = scheduled(place, clock)
    clock.now = at("2026-11-29T02:00Z")
    [first] = found.tick()
    clock.now += DAY
    assert found.tick() == []
    told = f"2026-11-30 02:00 was left out: {first.id} was at work."
    assert found.get("nightly").note == told
    assert place.runs.store.run(first.id).notes == (f"nightly: {told}",)
    over(place, first.id)
    clock.now += DAY
    assert len(found.tick()) == 1
    assert found.get("nightly").note == ""


def test_paused_resumed_removed(place: Site) -> None:
    clock = Clock(at("2026-11-28T12:00Z"))
    found = scheduled(place, clock)
    found.pause("nightly")
    clock.now += 3 * DAY
    assert found.tick() == []
    assert found.resume("nightly").due == at("2026-12-02T02:00Z")  # nothing is made up for
    assert found.tick() == []
    assert found.fire("nightly").id == "nightly-now-20261201T120000Z"
    found.remove("nightly")
    for call in (found.get, found.pause, found.resume, found.remove, found.fire):
        with pytest.raises(JobError, match="no schedule 'nightly'"):
            call("nightly")


def test_names(place: Site) -> None:
    found = scheduled(place, Clock())
    for name, said in (
        ("nightly", "already"),
        ("Nightly", "can't be its name"),
        ("a" * 41, "can't"),
        ("../x", "can't"),
    ):
        with pytest.raises(JobError, match=said):
            found.add(Schedule(name, Cron("0 2 * * *", "UTC"), job()))


def test_results_of_each_time_have_a_place_of_their_own(place: Site) -> None:
    clock = Clock(at("2026-11-28T12:00Z"))
    found = Schedules(place.runs, clock)
    where = {**place.place("*.txt"), "table": "/x/{run}.csv", "ours": ["/x/{run}.csv"]}
    found.add(Schedule("rows", Cron("0 2 * * *", "UTC"), job(to="out/{run}"), where))
    clock.now += DAY
    [run] = found.tick()
    assert run.place["table"] == f"/x/{run.id}.csv"
    assert run.place["ours"] == [f"/x/{run.id}.csv"]
    assert run.job.to == f"out/{run.id}"


def test_many_workers_begin_a_time_once(tmp_path: Path) -> None:
    from tests.jobs.postgres import postgres

    with postgres() as server, site(tmp_path, server.fresh("schedules")) as place:
        clock = Clock(at("2026-11-28T12:00Z"))
        scheduled(place, clock)
        clock.now += DAY
        workers = [Schedules(place.runs, clock) for _ in range(8)]
        begun: list[list[object]] = []
        together = threading.Barrier(len(workers))

        def look(worker: Schedules) -> None:
            worker.all()
            together.wait()
            begun.append(worker.tick())  # type: ignore[arg-type]

        threads = [threading.Thread(target=look, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [run for runs in begun for run in ids(runs)] == ["nightly-20261129T020000Z"]
        assert len(place.runs.store.runs()) == 1


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("Acme")
    folder = ["--dir", str(tmp_path)]
    add = ["schedule", "add", "nightly", "0 2 * * *", "say what it is", "a.txt", "--zone", "UTC", *folder]
    assert main(add) == 0
    assert main(add) == 1
    assert "already" in capsys.readouterr().err
    assert main(["schedule", "list", "--json", *folder]) == 0
    assert '"work": "say what it is"' in (said := capsys.readouterr().out)
    assert "02:00" in said
    assert main(["schedule", "show", "nightly", *folder]) == 0
    assert "catch up: last" in capsys.readouterr().out
    for action, told in (("pause", "begins nothing"), ("resume", "next time"), ("run", "is ordered")):
        assert main(["schedule", action, "nightly", *folder]) == 0
        assert told in capsys.readouterr().err
    assert main(["schedule", "remove", "nightly", *folder]) == 0
    assert main(["schedule", "list", *folder]) == 0
    assert "no schedules" in capsys.readouterr().out
    assert main([*add[:3], "whenever", *add[4:]]) == 2  # a usage error
    assert main([*add[:5], "missing.txt", *folder]) == 1
