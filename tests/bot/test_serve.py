"""`everpilot bot serve` as a process: it listens, answers, and ends in good order when it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from tests.bot.issuing import message
from tests.bot.test_connector import Service


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
async def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    service = Service()
    heard = asyncio.Event()
    async with TestServer(service.app(heard)) as there:
        started = [sys.executable, "-m", "copilot", "bot", "serve", "--echo", "--port", "0", "--dir", str(tmp_path)]
        process = await asyncio.create_subprocess_exec(*started, stderr=asyncio.subprocess.PIPE, env=os.environ)
        assert process.stderr is not None
        try:
            line = (await process.stderr.readline()).decode()
            found = re.search(r"listens at (http://127\.0\.0\.1:\d+/api/messages)", line)
            assert found, line
            async with ClientSession() as client:
                sent = message(serviceUrl=str(there.make_url("/")), text="Hello")
                assert (await client.post(found[1], json=sent)).status == 202
            await heard.wait()
        finally:
            process.send_signal(signal.SIGTERM)
        rest = (await process.stderr.read()).decode()
        assert await process.wait() == 0
    assert [body["text"] for _, _, body in service.calls] == ["Hello"]
    assert [json.loads(line)["event"] for line in rest.splitlines()] == ["activity", "draining", "drained"]


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("127.0.0.1", "taken", "Address already in use"),
        ("127.0.0.1", "70000", "there is no such port"),
        ("localhost", "-1", "there"),
    ],
)
def test_an_address_that_cant_be_served_is_said_before_anything_is_opened(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path, host: str, port: str, why: str
) -> None:
    from copilot.cli import main

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1]) if port == "taken" else port
        assert main(["bot", "serve", "--host", host, "--port", port, "--dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"{host}:{port} can't be served: {why}" in said
    assert not list(home.rglob("*.sqlite"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('app_id = "everpilot"\nsecret_env = "HOME"', "bot.app_id 'everpilot' is not of the form"),
        ('webchat = true\nwebchat_key_env = "UNSET"', "bot.webchat_key_env: the environment variable UNSET is not set"),
        ('metrics_key_env = "UNSET"', "bot.metrics_key_env: the environment variable UNSET is not set"),
    ],
)
def test_settings_that_cant_work_are_said_at_once(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    home: Path,
    settings: str,
    words: str,
) -> None:
    from copilot.cli import main

    (tmp_path / "own.toml").write_text(f"[bot]\n{settings}\n")
    monkeypatch.setenv("EVERPILOT_CONFIG", str(tmp_path / "own.toml"))
    assert main(["bot", "serve", "--port", "0", "--dir", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert not list(home.rglob("*.sqlite"))


def test_a_bot_that_strangers_could_reach_is_not_served(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from copilot.cli import main

    code = main(["bot", "serve", "--echo", "--host", "0.0.0.0", "--dir", str(tmp_path)])
    assert code == 2
    assert "0.0.0.0 can be reached from other machines, and bot.app_id is not set." in capsys.readouterr().err
