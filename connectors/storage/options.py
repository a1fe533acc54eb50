"""`[accounts.NAME]` with `connector = "storage"`: how a store is reached."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot._redaction import remember
from copilot.errors import SettingsError
from copilot.plugins.connections import Account


class Options(BaseModel):
    """One store, or one part of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description='What it is for: the beginning of places, as "s3://bucket" or "sftp://host".')
    options: dict[str, Any] = Field(
        default_factory=dict, description='Arguments of the filesystem: endpoint_url = "https://...", username = "...".'
    )
    secrets: dict[str, str] = Field(
        default_factory=dict, description='Arguments that are secret, and the variables that hold them: key = "S3_KEY".'
    )

    @classmethod
    def of(cls, account: Account) -> Options:
        """Return an account's options. Raises SettingsError, which names the setting."""
        try:
            return cls.model_validate(account.settings.options)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors())
            raise SettingsError(
                f"[accounts.{account.name}]: {told}.", hint="A store needs url, and takes options and secrets."
            ) from None

    def is_for(self, place: str) -> bool:
        """Return whether a place lies where this account leads."""
        start = self.url.rstrip("/")
        return (
            place == start or place.startswith(f"{start}/") or (self.url.endswith("://") and place.startswith(self.url))
        )


def reached_with(account: Account, options: Options) -> dict[str, Any]:
    """Return the arguments of the filesystem. Raises SettingsError for a variable that is not set."""
    given = dict(options.options)
    for name, variable in options.secrets.items():
        value = account.env.get(variable, "")
        if not value:
            raise SettingsError(
                f"[accounts.{account.name}]: the variable {variable} is not set, which holds {name}.",
                hint=f"Set {variable}.",
            )
        remember(value)
        given[name] = value
    return given
