"""What the bot is for: a browser conversation changes a document, while the model's vendor and then replicas die."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bot.replicas import Place, Site, models
from tests.bot.test_replicas import BOT, DONE, OLD, SAID, contract, obedient, postgres, right, written
from tests.bot.test_webchat_page import _SWITCHES
from tests.vendors import OpenAIServer

#: While the first answer is on its way, and while the approved change is being made.
DEATHS: tuple[Place, ...] = ((f"{BOT}.keeping:Keeping.ask", "before"), ("copilot.agent.plan:Runner.commit", "after"))

#: What the bot said, in the page.
MINE = ".webchat__bubble:not(.webchat__bubble--from-user)"


class Balancer:
    """One address for all replicas: each connection goes to the first that takes it, and ends with that one."""

    def __init__(self, ports: Callable[[], list[int]]) -> None:
        self._ports = ports
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in self._ports():
            try:
                there = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            await asyncio.gather(_piped(reader, there[1]), _piped(there[0], writer))
            return
        writer.close()


async def _piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with postgres() as server, OpenAIServer(always="cut_mid_stream:3") as dying, OpenAIServer(obedient) as other:
        home = tmp_path_factory.mktemp("done")
        made = Site(home, server.fresh("done"), models(dying.base_url, other.base_url))
        try:
            yield made
        finally:
            made.close()
        assert dying.requests, "the vendor that dies was asked first"


@contextmanager
def page(port: int) -> Iterator[Any]:
    where = shutil.which("chromium") or shutil.which("chromium-browser")
    playwright = pytest.importorskip("playwright.sync_api")
    if where is None:
        pytest.skip("no chromium on the PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=where, args=_SWITCHES.split())
        made = browser.new_context(locale="en-GB", viewport={"width": 600, "height": 900}).new_page()
        made.set_default_timeout(120_000)
        made.goto(f"http://127.0.0.1:{port}")
        yield made
        browser.close()


@pytest.mark.timeout(400)
def test_a_document_is_changed_while_the_vendor_and_then_replicas_die(site: Site, tmp_path: Path) -> None:
    for _ in range(2):
        site.start(DEATHS)
    for place in DEATHS:
        site.light(place)
    balancer = Balancer(lambda: [each.port for each in site.replicas if each.runs])
    try:
        with page(balancer.port) as shown:
            box = shown.locator("[data-id='webchat-sendbox-input']")
            file = {"name": "contract.docx", "mimeType": "", "buffer": contract()}
            shown.locator("input[type=file]").first.set_input_files([file])
            shown.get_by_text("Goes with your message").wait_for()
            box.fill("Put the new name in.")
            box.press("Enter")
            approve = shown.locator(".ac-pushButton", has_text="Approve")
            approve.wait_for()
            assert site.died(DEATHS[0])
            site.start(DEATHS)
            approve.click()
            answers = shown.locator(MINE)
            answers.filter(has_text=DONE).first.wait_for()
            link = shown.locator(f"{MINE} a[href*='contract.docx']").first
            link.wait_for()
            assert site.died(DEATHS[1])
            _one_of_each(shown)
            shown.reload()
            link.wait_for()
            _one_of_each(shown)
            with shown.expect_download() as download:
                link.click()
            right(contract(), Path(download.value.path()).read_bytes())
            shown.screenshot(path=tmp_path / "end.png")
    finally:
        balancer.close()
    assert written(site) == 1


def _one_of_each(shown: Any) -> None:
    texts = shown.locator(f"{MINE} .webchat__bubble__content").all_inner_texts()
    assert [sum(text in each for each in texts) for text in (SAID, DONE)] == [1, 1], texts
    assert shown.locator(".ac-pushButton", has_text="Approve").count() == 0
    assert shown.locator(".ac-adaptiveCard").count() == 1
    assert OLD in shown.locator(".ac-adaptiveCard").inner_text()
