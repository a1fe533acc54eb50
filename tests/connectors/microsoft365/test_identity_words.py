"""What an account of Microsoft 365 may ask for, and what a refusal means: tables, with no server."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.microsoft365 import connector, refusals, scopes
from copilot.connectors.microsoft365.clouds import CLOUDS
from copilot.connectors.microsoft365.options import Options
from copilot.errors import SERVICE_CODES, ServiceError, SettingsError
from copilot.plugins.connections import KINDS, Account
from copilot.plugins.connections.signing import Need, Terminal, Wishes, declared
from copilot.settings import AccountSettings
from tests.conftest import ROOT

PERSON = {"client_id": "app-1"}


def account(folder: Path, env: dict[str, str] | None = None, *, writes: bool = True, **options: Any) -> Account:
    settings = AccountSettings.model_validate({"connector": "microsoft365", **options})
    return Account("work", settings, folder / "work", env or {}, writes)


def asked(folder: Path, *words: str, writes: bool = True, more: tuple[str, ...] = (), **options: Any) -> list[str]:
    wishes = Wishes(declared(words, writes=writes).needs, more)
    return [right.name for right in connector.asking(account(folder, **{**PERSON, **options}), wishes).rights]


# --- rights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "writes", "expected"),
    [
        (("mail:read",), True, "User.Read Mail.Read Mail.Read.Shared MailboxSettings.Read"),
        (("mail",), False, "User.Read Mail.Read Mail.Read.Shared MailboxSettings.Read"),
        (
            ("mail",),
            True,
            "User.Read MailboxSettings.Read Mail.ReadWrite Mail.ReadWrite.Shared Mail.Send Mail.Send.Shared",
        ),
        (("files",), False, "User.Read Files.Read.All Sites.Read.All"),
        (("files", "search"), True, "User.Read Sites.Read.All Files.ReadWrite.All"),
        (("tasks",), True, "User.Read Tasks.ReadWrite"),
        (("tasks:read", "tasks"), True, "User.Read Tasks.ReadWrite"),
        (("people",), True, "User.Read User.ReadBasic.All People.Read Contacts.Read Presence.Read.All"),
    ],
)
def test_the_least_rights_are_asked_for(tmp_path: Path, words: tuple[str, ...], writes: bool, expected: str) -> None:
    assert asked(tmp_path, *words, writes=writes) == expected.split()


def test_reading_asks_for_nothing_that_changes_however_it_is_wished(tmp_path: Path) -> None:
    made = account(tmp_path, **PERSON, scopes=["Notes.ReadWrite", "Notes.Read"], writes=False)
    asking = connector.asking(made, Wishes((Need("tasks"),), ("mail",)))
    assert [right.name for right in asking.rights] == [
        *("User.Read", "Tasks.Read", "Mail.Read", "Mail.Read.Shared", "MailboxSettings.Read", "Notes.Read")
    ]
    with pytest.raises(ServiceError, match=r"Mail.Send is no right to read"):
        connector.asking(made, Wishes((), ("mail.send",)))


def test_reading_asks_for_nothing_that_changes(tmp_path: Path) -> None:
    names = asked(tmp_path, *KINDS, writes=False)
    assert not [name for name in names if "Write" in name or "Send" in name or "Create" in name]


def test_what_only_an_administrator_can_agree_to_is_asked_for_by_name_only(tmp_path: Path) -> None:
    made = account(tmp_path, **PERSON)
    asking = connector.asking(made, Wishes((Need("chat", writes=False),)))
    assert not [right for right in asking.rights if right.by_admin]
    assert [right.name for right in asking.left_out] == ["ChannelMessage.Read.All"]
    asking = connector.asking(made, Wishes((Need("chat", writes=False),), ("channelmessage.read.all",)))
    assert "ChannelMessage.Read.All" in [right.name for right in asking.rights]
    assert asking.left_out == ()


def test_rights_can_be_added(tmp_path: Path) -> None:
    assert asked(tmp_path, more=("calendar:read",))[1] == "Calendars.Read"
    assert asked(tmp_path, more=("https://graph.microsoft.com/Notes.Read",)) == ["User.Read", "Notes.Read"]
    assert asked(tmp_path, scopes=["Notes.Read"]) == ["User.Read", "Notes.Read"]
    assert asked(tmp_path, "mail:read", "files", kinds=["mail"])[1:] == [
        *("Mail.Read", "Mail.Read.Shared", "MailboxSettings.Read")
    ]
    with pytest.raises(ServiceError, match=r"There is no right 'mial'.*mail, calendar"):
        asked(tmp_path, more=("mial",))


def test_every_right_has_plain_words() -> None:
    for needed in scopes.KIND_RIGHTS.values():
        for name in (*needed.read, *needed.write, *needed.more):
            assert name in scopes.RIGHTS
    assert set(scopes.KIND_RIGHTS) == set(KINDS)
    assert set(scopes.APP_RIGHTS) <= set(scopes.RIGHTS)


@pytest.mark.parametrize(
    ("granted", "wanted", "included"),
    [
        ("Mail.ReadWrite", "Mail.Read", True),
        ("mail.readwrite", "Mail.Read", True),
        ("Mail.Read", "Mail.ReadWrite", False),
        ("Mail.ReadWrite", "Mail.Read.Shared", False),
        ("Mail.ReadWrite", "Mail.Send", False),
        ("Files.ReadWrite.All", "Files.Read", True),
        ("Files.Read", "Files.Read.All", False),
        ("User.Read.All", "User.ReadBasic.All", True),
        ("Sites.Read.All", "Files.Read.All", False),
    ],
)
def test_which_right_includes_which(granted: str, wanted: str, included: bool) -> None:
    assert scopes.includes(granted, wanted) is included


def test_an_app_is_given_rights_of_its_own(tmp_path: Path) -> None:
    app = {"method": "client_credentials", "tenant": "contoso", "client_secret_env": "S", "user": "ada@contoso.example"}
    asking = connector.asking(account(tmp_path, **PERSON, **app), Wishes(declared(["mail", "tasks"]).needs))
    assert [right.name for right in asking.rights] == [
        *("MailboxSettings.Read", "Mail.ReadWrite", "Mail.Send", "Tasks.ReadWrite.All")
    ]
    assert not asking.person
    assert asking.how == "app app-1"


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "interactive needs client_id"),
        ({"client_id": "a", "secret": "x"}, "secret: Extra inputs"),
        ({"client_id": "a", "cloud": "moon"}, "cloud: Input should be"),
        ({"client_id": "a", "client_secret_env": "S"}, "interactive takes no client_secret_env"),
        ({"method": "client_credentials", "client_id": "a", "tenant": "t"}, "client_credentials needs user"),
        (
            {"method": "client_credentials", "client_id": "a", "tenant": "t", "user": "u"},
            "needs either client_secret_env or certificate",
        ),
        ({"method": "managed_identity", "user": "u", "tenant": "t"}, "managed_identity takes no tenant"),
        ({"method": "token"}, "token needs token_env"),
        ({"client_id": "a", "authority": "http://here"}, "is no authority"),
        ({"client_id": "a", "base_url": "graph"}, "is no address"),
        ({"client_id": "a", "kinds": ["fax"]}, "kinds.0: Input should be"),
    ],
)
def test_settings_that_can_t_be(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        connector.connect(account(tmp_path, **options))
    assert str(caught.value).startswith("[accounts.work]: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("cloud", "authority", "graph"),
    [
        ("global", "https://login.microsoftonline.com", "https://graph.microsoft.com"),
        ("us-government", "https://login.microsoftonline.us", "https://graph.microsoft.us"),
        ("us-defense", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
        ("china", "https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_the_clouds(tmp_path: Path, cloud: str, authority: str, graph: str) -> None:
    chosen = Options.of(account(tmp_path, **PERSON, cloud=cloud))
    assert (chosen.place.authority, chosen.graph_url) == (authority, graph)
    assert chosen.place.scope("Mail.Read") == f"{graph}/Mail.Read"
    assert len(CLOUDS) == 4
    elsewhere = Options.of(account(tmp_path, **PERSON, cloud=cloud, base_url="http://127.0.0.1:8000"))
    assert elsewhere.graph_url == "http://127.0.0.1:8000"
    assert elsewhere.place.graph == graph  # what the rights are of stays


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "microsoft365.md").read_text("utf-8")
    assert not [name for name in Options.model_fields if f"`{name}`" not in page]
    assert not [cloud for cloud in CLOUDS if f"`{cloud}`" not in page]


def test_a_token_of_a_variable(tmp_path: Path) -> None:
    env = {"GRAPH_TOKEN": "fake-0123456789"}
    connection = connector.connect(account(tmp_path, env, method="token", token_env="GRAPH_TOKEN"))
    assert asyncio.run(connection.identity.token()) == "fake-0123456789"
    with pytest.raises(ServiceError, match=r"GRAPH_TOKEN was refused.*Put another one into GRAPH_TOKEN") as caught:
        asyncio.run(connection.identity.token(refused="fake-0123456789"))
    assert caught.value.code == "signed_out"
    assert connector.sign_in(connection.settings, Wishes(), Terminal(print)).place == "Microsoft 365"
    with pytest.raises(SettingsError, match=r"token_env: GRAPH_TOKEN is not set"):
        connector.sign_in(account(tmp_path, method="token", token_env="GRAPH_TOKEN"), Wishes(), Terminal(print))
    kept = connector.connect(account(tmp_path, env, method="token", token_env="GRAPH_TOKEN", kinds=["mail"]))
    assert kept.kinds == {"mail"}


def test_without_msal_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msal", None)
    made = account(tmp_path, **PERSON, plaintext_cache=True)
    with pytest.raises(SettingsError, match=r'pip install "everpilot\[microsoft365\]"'):
        connector.sign_in(made, Wishes(), Terminal(print))


# --- refusals ---------------------------------------------------------------------------------------------------------

FACTS = {
    "name": "work",
    "login": "everpilot login work",
    "proof": "client_secret_env",
    "consent": "https://login.microsoftonline.com/contoso/adminconsent?client_id=app-1",
}


@pytest.mark.parametrize(
    ("error", "said", "code", "words"),
    [
        ("invalid_grant", "AADSTS65001: The user or administrator has not consented", "scope", "Nobody has agreed"),
        ("invalid_grant", "AADSTS50173: The provided grant has expired", "signed_out", "revoked, or the password"),
        ("invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity", "signed_out", "long time"),
        ("interaction_required", "AADSTS50076: you must use multi-factor", "signed_out", "second factor is needed"),
        ("invalid_grant", "AADSTS53003: Access has been blocked by Conditional Access", "denied", "conditional access"),
        ("invalid_grant", "AADSTS53000: Device is not in required device state", "denied", "devices that it manages"),
        ("access_denied", "AADSTS90094: Admin consent is required", "scope", "adminconsent?client_id=app-1"),
        ("invalid_grant", "AADSTS50057: The user account is disabled", "denied", "disabled or locked"),
        ("invalid_request", "AADSTS50020: User account from identity provider", "denied", "of another tenant"),
        ("invalid_request", "AADSTS90002: Tenant 'x' not found", "denied", "no such tenant"),
        ("invalid_client", "AADSTS7000215: Invalid client secret provided", "denied", "its value, not its id"),
        (
            "invalid_client",
            "AADSTS7000222: The provided secret keys are expired",
            "denied",
            "secret has expired",
        ),
        ("unauthorized_client", "AADSTS700016: Application was not found", "denied", "Check client_id and tenant"),
        ("invalid_grant", "AADSTS999999: something new", "signed_out", "does not hold any more"),
        ("server_error", "", "unreachable", "Try again later"),
        ("strange", "", "denied", "no reason that is known"),
    ],
)
def test_why_there_is_no_token(error: str, said: str, code: str, words: str) -> None:
    answer = {"error": error, "error_description": f"{said}. Trace ID: 0-1 Correlation ID: 2"}
    found = refusals.explained(answer, **FACTS)
    assert found.code == code
    assert words in str(found)
    assert "Trace ID" not in str(found)
    assert "work" in str(found)


def test_every_refusal_is_complete() -> None:
    for why in (*refusals.CODES.values(), *refusals.ERRORS.values()):
        assert why.code in SERVICE_CODES
        assert not why.words.endswith(".")
        assert why.hint.format(**FACTS)
    assert refusals.refusal({"error": "x", "error_codes": [50057]}) is refusals.CODES["50057"]
    assert refusals.refusal({"error": "invalid_grant", "suberror": "consent_required"}).code == "scope"


# --- what skills say --------------------------------------------------------------------------------------------------


def test_what_skills_declare() -> None:
    found = declared(["mail:read", "people:read", "mail", "fax", "tasks:write"])
    assert found.needs == (Need("mail"), Need("people", writes=False))
    assert found.unknown == ("fax", "tasks:write")
    assert declared(["mail"], writes=False).needs == (Need("mail", writes=False),)
    json.dumps([need.kind for need in found.needs])
