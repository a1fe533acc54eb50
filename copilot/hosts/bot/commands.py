"""Words that are commands: what a person can say without asking a model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from copilot.hosts.bot.dialect import said
from copilot.hosts.bot.files import shown

if TYPE_CHECKING:
    from copilot.hosts.bot.rooms import Room
    from copilot.hosts.bot.turns import Turn, Turns

_MOST_LISTED = 50
_GET = "get "

Command = Callable[["Turns", "Turn", "Room"], Awaitable[str | None]]


async def answer(turns: Turns, turn: Turn, room: Room, text: str) -> str | None:
    """Return what to say to a command, "" where that is said already, None for words that are none."""
    word = text.lower().strip(" /.!")
    if word in _COMMANDS:
        return await _COMMANDS[word](turns, turn, room)
    if word.startswith(_GET) and "\n" not in word:
        return await _get(turns, turn, room, text.strip().lstrip("/")[len(_GET) :].strip(" \"'"))
    return None


async def _help(turns: Turns, turn: Turn, room: Room) -> str:
    return turns.words.help


def _names(room: Room) -> dict[str, str]:
    """Return the documents of a room: as they are called, by that in lower case."""
    workspace = room.copilot.workspace
    return {name.lower(): name for name in sorted(workspace.show(path) for path in workspace.files())}


async def _files(turns: Turns, turn: Turn, room: Room) -> str:
    names = list((await asyncio.to_thread(_names, room)).values())
    lines = [f"- {said(name, turn.profile.dialect).strip()}" for name in names[:_MOST_LISTED]]
    if len(names) > _MOST_LISTED:
        lines.append(turns.words.more_sources.format(count=len(names) - _MOST_LISTED))
    return turns.words.your_files.format(files="\n".join(lines)) if names else turns.words.no_files


async def _get(turns: Turns, turn: Turn, room: Room, name: str) -> str | None:
    """Hand over a document; None where the words name none and may be meant otherwise."""
    found = (await asyncio.to_thread(_names, room)).get(name.lower())
    if found is None:
        return turns.words.file_unknown.format(name=shown(name)) if "." in name and " " not in name else None
    if not turn.shown:
        await turns.offers.offer(room, found, "", turn.activity, turn.channel, turn=turn.id)
        await asyncio.to_thread(turns.keeping.show, turn.id, {"finished": True})
    return ""


async def _undo(turns: Turns, turn: Turn, room: Room) -> str:
    return await asyncio.to_thread(partial(_undone, turns, turn, room))


def _undone(turns: Turns, turn: Turn, room: Room) -> str:
    workspace = room.copilot.workspace
    names = [workspace.show(entry.path) for entry in workspace.undo_turn(thread=room.thread)]
    return "\n\n".join(turns.words.undone.format(path=said(name, turn.profile.dialect).strip()) for name in names)


async def _new(turns: Turns, turn: Turn, room: Room) -> str:
    await turns.void_cards(turn, room)
    await room.copilot.aforget(room.thread)
    return turns.words.begun_anew


async def _stop(turns: Turns, turn: Turn, room: Room) -> str:
    """Close what waits for an answer; what runs was stopped at the door."""
    return turns.words.stopped if await turns.void_cards(turn, room) else turns.words.nothing_to_stop


async def _sign_out(turns: Turns, turn: Turn, room: Room) -> str:
    out = await asyncio.to_thread(turns.signins.sign_out, turn.person)
    turns.rooms.forget(turn.person)
    return turns.words.signed_out if out else turns.words.not_signed_in


async def _yes_or_no(turns: Turns, turn: Turn, room: Room) -> str | None:
    """Return that a card is answered by its buttons; None where none waits, so that the words are for the model."""
    return turns.words.use_card if turn.profile.cards and turns.open_cards(turn, room) else None


_COMMANDS: dict[str, Command] = {
    "help": _help,
    "files": _files,
    "undo": _undo,
    **dict.fromkeys(("new", "new chat"), _new),
    **dict.fromkeys(("stop", "cancel"), _stop),
    **dict.fromkeys(("sign out", "signout", "log out", "logout"), _sign_out),
    **dict.fromkeys(("yes", "no", "ok", "okay", "approve", "approved", "decline"), _yes_or_no),
}
