"""Characters that nobody sees but a model reads: tags, bidirectional overrides, zero-width spaces (UTS 39, UTS 55)."""

from __future__ import annotations

import re

# Flags of England, Scotland and Wales are written with tags and a cancel tag (UTS 51, ED-14a): they are what they look.
_TAG = re.compile("(?<!\U0001f3f4)[\U000e0000-\U000e007f]")
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Joiners belong to emoji and to Persian, Hindi and other scripts; between Latin letters they only hide.
_ZERO_WIDTH = re.compile(
    "[\u200b\u2060-\u2064\u180e]|(?<=[!-~])[\u200c\u200d\ufeff]|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2}"
)


def invisible(text: str) -> tuple[str, ...]:
    """Return the flags for what a text hides in its characters: "hidden-text", "bidi-controls", "zero-width"."""
    if text.isascii():
        return ()
    found = []
    if _TAG.search(_FLAG.sub("", text)):
        found.append("hidden-text")
    if _BIDI.search(text):
        found.append("bidi-controls")
    if _ZERO_WIDTH.search(text):
        found.append("zero-width")
    return tuple(found)
