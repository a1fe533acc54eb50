"""Pictures below approval cards: what is drawn, and that nothing depends on it."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from copilot.agent.copilot import Copilot
from copilot.agent.step import Call
from copilot.documents import seeing
from copilot.documents.word.create import create
from copilot.errors import DocumentError
from copilot.hosts.bot.pictures import drawn, fitting, is_seen
from copilot.settings import Settings
from copilot.trust.labels import Label


@pytest.mark.parametrize(
    ("path", "kinds", "seen"),
    [
        ("a.docx", ("text",), False),  # the table shows words, all of them
        ("a.docx", ("text", "format"), True),
        ("a.docx", ("structure",), True),
        ("a.xlsx", ("cell", "cell"), False),
        ("a.xlsx", ("structure",), True),  # a chart, say
        ("a.pptx", ("text",), True),  # whether it fits the slide is to be seen
        ("a.pptx", (), True),
        ("a.pdf", ("file",), False),
        ("a.md", ("file",), False),
        ("", ("text",), False),  # what is sent
    ],
)
def test_what_is_to_be_seen(path: str, kinds: tuple[str, ...], seen: bool) -> None:
    assert is_seen({"path": path, "hunks": [{"kind": kind} for kind in kinds]}) == seen


def test_pictures_are_as_large_as_channels_take_them() -> None:
    images = pytest.importorskip("PIL.Image")
    noise = images.frombytes("RGB", (1400, 200), random.Random(1).randbytes(1400 * 200 * 3))
    out = io.BytesIO()
    noise.save(out, "PNG")
    [(number, data)] = fitting([(4, out.getvalue())], 2_000_000)
    assert number == 4
    assert max(images.open(io.BytesIO(data)).size) <= 1024  # Send and receive messages, "Use picture messages"
    assert fitting([(4, out.getvalue())], len(data) - 1) == []


@pytest.fixture
def room(tmp_path: Path) -> Any:
    folder, state = tmp_path / "files", tmp_path / "state"
    folder.mkdir()
    (folder / "offer.docx").write_bytes(create("# Offer\n\nTen chairs."))
    return SimpleNamespace(copilot=Copilot(folder, settings=Settings(), state=state, env={}), folder=folder)


def asked(room: Any, tool: str, **args: Any) -> dict[str, Any]:
    """Return the card that asks for a call."""
    runner = room.copilot.runner
    steps = runner.stage([Call("c1", tool, args)], mode="ask", label=Label())
    card: dict[str, Any] = runner.card(steps, thread="t", created=datetime.now(UTC)).to_dict()
    return card


def office(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a script stand for LibreOffice that notes what it was given, and makes nothing of it."""
    command, noted = folder / "soffice", folder / "noted"
    command.write_text(f'#!/bin/sh\nfor last; do :; done\ncp "$last" {noted}\n')
    command.chmod(0o700)
    monkeypatch.setattr(seeing, "available", lambda: str(command))
    monkeypatch.setattr(seeing, "_need_renderer", lambda: None)
    return noted


def test_what_is_drawn_is_what_the_card_shows(room: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = office(tmp_path, monkeypatch)
    card = asked(room, "word.append", path="offer.docx", text="A new line.")
    with pytest.raises(DocumentError, match="could not show"):
        drawn(room, card, 1_000_000)
    assert "A new line." in text_of(noted.read_bytes())
    noted.unlink()
    card["items"][0]["hunks"][0]["after"] = "What is not done."  # the call does something else by now
    assert drawn(room, card, 1_000_000) == []
    assert not noted.exists()


def text_of(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return file.read("word/document.xml").decode()
