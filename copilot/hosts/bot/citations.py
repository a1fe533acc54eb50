"""Where an answer comes from, how confidential it is, and that a model wrote it: the annotations of a message.

Teams and Web Chat read them from one `https://schema.org/Message` entity (Teams: Bot messages with AI-generated
content); people read the sources also in the text, which is all that other channels show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from copilot.hosts.bot.channels import ChannelProfile
from copilot.hosts.bot.words import Words
from copilot.trust.labels import Confidentiality, Label
from copilot.trust.sanitise import safe_markdown, safe_text

#: More than 20 citations are refused with 400; a title has at most 80 characters, an abstract 160.
MOST = 20
_TITLE, _ABSTRACT = 80, 160
_MARK = re.compile(r"\[(\d{1,3})\]")
_WEB = re.compile(r"https://[!-~]{1,71}")
#: Icons that Teams has, by the end of a file's name.
_ICONS = {
    "doc": "Microsoft Word",
    "docm": "Microsoft Word",
    "docx": "Microsoft Word",
    "xls": "Microsoft Excel",
    "xlsm": "Microsoft Excel",
    "xlsx": "Microsoft Excel",
    "csv": "Microsoft Excel",
    "ppt": "Microsoft PowerPoint",
    "pptm": "Microsoft PowerPoint",
    "pptx": "Microsoft PowerPoint",
    "pdf": "PDF",
    "txt": "Text",
    "md": "Text",
    "png": "Image",
    "jpg": "Image",
    "jpeg": "Image",
    "gif": "GIF",
    "zip": "ZIP",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One source of an answer: the number that marks it in the text, and its name made safe."""

    number: int
    name: str

    def claim(self) -> dict[str, Any]:
        """Return the citation as Teams and Web Chat have it. A link stands only under its whole address."""
        shown = self.name if len(self.name) <= _TITLE else self.name[: _TITLE - 1] + "…"
        appearance: dict[str, Any] = {"@type": "DigitalDocument", "name": shown}
        if shown != self.name:
            appearance["abstract"] = self.name[:_ABSTRACT]
        if _WEB.fullmatch(self.name):
            appearance["url"] = self.name
        if icon := _ICONS.get(_ending(self.name)):
            appearance["image"] = {"@type": "ImageObject", "name": icon}
        return {"@type": "Claim", "position": self.number, "appearance": appearance}


def sources_of(label: Label, text: str) -> tuple[list[Source], int]:
    """Return the sources of an answer, at most 20, and how many more there are.

    A number that already stands in brackets in `text` is the model's own and gets no citation: it could claim a source
    that does not say so.
    """
    names = list(dict.fromkeys(name for each in label.sources if (name := safe_text(each).strip())))
    taken = {int(found[1]) for found in _MARK.finditer(text)}
    start = 1 if not taken & set(range(1, len(names[:MOST]) + 1)) else max(taken) + 1
    return [Source(start + at, name) for at, name in enumerate(names[:MOST])], max(len(names) - MOST, 0)


def listed(sources: Sequence[Source], more: int, words: Words, *, tainted: bool = True) -> str:
    """Return the sources as the last lines of a message, "" for none; `tainted` says that nobody vouches for them."""
    if not sources:
        return ""
    lines = [f"[{source.number}] {safe_markdown(_flat(source.name))}" for source in sources]
    tail = [words.more_sources.format(count=more)] if more else []
    return "\n".join([words.unchecked if tainted else words.sources, *(f"- {line}" for line in [*lines, *tail])])


def entity(*, generated: bool, sources: Sequence[Source], label: Label | None, words: Words) -> dict[str, Any] | None:
    """Return the one entity of a message that annotates it, None where there is nothing to say.

    `generated` puts the "AI generated" label on it; a restricted `label` the shield with its sensitivity.
    """
    made: dict[str, Any] = {
        "type": "https://schema.org/Message",
        "@type": "Message",
        "@context": "https://schema.org",
        "@id": "",
    }
    bare = len(made)
    if generated:
        made["additionalType"] = ["AIGeneratedContent"]
    if sources:
        made["citation"] = [source.claim() for source in sources]
    if label is not None and label.confidentiality is Confidentiality.RESTRICTED:
        made["usageInfo"] = {
            "@type": "CreativeWork",
            "name": words.restricted,
            "description": words.restricted_why,
        }
    return made if len(made) > bare else None


def channel_data(profile: ChannelProfile) -> dict[str, Any]:
    """Return the channel's own data of an answer: its feedback buttons, where it has them."""
    return {"feedbackLoop": {"type": "default"}} if profile.feedback else {}


def _ending(name: str) -> str:
    """Return the ending of a file's name; a location may follow it ("budget.xlsx, Sheet1!A1")."""
    return name.split(",")[0].strip().rpartition(".")[2].lower()


def _flat(name: str) -> str:
    """Return a name without what Markdown would make of it: it is no place for emphasis or lists."""
    return re.sub(r"([*_~`#|\\])", r"\\\1", name)
