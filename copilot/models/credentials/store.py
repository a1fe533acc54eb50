"""The system's keyring: Keychain, Secret Service, Windows' Credential Locker (extra `keyring`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from copilot.errors import SettingsError
from copilot.models.credentials.base import Got, Kept, usable


@dataclass
class KeyringKey(Kept):
    """A password of the keyring. Without a user, that of whichever one the service has, where the keyring can say."""

    service: str
    user: str = ""

    @property
    def source(self) -> str:
        """Its place: "keyring everpilot/openai"."""
        return f"keyring {self.place}"

    @property
    def place(self) -> str:
        """What the settings say."""
        return f"{self.service}/{self.user}" if self.user else self.service

    def _ask(self) -> Got:
        found = read(self.service, self.user)
        if not found:
            user = self.user or "USER"
            also = "" if self.user else f' and write api_key_keyring = "{self.service}/{user}"'
            raise SettingsError(
                f"There is no key: the keyring holds none for {self.place}.",
                hint=f"Run: keyring set {self.service} {user}{also}",
            )
        return Got(usable(found, self.source))


def read(service: str, user: str) -> str | None:
    """Return a password, or None: there is none. Raises SettingsError where no keyring can be used."""
    with _library() as keyring:
        if user:
            return keyring.get_password(service, user) or None
        found = keyring.get_credential(service, None)
        return found.password if found is not None else None


def write(service: str, user: str, password: str) -> None:
    """Keep a password. Raises SettingsError where no keyring can be used."""
    with _library() as keyring:
        keyring.set_password(service, user, password)


@contextmanager
def _library() -> Iterator[Any]:
    try:
        import keyring
        from keyring import errors
    except ImportError as error:
        raise SettingsError(
            f"The keyring needs a library that is not installed ({error}).",
            hint='Run: pip install "everpilot[keyring]"',
        ) from error
    try:
        yield keyring
    except (errors.NoKeyringError, errors.InitError) as error:
        raise SettingsError(
            "This machine has no keyring that can be used, as is usual on one without a desktop.",
            hint="Keep the key in a variable (api_key_env) or let a command print it (api_key_cmd).",
        ) from error
    except errors.KeyringLocked as error:
        raise SettingsError("The keyring is locked.", hint="Unlock it, and try again.") from error
    except errors.KeyringError as error:
        raise SettingsError(f"The keyring can't be used: {error}.", hint="Look at: keyring --list-backends") from error
