"""The real runtime on tiny real files: what it finds out, whom it lets in, how it fails and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.tools import tool

from copilot.errors import SettingsError
from copilot.models import catalog
from copilot.models.foreign import classify
from copilot.models.local import runtime
from copilot.models.local.chat import LocalChatModel
from copilot.models.local.gguf import why_not_loaded
from copilot.models.local.runtime import Order
from copilot.models.schema import problem
from copilot.settings import Price
from tests.conftest import ROOT

PAGE = "https://a-page-on-the-web.example"
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "cell": {"type": "string", "maxLength": 6},
        "times": {"type": "integer", "minimum": 0, "maximum": 9},
        "kind": {"$ref": "#/$defs/Kind"},
    },
    "required": ["cell", "kind"],
    "additionalProperties": False,
    "$defs": {"Kind": {"enum": ["value", "formula"]}},
}
READ = {"type": "function", "function": {"name": "read", "description": "Read a cell.", "parameters": PARAMETERS}}


@tool
def look(cell: str) -> str:
    """Look at a cell."""
    return cell


def of(model: LocalChatModel) -> runtime.Runtime:
    return runtime.of_process(Order.of(model.model, model.model_extra or {}))


@pytest.mark.parametrize(("name", "calls"), [("tools", "native"), ("plain", "guided"), ("bare", "guided")])
async def test_what_a_model_can_do_is_found_out(folder: Path, name: str, calls: str) -> None:
    model = LocalChatModel(model=str(folder / f"{name}.gguf"), n_ctx=2048)
    of(model).stop()
    assert model.learned is None
    serving = await of(model).ready()
    assert serving.abilities.calls == calls
    assert model.learned == catalog.Facts(
        window=2048,
        tools=True,
        parallel_tools=calls == "native",
        vision=False,
        json_schema=calls == "native",
        price=Price(),
    )


async def test_the_window_is_no_larger_than_the_model_was_trained_for(folder: Path) -> None:
    serving = await of(LocalChatModel(model=str(folder / "plain.gguf"))).ready()
    assert serving.abilities.window == 4096


async def test_a_model_that_can_be_held_to_nothing_only_talks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A way that does not hold is what old tokenizers make of the best one; with no other left there are no tools.
    monkeypatch.setattr("copilot.models.local.probe.GUIDES", {"nothing": lambda schema: {}})
    model = LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=512, max_tokens=8)
    with pytest.raises(Exception, match="can't use tools") as caught:
        await model.bind_tools([look]).ainvoke("Hello")
    assert classify(caught.value).kind == "unable"
    assert isinstance(await model.ainvoke("Hello"), AIMessage)
    assert model.learned is not None
    assert model.learned.tools is False


async def test_a_way_to_hold_answers_is_relied_on_only_where_it_holds(folder: Path) -> None:
    plain = await of(LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048)).ready()
    spaced = await of(LocalChatModel(model=str(folder / "spaced.gguf"), n_ctx=2048)).ready()
    assert plain.abilities.guide == "llguidance"
    assert spaced.abilities.guide in ("response_format", "")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", ["plain", "bare"])
async def test_calls_fit_their_schema_whatever_the_weights_say(folder: Path, name: str, streamed: bool) -> None:
    model = LocalChatModel(model=str(folder / f"{name}.gguf"), n_ctx=2048).bind_tools([READ], tool_choice="any")
    for number in range(12):
        ask = [HumanMessage(f"Read cell {number}")]
        answer: AIMessage
        if streamed:
            pieces = [piece async for piece in model.astream(ask)]
            chunks = [p for p in pieces if isinstance(p, AIMessageChunk)]
            assert len(chunks) > 3
            answer = sum(chunks[1:], chunks[0])  # type: ignore[assignment]
        else:
            answer = await model.ainvoke(ask)
        assert len(answer.tool_calls) == 1
        call = answer.tool_calls[0]
        assert call["name"] == "read"
        assert call["id"]
        assert problem(call["args"], PARAMETERS) == ""
        assert answer.response_metadata["finish_reason"] == "tool_calls"
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["output_tokens"] > 10


def test_it_can_be_called_without_an_event_loop(folder: Path) -> None:
    model = LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048, max_tokens=8)
    assert isinstance(model.invoke("Hello"), AIMessage)
    assert isinstance(model.invoke("Hello"), AIMessage)


async def test_the_same_file_and_options_share_a_process(folder: Path) -> None:
    path = str(folder / "plain.gguf")
    one, two = LocalChatModel(model=path, n_ctx=2048), LocalChatModel(model=path, n_ctx=2048)
    other = LocalChatModel(model=path, n_ctx=2048, max_tokens=8)
    found = await asyncio.gather(*(of(m).ready() for m in (one, two, other)))
    assert found[0].process is found[1].process
    assert found[0].process is not found[2].process


# --- whom it lets in --------------------------------------------------------------------------------------------------

PATHS = [
    *(("GET", path) for path in ("/props", "/slots", "/metrics", "/models", "/v1/models", "/lora-adapters", "/tools")),
    *(("POST", path) for path in ("/completion", "/v1/chat/completions", "/tokenize", "/apply-template", "/props")),
    *(("POST", path) for path in ("/infill", "/embeddings", "/slots/0?action=erase", "/v1/messages", "/v1/responses")),
]


async def test_nobody_without_the_key_gets_anything(folder: Path) -> None:
    serving = await of(LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048)).ready()
    async with httpx.AsyncClient(base_url=serving.url, headers={"origin": PAGE}, trust_env=False) as stranger:
        for method, path in PATHS:
            for key in ({}, {"authorization": "Bearer guessed"}, {"x-api-key": "guessed"}):
                answer = await stranger.request(method, path, headers=key, json={} if method == "POST" else None)
                assert answer.status_code in (401, 404), (method, path)
                assert answer.headers.get("access-control-allow-origin") not in ("*", "null", PAGE), path
        for path in ("/", "/index.html", "/bundle.js"):
            assert (await stranger.get(path)).status_code in (401, 404), path
        assert (await stranger.get("/health")).json() == {"status": "ok"}
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        allowed = await stranger.options("/v1/chat/completions", headers=asked)
        assert allowed.headers.get("access-control-allow-origin") not in ("*", "null", PAGE)
        assert allowed.headers.get("access-control-allow-credentials") != "true"


async def test_not_even_the_key_shows_what_others_ask(folder: Path) -> None:
    serving = await of(LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048)).ready()
    key = {"authorization": f"Bearer {serving.key}"}
    async with httpx.AsyncClient(base_url=serving.url, headers=key, trust_env=False) as client:
        for path in ("/slots", "/metrics", "/tools"):
            assert (await client.get(path)).status_code >= 400, path


async def test_it_listens_on_this_machine_only_and_its_key_is_nowhere_to_be_read(folder: Path) -> None:
    serving = await of(LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048)).ready()
    assert serving.url.startswith("http://127.0.0.1:")
    assert serving.key not in repr(serving)
    if (seen := Path(f"/proc/{serving.process.pid}")).exists():
        assert serving.key.encode() not in (seen / "cmdline").read_bytes() + (seen / "environ").read_bytes()
        port = f"{int(serving.url.rpartition(':')[2]):04X}"
        lines = [
            line.split() for name in ("tcp", "tcp6") for line in (seen / "net" / name).read_text().splitlines()[1:]
        ]
        listening = [line[1] for line in lines if line[3] == "0A" and line[1].endswith(f":{port}")]
        assert listening == [f"0100007F:{port}"]  # 127.0.0.1


async def test_its_process_sees_no_keys(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-mine")
    model = LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048)
    of(model).stop()
    serving = await of(model).ready()
    if (seen := Path(f"/proc/{serving.process.pid}/environ")).exists():
        assert b"a-key-of-mine" not in seen.read_bytes()


async def test_no_proxy_comes_between(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    model = LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048, max_tokens=8)
    assert isinstance(await model.ainvoke("Hello"), AIMessage)


# --- how it fails -----------------------------------------------------------------------------------------------------


def _broken(folder: Path, into: Path) -> dict[str, Path]:
    whole = (folder / "plain.gguf").read_bytes()
    contents = {"half": whole[: len(whole) // 2], "head": whole[:300], "zip": b"PK\3\4" + whole[4:], "empty": b""}
    for name, content in contents.items():
        (into / f"{name}.gguf").write_bytes(content)
    return {name: into / f"{name}.gguf" for name in contents} | {"strange": folder / "strange.gguf"}


async def test_a_file_that_is_no_model_is_told_with_the_next_step(folder: Path, tmp_path: Path) -> None:
    files = _broken(folder, tmp_path) | {"gone": tmp_path / "gone.gguf", "folder": tmp_path, "here": Path("here.gguf")}
    said = {
        "half": "cut or damaged. Download it again",
        "head": "cut or damaged. Download it again",
        "zip": "no GGUF file",
        "empty": "is empty",
        "strange": "architecture 'llamax'.*pip install -U xllamacpp",
        "gone": "there is no file .*Correct the model's path",
        "folder": "is a folder. Name the .gguf file",
        "here": "no whole path",
    }
    for name, path in files.items():
        with pytest.raises(SettingsError, match=said[name]) as caught:
            await LocalChatModel(model=str(path)).ainvoke("Hello")
        assert classify(caught.value).kind == "config"


async def test_a_damaged_file_is_not_read_again_until_it_changes(folder: Path, tmp_path: Path) -> None:
    path = _broken(folder, tmp_path)["half"]
    model = LocalChatModel(model=str(path), n_ctx=2048, max_tokens=8)
    for _ in range(2):
        with pytest.raises(SettingsError, match="damaged"):
            await model.ainvoke("Hello")
    first = of(model)._process
    assert first is not None
    with pytest.raises(SettingsError, match="damaged"):
        await model.ainvoke("Hello")
    assert of(model)._process is first
    path.write_bytes((folder / "plain.gguf").read_bytes())
    assert isinstance(await model.ainvoke("Hello"), AIMessage)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_cxt": 512}, "no option 'n_cxt'. Did you mean n_ctx"),
        ({"sampling": {"tmp": 0.5}}, "no option 'sampling.tmp'. Did you mean temp"),
        ({"n_ctx": "many"}, "'n_ctx' can't be 'many'.*16384 by default"),
        ({"cache_type_k": "q99"}, "did you mean"),
        ({"api_keys": ["mine"]}, "'api_keys' is set by Everpilot"),
        ({"hostnames": ["0.0.0.0"]}, "'hostnames' is set by Everpilot"),
        ({"cors_origins": "*"}, "'cors_origins' is set by Everpilot"),
        ({"base_url": "http://127.0.0.1:8080"}, "takes no base_url.*openai_compatible"),
    ],
)
async def test_a_wrong_option_is_named(folder: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        await LocalChatModel(model=str(folder / "plain.gguf"), **options).ainvoke("Hello")


async def test_options_reach_the_runtime(folder: Path) -> None:
    options = {"context": 768, "threads": 1, "temperature": 0.0, "flash_attn_type": "disabled"}
    serving = await of(LocalChatModel(model=str(folder / "plain.gguf"), **options)).ready()
    assert serving.abilities.window == 768


async def test_a_port_that_is_taken_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        model = LocalChatModel(model=str(folder / "plain.gguf"), port=taken.getsockname()[1])
        with pytest.raises(Exception, match="no port") as caught:
            await model.ainvoke("Hello")
    assert classify(caught.value).kind == "config"


_GREEDY = """
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (800_000_000, resource.RLIM_INFINITY))
from copilot.models.foreign import classify
from copilot.models.local.chat import LocalChatModel
from copilot.models.local.gguf import why_not_loaded
model = LocalChatModel(model=sys.argv[1], n_ctx=20_000_000)  # 2.5 GB
try:
    asyncio.run(model.ainvoke("Hello"))
