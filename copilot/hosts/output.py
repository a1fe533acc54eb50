"""What is printed for scripts and as remarks: JSON in whatever encoding the pipe has, one-line remarks on stderr."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from copilot._redaction import redacted
from copilot.trust.sanitise import safe_text


def as_json(value: Any) -> None:
    """Print JSON for a script."""
    print(_dumped(value, indent=2))


def as_line(value: Any) -> None:
    """Print JSON on one line, at once."""
    print(_dumped(value), flush=True)


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
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # an old locale, or half of a surrogate pair: JSON can say everything in ASCII
        return json.dumps(value, indent=indent)
    return text
