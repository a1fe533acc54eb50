"""`everpilot bot serve` as a process: it listens, answers, and ends in good order when it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
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


def test_a_bot_that_strangers_could_reach_is_not_served(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from copilot.cli import main

    code = main(["bot", "serve", "--echo", "--host", "0.0.0.0", "--dir", str(tmp_path)])
    assert code == 2
    assert "0.0.0.0 can be reached from other machines, and bot.app_id is not set." in capsys.readouterr().err
