"""What goes wrong with the database of runs and its disk: told in one sentence, nothing lost, no password shown."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("dbos")

import psycopg
import sqlalchemy
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from copilot._database import dsn
from copilot.errors import EverpilotError, SettingsError
from copilot.jobs import hand, workflows
from copilot.jobs.database import FILE, Database, is_away
from copilot.jobs.job import Job, Outcome, Source, Status
from copilot.jobs.runs import Runs
from copilot.jobs.store import Run, Store
from copilot.jobs.troubles import DISK, PASSING, over, stuck
from copilot.jobs.work import faults
from copilot.jobs.work.scratch import append
from copilot.jobs.work.threads import FileSaver
from copilot.jobs.workflows import work_of
from tests.jobs.postgres import Postgres, postgres

# --- the address ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password", ["p@ss/w:rd#%1", "sec?ret&more", "a%zz1secret", "[bracket", "with space", "ümläut%", "tail?x=1@"]
)
def test_a_password_may_stand_in_the_address_as_it_is_encoded_or_in_a_variable(password: str) -> None:
    given = [f"postgresql://bob:{password}@db:5432/x?sslmode=disable"] if not password.endswith("@") else []
    given += [f"postgresql://bob:{quote(password, safe='')}@db:5432/x?sslmode=disable"]
    given += ["postgres://bob:$PW@db:5432/x?sslmode=disable", "postgresql://bob:${PW}@db:5432/x?sslmode=disable"]
    for each in given:
        address = dsn(each, {"PW": password})
        found = psycopg.conninfo.conninfo_to_dict(address)
        assert (found["user"], found["password"], found["host"]) == ("bob", password, "db"), each
        assert (found["port"], found["dbname"], found["sslmode"]) == ("5432", "x", "disable"), each


def test_several_hosts_reach_the_driver() -> None:
    made = Database("postgresql://bob:pass%40word@a:5432,b:5433/x?target_session_attrs=read-write", Path(), {})
    arguments = made.engine.dialect.create_connect_args(sqlalchemy.make_url(made.address))[1]
    assert (arguments["host"], arguments["port"], arguments["password"]) == ("a,b", "5432,5433", "pass@word")
    assert arguments["target_session_attrs"] == "read-write"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql://bob:secret12345@db:port/x", "port"),
        ("postgresql://bob:pre$secret12345@db/x", "%24"),
        ("bob:secret12345@db/x", "no address"),
        ("mysql://bob:secret12345@db/x", "no address"),
    ],
)
def test_an_address_that_is_none_is_told_without_its_password(address: str, told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        dsn(address, {})
    assert told in str(raised.value)
    assert "secret12345" not in str(raised.value)


# --- Postgres ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as made:
        yield made


def said_by(address: str, state: Path) -> SettingsError:
    """What somebody is told who begins a run in that database."""
    runs = Runs(Database(address, state, {}))
    try:
        runs.begin(Job(prompt="x"), {})
        runs.client.open()
    except SettingsError as error:
        return error
    finally:
        runs.close()
    raise AssertionError("nothing was wrong")


def test_what_is_wrong_with_a_postgres_is_told_with_what_to_do(server: Postgres, tmp_path: Path) -> None:
    there = server.fresh("troubles")
    with psycopg.connect(there, autocommit=True) as made:
        for role, more in {
            "poor": "",
            "standby": "SET default_transaction_read_only = on",
            "hasty": "SET statement_timeout = '1ms'",
            "few": "CONNECTION LIMIT 0",
        }.items():
            made.execute(f"CREATE ROLE {role} LOGIN")  # type: ignore[arg-type]
            made.execute(f"GRANT CREATE ON SCHEMA public TO {role}" if role != "poor" else "SELECT 1")  # type: ignore[arg-type]
            made.execute(f"ALTER ROLE {role} {more}" if more else "SELECT 1")  # type: ignore[arg-type]

    def of(user: str) -> str:
        return there.replace("postgres@", f"{user}@")

    cases = {
        of("poor"): "GRANT CREATE",
        of("standby"): "takes no changes",
        of("hasty"): "statement_timeout",
        of("few"): "max_connections",
        of("nobody"): "Check the user",
        there.replace("/troubles", "/nowhere"): "createdb",
        there + "&sslmode=bogus": "sslmode",
        there + "&nonsense=1": "behind the ?",
        "postgresql://bob:secret12345@127.0.0.1:1/x": "server runs",
        "postgresql://bob@nowhere.invalid/x": "the host",
    }
    for address, told in cases.items():
        said = str(said_by(address, tmp_path))
        assert told in said, said
        assert "secret12345" not in said
        assert "Background" not in said, "of SQLAlchemy"


def test_a_session_that_leads_to_a_standby_is_given_up_and_the_work_done_again(
    server: Postgres, tmp_path: Path
) -> None:
    made = Database(server.fresh("failover"), tmp_path)
    store = Store(made)
    store.create(Run("a", Job(prompt="x")))
    with contextlib.suppress(SettingsError), made.begin() as connection:
        connection.exec_driver_sql("SET SESSION default_transaction_read_only = on")
    with pytest.raises(SettingsError) as raised:
        store.note("a", "x")  # in the session that is back in the pool
    assert raised.value.code == PASSING
    cause = raised.value.__cause__
    assert isinstance(cause, sqlalchemy.exc.DBAPIError)
    assert cause.connection_invalidated, "by which DBOS knows that it may be done again"
    assert is_away(cause)
    store.note("a", "after")  # in a session of its own
    assert "after" in store.run("a").notes
    made.close()


# --- the file ---------------------------------------------------------------------------------------------------------


def _foreign(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE bookmarks (a)")


def _other_version(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE everpilot_runs (id)")


def _whole(path: Path) -> bytes:
    made = Database("", path.parent)
    Store(made).runs()
    made.close()
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode=DELETE")
    return path.read_bytes()


def _half(path: Path) -> None:
    path.write_bytes(_whole(path)[:9000])


def _flipped(path: Path) -> None:
    content = _whole(path)
    path.write_bytes(content[:100] + bytes(byte ^ 0xFF for byte in content[100:]))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_half, "damaged"),
        (_flipped, "damaged"),
        (lambda path: path.write_text("a list of things to buy\n" * 99), "damaged, or is no database"),
        (lambda path: path.mkdir(), "folder"),
        (_foreign, "another program"),
        (_other_version, "another version"),
    ],
)
def test_a_file_that_is_no_good_is_told_of_and_left_alone(
    tmp_path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    spoil(tmp_path / FILE)
    before = (tmp_path / FILE).read_bytes() if (tmp_path / FILE).is_file() else b""
    for _ in range(2):
        runs = Runs(Database("", tmp_path))
        with pytest.raises(SettingsError) as raised:
            runs.store.runs()
        runs.close()
        assert told in str(raised.value)
        assert str(tmp_path / FILE) in str(raised.value)
        assert raised.value.hint
    assert told == "another version" or ((tmp_path / FILE).read_bytes() if before else b"") == before


# --- the disk ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def room(size: int) -> Iterator[None]:
    """No file may become larger than that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_a_full_disk_cut_off_hides_nothing_that_comes_after_it(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    end = append(file, b"one\n", 0)
    with room(6), pytest.raises(OSError, match=r"."):
        append(file, b"two\n", end)
    assert file.read_bytes() == b"one\n"
    file.write_bytes(b"one\nt")  # as a kill leaves it
    assert append(file, b"two\n", end) == 8
    assert file.read_bytes() == b"one\ntwo\n"


def checkpoint(number: int) -> Checkpoint:
    return {
        **empty_checkpoint(),
        "id": f"{number:04}",
        "channel_values": {"x": number},
        "channel_versions": {"x": number},
    }


def test_a_thread_goes_on_behind_what_a_full_disk_or_a_kill_cut_off(tmp_path: Path) -> None:
    config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    saver = FileSaver(tmp_path / "thread", JsonPlusSerializer())
    saver.put(config, checkpoint(1), {}, {"x": 1})  # type: ignore[arg-type]
    with room((tmp_path / "thread").stat().st_size + 9), pytest.raises(OSError, match=r"."):
        saver.put(config, checkpoint(2), {}, {"x": 2})  # type: ignore[arg-type]
    saver.put(config, checkpoint(3), {}, {"x": 3})  # type: ignore[arg-type]
    with (tmp_path / "thread").open("ab") as file:
        file.write(b"\0\0\1\0cut")
    again = FileSaver(tmp_path / "thread", JsonPlusSerializer())
    again.put(config, checkpoint(4), {}, {"x": 4})  # type: ignore[arg-type]
    kept = FileSaver(tmp_path / "thread", JsonPlusSerializer()).list(config)  # type: ignore[arg-type]
    assert {each.checkpoint["id"] for each in kept} >= {"0001", "0003", "0004"}


def test_a_database_without_room_is_asked_again_and_a_person_told(tmp_path: Path) -> None:
    """With SQLite's own limit of pages, which it tells as a full disk."""
    made = Database("", tmp_path)
    store = Store(made)
    store.create(Run("a", Job(prompt="x")))

    most = [1 << 30]

    @sqlalchemy.event.listens_for(made.engine, "begin")
    def limit(connection: sqlalchemy.Connection) -> None:
        connection.connection.cursor().execute(f"PRAGMA max_page_count = {most[0]}")

    def filled(data: bytes) -> SettingsError:
        most[0] = (tmp_path / FILE).stat().st_size // 4096 + 1
        with pytest.raises(SettingsError) as raised:
            store.put_blob("a", data)
        most[0] = 1 << 30
        return raised.value

    error = filled(b"a" * (1 << 20))
    assert (error.code, "no room on its disk" in str(error), "no room on its disk" in stuck()) == (DISK, True, True)
    cause = error.__cause__
    assert isinstance(cause, sqlalchemy.exc.DBAPIError)
    assert cause.connection_invalidated, "by which DBOS knows that it may be done again"
    store.put_blob("a", b"a" * (1 << 20))
    over()
    made.is_left = True
    cause = filled(b"b" * (1 << 20)).__cause__
    assert isinstance(cause, sqlalchemy.exc.DBAPIError)
    assert not cause.connection_invalidated, "a worker that ends waits for nothing"
    made.close()
    over()


def test_a_step_waits_for_room_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "_LOST", (0.0,))
    said: list[str] = []

    def step() -> str:
        said.append(stuck())
        if len(said) < 3:
            raise SettingsError("There is no room.", code=DISK)
        return "done"

    assert asyncio.run(workflows.in_thread(step)) == "done"
    assert said == ["", "There is no room.", "There is no room."]
    over()


