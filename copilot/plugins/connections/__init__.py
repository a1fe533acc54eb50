"""Accounts at the places where work lies: mail, calendars, chats, files. Skills use them through one door.

An account (`[accounts.NAME]`) belongs to a connector, which connects it when it is first needed. What a connection
serves is named by a kind; each kind has one interface, whatever connector serves it, in a module of this package.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from copilot.errors import PluginError, ServiceError
from copilot.plugins.connections.web import Browses, Web
from copilot.settings import AccountSettings, WebSettings

#: What a connection can serve; the interfaces are `mail.Mail`, `calendar.Calendar`, ...
WorkKind = Literal["mail", "calendar", "chat", "people", "search", "tasks", "files"]
KINDS: tuple[WorkKind, ...] = get_args(WorkKind)
#: What a skill that needs the web says in place of a kind; it needs no account.
WEB = "web"


@dataclass(frozen=True)
class Account:
    """One `[accounts.NAME]` of the settings, with what a connector needs to connect it.

    `settings.options` holds what is the connector's own. `state` is a private folder for its caches; secrets in it are
    sealed. `env` are the variables that hold keys; `writes` is False where nothing may be changed (`read-only`), and
    then only rights to read are asked for.
    """

    name: str
    settings: AccountSettings
    state: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    writes: bool = True


class Connection(Protocol):
    """A connected account."""

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        ...

    @property
    def who(self) -> str:
        """The address of whose account it is, "" if it is not known."""
        ...

    @property
    def kinds(self) -> frozenset[WorkKind]:
        """What it serves."""
        ...

    def serve(self, kind: WorkKind) -> Any:
        """Return the interface of a kind. Raises ServiceError, which names the next step."""
        ...


class Connects(Protocol):
    """A connector that has accounts: `copilot.connectors.<name>.connector` with this method, too."""

    kinds: frozenset[WorkKind]

    def connect(self, account: Account) -> Connection:
        """Return the account's connection; nobody is asked, and nothing is fetched before it is needed.

        Raises SettingsError for settings that can't be, and ServiceError where somebody must sign in first.
        """
        ...


class Connections:
    """The accounts of the settings, each connected when it is first used. `writes`: whether anything may be changed."""

    def __init__(
        self,
        accounts: Mapping[str, AccountSettings],
        state: Path,
        env: Mapping[str, str],
        connector: Callable[[str], Any],
        *,
        writes: bool = True,
        web: WebSettings | None = None,
        hosts: Sequence[str] = (),
    ) -> None:
        self._accounts = {
            name: Account(name, settings, state / "accounts" / name, env, writes) for name, settings in accounts.items()
        }
        self._connector = connector
        self._env, self._web, self._hosts = env, web or WebSettings(), tuple(hosts)
        self.writes = writes
        self._connected: dict[str, Connection] = {}
        self._lock = threading.Lock()

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts, as the settings name them."""
        return tuple(self._accounts.values())

    @cached_property
    def web(self) -> Web:
        """The web, as `[web]` says; pages only of the hosts that are allowed. Raises SettingsError and PluginError."""
        browses: Browses = self._connector(self._web.connector)
        return browses.browse(self._web, self._hosts, self._env)

    def serving(self, kind: WorkKind) -> list[str]:
        """Return the names of the accounts whose connector serves a kind; the default ones first.

        An account whose connector is not there serves nothing; PluginError says so where no other one serves the kind.
        """
        able, lost = [], None
        for account in self._accounts.values():
            try:
                connector = self._connector(account.settings.connector)
            except PluginError as error:
                lost = error
            else:
                able += [account] if kind in getattr(connector, "kinds", ()) else []
        if lost is not None and not able:
            raise lost
        return [a.name for a in sorted(able, key=lambda a: not a.settings.default)]

    def connect(self, name: str) -> Connection:
        """Return an account's connection. Raises ServiceError for an unknown name, and what `connect` raises."""
        if name not in self._accounts:
            raise ServiceError.unknown(name, self._accounts)
        with self._lock:
            if name not in self._connected:
                account = self._accounts[name]
                self._connected[name] = self._connector(account.settings.connector).connect(account)
            return self._connected[name]

    def of(self, kind: WorkKind, account: str = "") -> Any:
        """Return the interface of a kind, of the named account or of the first that serves it.

        Raises ServiceError: no account, or none that serves the kind. An account that can't be connected is not passed
        over for the next one: that may be of somebody else.
        """
        for name in [account] if account else self.serving(kind):
            connection = self.connect(name)
            if kind in connection.kinds:
                return connection.serve(kind)
        raise ServiceError.nobody(kind, [account] if account else self._accounts)
