"""A connected account: one client of Graph, and what it serves."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from copilot.errors import ServiceError
from copilot.plugins.connections import Account, WorkKind
from copilot.plugins.connections import loop as loops

from .identity import Identity
from .options import Options

if TYPE_CHECKING:
    from .graph.client import Graph

T = TypeVar("T")

#: What serves a kind: a module beside this one, and its class, which is made with the connection.
SERVES: dict[WorkKind, tuple[str, str]] = {
    "files": ("drive", "GraphFiles"),
    "mail": ("mail", "GraphMail"),
    "calendar": ("calendar", "GraphCalendar"),
    "chat": ("teams", "GraphChat"),
    "people": ("people", "GraphPeople"),
    "search": ("search", "GraphSearch"),
    "tasks": ("tasks", "GraphTasks"),
}
#: Seconds that one piece of work may take with all its calls and waits.
PATIENCE = 120.0


class Microsoft365:
    """The connection of one account. What serves a kind is made once, by `SERVES`, and calls Graph by `run`."""

    def __init__(self, account: Account, options: Options, identity: Identity) -> None:
        self.settings = account
        self.options = options
        self.identity = identity
        self._served: dict[WorkKind, Any] = {}

    @classmethod
    def of(cls, account: Account, assertion: str = "") -> Microsoft365:
        """Return the connection of an account, for the person of an assertion if there is one. Raises SettingsError."""
        options = Options.of(account)
        return cls(account, options, Identity(account, options, assertion=assertion))

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self.settings.name

    @property
    def who(self) -> str:
        """The address of whose account it is, "" if it is not known."""
        signed = self.identity.signed_in()
        return (signed.who if signed else "") or self.options.user

    @property
    def kinds(self) -> frozenset[WorkKind]:
        """What it serves: `kinds` of the settings, else everything."""
        return frozenset(self.options.kinds or SERVES)

    @property
    def me(self) -> str:
        """The path in Graph of whose account it is: "/me", or "/users/{user}" where no person signed in."""
        return f"/users/{self.options.user}" if self.options.by_app else "/me"

    @cached_property
    def graph(self) -> Graph:
        """The client of Graph."""
        from .graph.client import Graph

        url, tenant = self.options.graph_url, self.options.tenant or self.account
        return Graph(url, self.identity, account=self.account, tenant=tenant, writes=self.settings.writes)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], deadline: float = PATIENCE) -> T:
        """Return what `work()` returns, run on the loop of all connections. Raises ServiceError."""
        return loops.run(work, deadline, "Microsoft Graph")

    def serve(self, kind: WorkKind) -> Any:
        """Return the interface of a kind. Raises ServiceError: nobody signed in, or without the right to it."""
        self.needs(kind)
        if kind not in self._served:
            module, name = SERVES[kind]
            try:
                made = getattr(importlib.import_module(f".{module}", __package__), name)
            except ModuleNotFoundError as error:
                if error.name != f"{__package__}.{module}":
                    raise
                raise ServiceError(f"Microsoft 365 does not serve {kind} yet.", code="unsupported") from None
            self._served[kind] = made(self)
        return self._served[kind]

    def check(self) -> None:
        """Ask for a token now, unless there is one. Raises ServiceError, which names the next step."""
        self.identity.renewed()

    def needs(self, kind: WorkKind, *, writes: bool = False) -> None:
        """Make sure that the sign-in holds the rights to a kind, as far as that is known before anything is called.

        Raises ServiceError (signed_out, or scope with the missing right in plain words and the command that asks for
        it).
        """
        self.identity.needs(kind, writes=writes)