except Exception as error:
    print(classify(error).kind, classify(error).open_seconds(1), classify(error).text)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_context_beyond_the_memory_is_told(folder: Path) -> None:
    asked = [sys.executable, "-c", _GREEDY, str(folder / "plain.gguf")]
    said = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True).stdout
    assert said.startswith("config 60.0 plain.gguf needs more memory than is free. Set a smaller n_ctx")


async def test_a_prompt_beyond_the_window_is_too_long(folder: Path) -> None:
    model = LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048)
    with pytest.raises(Exception, match="context") as caught:
        await model.ainvoke("word " * 1000)
    assert classify(caught.value).kind == "too_long"


async def test_a_picture_needs_a_projector(folder: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    model = LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048)
    with pytest.raises(Exception, match="can't see images"):
        await model.ainvoke([HumanMessage([picture])])


async def test_a_crash_is_told_and_the_next_use_starts_it_again(folder: Path) -> None:
    model = LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048, sampling={"ignore_eos": True})
    first = await of(model).ready()
    stream = model.astream("Hello")
    await anext(stream)
    first.process.kill()
    with pytest.raises(Exception, match="runtime crashed") as caught:
        async for _ in stream:
            pass
    assert classify(caught.value).kind == "dead"
    second = await of(model).ready()
    assert second.process is not first.process
    assert isinstance(await model.bind(max_tokens=4).ainvoke("Hello"), AIMessage)


