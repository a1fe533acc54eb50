"""The system's keyring: Keychain, Secret Service, Windows' Credential Locker (extra `keyring`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from copilot.errors import SettingsError


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
