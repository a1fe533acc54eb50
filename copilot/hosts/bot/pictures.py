"""How a change would look: pages before and after it, as pictures below the card that asks for it.

Drawn where LibreOffice is installed (documents/seeing.py), for what a table of words does not show: slides, layout,
charts, new documents. The card does not wait for that, nor does the turn; what can't be drawn in some seconds is left
out, and nothing is said of it, since the table is complete. Only what the card shows is drawn: the calls are made once
more over the files as they are, and what comes out different is not.

Sources: Microsoft Teams, "Send and receive messages" (pictures have at most 1024 x 1024 pixels and 1 MB); "Format your
bot messages" (pictures in base64 don't count as the message's size).
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from copilot.documents.kinds import kind_of, promised_kind
from copilot.hosts.bot import logs
from copilot.hosts.bot.cards import steps_of
from copilot.hosts.bot.consent import attachment
from copilot.hosts.bot.files import shown
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.words import WORDS, Words
from copilot.workspace.change import sha256

if TYPE_CHECKING:
    from copilot.agent.step import Step
    from copilot.hosts.bot.keeping import Keeping
    from copilot.hosts.bot.rooms import Room
    from copilot.hosts.bot.turns import Turn

log = logging.getLogger(__name__)

#: Pictures of one card, seconds that drawing one document may take, and cards that wait for it in one process.
MOST = 3
SECONDS = 15.0
_WAITING = 8
_PIXELS = 1024
_COLORS = 256
_DRAWN = ("word", "excel", "powerpoint")
#: What a table of words does not show, by the kind of the hunk; of slides everything.
_SEEN = frozenset({"format", "structure", "file"})


@dataclass(frozen=True)
class Look:
    """How one file would look: pages by their numbers as PNG, and whether `more` differ. `new`: there was no file."""

    path: str
    pages: Sequence[tuple[int, bytes]]
    more: bool = False
    new: bool = False


class Pictures:
    """Draws for the cards of one process, one after the other: `gate` is held by the one that is drawn for."""

    def __init__(self, keeping: Keeping, words: Words = WORDS) -> None:
        self._keeping, self._words = keeping, words
        self.gate = asyncio.Semaphore(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, turn: Turn, room: Room, card: Mapping[str, Any]) -> None:
        """Draw what a card asks for, if that is to be seen, and show it when it is there."""
        from copilot.documents import seeing

        wanted = turn.profile.pictures and any(map(is_seen, card["items"])) and len(self._tasks) < _WAITING
        if not wanted or seeing.available() is None:
            return
        task = asyncio.create_task(self._shown(turn, room, card))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is not drawn yet."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def wait(self) -> None:
        """Wait until everything is drawn that was begun."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _shown(self, turn: Turn, room: Room, card: Mapping[str, Any]) -> None:
        try:
            async with self.gate:
                if await self._waits(card):
                    looks = await asyncio.to_thread(drawn, room, card, turn.profile.pictures)
                    await self._send(turn, card, looks)
        except Exception as error:  # a picture less: the card is there, and complete
            log.info("not drawn", exc_info=error, extra=logs.told(code=str(getattr(error, "code", ""))))

    async def _send(self, turn: Turn, card: Mapping[str, Any], looks: Sequence[Look]) -> None:
        from copilot.hosts.bot.turns import send  # turns.py imports this module

        for number, look in enumerate(looks):
            if await self._waits(card):
                activity = await self._message(turn, look)
                await send(turn.channel, turn.profile, activity, f"picture {card['id']} {number}")

    async def _waits(self, card: Mapping[str, Any]) -> bool:
        found = await asyncio.to_thread(self._keeping.card, str(card["id"]))
        return found is not None and found.asked.settled is None

    async def _message(self, turn: Turn, look: Look) -> Activity:
        words, path = self._words, PurePath(look.path)
        listed = [words.looks_page.format(number=number) for number, _ in look.pages]
        listed += [words.looks_more] if look.more else []
        form = words.looks_new if look.new else words.looks
        made = [await attachment(f"{path.stem} {number}.png", page, turn.channel) for number, page in look.pages]
        text = form.format(name=shown(path.name), pages=", ".join(listed))
        return {"type": "message", "text": text, "textFormat": "markdown", "attachments": made}


