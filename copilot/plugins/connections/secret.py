"""Where an account's password or token is: a variable, a command that prints it, or the keyring. Nobody is asked."""

from __future__ import annotations

import shlex
import subprocess

from copilot import _keyring
from copilot._redaction import remember
from copilot.errors import ServiceError
from copilot.plugins.connections import Account

#: The settings that may name it; an account has one of them.
SETTINGS = ("secret_env", "secret_cmd", "secret_keyring")
_SECONDS = 60  # that a command may take: a password manager may ask for a finger


def secret_of(account: Account, variable: str, command: str, place: str) -> str:
    """Return the secret; of the three one is given. Raises ServiceError (signed_out), which says where it looked."""
    found = _found(account, variable, command, place)
    if not found:
        given = zip(SETTINGS, (variable, command, place), strict=True)
        where = next(f"{name} = {value!r}" for name, value in given if value)
        raise ServiceError(
            f"The account {account.name} has no password: {where} gives none.",
            hint="Put it there: everpilot never asks for one.",
            code="signed_out",
        )
    remember(found)
    return found


def _found(account: Account, variable: str, command: str, place: str) -> str:
    if variable:
        return account.env.get(variable, "")
    if place:
        service, _, user = place.rpartition("/")
        return _keyring.read(service or user, user if service else "") or ""
    try:
        words, env = shlex.split(command), dict(account.env) or None
        done = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, check=True, env=env)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        text = f"secret_cmd of the account {account.name} failed ({type(error).__name__})."
        raise ServiceError(text, hint="Run it yourself to see why.", code="signed_out") from None
    return done.stdout.strip()
