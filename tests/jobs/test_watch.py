"""Watched folders: each version once, at rest, never what the watch wrote itself, also after a restart."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot import Copilot
from copilot.cli import main
from copilot.errors import JobError
from copilot.jobs.feeding import place_of
from copilot.jobs.job import Edit
from copilot.jobs.triggers.keeping import Keeper
from copilot.jobs.triggers.waiting import Waiting
from copilot.jobs.triggers.watches import Watch, Watches
from copilot.jobs.triggers.watching import Watcher
from copilot.settings import Settings
from tests.jobs.triggering import Clock, Site, job, site


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


class Watching:
    """A watch with a clock that is set by hand; `look` lets files come to rest first."""

    def __init__(self, place: Site, base: Copilot | None = None, **more: object) -> None:
        self.place, self.clock = place, Clock(1000.0)
        self.base = base or place.copilot
        self.watches = Watches(place.runs)
        wanted = Watch("inbox", job(), place_of(self.base, [str(place.docs)]) if base is None else more.pop("where"))  # type: ignore[arg-type]
        self.watch = self.watches.add(Watch(wanted.name, wanted.job, wanted.place, **more))  # type: ignore[arg-type]
        self.watcher = self.again()

    def again(self) -> Watcher:
        """A watcher as another process makes it."""
        self.watcher = Watcher(self.watches, self.watches.get("inbox"), self.base, self.clock)
        return self.watcher

    def look(self) -> int:
        first = self.watcher.look()
        self.clock.now += self.watch.quiet
        return first + self.watcher.look()

    def write(self, name: str, text: str) -> None:
        (self.place.docs / name).write_text(text)

    def keys(self) -> list[str]:
        return [each.source.key for each in self.place.runs.store.documents("watch-inbox")]

    def done(self) -> list[str]:
        """Do what is queued, and return the paths."""
        queued = self.place.queued("watch-inbox")
        for each in queued:
            self.place.end(each)
        return [each.source.path for each in queued]


def test_each_version_is_done_once_and_not_what_was_there(place: Site) -> None:
    (place.docs / "old.txt").write_text("old")
    here = Watching(place)
    assert here.look() == 0
    here.write("new.txt", "one")
    here.write("picture.heif", "none that can be read")
    assert here.look() == 1
    assert here.done() == ["new.txt"]
    here.write("old.txt", "changed")
    assert here.look() == 1
    assert here.done() == ["old.txt"]
    os.utime(place.docs / "old.txt", (1, 1))  # touched, and nothing else
    assert here.look() == 0
    here.write("new.txt", "two")
    assert here.look() == 1
    assert here.done() == ["new.txt"]
    here.write("new.txt", "one")  # as it was: that version is done
    assert here.look() == 0
    assert here.keys()[0] == f"new.txt@{hashlib.sha256(b'one').hexdigest()[:16]}"


def test_after_a_restart_only_what_came_meanwhile_is_done(place: Site) -> None:
    here = Watching(place)
    assert here.look() == 0  # an empty folder is no fault
    here.write("a.txt", "a")
    assert here.look() == 1
    assert here.done() == ["a.txt"]
    here.write("b.txt", "b")
    here.again()
    assert here.look() == 1
    assert here.done() == ["b.txt"]


def test_existing_does_what_is_there(place: Site) -> None:
    (place.docs / "old.txt").write_text("old")
    here = Watching(place, existing=True)
    assert here.look() == 1
    assert here.done() == ["old.txt"]


def test_a_file_that_is_still_written_or_open_waits(place: Site) -> None:
    here = Watching(place, quiet=5.0)
    here.look()
    here.write("a.docx", "half")
    assert here.watcher.look() == 0
    here.clock.now += 4.9
    assert here.watcher.look() == 0
    here.write("a.docx", "half of it")
    here.clock.now += 4.9
    assert here.watcher.look() == 0
    assert here.watcher.pause <= 2.5
    here.write("~$a.docx", "\x04Nina")
    here.clock.now += 5.0
    assert here.watcher.look() == 0
    (place.docs / "~$a.docx").unlink()
    assert here.watcher.look() == 1
    assert here.watcher.pause == here.watch.interval


def test_its_own_results_are_not_done_again(place: Site) -> None:
    here = Watching(place)
    here.look()
    here.write("a.txt", "Acme")
    assert here.look() == 1
    [document] = place.queued("watch-inbox")
    after = hashlib.sha256(b"Acme GmbH").hexdigest()
    place.end(document, edits=[Edit(path="a.txt", before="", after=after)])
    here.write("a.txt", "Acme GmbH")
    here.write("copy.txt", "Acme GmbH")  # --to a folder below the watched one
    assert here.look() == 0
    here.again()
    assert here.look() == 0
    here.write("a.txt", "Acme GmbH, by hand")
    assert here.look() == 1


def test_a_later_version_waits_for_the_earlier(place: Site) -> None:
    here = Watching(place)
    here.look()
    here.write("a.txt", "one")
    assert here.look() == 1
    here.write("a.txt", "two")
    assert here.look() == 0
    assert here.done() == ["a.txt"]
    assert here.look() == 1
    assert here.done() == ["a.txt"]


def test_the_report_is_renewed(place: Site) -> None:
    here = Watching(place)
    here.look()
    for number in (1, 2):
        here.write(f"{number}.txt", str(number))
        here.look()
        run = place.runs.store.run("watch-inbox")
        assert (run.round, run.ended) == (number, "")
        assert run.listed
        here.done()
        place.runs.store.mark(run.id, ended=True)  # as at the end of a round
    place.runs.store.delete("watch-inbox")  # kept no longer
    here.write("3.txt", "3")
    assert here.look() == 1
    assert here.done() == ["3.txt"]


def test_a_folder_that_is_gone_for_a_while(place: Site) -> None:
    here = Watching(place)
    here.write("a.txt", "a")
    here.look()
    place.docs.rename(place.docs.with_name("away"))
    assert here.look() == 0
    place.docs.with_name("away").rename(place.docs)
    here.write("b.txt", "b")
    assert here.look() == 1
    assert here.done() == ["b.txt"]


def test_hostile_names(place: Site) -> None:
    here = Watching(place)
    here.look()
    here.write("\x1b[31m\u202ea@b.txt", "a")
    (place.docs / "link.txt").symlink_to("/etc/hostname")
    (place.docs / "loop").symlink_to(place.docs)
    assert here.look() == 1


def test_a_place_elsewhere(place: Site, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory, base = fsspec.filesystem("memory"), f"/w{uuid.uuid4().hex[:8]}"
    name = f"storage:memory:/{base}"
    memory.pipe(f"{base}/old.txt", b"old")
    opened = Copilot(place.docs, folders=[name], settings=Settings(), state=place.state)
    here = Watching(place, opened, where=place_of(opened, [name]), quiet=0.0)
    [mounted] = opened.mounts.values()

    def look() -> int:
        mounted.refresh(force=True)
        return here.watcher.look()

    assert look() == 0
    assert here.watcher.is_elsewhere
    assert not any(mounted.is_fetched(path) for path in mounted.paths())
    memory.pipe(f"{base}/new.txt", b"new")
    assert look() == 1
    assert len(here.done()) == 1
    memory.pipe(f"{base}/old.txt", b"changed")
    assert look() == 1
    assert look() == 0
    here.again()
    assert look() == 0


# --- workers, the database, the command -------------------------------------------------------------------------------


def test_workers_look_for_a_detached_watch_one_at_a_time(place: Site) -> None:
    watches, clock = Watches(place.runs), Clock(1000.0)
    watches.add(Watch("inbox", job(), place.place(str(place.docs)), existing=True, quiet=0.0, detached=True))
    told: list[str] = []
    first, second = (Keeper(place.runs, state=place.state, told=told.append, clock=clock) for _ in range(2))
    (place.docs / "a.txt").write_text("a")
    first.look()
    second.look()
    assert told == ["inbox: 1 new or changed."]
    first.close()
    (place.docs / "b.txt").write_text("b")
    clock.now += 100
    second.look()
    assert told == ["inbox: 1 new or changed."] * 2
    place.docs.rename(place.docs.with_name("away"))  # a share that this machine has not
    clock.now += 100
    second.look()
    watches.remove("inbox")
    second.look()
    second.close()
    assert len(told) == 2


def test_a_name_stands_for_one_work(place: Site) -> None:
    watches = Watches(place.runs)
    assert watches.add(Watch("inbox", job("a"))) == watches.add(Watch("inbox", job("a")))
    with pytest.raises(JobError, match="with other work"):
        watches.add(Watch("inbox", job("b")))
    with pytest.raises(JobError, match="can't be its name"):
        watches.add(Watch("In box", job("a")))


def test_changes_wake(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    waiting = Waiting([tmp_path])
    assert not waiting.wait(0.1)
    (tmp_path / "a.txt").write_text("a")
    assert waiting.wait(20)
    assert not Waiting([]).wait(0.01)
    assert not Waiting([tmp_path / "gone"]).wait(0.01)


def test_the_command(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--dir", str(tmp_path)]
    (tmp_path / "In Box!").mkdir()
    (tmp_path / "In Box!" / "old.txt").write_text("old")
    begin = ["watch", "In Box!", "say what it is", *folder]
    assert main([*begin, "--detach"]) == 0
    name = capsys.readouterr().err.split("Watch ", 1)[1].split(" ", 1)[0]
    assert name.startswith("in-box-")
    assert main(["watch", "list", *folder]) == 0
    assert name in capsys.readouterr().out
    assert main(["watch", "list", "--json", *folder]) == 0
    assert '"versions": 1' in capsys.readouterr().out
    assert main(["batch", "list", *folder]) == 0  # it has begun no run yet
    assert main([*begin, "--dry-run", "--detach"]) == 2
    assert main(["watch", "nowhere", "say what it is", "--detach", *folder]) == 1
    assert main([*begin, "--detach", "--name", "../x"]) == 2
    assert main(["watch", "remove", name, *folder]) == 0
    assert main(["watch", "remove", name, *folder]) == 1


def test_documents_of_a_watch_are_forgotten_in_time_and_not_done_again(place: Site) -> None:
    here = Watching(place)
    here.look()
    for name in ("a.txt", "b.txt", "c.txt"):
        here.write(name, name)
        assert here.look() == 1
        here.done()
    assert here.watches.forget(1) == 0
    assert here.watches.forget(-1) == 2, "the last one stays: the numbers go on"
    assert here.keys()[0].startswith("c.txt@")
    assert here.again().look() == 0
    here.write("d.txt", "d")
    assert here.look() == 1
    assert here.done() == ["d.txt"]
    assert [each.number for each in place.runs.store.documents("watch-inbox")] == [3, 4]


def test_rows_of_a_watch_with_a_table_stay(place: Site) -> None:
    here = Watching(place, place.copilot, where=place_of(place.copilot, [str(place.docs)], table=place.docs / "t.csv"))
    here.look()
    here.write("a.txt", "a")
    here.write("b.txt", "b")
    here.look()
    here.done()
    assert here.watches.forget(-1) == 0


def test_a_keeper_forgets_old_runs_once_a_day(place: Site) -> None:
    clock = Clock(1e9)
    keeper = Keeper(place.runs, state=place.state, clock=clock, keep_days=1)
    old = "2001-01-01T00:00:00.000+00:00"
    for id, ended in (("going", ""), ("old", old)):
        place.runs.store._set(place.runs.begin(job(), place.place("*.txt"), id=id).id, ended=ended)
    keeper.look()
    assert [each.id for each in place.runs.store.runs()] == ["going"]
    place.runs.store._set(place.runs.begin(job(), place.place("*.txt"), id="later").id, ended=old)
    clock.now += 3600
    keeper.look()
    assert len(place.runs.store.runs()) == 2
    clock.now += 86_400
    keeper.look()
    assert [each.id for each in place.runs.store.runs()] == ["going"]
