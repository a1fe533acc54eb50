"""Why a GGUF file can't be used: what is seen before the runtime reads it, and what the runtime's words mean."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from copilot.errors import EverpilotError, SettingsError
from copilot.models.failures import AttemptFailed, Failure

_MAGIC = b"GGUF"
_NAMED = "A model for the local runtime ends in .gguf."
_DAMAGED = "is cut or damaged"
_AGAIN = "Download it again and compare its size."
_SMALLER = "Set a smaller n_ctx in its options, close other programs, or take a file that is quantised more."
_UPDATE = "Update the runtime: pip install -U xllamacpp"
_NO_ROOM = r"failed to allocate|unable to allocate|bad_alloc|out of memory|failed to create .{0,20}buffer"
_CUT = r"not within the file bounds|corrupted or incomplete|failed to read|read error|gguf_init_from"
#: What the runtime says when it gives up: pattern, what it means, the next step. `{0}` is the pattern's group.
_SAID: tuple[tuple[str, str, str], ...] = (
    (
        r"unknown (?:model )?architecture: '([^'\n]{1,60})'",
        "has the architecture {0!r}, which the installed runtime does not know",
        _UPDATE,
    ),
    (
        r"unknown pre-tokenizer type: '([^'\n]{1,60})'",
        "has the tokenizer {0!r}, which the installed runtime does not know",
        _UPDATE,
    ),
    (r"(invalid magic)", "is no GGUF file", _NAMED),
    (rf"({_CUT})", _DAMAGED, _AGAIN),
)
_NO_PORT = re.compile(r"couldn't bind|failed to bind|address already in use", re.I)


def check(path: Path) -> None:
    """Look at a model's file as far as that is possible without reading it.

    Raises:
        SettingsError: no whole path, no such file, a folder, not readable, empty, or no GGUF.
    """
    if not path.is_absolute():
        raise SettingsError(f"models: {str(path)!r} is no whole path.", hint='Write model = "/whole/path/to/it.gguf".')
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except FileNotFoundError:
        raise SettingsError(f"models: there is no file {path}.", hint="Correct the model's path.") from None
    except IsADirectoryError:
        raise SettingsError(f"models: {path} is a folder.", hint="Name the .gguf file in it.") from None
    except OSError as error:
        raise SettingsError(f"models: {path} can't be read: {error.strerror}.", hint="Check its permissions.") from None
    if magic != _MAGIC:
        what = "is empty" if not magic else "is no GGUF file"
        raise SettingsError(f"models: {path} {what}.", hint=_NAMED)


def why_not_loaded(path: Path, said: str, code: int | None) -> EverpilotError | AttemptFailed:
    """Return the error for a model that was not loaded, from what the runtime `said` and how it ended (`code`).

    A SettingsError is for the person to mend; an AttemptFailed may go away by itself.
    """
    if _NO_PORT.search(said):
        return AttemptFailed(Failure("config", "no port on 127.0.0.1 can be opened for it", opens=30.0))
    if re.search(_NO_ROOM, said, re.IGNORECASE):
        return AttemptFailed(Failure("config", f"{path.name} needs more memory than is free. {_SMALLER}", opens=60.0))
    for pattern, what, hint in _SAID:
        if found := re.search(pattern, said, re.IGNORECASE):
            return SettingsError(f"models: {path} {what.format(found[1])}.", hint=hint)
    if code == -int(getattr(signal, "SIGKILL", 9)):
        what = f"{path.name} was ended by the system while it was loaded, as is done when memory runs out. {_SMALLER}"
        return AttemptFailed(Failure("config", what, opens=60.0))
    if code is not None and crashed(code):
        return AttemptFailed(Failure("dead", f"its runtime crashed while it loaded {path.name} ({ending(code)})"))
    clue = re.search(r" E (?:\w+ +)?\w+:? (.{1,160})", said)
    why = f": {' '.join(clue[1].split()).rstrip('.')}." if clue else "."
    return SettingsError(f"models: {path} can't be loaded{why}", hint=f"Look at its options. {_UPDATE}")


def crashed(code: int) -> bool:
    """Return whether a process that ended with `code` did not do so on purpose."""
    return code < 0 or code > 3


def ending(code: int) -> str:
    """Return in words how a process ended."""
    try:
        return signal.Signals(-code).name if code < 0 else f"code {code}"
    except ValueError:
        return f"signal {-code}"
