"""A connected account of a CalDAV server."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from copilot.errors import ServiceError
from copilot.plugins.connections import Account, WorkKind

from .calendar import CalDavCalendar
from .dav import Dav
from .options import Options


class CalDavConnection:
    """The connection of one account."""

    def __init__(self, account: Account, options: Options) -> None:
        self.settings, self.options = account, options

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self.settings.name

    @property
    def who(self) -> str:
        """The address of whose account it is."""
        return self.options.address or (self.options.user if "@" in self.options.user else "")

    @property
    def kinds(self) -> frozenset[WorkKind]:
        """What it serves."""
        return frozenset({"calendar"})

    @cached_property
    def calendar(self) -> CalDavCalendar:
        """Its calendars."""
        secret, options = self.options.secret(self.settings), self.options
        bearer = {"Authorization": f"Bearer {secret}"} if options.auth == "bearer" else {}
        basic = None if bearer else (options.user or options.address, secret)
        dav = Dav(options.url, bearer, basic, account=self.account)
        return CalDavCalendar(dav, options, self.who, writes=self.settings.writes)

    def serve(self, kind: WorkKind) -> Any:
        """Return the interface of a kind. Raises ServiceError for another one, and without a password."""
        if kind != "calendar":
            raise ServiceError(f"The account {self.account} serves calendars only, not {kind}.", code="unsupported")
        return self.calendar
