"""What is printed for scripts and as remarks: JSON in whatever encoding the pipe has, one-line remarks on stderr."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot._redaction import redacted
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.plugins.skill import Problem

#: What JSON lets stand as it is and a terminal obeys, or a person can't see: written as escapes, it is the same JSON.
_UNSEEN = re.compile(r"[\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]")


def as_json(value: Any) -> None:
    """Print JSON for a script."""
    print(_dumped(value, indent=2))


def as_line(value: Any) -> None:
    """Print JSON on one line, at once."""
    print(_dumped(value), flush=True)


def remarks(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield what a person should know of skills and plugins: what is not loaded, and how much more doctor tells."""
    others = 0
    for problem in problems:
        if problem.severity in ("refused", "unsupported"):
            yield f"{problem.where}: {problem.reason}"
        else:
            others += 1
    if others:
        yield f"{others:,} more {'remark' if others == 1 else 'remarks'} on skills and plugins: {command()} doctor"


def short(text: str, most: int) -> str:
    """Return a text on one line, of at most so many characters."""
    plain = " ".join(text.split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def say(text: str) -> None:
    """Print a remark of the program on stderr."""
    print(f"everpilot: {safe_text(redacted(text))}", file=sys.stderr)


def command() -> str:
    """Return how the person can start this program again: by its name, or by its place where it is not on the PATH."""
    if shutil.which("everpilot"):
        return "everpilot"
    started = Path(sys.argv[0])
    if started.name != "everpilot":
        return f"{Path(sys.executable).name} -m copilot"
    here = Path.cwd()
    return str(started.relative_to(here) if started.is_relative_to(here) else started)


def _dumped(value: Any, indent: int | None = None) -> str:
    text = _UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], json.dumps(value, ensure_ascii=False, indent=indent))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # an old locale, or half of a surrogate pair: JSON can say everything in ASCII
        return json.dumps(value, indent=indent)
    return text


def agreed(question: str) -> bool:
    """Return whether the person at the terminal says yes; nothing, and the end of the input (Ctrl-D), is no."""
    try:
        return input(f"{safe_text(question)} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
