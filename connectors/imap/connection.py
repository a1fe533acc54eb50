"""A connected account: one session with the mailbox's server, made when it is first needed and again when it broke."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from copilot.errors import ServiceError
from copilot.plugins.connections import Account, WorkKind

from .mail import ImapMail
from .options import Options
from .session import Mailbox


class ImapConnection:
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
        return self.options.address

    @property
    def kinds(self) -> frozenset[WorkKind]:
        """What it serves."""
        return frozenset({"mail"})

    @cached_property
    def mail(self) -> ImapMail:
        """Its mail."""
        return ImapMail(self.settings, self.options, Mailbox(self.settings, self.options))

    def serve(self, kind: WorkKind) -> Any:
        """Return the interface of a kind. Raises ServiceError for another one than mail."""
        if kind != "mail":
            raise ServiceError(f"The account {self.account} serves mail only, not {kind}.", code="unsupported")
        return self.mail
