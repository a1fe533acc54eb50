"""Where keys come from: a variable, the keyring, a command, or Microsoft Entra ID.

Nothing here asks for a key before somebody wants it; what asks keeps it for the process.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import lru_cache

from pydantic import SecretStr

from copilot._redaction import remember
from copilot.errors import SettingsError
from copilot.models.credentials.base import Credential as Credential
from copilot.models.credentials.base import EnvironmentKey as EnvironmentKey
from copilot.models.credentials.base import Kept as Kept
from copilot.models.credentials.command import Command
from copilot.models.credentials.entra import KINDS
from copilot.models.credentials.entra import show_sign_in_with as show_sign_in_with
from copilot.models.credentials.store import KeyringKey
from copilot.settings import EntraSettings, ModelSettings

_MOST = 64  # sources that are remembered, and their keys with them


def configured(settings: ModelSettings, env: Mapping[str, str]) -> Credential | None:
    """Return where the settings say that the key comes from, or None: from a variable, if from anywhere.

    The same source is the same object for all who ask, so that a command runs and a person signs in once a process.

    Raises:
        SettingsError: the variable of an app's secret is not set.
    """
    if settings.api_key_cmd:
        cmd = settings.api_key_cmd
        return _command(tuple(shlex.split(cmd) if isinstance(cmd, str) else cmd))
    if settings.api_key_keyring:
        service, _, user = settings.api_key_keyring.rpartition("/")
        return _keyring(service, user) if service else _keyring(user, "")
    if settings.entra is not None:
        return _entra(settings.entra, _secret(settings, settings.entra, env), settings.name)
    return None


def _secret(settings: ModelSettings, entra: EntraSettings, env: Mapping[str, str]) -> SecretStr | None:
    if not entra.client_secret_env:
        return None
    if found := env.get(entra.client_secret_env, "").strip():
        remember(found)
        return SecretStr(found)
    raise SettingsError(
        f"models: {settings.name!r} has no client secret: {entra.client_secret_env} is not set.",
        hint="Set it, or name another variable with client_secret_env under [models.entra].",
    )


@lru_cache(_MOST)
def _command(words: tuple[str, ...]) -> Command:
    return Command(words)


@lru_cache(_MOST)
def _keyring(service: str, user: str) -> KeyringKey:
    return KeyringKey(service, user)


@lru_cache(_MOST)
def _entra(settings: EntraSettings, secret: SecretStr | None, name: str) -> Credential:
    return KINDS[settings.method](settings, secret, name)
