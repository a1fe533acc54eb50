"""`everpilot login`, `logout` and `accounts`, as a person types them, against the real OpenID provider."""

from __future__ import annotations

import io
import json
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msal")
pytest.importorskip("trustme")

from copilot.agent.copilot import Copilot
from copilot.cli import main
from copilot.plugins.tools import tool
from tests.vendors.oidc import APP, PERSON, SECRET, SERVICE, TENANT, TID, Provider

_ADDRESS = re.compile(r"on this machine: (\S+)")


class Screen(io.StringIO):
    """A terminal's error stream, and a person who opens the address that is shown in it."""

    def __init__(self, idp: Provider) -> None:
        super().__init__()
        self._idp = idp

    def write(self, text: str) -> int:
        if found := _ADDRESS.search(text):
            threading.Thread(target=self._idp.browse, args=(found[1],), daemon=True).start()
        return super().write(text)


@pytest.fixture
def folder(idp: Provider, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APP_SECRET", SECRET)
    common = f'connector = "microsoft365"\ntenant = "{TENANT}"\nauthority = "{idp.url}"\n'
    service = f'method = "client_credentials"\nclient_id = "{SERVICE}"\nclient_secret_env = "APP_SECRET"'
    (home / "copilot.toml").write_text(
        f'[accounts.work]\n{common}client_id = "{APP}"\nplaintext_cache = true\ndefault = true\nkinds = ["mail"]\n'
        f'[accounts.bot]\n{common}{service}\nuser = "{PERSON}"\n'
        '[accounts.local]\nconnector = "folder"\n'
        '[accounts.lost]\nconnector = "nowhere"\n'
    )
    made = tmp_path / "folder"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.usefixtures("folder")
def test_a_person_signs_in_and_out(
    idp: Provider, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run(capsys, "login", "--show", "--read-only")
    assert code == 0
    assert out.splitlines()[:3] == [
        "Account work (microsoft365) asks to:",
        "  see who you are  (User.Read)",
        "  read your mail  (Mail.Read)",
    ]
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", Screen(idp))
        assert main(["login", "--read-only"]) == 0
    assert capsys.readouterr().out.endswith(f"Account work is signed in as {PERSON}: Microsoft 365, {TID}.\n")

    code, out, _ = run(capsys, "accounts", "--json")
    found = {each["account"]: each for each in json.loads(out)}
    assert found["work"]["who"] == PERSON
    assert "Mail.Send" not in found["work"]["rights"]
    assert found["local"]["text"] == "needs no sign-in"
    assert "There is no connector 'nowhere'" in found["lost"]["text"]

    assert run(capsys, "logout", "work")[1].startswith("The sign-in of account work is forgotten.")
    assert run(capsys, "logout")[1] == "There was no sign-in of account work.\n"
    assert "nobody; run: everpilot login work" in " ".join(run(capsys, "accounts")[1].split())


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("login", "nobody"), 1, "There is no account 'nobody'. There is: work, bot, local, lost."),
        (("login", "local"), 1, "Account local (folder) has no sign-in."),
        (("login", "work", "--add", "fax", "--show"), 1, "There is no right 'fax'."),
        (("logout", "lost"), 1, "There is no connector 'nowhere'."),
    ],
)
def test_what_can_t_be(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = run(capsys, *words)
    assert found == code
    assert said in err


@pytest.mark.usefixtures("folder")
def test_an_app_is_tried(idp: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "login", "bot")
    assert code == 0
    assert out.startswith(f"An administrator gives app {SERVICE} these rights, over everybody's data:\n")
    assert out.endswith(f"Account bot is signed in as {PERSON}: Microsoft 365, {TENANT}.\n")
    idp.set(refuse=[{"error": "invalid_client", "error_description": "AADSTS7000222: secret keys are expired"}])
    code, _, err = run(capsys, "login", "bot")
    assert code == 1
    assert "secret has expired" in err


def test_a_tool_reaches_the_account(folder: Path, idp: Provider) -> None:
    @tool(effect="read")
    def whose(ctx: Any) -> str:
        """Tell whose mail it is."""
        assert ctx.connections is not None
        connection = ctx.connections.connect("bot")
        return f"{connection.who} {connection.me} {connection.settings.writes}"

    @tool(effect="read")
    def mail(ctx: Any) -> str:
        """Read mail."""
        return str(ctx.connection("mail"))

    copilot = Copilot(folder, tools=[whose, mail])
    assert copilot.call("custom.whose", {})["text"] == f"{PERSON} /users/{PERSON} True"
    found = copilot.call("custom.mail", {})
    assert found["status"] == "failed"
    assert "Somebody has to sign in" in found["error"]["message"]  # no other account takes its place
    assert "everpilot login work" in found["error"]["message"]
    assert Copilot(folder, mode="read-only", tools=[whose]).call("custom.whose", {})["text"].endswith("False")
