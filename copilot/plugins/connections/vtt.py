"""Transcripts as WebVTT (https://www.w3.org/TR/webvtt1/): who said what, and when."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_TIMES = re.compile(r"(?:(\d+):)?(\d{2}):(\d{2})\.(\d{3})\s+-->")
_VOICE = re.compile(r"<v(?:\.[^\s>]+)*\s+([^>]*)>")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of speech, `seconds` after the beginning; `speaker` is "" where it was not told."""

    seconds: float
    speaker: str
    text: str

    @property
    def clock(self) -> str:
        """The time since the beginning, "0:01:05"."""
        whole = int(self.seconds)
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def read(text: str) -> list[Said]:
    """Return what was said, in its order; pieces of one speaker that follow each other are one.

    What is no cue (notes, styles, a damaged block) is passed over.
    """
    found: list[Said] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        for said in _cue(block.split("\n")):
            before = found[-1] if found else None
            if before and before.speaker == said.speaker and said.speaker:
                found[-1] = Said(before.seconds, said.speaker, f"{before.text} {said.text}")
            else:
                found.append(said)
    return found


def _cue(lines: list[str]) -> list[Said]:
    for number, line in enumerate(lines[:2]):
        if match := _TIMES.match(line.strip()):
            hours, minutes, seconds, thousandths = (int(each or 0) for each in match.groups())
            at = hours * 3600 + minutes * 60 + seconds + thousandths / 1000
            return _voices(at, " ".join(lines[number + 1 :]))
    return []


def _voices(at: float, payload: str) -> list[Said]:
    parts = _VOICE.split(payload)
    spoken = [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    clean = [(html.unescape(who).strip(), html.unescape(_TAG.sub("", said)).strip()) for who, said in spoken]
    return [Said(at, who, " ".join(said.split())) for who, said in clean if said]
