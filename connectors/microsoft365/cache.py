"""What a sign-in left: MSAL's token cache, whose it is, what was granted; sealed, in a file of the account's folder."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from copilot._flock import taken
from copilot.models.credentials.sealed import SealedFile
from copilot.workspace.save import make_private

log = logging.getLogger(__name__)

FILE, LOCK = "sign-in.json", "sign-in.lock"
#: Seconds that another process may take for its own refresh.
_PATIENCE = 15.0


@dataclass(frozen=True)
class Kept:
    """A sign-in. `tokens` is MSAL's cache as it serialises it; `claims` is what the next sign-in must prove."""

    tokens: str = field(default="", repr=False)
    who: str = ""
    tenant: str = ""
    granted: tuple[str, ...] = ()
    claims: str = ""


class SignInFile:
    """The file of one account's sign-in, encrypted unless its owner says otherwise.

    Two processes that refresh at once would each keep what the other one's refresh made worthless: `alone` lets one in.
    """

    def __init__(self, folder: Path, *, plain: bool = False) -> None:
        self._folder = folder
        self._file = SealedFile(folder / FILE, plain)

    def check(self) -> None:
        """Raise SettingsError when nothing could be kept, before a person is sent anywhere."""
        self._file.check()

    def changed(self) -> int:
        """Return a number that is another one when the sign-in is; 0 when there is none."""
        try:
            return self._file.path.stat().st_mtime_ns
        except OSError:
            return 0

    def read(self) -> Kept | None:
        """Return the sign-in, None when there is none. Raises SettingsError: there is nothing to decrypt it with."""
        text = self._file.read()
        if not text:
            return None
        try:
            found = json.loads(text)
            return Kept(**{**found, "granted": tuple(found.get("granted", ()))})
        except (ValueError, TypeError, AttributeError):
            log.warning("%s is no sign-in; it counts as none.", self._file.path)
            return None

    def write(self, kept: Kept) -> None:
        """Keep a sign-in, in place of the one before. Raises SettingsError, or OSError."""
        make_private(self._folder)
        self._file.write(json.dumps(asdict(kept)))

    def forget(self) -> bool:
        """Remove it; False when there was none."""
        try:
            self._file.path.unlink()
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the sign-in against other processes; after a while, or where there are no locks, go on without."""
        try:
            make_private(self._folder)
            descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield
            return
        try:
            left = _PATIENCE
            while not _taken(descriptor) and left > 0:
                time.sleep(0.05)
                left -= 0.05
            yield
        finally:
            os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        return taken(descriptor)
    except OSError:
        return True
