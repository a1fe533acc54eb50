"""`[accounts.NAME]` with `connector = "caldav"`: the settings that are this connector's own."""

from __future__ import annotations

import re
from datetime import time
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from copilot.errors import SettingsError
from copilot.plugins.connections import Account, zones
from copilot.plugins.connections.calendar import WorkingHours
from copilot.plugins.connections.secret import SETTINGS, secret_of

_HERE = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
_HOURS = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)\Z")


class Options(BaseModel):
    """An account with a CalDAV server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="The server, or the address of the calendars: https://dav.example.com.")
    user: str = Field(default="", description="What is signed in with; the address if left out.")
    address: str = Field(default="", description="The mail address that invitations come to; asked of the server.")
    auth: Literal["password", "bearer"] = Field(default="password", description="password, or bearer: a token (OAuth).")
    secret_env: str = Field(default="", description="The environment variable that holds the password or token.")
    secret_cmd: str = Field(default="", description="A command that prints it.")
    secret_keyring: str = Field(default="", description='Its place in the keyring: "service/user".')
    calendar: str = Field(default="", description="The name of the default calendar; the first one if left out.")
    zone: str = Field(default="", description="Your time zone, Europe/Berlin; that of the calendar if left out.")
    hours: str = Field(default="09:00-17:00", description="Your working hours, Monday to Friday.")

    @classmethod
    def of(cls, account: Account) -> Options:
        """Return an account's options. Raises SettingsError, which names the setting."""
        try:
            return cls.model_validate(account.settings.options)
        except ValidationError as error:
            told = "; ".join(
                f"{'.'.join(str(p) for p in e['loc']) or 'it'}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            raise SettingsError(f"[accounts.{account.name}]: {told}.") from None

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        here = parts.scheme == "http" and _HERE.fullmatch(parts.hostname or "")
        if not parts.hostname or parts.username or (parts.scheme != "https" and not here):
            raise ValueError(f"{value!r} is no address of a server; it begins with https:// and holds no password")
        return value

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value and not zones.known(value):
            raise ValueError(f"{value!r} is no time zone, such as Europe/Berlin")
        return zones.iana(value) if value else ""

    @model_validator(mode="after")
    def _is_complete(self) -> Options:
        if sum(bool(getattr(self, name)) for name in SETTINGS) != 1:
            raise ValueError(f"it needs one of {', '.join(SETTINGS)}")
        if self.auth == "password" and not (self.user or self.address):
            raise ValueError("it needs user")
        match = _HOURS.match(self.hours)
        if not match or match[1] == match[2] or max(match[1], match[2]) > "23:59":
            raise ValueError(f"hours: {self.hours!r} is no time of work, such as 09:00-17:00")
        return self

    def working(self, zone: str) -> WorkingHours:
        """Return the working hours, in a zone."""
        first, last = self.hours.split("-")
        return WorkingHours(start=time.fromisoformat(first), end=time.fromisoformat(last), zone=zone)

    def secret(self, account: Account) -> str:
        """Return the password or token. Raises ServiceError, which says where it was looked for."""
        return secret_of(account, self.secret_env, self.secret_cmd, self.secret_keyring)
