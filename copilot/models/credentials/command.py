"""A key that a command prints: `op read ...`, `pass show ...`, `gcloud auth print-access-token`."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from copilot.errors import SettingsError
from copilot.models.credentials.base import Got, Kept, first_line, usable

_PATIENCE = 10.0  # seconds
_SUBCOMMAND = re.compile(r"[a-z][a-z-]{0,15}")


@dataclass
class Command(Kept):
    """The standard output of a command, without the space around it. No shell runs it, and it gets no input."""

    words: tuple[str, ...]
    patience: float = _PATIENCE

    @property
    def source(self) -> str:
        """The command as far as it surely holds no secret: "command `op read ...`"."""
        program, *rest = self.words
        shown = [program, *(word for word in rest[:1] if len(rest) > 1 and _SUBCOMMAND.fullmatch(word))]
        return f"command `{' '.join(shown)}{' ...' if len(shown) < len(self.words) else ''}`"

    @property
    def identity(self) -> str:
        """All words of the command."""
        return "\0".join(("command", *self.words))

    def _ask(self) -> Got:
        done = self._run()
        if done.returncode != 0:
            said = first_line(done.stderr, os.environ)
            raise SettingsError(
                f"There is no key: {self.source} ended with {done.returncode}{f': {said}' if said else ''}.",
                hint="Run it in a terminal to see what it needs.",
            )
        return Got(usable(done.stdout, self.source))

    def _run(self) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                self.words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self.patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SettingsError(
                f"There is no key: {self.source} took longer than {self.patience:.3g} s.",
                hint="It may wait for somebody to unlock something: run it in a terminal.",
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SettingsError(
                f"There is no key: {self.source} can't be run: {reason}.",
                hint="Install the program, or mend api_key_cmd.",
            ) from None
