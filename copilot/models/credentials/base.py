"""What every source of keys has in common."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Protocol

from pydantic import SecretStr

from copilot._redaction import one_line, remember
from copilot.errors import SettingsError

log = logging.getLogger(__name__)

_LATER = 30.0  # seconds until a failed renewal is tried again, while the old key still holds


class Credential(Protocol):
    """Where a model's key comes from."""

    @property
    def source(self) -> str:
        """Words for a person: "OPENAI_API_KEY", "keyring everpilot/openai". Never the key, and nothing is asked."""
        ...

    @property
    def identity(self) -> str:
        """What it adds to the identity of a circuit. Nothing is asked, and what comes back is never shown."""
        ...

    @property
    def rotates(self) -> bool:
        """Whether another key may come while the process runs."""
        ...

    @property
    def bearer(self) -> bool:
        """Whether it is a token that goes out as `Authorization: Bearer`, where a vendor tells the two apart."""
        ...

    def kept(self) -> SecretStr | None:
        """Return the key that `get` would return at once, or None: it would have to ask for it."""
        ...

    def get(self) -> SecretStr:
        """Return the key. May block for seconds, or for a person to sign in: keep it off the event loop.

        Raises:
            SettingsError: there is none; the message says why, and what to do.
        """
        ...

    def renew(self) -> bool:
        """Forget the key that the vendor refused. Returns whether the next `get` could bring another one."""
        ...


@dataclass(frozen=True)
class EnvironmentKey:
    """The value of an environment variable when the settings were read."""

    source: str
    value: SecretStr
    rotates: bool = False
    bearer: bool = False

    def __post_init__(self) -> None:
        remember(self.value.get_secret_value())

    @property
    def identity(self) -> str:
        """The key itself, so that a changed one has a circuit of its own."""
        return self.value.get_secret_value()

    def kept(self) -> SecretStr:
        """Return the key."""
        return self.value

    def get(self) -> SecretStr:
        """Return the key."""
        return self.value

    def renew(self) -> bool:
        """Return False: it stays as it is for as long as the process runs."""
        return False


@dataclass(frozen=True, slots=True)
class Got:
    """A key that came. `until` is when it is asked for again, `expires` when it is worth nothing, in Unix seconds."""

    value: SecretStr
    until: float = inf
    expires: float = inf

    def __post_init__(self) -> None:
        remember(self.value.get_secret_value())


@dataclass
class Kept:
    """A key that is asked for when it is needed, and kept. Safe for many threads: one asks, the others wait for it."""

    rotates = True
    bearer = False
    clock: Callable[[], float] = field(default=time.time, repr=False, kw_only=True)
    _got: Got | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    @property
    def source(self) -> str:
        """Words for a person."""
        raise NotImplementedError

    @property
    def identity(self) -> str:
        """The description of the source: what it would bring is not known before it is asked."""
        return self.source

    def kept(self) -> SecretStr | None:
        """Return the key that was kept, or None: there is none, or it is time for another."""
        got = self._got
        return got.value if got is not None and self.clock() < got.until else None

    def get(self) -> SecretStr:
        """Return the key.

        Raises:
            SettingsError: there is none; the message says why, and what to do.
        """
        with self._lock:
            if (kept := self.kept()) is not None:
                return kept
            try:
                self._got = self._ask()
            except SettingsError as trouble:
                if self._got is None or self.clock() >= self._got.expires:
                    raise
                log.warning("%s; the old key still holds.", trouble.message.rstrip("."))
                self._got = replace(self._got, until=min(self._got.expires, self.clock() + _LATER))
            return self._got.value

    def renew(self) -> bool:
        """Forget the key; the next `get` asks for one."""
        with self._lock:
            self._got = None
            self._forget()
        return True

    def _ask(self) -> Got:
        """Return a key from its source; raises SettingsError."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Drop what else would bring the same key again."""


def usable(text: str, source: str) -> SecretStr:
    """Return a key with the space around it taken off.

    Raises:
        SettingsError: it is empty, or no single word of ASCII, which is all that an HTTP header can carry.
    """
    key = text.strip()
    if not key:
        raise SettingsError(f"There is no key: {source} brought nothing.", hint="Put the key there.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError(
            f"There is no key: {source} brought more than one word or line.", hint="It must bring the key and no more."
        )
    return SecretStr(key)


def first_line(text: str, env: Mapping[str, str]) -> str:
    """Return the first line that says something, with what looks like a secret, or is one in `env`, taken out."""
    return one_line(text, env)
