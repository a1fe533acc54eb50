"""Why documents failed, in groups: one heading and one next step for all that failed alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from types import MappingProxyType

from copilot._redaction import redacted
from copilot.jobs.job import Outcome, Source
from copilot.jobs.report.spool import Spool

#: Groups that are told apart; what comes after them is one group of others.
MOST = 40
#: Documents of a group that are listed.
LISTED = 250

#: What a person reads for the code of an error, and what to do next. `{retry}` is the command.
STEPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "missing": ("The file is not there", "Bring it back or leave it out, then: {retry}"),
        "folder": ("A folder where a file is meant", "Name the files in it."),
        "unreadable": ("The system does not let the file be read", "Give the right to read it, then: {retry}"),
        "empty": ("The file is empty", "Ask whoever made it for another copy."),
        "encrypted": ("The file is protected by a password", "Take the password off, then: {retry}"),
        "legacy": ("A format from before 2007", "Save it as .docx, .xlsx or .pptx, then run it again."),
        "broken": ("The file is damaged", "Open and save it in its own program, then: {retry}"),
        "unsafe": ("The file holds something dangerous", "Don't open it. Ask whoever sent it."),
        "too_large": ("The file is larger than the limits", "Split it."),
        "unsupported": ("This kind of file is not supported", "Convert it, or leave it out."),
        "conflict": ("The file was changed meanwhile", "{retry} works on it as it is now."),
        "locked": ("Somebody has the file open", "When it is closed: {retry}"),
        "denied": ("The policy does not allow it", "everpilot policy explains why."),
        "outside_roots": ("The file lies outside of the opened folders", "Open its folder with --add-dir."),
        "no_model": ("None of the models could answer", "See how they are with everpilot models, then: {retry}"),
        "model": ("The model could not answer", "See how the models are with everpilot models, then: {retry}"),
        "too_long": ("The document does not fit into a model", "Choose a model with a larger window, or split it."),
        "budget": ("The budget was used up", "Give a larger budget, then resume the run."),
        "throttled": ("A service allows no more calls for now", "Later: {retry}"),
        "signed_out": ("Somebody has to sign in", "everpilot login, then: {retry}"),
        "unreachable": ("A service can't be reached", "When the connection is back: {retry}"),
        "slow": ("It took longer than it may", "Allow more seconds a document, then: {retry}"),
        "time": ("It took longer than it may", "Allow more seconds a document, then: {retry}"),
        "schema": ("The answer never fitted the fields", "Make the fields simpler, or choose a stronger model."),
    }
)
_OTHER = "Other reasons"
_LOOK = "Look at the message, then: {retry}"
_VARIABLE = re.compile(r"""(['"“‘]).*?(['"”’])|\d+""")


@dataclass
class Group:
    """Documents that are told of together: a title, the next step, and a line of HTML for each (of the first ones)."""

    title: str
    step: str
    count: int = 0
    lines: Spool = field(default_factory=Spool)

    def add(self, line: str) -> None:
        """Take a document; of a large group only the first `LISTED` are listed."""
        self.count += 1
        if self.count <= LISTED:
            self.lines.add(line)


@dataclass
class Groups:
    """Groups by their title, the largest first. After `MOST` there is only one more, of all others."""

    found: dict[str, Group] = field(default_factory=dict)

    def named(self, title: str, step: str = "") -> Group:
        """Return the group with this title, made if need be."""
        name = title if title in self.found or len(self.found) < MOST else _OTHER
        if name not in self.found:
            self.found[name] = Group(name, step if name == title else "")
        return self.found[name]

    def __iter__(self) -> Iterator[Group]:
        return iter(sorted(self.found.values(), key=lambda group: (group.title == _OTHER, -group.count)))

    def __len__(self) -> int:
        return sum(group.count for group in self.found.values())


def reason(outcome: Outcome, source: Source, retry: str) -> tuple[str, str, str]:
    """Return why a document failed: a title for all that failed alike, the next step, and the exact message.

    `retry` is the command that runs failed documents again.
    """
    error = outcome.error or {}
    message = redacted(str(error.get("message") or "No reason was given."))
    title, step = STEPS.get(str(error.get("code") or ""), ("", _LOOK))
    told = redacted(str(error.get("hint") or "")) or step
    return title or alike(message, source), told.replace("{retry}", retry), message


def alike(message: str, source: Source) -> str:
    """Return a message without what differs from document to document: names, quoted words, numbers."""
    names = {source.path, source.key, PurePath(source.path).name, PurePath(source.key).name} - {""}
    for name in sorted(names, key=len, reverse=True):
        message = message.replace(name, "…")
    return _VARIABLE.sub(_blank, message)[:200]


def _blank(match: re.Match[str]) -> str:
    return f"{match[1]}…{match[2]}" if match[1] else "…"
