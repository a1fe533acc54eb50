"""Rooms: what one person has, no other one sees; quotas, clean-up, two replicas on one folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.errors import LockedError, OutsideRootsError, ServiceError, WorkspaceError
from copilot.hosts.bot.people import Person
from copilot.hosts.bot.rooms import Room, Rooms, clean
from copilot.hosts.bot.signin import SignIns
from copilot.settings import Settings
from copilot.workspace.change import Change
from tests.bot.crowd import ADA, BEN, somebody
from tests.bot.issuing import APP, OTHER_TENANT, TENANT

DAY = 86_400
OUTSIDER = {"from": {"id": "29:guest", "name": "Gil", "aadObjectId": ADA, "userRole": "guest"}}


def settings(folder: Path, **bot: object) -> Settings:
    return Settings.model_validate(
        {
            "bot": {"app_id": APP, "tenants": [TENANT, OTHER_TENANT], "files": str(folder), "account": "work", **bot},
            "accounts": {
                "work": {"connector": "microsoft365", "method": "on_behalf_of"},
                "boss": {"connector": "imap", "host": "localhost"},
            },
            "places": {"open": ["folder:/etc"]},
        }
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    folder = tmp_path_factory.mktemp("bot")
    chosen = settings(folder / "files", quota_mb=1)
    rooms = Rooms(chosen, folder / "state", signins=SignIns(chosen, folder / "signins", env={}), env={})
    yield rooms
    rooms.close()


def people() -> list[Person]:
    return [
        somebody(),
        somebody(user=BEN),
        somebody(tenant=OTHER_TENANT),
        somebody(chat="team"),
        somebody(chat="other"),
        somebody(chat="team", **OUTSIDER),
    ]


def write(room: Room, name: str, data: bytes) -> None:
    copilot = room.copilot
    before = copilot.workspace.hash(room.folder / name)
    copilot.workspace.commit(Change(room.folder / name, before, data, (), "Write it"))


def test_nobody_sees_what_another_one_has(shared: Rooms) -> None:
    rooms = [shared.room(each) for each in people()]
    assert len({room.folder for room in rooms}) == len(rooms)
    assert len({room.state for room in rooms}) == len(rooms)
    for number, room in enumerate(rooms):
        write(room, f"secret{number}.txt", b"mine")
    for number, room in enumerate(rooms):
        workspace = room.copilot.workspace
        assert [path.name for path in workspace.files()] == [f"secret{number}.txt"]
        assert [entry.path.name for entry in workspace.history()] == [f"secret{number}.txt"]
        for other in rooms:
            if other is not room:
                with pytest.raises(OutsideRootsError):
                    workspace.resolve(next(other.folder.iterdir()))
                with pytest.raises(OutsideRootsError):
                    workspace.resolve(f"../../{other.place.name}/files")
    assert shared.room(somebody(user=BEN, chat="team")).folder == rooms[3].folder


def test_no_id_of_a_person_is_in_a_path(shared: Rooms) -> None:
    for person in people():
        place = str(shared.room(person).place.relative_to(shared.folder))
        assert not any(each.lower() in place for each in (*person.ids, person.tenant, person.conversation))
        assert all(part.isalnum() for part in Path(place).parts)
    mode = shared.room(somebody()).place.stat().st_mode
    assert mode & 0o077 == 0


def test_a_person_gets_no_account_or_place_of_the_host(shared: Rooms, tmp_path: Path) -> None:
    copilot = shared.room(somebody()).copilot
    assert [account.name for account in copilot.connections.accounts] == ["work"]
    assert len(copilot.roots) == 1
    assert not copilot.servers.servers
    with pytest.raises(ServiceError) as caught:
        copilot.connections.of("files")
    assert caught.value.code == "signed_out"
    worker = copilot.like(mode="read-only")  # as agents that plugins brought are made
    assert worker.connections is copilot.connections
    assert worker.audit is copilot.audit
    unsigned = Rooms(settings(tmp_path / "files"), tmp_path / "state", env={})
    unsigned.__dict__["_host"] = shared._host
    assert not unsigned.room(somebody()).copilot.connections.accounts


def test_what_lies_in_a_room_brings_nothing(shared: Rooms, tmp_path: Path) -> None:
    """Settings, skills and servers that somebody sent are files like others."""
    room = shared.room(somebody(user="settings"))
    (room.folder / "copilot.toml").write_text('[trust]\nmode = "yes"\n')
    (room.folder / ".mcp.json").write_text('{"mcpServers": {"x": {"command": "touch", "args": ["/tmp/x"]}}}')
    copilot = room.copilot
    assert copilot.mode == "ask"
    assert copilot.servers is shared.room(somebody()).copilot.servers
    assert copilot.skills is shared.room(somebody()).copilot.skills


def test_assistants_are_kept_and_forgotten(shared: Rooms, tmp_path: Path) -> None:
    room = shared.room(somebody())
    assert room.copilot is shared.room(somebody()).copilot
    group, other = shared.room(somebody(chat="team")), shared.room(somebody(user=BEN, chat="team"))
    assert group.copilot is not other.copilot  # each with their own accounts
    assert group.copilot.user != other.copilot.user
    before = room.copilot
    shared.forget(room.person)
    assert room.copilot is not before
    few = Rooms(settings(tmp_path / "files"), tmp_path / "state", env={}, most=2)
    few.__dict__["_host"] = shared._host
    kept = [few.room(somebody(user=f"u{number}")).copilot for number in range(4)]
    assert few.room(somebody(user="u3")).copilot is kept[3]
    assert few.room(somebody(user="u0")).copilot is not kept[0]


def test_a_save_over_the_quota_is_refused_and_one_below_is_not(shared: Rooms) -> None:
    room = shared.room(somebody(user="full"))
    write(room, "a.txt", b"a" * 600_000)
    with pytest.raises(WorkspaceError, match=r"no room for b\.txt: 0\.6 of 1 MB") as caught:
        write(room, "b.txt", b"b" * 600_000)
    assert caught.value.code == "full"
    assert not (room.folder / "b.txt").exists()
    write(room, "a.txt", b"a" * 900_000)  # what it replaces counts no more
    assert room.left() == 2**20 - 900_000
    write(room, "a.txt", b"small")
    room.copilot.workspace.undo()  # the way back is always open
    assert (room.folder / "a.txt").stat().st_size == 900_000


def aged(room: Room, days: float) -> None:
    when = room.place.joinpath("seen").stat().st_mtime - days * DAY
    os.utime(room.place / "seen", (when, when))


def test_rooms_are_removed_when_nobody_came_for_long(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "files", keep_days=30)
    rooms = Rooms(chosen, tmp_path / "state", env={})
    old, fresh, busy = (rooms.room(somebody(user=name)) for name in ("old", "fresh", "busy"))
    (old.folder / "a.bin").write_bytes(bytes(5000))
    aged(old, 31)
    aged(fresh, 29)
    aged(busy, 31)
    with busy.alone():
        cleaned = clean(chosen, tmp_path / "state")
    assert (cleaned.rooms, cleaned.bytes) == (1, 5000)
    assert not old.place.exists()
    assert fresh.folder.is_dir()
    assert busy.folder.is_dir()
    rooms.room(busy.person)  # a message
    assert clean(chosen, tmp_path / "state").rooms == 0
    assert rooms.room(old.person).folder.is_dir()  # and begins empty
    assert not list(old.folder.iterdir())


def test_clean_up_follows_no_link(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "files")
    room = Rooms(chosen, tmp_path / "state", env={}).room(somebody())
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep.txt").write_text("x")
    (room.folder / "link").symlink_to(outside)
    (room.place.parent / "linked").symlink_to(outside)
    aged(room, 60)
    other = tmp_path / "files" / "sign-ins" / "tenant"
    other.mkdir(parents=True)
    os.utime(other, (0, 0))
    assert clean(chosen, tmp_path / "state").rooms == 1
    assert other.is_dir()  # no room
    assert (outside / "keep.txt").exists()


def test_two_replicas_make_one_room(tmp_path: Path) -> None:
    chosen, person = settings(tmp_path / "files"), somebody()
    made: list[Path] = []

    def enter() -> None:
        made.append(Rooms(chosen, tmp_path / "state", env={}).room(person).folder)

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(made)) == 1
    assert len(made) == 4


def test_a_room_that_is_held_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot._flock._TRIES", 1)
    room = Rooms(settings(tmp_path / "files"), tmp_path / "state", env={}).room(somebody())
    with room.alone(), pytest.raises(LockedError, match="using this room"), room.alone():
        pass
