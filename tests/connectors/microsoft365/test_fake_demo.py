"""`everpilot demo microsoft365`: what it prints can be used as it stands, and what was changed is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from copilot.cli import main
from copilot.demo.command import TOKEN_ENV, greeting
from copilot.demo.microsoft365 import sample
from copilot.demo.microsoft365.server import listening
from copilot.demo.microsoft365.state import State
from copilot.errors import SettingsError
from copilot.plugins.connections import Account
from copilot.settings import AccountSettings


def test_the_settings_are_those_of_the_connector(tmp_path: Path) -> None:
    from copilot.connectors.microsoft365.options import Options

    told = greeting("http://127.0.0.1:8365", "fake-token", sample.ME, "")
    lines = [line for line in told.splitlines() if " = " in line or line.strip().startswith("[accounts")]
    (settings,) = tomllib.loads("\n".join(lines))["accounts"].values()
    account = Account("demo", AccountSettings.model_validate(settings), tmp_path)
    assert Options.of(account).graph_url == "http://127.0.0.1:8365"
    assert f"export {TOKEN_ENV}=fake-token" in told


def test_an_account_with_a_token_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(f'[accounts.demo]\nconnector = "microsoft365"\nmethod = "token"\ntoken_env = "{TOKEN_ENV}"\n')
    monkeypatch.setenv("EVERPILOT_CONFIG", str(own))
    monkeypatch.setenv(TOKEN_ENV, "fake-token")
    monkeypatch.chdir(tmp_path)
    assert str(own) in greeting("http://127.0.0.1:8365", "fake-token", sample.ME, "")
    assert main(["login", "--show"]) == 0
    assert "asks for nothing" in capsys.readouterr().out
    assert main(["logout"]) == 0
    assert "take that away to end it" in capsys.readouterr().out
    monkeypatch.delenv(TOKEN_ENV)
    assert main(["accounts"]) == 0
    assert f"{TOKEN_ENV} is not set" in " ".join(capsys.readouterr().out.split())


def test_a_taken_port_is_said() -> None:
    bound = listening()
    with pytest.raises(SettingsError, match="can't be served"):
        listening(bound.getsockname()[1])
    bound.close()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl+C is sent another way there")
def test_it_serves_until_it_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    command = [sys.executable, "-m", "copilot", "demo", "microsoft365", "--port", "0", "--file", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = {}
        for line in process.stdout:
            for key in ("base_url = ", f"export {TOKEN_ENV}="):
                if key in line:
                    said[key[0]] = line.partition(key)[2].strip().strip('"')
            if "Ctrl+C" in line:
                break
        url, headers = said["b"], {"Authorization": f"Bearer {said['e']}"}
        with httpx.Client(base_url=f"{url}/v1.0", headers=headers, verify=False, trust_env=False) as client:
            assert client.get("/me").json()["mail"] == sample.ME
            assert client.put("/me/drive/root:/mine.txt:/content", content=b"kept").status_code == 201
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        process.stdout.read()
    state = State()
    state.load(file)
    assert b"kept" in state.blobs.held.values()
