"""What goes into documents and messages that we write: nothing that a person who reads them can't see."""

from __future__ import annotations

import re
from typing import Any

#: Bidi embeddings, overrides and isolates; zero-width spaces and invisible operators; interlinear marks. Direction
#: marks, joiners and soft hyphens stay: languages need them. Control characters stay, too: tools refuse them by name.
_UNSEEN = re.compile("[\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
#: Tag characters, which spell a hidden text, but for those of a flag (Unicode Technical Standard 51, 1.4.9).
_TAGS = re.compile("(\U0001f3f4[\U000e0030-\U000e007a]{1,6}\U000e007f)|[\U000e0000-\U000e007f]")


def written(value: Any) -> Any:
    """Return text without characters that nobody sees; in lists and dicts, each text in them."""
    if isinstance(value, str):
        return value if value.isascii() else _TAGS.sub(r"\1", _UNSEEN.sub("", value))
    if isinstance(value, list):
        return [written(item) for item in value]
    if isinstance(value, dict):
        return {key: written(item) for key, item in value.items()}
    return value
