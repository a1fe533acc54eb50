"""What waits for a person lies in the state folder: private, whole or reported, sealed where that is set."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from copilot.errors import ApprovalError
from copilot.hosts.mcp_server.orders import Order
from copilot.hosts.mcp_server.waiting import Waiting, WaitingRoom
from copilot.trust.approvals import LIFETIME
from copilot.trust.labels import UNKNOWN, Confidentiality


def waiting() -> Waiting:
    order = Order.new("word.edit", {"path": "a.docx", "text": "private words"}, "mcp-1", "ask", UNKNOWN, "client")
    return Waiting(order, "/docs", ("/docs",), Confidentiality.INTERNAL, "a.docx: edit")


@pytest.mark.parametrize("encrypt", [False, True])
def test_it_comes_back_as_it_was_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encrypt: bool) -> None:
    if encrypt:
        pytest.importorskip("cryptography")
        monkeypatch.setenv("EVERPILOT_KEY", "a long secret of the tests")
    room, put = WaitingRoom(tmp_path, encrypt=encrypt), waiting()
    room.put(put)
    assert room.get(put.order.id) == put
    assert WaitingRoom(tmp_path).all() == [put], "what is sealed is read whatever the setting is now"
    (file,) = (tmp_path / "mcp").glob(f"{put.order.id}.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (b"private words" in file.read_bytes()) is not encrypt
    room.settle(put, "done", "Done.")
    assert (room.get(put.order.id).state, room.all()) == ("done", [])


def test_it_expires(tmp_path: Path) -> None:
    from dataclasses import replace

    old = waiting()
    old = replace(old, order=replace(old.order, moment=old.order.moment - LIFETIME - timedelta(seconds=1)))
    room = WaitingRoom(tmp_path)
    room.put(old)
    assert (room.get(old.order.id).expired, room.all()) == (True, [])


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"7", b'{"order": null}', b"\xff\xfe", b"EVS1" + b"x" * 40, b"[" * 50_000]
    + [json.dumps({**waiting().to_dict(), name: value}).encode() for name, value in (("folders", 3), ("level", "x"))],
)
def test_what_is_damaged_is_named_and_left_out(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long secret of the tests")
    room, good = WaitingRoom(tmp_path), waiting()
    room.put(good)
    (tmp_path / "mcp" / "0123456789.json").write_bytes(content)
    with pytest.raises(ApprovalError, match="can't be read"):
        room.get("0123456789")
    assert room.all() == [good]


@pytest.mark.parametrize("id", ["", "..", "../key", "0123456789\n", "0123456789x", "ABCDEF0123", "x" * 5000])
def test_an_id_is_no_path(tmp_path: Path, id: str) -> None:
    with pytest.raises(ApprovalError, match="Nothing waits"):
        WaitingRoom(tmp_path).get(id)
