"""Accounts and what they serve; the loop that connections talk on."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import PluginError, ServiceError, SettingsError
from copilot.plugins.connections import Account, Connections
from copilot.plugins.connections import loop as loops
from copilot.settings import AccountSettings, parsed


class Post:
    """A connector with accounts that serve mail; those named "files" serve files only."""

    kinds = frozenset({"mail", "files"})

    def __init__(self) -> None:
        self.connected: list[str] = []

    def connect(self, account: Account) -> Any:
        self.connected.append(account.name)
        return _Connected(account)


class _Connected:
    who = "ann@contoso.com"

    def __init__(self, account: Account) -> None:
        self.account = account.name
        self.kinds = frozenset({"files"}) if account.name == "files" else frozenset({"mail"})

    def serve(self, kind: str) -> str:
        return f"{kind} of {self.account}"


def made(tmp_path: Path, connector: Any, **accounts: bool) -> Connections:
    settings = {name: AccountSettings(connector="post", default=default) for name, default in accounts.items()}
    return Connections(settings, tmp_path, {}, lambda name: connector)


def test_the_default_account_serves_and_each_is_connected_once_and_late(tmp_path: Path) -> None:
    post = Post()
    connections = made(tmp_path, post, home=False, work=True)
    assert post.connected == []
    assert connections.serving("mail") == ["work", "home"]
    assert connections.of("mail") == "mail of work"
    assert connections.of("mail", "home") == "mail of home"
    assert connections.of("mail", "work") == "mail of work"
    assert post.connected == ["work", "home"]


def test_what_nobody_serves_is_named_with_the_next_step(tmp_path: Path) -> None:
    connections = made(tmp_path, Post(), files=False)
    for kind, account, told in (
        ("calendar", "", "serves calendar"),
        ("mail", "files", "serves mail"),
        ("mail", "gone", "no account 'gone'"),
    ):
        with pytest.raises(ServiceError, match=told) as caught:
            connections.of(kind, account)
        assert caught.value.code == "account"
    with pytest.raises(ServiceError, match="everpilot login"):
        made(tmp_path, Post()).of("mail")


def test_accounts_that_serve_other_things_are_passed_over(tmp_path: Path) -> None:
    connections = made(tmp_path, Post(), files=True, home=False)
    assert connections.of("mail") == "mail of home"


def test_a_connector_that_is_not_there_hides_no_other(tmp_path: Path) -> None:
    def connector(name: str) -> Any:
        if name == "lost":
            raise PluginError("There is no connector 'lost'.")
        return object() if name == "folder" else Post()

    names = {"a": "lost", "b": "folder", "c": "post"}
    accounts = {name: AccountSettings(connector=each) for name, each in names.items()}
    assert Connections(accounts, tmp_path, {}, connector).serving("mail") == ["c"]
    with pytest.raises(PluginError, match="no connector 'lost'"):
        Connections({"a": accounts["a"]}, tmp_path, {}, connector).of("mail")


def test_an_account_keeps_what_is_the_connectors_own() -> None:
    settings = parsed({"accounts": {"work": {"connector": "microsoft365", "tenant": "contoso.com"}}}, "x")
    assert settings.accounts["work"].options == {"tenant": "contoso.com"}
    with pytest.raises(SettingsError, match=r"accounts\.work\.connector"):
        parsed({"accounts": {"work": {}}}, "x")


async def _name() -> str:
    return threading.current_thread().name


async def _never() -> None:
    await asyncio.Event().wait()


def test_everything_runs_on_one_loop_with_a_deadline() -> None:
    first, second = loops.run(_name, 5), loops.run(_name, 5)
    assert first == second == "everpilot-connections"
    with pytest.raises(ServiceError, match=r"Graph did not answer within 0\.01 seconds") as caught:
        loops.run(_never, 0.01, "Graph")
    assert caught.value.code == "slow"
    assert loops.run(_name, 5) == first, "what was too slow stops nothing else"


def test_errors_come_back_and_a_call_on_the_loop_itself_is_a_mistake_not_a_deadlock() -> None:
    async def fails() -> None:
        raise TimeoutError("its own")

    async def nested() -> None:
        loops.run(_name, 1)

    with pytest.raises(TimeoutError, match="its own"):
        loops.run(fails, 5)
    with pytest.raises(RuntimeError, match="called on it"):
        loops.run(nested, 5)


def test_a_loop_that_was_closed_is_made_anew() -> None:
    loops.run(_name, 5)
    loops.close()
    assert loops.run(_name, 5) == "everpilot-connections"
    loops.close()
