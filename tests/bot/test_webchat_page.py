"""The page in a real browser (headless Chromium): what a person without Teams does, and no request to elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from copilot.hosts.bot.webchat import page as pages
from copilot.hosts.bot.webchat.files import MOST
from copilot.sections.bot import BotSettings
from tests.bot.webchat_site import Site, in_folder, served

_SWITCHES = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
KEY = "correct horse battery staple"
CARD = "application/vnd.microsoft.card.adaptive"


def test_the_bundle_is_the_published_one() -> None:
    folder = Path(pages.__file__).parent / "bundle"
    said = tomllib.loads((folder / "bundle.toml").read_text("utf-8"))
    data = gzip.decompress((folder / "webchat.js.gz").read_bytes())
    assert hashlib.sha256(data).hexdigest() == said["sha256"]
    assert "MIT License" in (folder / "LICENSE.txt").read_text("utf-8")


async def test_the_page_loads_nothing_from_elsewhere_and_its_parts_stay_in_the_browser(tmp_path: Path) -> None:
    with served(in_folder(tmp_path)) as site:
        async with aiohttp.ClientSession(auto_decompress=False) as http:
            async with http.get(site.url) as response:
                text, policy = await response.text(), response.headers["Content-Security-Policy"]
            assert "http" not in text
            assert "unsafe-inline" not in policy
            assert "frame-ancestors 'none'" in policy
            for asset in pages.assets().values():
                assert asset.path in text
                async with http.get(site.url + asset.path, headers={"Accept-Encoding": "gzip"}) as response:
                    assert response.headers["Content-Encoding"] == "gzip"
                    assert "immutable" in response.headers["Cache-Control"]
                async with http.get(site.url + asset.path, headers={"Accept-Encoding": "identity"}) as response:
                    assert "Content-Encoding" not in response.headers
            async with http.get(site.url + "/webchat/0000000000000000/chat.js") as response:
                assert response.status == 404


#: Collects what a screen reader is given to read out.
_LISTEN = """() => {
  window.spoken = [];
  const noted = node => node.textContent && window.spoken.push(node.textContent);
  new MutationObserver(changes => changes
    .filter(({ target }) => target.closest && target.closest(".webchat__live-region-transcript"))
    .forEach(({ addedNodes }) => addedNodes.forEach(noted))).observe(document.body, { childList: true, subtree: true });
}"""


class Person:
    """Somebody at the page, and the turn behind it that the test speaks for."""

    def __init__(self, page: Any, site: Site) -> None:
        self.page, self.site = page, site
        self.box = page.locator("[data-id='webchat-sendbox-input']")

    def answers(self) -> Any:
        return self.page.locator(".webchat__bubble:not(.webchat__bubble--from-user) .webchat__bubble__content")

    def posts(self, act: Any, path: str = "activities") -> dict[str, Any]:
        with self.page.expect_response(lambda r: r.request.method == "POST" and path in r.url):
            act()
        return self.site.inbox.heard[-1][0]

    def says(self, text: str) -> dict[str, Any]:
        self.box.fill(text)
        return self.posts(lambda: self.box.press("Enter"))

    def hears(self, activity: dict[str, Any]) -> str:
        conversation = self.site.inbox.heard[-1][0]["conversation"]["id"]
        return str(self.site.run(self.site.chat.channel(conversation).send(activity)))

    def sees(self, text: str, count: int) -> None:
        self.answers().filter(has_text=text).first.wait_for()
        assert self.answers().count() == count


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    where = shutil.which("chromium") or shutil.which("chromium-browser")
    playwright = pytest.importorskip("playwright.sync_api")
    if where is None:
        pytest.skip("no chromium on the PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=where, args=_SWITCHES.split())
        yield browser
        browser.close()


def test_a_conversation_in_a_browser(chromium: Any, tmp_path: Path) -> None:
    context = chromium.new_context(locale="en-GB", viewport={"width": 390, "height": 780}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(20_000)
    asked: list[str] = []
    said: list[str] = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: request.failure == "csp" or asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    settings = BotSettings(webchat=True, webchat_key_env="PAGE_KEY")
    with served(in_folder(tmp_path), settings=settings, env={"PAGE_KEY": KEY}) as site:
        person = Person(page, site)
        page.goto(site.url)
        page.get_by_label("Key of this page").fill(KEY)
        greeting = person.posts(page.get_by_role("button", name="Open").click)
        assert (greeting["type"], greeting["name"]) == ("event", "webchat/join")
        _an_answer_grows_and_is_replaced(person)
        _an_approval_is_clicked(person)
        _a_file_goes_up_and_down(person)
        _files_are_dropped_and_taken_back(person)
        _it_is_read_on_a_narrow_screen_in_any_script(person)
        _another_tab_gets_no_sockets(person)
        _microsofts_own_client_is_served(person)
        [blocked] = [line for line in said if not line.startswith(("info", "log"))]
        assert "evil.example" in blocked  # a picture that got through everything else is not fetched
        _the_server_is_restarted(person)
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Key of this page").wait_for()
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {site.url.split("/")[2]}
    assert all(url.startswith((site.url, f"blob:{site.url}", "data:")) for url in asked)
    context.close()


def _an_answer_grows_and_is_replaced(person: Person) -> None:
    stop = person.page.get_by_role("button", name="Stop")
    assert stop.is_disabled()
    person.page.wait_for_function("() => document.activeElement.dataset.id === 'webchat-sendbox-input'")
    assert person.says("How long does it run?")["text"] == "How long does it run?"
    id = person.hears({"type": "typing", "text": "Reading contract.docx", "channelData": _stream("informative", 1)})
    person.sees("Reading contract.docx", 1)
    person.page.reload()  # in the middle of it
    person.sees("Reading contract.docx", 1)
    assert person.page.locator(".webchat__bubble--from-user").count() == 1
    assert stop.is_enabled()
    person.page.evaluate(_LISTEN)
    for number, text in enumerate(("It runs", "It runs for **two years**"), start=2):
        person.hears({"type": "typing", "text": text, "channelData": _stream("streaming", number, id)})
    person.sees("It runs for two years", 1)
    person.hears({"type": "typing", "text": "The contract", "channelData": _stream("streaming", 4, id)})  # discarded
    person.sees("The contract", 1)
    assert person.answers().filter(has_text="two years").count() == 0
    person.posts(stop.click)
    assert len(person.site.inbox.stopped) == 1
    picture = "![](https://evil.example/leak.png)"
    person.hears({"type": "message", "text": f"It ends in **2027**. {picture}", "channelData": _stream("final", 0, id)})
    person.sees("It ends in 2027.", 1)
    person.page.wait_for_function("() => window.spoken.some(text => text.includes('It ends in'))")
    spoken = [text for text in person.page.evaluate("window.spoken") if text.startswith("Bot said")]
    assert len(spoken) == 1  # not each of its pieces


def _stream(type: str, sequence: int, id: str = "") -> dict[str, Any]:
    return {"streamType": type, "streamSequence": sequence, **({"streamId": id} if id else {})}


def _an_approval_is_clicked(person: Person) -> None:
    button = {"title": "Approve", "data": {"card": "c1", "digest": "d1"}}
    action = {"type": "Action.Execute", "verb": "answer", **button, "fallback": {"type": "Action.Submit", **button}}
    body = [{"type": "TextBlock", "text": "14 days", "color": "good"}]
    card = {"type": "AdaptiveCard", "version": "1.5", "body": body, "actions": [action]}
    id = person.hears({"type": "message", "attachments": [{"contentType": CARD, "content": card}]})
    button = person.page.locator(".ac-pushButton", has_text="Approve")
    answer = person.posts(button.click)
    assert answer["value"] == {"card": "c1", "digest": "d1"}
    person.page.locator(".ac-pushButton[aria-pressed=true]").wait_for()
    assert button.evaluate("e => getComputedStyle(e).color !== getComputedStyle(e).backgroundColor")
    assert button.evaluate("e => !getComputedStyle(e).backgroundColor.endsWith(', 0)')")  # what was clicked can be read
    channel = person.site.chat.channel(answer["conversation"]["id"])
    done = {**card, "body": [{"type": "TextBlock", "text": "Approved by Ada"}], "actions": []}
    person.site.run(channel.update(id, {"type": "message", "attachments": [{"contentType": CARD, "content": done}]}))
    person.sees("Approved by Ada", 2)
    assert person.page.locator(".ac-pushButton").count() == 0


def _a_file_goes_up_and_down(person: Person) -> None:
    file = {"name": "plan ä.txt", "mimeType": "text/plain", "buffer": b"x" * 2_000_000}
    person.page.locator("input[type=file]").first.set_input_files([file])
    person.page.get_by_text("Goes with your message: plan ä.txt").wait_for()
    sent = person.posts(lambda: person.box.press("Enter"), "upload")
    [attachment] = sent["attachments"]
    assert attachment["name"] == "plan ä.txt"
    chat = person.site.chat

    async def back() -> None:
        kept = await chat.files.find(attachment["contentUrl"])
        assert kept is not None
        assert kept.size == 2_000_000
        channel = chat.channel(sent["conversation"]["id"])
        made = await channel.file("edited.txt", kept.type, b"edited")
        await channel.send({"type": "message", "text": "Here it is.", "attachments": [made.attachment()]})

    person.site.run(back())
    with person.page.expect_download() as download:
        person.page.locator("a[href*='edited.txt']").click()
    assert Path(download.value.path()).read_bytes() == b"edited"
    assert download.value.suggested_filename == "edited.txt"


def _files_are_dropped_and_taken_back(person: Person) -> None:
    page = person.page
    for name, size in (("one.txt", 1), ("two.txt", 2), ("big.txt", MOST + 1)):
        made = page.evaluate_handle(
            """([name, size]) => {
              const data = new DataTransfer();
              const file = new File(['x'.repeat(Math.min(size, 2))], name);
              if (size > 2) Object.defineProperty(file, 'size', { value: size });
              data.items.add(file);
              Object.defineProperty(data, 'files', { value: [file] });
              return data;
            }""",
            [name, size],
        )
        page.dispatch_event("#chat", "dragover", {"dataTransfer": made})
        page.dispatch_event("#chat", "drop", {"dataTransfer": made})
    page.get_by_text("big.txt: a file may have at most 50 MB.").first.wait_for()
    page.get_by_role("button", name="Remove one.txt").click()
    assert page.locator("#staged li").all_inner_texts() == ["two.txt Remove"]
    assert page.evaluate("document.activeElement.dataset.id") == "webchat-sendbox-input"
    sent = person.posts(lambda: person.box.press("Enter"), "upload")
    assert [each["name"] for each in sent["attachments"]] == ["two.txt"]
    page.locator("#staged").wait_for(state="hidden")


def _it_is_read_on_a_narrow_screen_in_any_script(person: Person) -> None:
    page, wide = person.page, "| Liability of the supplier | Procurement | Counsel | Responsibility |"
    text = f"החוזה בתוקף.\n\n{wide}\n|---|---:|---|---|\n{wide}"
    person.hears({"type": "message", "text": text})
    shown = person.answers().filter(has_text="החוזה")
    shown.wait_for()
    page.set_viewport_size({"width": 320, "height": 700})
    page.wait_for_function("() => innerWidth === 320 && document.documentElement.scrollWidth === 320")
    assert page.get_by_role("button", name="Sign out").evaluate("e => e.getBoundingClientRect().right <= 320")
    table = shown.locator("table")
    assert table.evaluate("e => e.scrollWidth > e.clientWidth")  # it scrolls, and no word is broken
    assert shown.locator("p").first.evaluate("e => getComputedStyle(e).unicodeBidi") == "plaintext"
    page.set_viewport_size({"width": 390, "height": 780})


def _another_tab_gets_no_sockets(person: Person) -> None:
    """A proxy in between lets them begin, and ends them: it is asked for what is new, and both tabs see the same."""
    tab = person.page.context.new_page()
    tab.set_default_timeout(20_000)
    tab.route_web_socket("**/stream*", lambda socket: socket.close())
    tab.goto(person.site.url)
    other = Person(tab, person.site)
    answers = person.answers().count()
    other.sees("It ends in 2027.", answers)
    with tab.expect_request(lambda request: "/activities?watermark=" in request.url):
        pass
    other.says("Do you hear me?")
    person.hears({"type": "message", "text": "By asking."})
    other.sees("By asking.", answers + 1)
    person.sees("By asking.", answers + 1)
    for page in (tab, person.page):
        assert page.locator(".webchat__bubble--from-user", has_text="Do you hear me?").count() == 1
    tab.close()


def _microsofts_own_client_is_served(person: Person) -> None:
    """BotFramework-DirectLineJS comes with Web Chat, and holds us to the protocol."""
    found = person.page.evaluate(
        """async () => {
          const options = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' };
          const { token } = await (await fetch('/directline/tokens/generate', options)).json();
          const line = WebChat.createDirectLine({ token, domain: `${location.origin}/directline` });
          const seen = [];
          const both = new Promise(done => line.activity$.subscribe(({ text, from }) => {
            seen.push([text, from.id.slice(0, 3)]);
            if (seen.length === 2) done();
          }));
          const post = activity => new Promise((done, failed) => line.postActivity(activity).subscribe(done, failed));
          const said = { type: 'message', from: { id: 'u' } };
          const file = { contentType: 'text/plain', name: 'a.txt', contentUrl: URL.createObjectURL(new Blob(['abc'])) };
          const ids = [await post({ ...said, text: 'one' }), await post({ ...said, text: 'two', attachments: [file] })];
          await both;
          line.end();
          return { ids, seen };
        }"""
    )
    assert found["seen"] == [["one", "dl_"], ["two", "dl_"]]
    assert [each["id"] for each, _ in person.site.inbox.heard[-2:]] == found["ids"]
    assert person.site.inbox.heard[-1][0]["attachments"][0]["name"] == "a.txt"


def _the_server_is_restarted(person: Person) -> None:
    answers = person.answers().count()
    lost = person.page.get_by_text("The connection is lost")
    conversation = person.says("Here I am.")["conversation"]["id"]
    person.site.stop()
    lost.wait_for()
    for text in ("Said without a connection.", "And more."):
        person.box.fill(text)
        person.box.press("Enter")
    person.site.start()
    lost.wait_for(state="hidden")
    person.page.wait_for_function("() => ![...document.querySelectorAll('*')].some(e => e.textContent === 'Sending')")
    texts = [each.get("text") for each, _ in person.site.inbox.heard]
    assert texts == ["Said without a connection.", "And more."]  # once each, in their order
    person.site.run(person.site.chat.channel(conversation).send({"type": "message", "text": "Back again."}))
    person.sees("Back again.", answers + 1)
    person.page.reload()
    person.sees("Back again.", answers + 1)
    assert person.says("Still there?")["conversation"]["id"] == conversation