def test_a_disk_without_room_is_known_by_what_led_to_an_error() -> None:
    error = EverpilotError("x can't be written.")
    error.__cause__ = OSError(28, "No space left on device")
    found = faults.failed(error)
    assert found.status is Status.HELD
    assert found.error is not None
    assert found.error["code"] == DISK


# --- what was left undone ---------------------------------------------------------------------------------------------


def test_what_an_error_of_the_engine_left_undone_is_done_by_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(Database("", tmp_path))
    run = runs.begin(Job(prompt="x"), {})
    runs.store.mark(run.id, listed=True)
    made = runs.store.add(run.id, [Source(key="a"), Source(key="b")], lambda connection, documents: None)
    runs.client.open()
    for each, status in zip(made, (Status.RUNNING, Status.SAVING), strict=True):
        runs.store.begin(run.id, each.number, 1, "worker")
        runs.store.keep(run.id, each.number, 1, Outcome(status=status), status)
    monkeypatch.setattr(runs.client, "failed", lambda prefix: {each.workflow for each in made})
    assert runs.resume(run.id) == 2
    begun, saving = runs.store.documents(run.id)
    assert (begun.status, begun.attempt) == (Status.QUEUED, 2)
    assert (saving.status, saving.attempt) == (Status.SAVING, 1), "as it was approved"
    waiting = {each.workflow_id for each in runs.client.dbos.list_workflows(status="ENQUEUED")}
    assert {begun.workflow, f"{saving.workflow}.save.1"} <= waiting
    runs.close()


def test_a_run_that_was_forgotten_can_come_again_under_its_id(tmp_path: Path) -> None:
    runs = Runs(Database("", tmp_path))
    runs.client.open()
    for _ in range(2):
        run = runs.begin(Job(prompt="x"), {}, id="watch-inbox")
        order = lambda connection, made: runs.client.put([work_of(each) for each in made], connection)  # noqa: E731
        made = runs.store.add(run.id, [Source(key="a")], order)
        assert runs.client.status(made[0].workflow) == "ENQUEUED"
        runs.client.cancel([made[0].workflow])
        runs.remove(run.id)
        assert runs.client.status(made[0].workflow) == ""
    runs.close()


def test_waiting_for_its_turn_is_none_of_the_time_that_a_document_may_take() -> None:
    async def work() -> float:
        async with asyncio.timeout(60) as limit:
            before = limit.when()
            await asyncio.to_thread(hand._longer(limit), 5.0)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            after = limit.when()
        assert before is not None
        assert after is not None
        return after - before

    assert asyncio.run(work()) == pytest.approx(5.0)