def is_seen(item: Mapping[str, Any]) -> bool:
    """Return whether an item of a card changes how a document looks, not its words or values alone."""
    kind = promised_kind(str(item.get("path", "")))
    changes = any(hunk.get("kind") in _SEEN for hunk in item.get("hunks", ()))
    return kind == "powerpoint" or (kind in _DRAWN and changes)


def drawn(room: Room, card: Mapping[str, Any], most: int) -> list[Look]:
    """Return how the files of a card would look, at most MOST pictures of `most` bytes together.

    Raises what drawing raises, and what reading the files raises.
    """
    looks: list[Look] = []
    count, left = MOST, most
    for path, (before, after) in _versions(room, card).items():
        look = _look(path, before, after, count, left)
        count -= len(look.pages)
        left -= sum(len(page) for _, page in look.pages)
        looks += [look] if look.pages else []
    return looks


def _look(path: str, before: bytes | None, after: bytes, count: int, left: int) -> Look:
    from copilot.documents import seeing

    kind = kind_of(after, PurePath(path).name)
    if not count or kind not in _DRAWN:
        return Look(path, ())
    if before is None:
        pages = list(enumerate(seeing.pages(after, kind, most=count + 1, seconds=SECONDS), 1))
    else:
        changed = seeing.changed_pages(before, after, kind, seconds=SECONDS)
        pages = [(each.after or each.before or 0, each.picture) for each in changed]
    kept = fitting(pages[:count], left)
    return Look(path, kept, len(kept) < len(pages), new=before is None)


def _versions(room: Room, card: Mapping[str, Any]) -> dict[str, tuple[bytes | None, bytes]]:
    """Return the files that a card would change and whose looks that changes: their bytes before and after all of it.

    None of them where the calls would do something else by now than the card shows.
    """
    from copilot.agent.step import Call
    from copilot.trust.labels import Label

    items = {call: each for call, each in steps_of(card).items() if all(item.get("path") for item in each)}
    calls = [Call(call, str(each[0]["tool"]), dict(each[0]["args"])) for call, each in items.items()]
    steps = room.copilot.runner.stage(calls, mode="ask", label=Label())
    if [_told(step.shown) for step in steps] != [_told(each) for each in items.values()]:
        return {}
    wanted = {str(item["path"]) for each in items.values() for item in each if is_seen(item)}
    return {path: found for path, found in _both(room, steps).items() if path in wanted}


def _both(room: Room, steps: Sequence[Step]) -> dict[str, tuple[bytes | None, bytes]]:
    found: dict[str, tuple[bytes | None, bytes]] = {}
    for step in steps:
        for change, told in zip(step.changes, step.shown, strict=True):
            path = str(told["path"])
            if path not in found and change.before is not None:
                before = room.copilot.workspace.read(change.path).content
                if sha256(before) != change.before:
                    return {}
            else:
                before = found[path][0] if path in found else None  # type: ignore[assignment]
            if change.content is not None:
                found[path] = before, change.content
    return found


def _told(shown: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    return [(each["path"], each["hunks"]) for each in shown]


def fitting(pages: Sequence[tuple[int, bytes]], left: int) -> list[tuple[int, bytes]]:
    """Return pages (numbers and PNG) as small as channels take them, as many as have `left` bytes together."""
    made = []
    for number, page in pages:
        small = _small(page)
        if len(small) <= left:
            made.append((number, small))
            left -= len(small)
    return made


def _small(png: bytes) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.thumbnail((_PIXELS, _PIXELS))
        small = picture.convert("RGB").quantize(_COLORS, method=Image.Quantize.FASTOCTREE)
        small.save(out, "PNG")
    return out.getvalue()
