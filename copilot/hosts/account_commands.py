"""`everpilot login`, `logout` and `accounts`: the accounts of the settings, and who signed in to them."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Callable
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.cli import DONE, FAILED
from copilot.errors import EverpilotError, ServiceError
from copilot.hosts import render
from copilot.hosts.once import open_copilot
from copilot.hosts.output import as_json, say
from copilot.plugins import connectors
from copilot.plugins.connections import Account
from copilot.plugins.connections.signing import Asking, Need, Right, SignedIn, Terminal, Wishes, declared
from copilot.trust.sanitise import safe_text


def login(parsed: argparse.Namespace) -> int:
    """Show what a sign-in asks for, in plain words, and sign in; with --show only show it."""
    copilot = open_copilot(parsed)
    account = _chosen(copilot, parsed.name)
    connector = _signing(account)
    wishes = Wishes(_needs(copilot, connector), tuple(parsed.add))
    asking: Asking = connector.asking(account, wishes)
    if not parsed.json:
        _show(account, asking)
    if parsed.show:
        if parsed.json:
            as_json({"account": account.name, "asks": _listed(asking.rights), "left_out": _listed(asking.left_out)})
        return DONE
    method = "device_code" if parsed.device_code else ""
    signed: SignedIn = connector.sign_in(account, wishes, Terminal(say, _browse(), method))
    if parsed.json:
        as_json({"account": account.name, **_described(signed), "missing": _listed(signed.missing)})
    else:
        _tell(account, signed)
    return FAILED if signed.missing else DONE


def logout(parsed: argparse.Namespace) -> int:
    """Forget the sign-in of an account."""
    account = _chosen(open_copilot(parsed), parsed.name)
    there = bool(_signing(account).sign_out(account))
    if parsed.json:
        as_json({"account": account.name, "forgotten": there})
    elif there:
        print(f"The sign-in of account {account.name} is forgotten. What was agreed to holds until you take it back.")
    else:
        print(f"There was no sign-in of account {account.name}.{_unkept(account)}")
    return DONE


def _unkept(account: Account) -> str:
    """Return what to do about an account that needs no sign-in, "" for one that does."""
    needless = _state(account)["signed_in"]
    return f" It uses what [accounts.{account.name}] names: take that away to end it." if needless else ""


def accounts(parsed: argparse.Namespace) -> int:
    """List the accounts, and who signed in to each."""
    found = [_state(account) for account in open_copilot(parsed).connections.accounts]
    if parsed.json:
        as_json(found)
    elif not found:
        print("There are no accounts. Add one under [accounts.NAME] in copilot.toml, then: everpilot login NAME")
    else:
        rows = [
            (f"{each['account']}{' (default)' if each['default'] else ''}", each["connector"], each["text"])
            for each in found
        ]
        render.console().print(render.table(("Account", "Connector", "Sign-in"), rows))
    return DONE


def _state(account: Account) -> dict[str, Any]:
    settings = account.settings
    row = {"account": account.name, "connector": settings.connector, "default": settings.default}
    try:
        connector: Any = connectors.connector(settings.connector)
        if not hasattr(connector, "signed_in"):
            return {**row, "signed_in": True, "text": "needs no sign-in"}
        signed: SignedIn | None = connector.signed_in(account)
    except EverpilotError as error:
        return {**row, "signed_in": False, "text": str(error)}
    if signed is None:
        return {**row, "signed_in": False, "text": f"nobody; run: everpilot login {account.name}"}
    text = ", ".join(part for part in (signed.who, signed.place) if part)
    return {**row, "signed_in": True, **_described(signed), "text": text}


def _chosen(copilot: Copilot, name: str | None) -> Account:
    """Return the named account, else the only or the default one. Raises ServiceError."""
    every = copilot.connections.accounts
    names = [account.name for account in every]
    if name:
        found = next((account for account in every if account.name == name), None)
        if found is None:
            raise ServiceError.unknown(name, names)
        return found
    if not every:
        raise ServiceError(
            "There are no accounts.", hint="Add one under [accounts.NAME] in copilot.toml.", code="account"
        )
    defaults = [account for account in every if account.settings.default]
    likely = every if len(every) == 1 else defaults
    if len(likely) != 1:
        raise ServiceError("Which account?", hint=f"There is: {', '.join(names)}.", code="account")
    return likely[0]


def _signing(account: Account) -> Any:
    """Return the account's connector, a signing.SignsIn. Raises ServiceError where there is nothing to sign in to."""
    connector: Any = connectors.connector(account.settings.connector)
    if not hasattr(connector, "sign_in"):
        raise ServiceError(
            f"Account {account.name} ({account.settings.connector}) has no sign-in.",
            hint="It is used with what its settings name.",
            code="unsupported",
        )
    return connector


def _needs(copilot: Copilot, connector: Any) -> tuple[Need, ...]:
    """Return what the loaded skills need of the kinds that the connector serves; where none says so, all of them."""
    writes = copilot.mode != "read-only"
    words = [word for skill in copilot.skills.skills for word in skill.accounts]
    wanted = declared(words, writes=writes).needs or tuple(Need(kind, writes) for kind in sorted(connector.kinds))
    return tuple(need for need in wanted if need.kind in connector.kinds)


def _browse() -> Callable[[str], bool]:
    """Return what opens an address; nothing where nobody sits."""
    return webbrowser.open if sys.stderr.isatty() else lambda address: False


def _show(account: Account, asking: Asking) -> None:
    if not asking.person:
        if asking.rights:
            print(f"An administrator gives {asking.how} these rights, over everybody's data:")
        else:
            print(f"Account {account.name} asks for nothing: what its settings name decides what it may do.")
    else:
        print(f"Account {account.name} ({account.settings.connector}) asks to:")
    for right in asking.rights:
        print(safe_text(f"  {right.words}  ({right.name})"))
    if asking.left_out:
        print("Not asked for, since only an administrator can agree to it:")
    for right in asking.left_out:
        print(safe_text(f"  {right.words}  (everpilot login {account.name} --add {right.name})"))
    sys.stdout.flush()


def _tell(account: Account, signed: SignedIn) -> None:
    who = f" as {signed.who}" if signed.who else ""
    print(safe_text(f"Account {account.name} is signed in{who}{f': {signed.place}' if signed.place else ''}."))
    for right in signed.missing:
        print(safe_text(f"It was not given the right to: {right.words} ({right.name})."))


def _listed(rights: tuple[Right, ...]) -> list[dict[str, Any]]:
    return [{"name": right.name, "words": right.words, "by_admin": right.by_admin} for right in rights]


def _described(signed: SignedIn) -> dict[str, Any]:
    return {"who": signed.who, "place": signed.place, "rights": list(signed.rights)}