async def test_a_cancelled_request_frees_the_slot(folder: Path) -> None:
    options = {"n_ctx": 2048, "sampling": {"ignore_eos": True}}
    model = LocalChatModel(model=str(folder / "plain.gguf"), **options)
    await of(model).ready()
    stream = model.astream("Hello")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    waiting = asyncio.create_task(model.ainvoke("Hello"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert isinstance(await model.bind(max_tokens=4).ainvoke("Hello"), AIMessage)


async def test_who_stops_waiting_does_not_stop_the_loading(folder: Path) -> None:
    model = LocalChatModel(model=str(folder / "plain.gguf"), n_ctx=2048)
    of(model).stop()
    impatient = asyncio.create_task(model.ainvoke("Hello"))
    while of(model)._process is None:
        await asyncio.sleep(0.01)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    process = of(model)._process
    assert (await of(model).ready()).process is process


# --- how it ends ------------------------------------------------------------------------------------------------------

_PROGRAM = """
import asyncio, os, sys
from copilot.models.local import runtime
serving = asyncio.run(runtime.of_process(runtime.Order.of(sys.argv[1], {"n_ctx": 512})).ready())
print(serving.process.pid, serving.url.rpartition(":")[2], flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", ["exit", "SIGTERM", "SIGKILL"])
def test_it_ends_with_us_however_we_end(folder: Path, how: str) -> None:
    us = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(folder / "plain.gguf")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with us:
        assert us.stdout is not None
        pid, port = map(int, us.stdout.readline().split())
        ended = os.pidfd_open(pid)
        if how == "exit":
            assert us.stdin is not None
            us.stdin.close()
        else:
            us.send_signal(getattr(signal, how))
        us.wait(20)
    import select

    assert select.select([ended], [], [], 20)[0], "its process is left"
    os.close(ended)
    with socket.socket() as stranger:
        assert stranger.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    ("code", "said", "kind", "told"),
    [
        (-11, "", "dead", "crashed while it loaded m.gguf (SIGSEGV)"),
        (-6, "GGML_ASSERT", "dead", "crashed while it loaded m.gguf (SIGABRT)"),
        (-9, "", "config", "ended by the system"),
        (3, "0.1 E cmn common_init: std::bad_alloc", "config", "more memory than is free"),
        (3, "0.1 E srv load: some new trouble.", "config", "can't be loaded: some new trouble. Look at its options"),
    ],
)
def test_how_a_load_ended_says_why(code: int, said: str, kind: str, told: str) -> None:
    failure = classify(why_not_loaded(Path("/models/m.gguf"), said, code))
    assert failure.kind == kind
    assert told in failure.text
