"""Conversations that hold a bot to what their channel documents, and show what a person would see at the end."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from copilot.hosts.bot.channels import StreamRefused
from copilot.hosts.bot.split import utf16


class Clock:
    """Seconds that pass when a test says so, and a little with every request."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Chat:
    """One conversation: `shown` are the messages as a person sees them, `log` every request.

    `streams`: takes streams, by the rules of Teams (Stream bot messages): the first activity has number 1 and no id;
    later ones have the id and higher numbers; no text before which another one stood, unless it `restarts`; nothing
    after the final one; two minutes at most; at most one request a second.
    """

    clock: Clock
    streams: bool = True
    restarts: bool = False
    edits: bool = True
    seconds: float = 120.0
    refuses: str = ""
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    typed: int = 0
    _streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last: float = float("-inf")

    async def send(self, activity: dict[str, Any], key: str = "") -> str:
        activity = copy.deepcopy(activity)
        self.log.append(("send", activity))
        infos = [e for e in activity.get("entities", []) if e["type"] == "streaminfo"]
        roots = [e for e in activity.get("entities", []) if e["type"] == "https://schema.org/Message"]
        assert len(infos) <= 1, "more than one streaminfo"
        assert len(roots) <= 1, "400: Multiple root message entities found"
        assert utf16(activity.get("text", "")) <= 80_000, "413"
        if infos:
            return self._stream(activity, infos[0])
        assert activity["type"] == "message"
        assert activity.get("text") or activity.get("attachments"), "400: a message without content"
        return self._put(f"a{len(self.log)}", activity)

    async def update(self, id: str, activity: dict[str, Any]) -> None:
        assert self.edits, "405: this channel edits nothing"
        assert id in self.shown, "404"
        assert activity["type"] == "message"
        self.log.append(("update", copy.deepcopy(activity)))
        self.shown[id] = copy.deepcopy(activity)

    async def delete(self, id: str) -> None:
        del self.shown[id]

    async def typing(self) -> None:
        self.typed += 1

    def _put(self, id: str, activity: dict[str, Any]) -> str:
        self.shown[id] = activity
        return id

    def _stream(self, activity: dict[str, Any], info: dict[str, Any]) -> str:
        if self.refuses or not self.streams:
            raise StreamRefused(self.refuses or "unsupported")  # type: ignore[arg-type]
        final = info["streamType"] == "final"
        assert activity["type"] == ("message" if final else "typing")
        if "streamId" not in info:
            assert info["streamSequence"] == 1
            id = self._put(f"s{len(self.log)}", activity)
            self._streams[id] = {"number": 1, "text": "", "began": self.clock(), "over": False}
            self._note(id, activity, info)
            return id
        stream = self._streams[info["streamId"]]
        if stream["over"]:
            raise StreamRefused("done")
        if self.clock() - stream["began"] > self.seconds:
            raise StreamRefused("time")
        assert final or info["streamSequence"] > stream["number"]
        assert not (final and "streamSequence" in info)
        assert final or self.clock() - self._last >= 0.5, "429"
        self._note(info["streamId"], activity, info)
        return ""

    def _note(self, id: str, activity: dict[str, Any], info: dict[str, Any]) -> None:
        stream, text = self._streams[id], activity["text"]
        assert text, "400: Start streaming activities should include text"
        self._last = self.clock()
        if info["streamType"] == "informative":
            assert len(text.encode()) <= 1000
            assert not stream["text"] or self.restarts
        else:
            assert self.restarts or text.startswith(stream["text"]), "400: not the text that was streamed"
            stream["text"] = text
        stream["number"] = info.get("streamSequence", stream["number"])
        stream["over"] = info["streamType"] == "final"
        self.shown[id] = activity

    def open(self) -> list[str]:
        """Return the streams that were never finished."""
        return [id for id, stream in self._streams.items() if not stream["over"]]

    def texts(self) -> list[str]:
        return [activity.get("text", "") for activity in self.shown.values()]
