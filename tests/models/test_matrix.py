"""Every fault of every vendor: the answer comes from another one, whole, and no tool runs but on finished words.

The first vendor says ALPHA and the second BETA, so that no word of one can pass for the other's. Both want to call the
same tool, which counts its runs.
"""

from __future__ import annotations

import email.utils
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import trustme
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from copilot.models import dialects, providers
from copilot.models.health import Health
from copilot.models.listening import Discarded, ModelEvent, Switched, Token, Used, listening
from copilot.models.router import RoutedChatModel
from copilot.settings import Deadlines, ModelSettings
from tests.models.routing import router, stamp
from tests.thinning import thinned
from tests.vendors import FAULTS, Call, Fault, OpenAIServer, Reply, Request, VendorServer, unused_url
from tests.vendors.clients import SERVERS

#: Vendors that are reached at an address.
KINDS = {
    name: known
    for name, known in providers.all_providers().items()
    if known.dialect in SERVERS and not known.client.startswith("copilot.")
}
NAMES = list(KINDS)
QUESTION = "Write 42 into the book."
WRITTEN = "It is written."
PATIENT = Deadlines(connect=5, first_byte=30, gap=30, attempt=60)
#: Deadlines of the vendor that hangs only; the other one has all the time of a busy machine.
HASTY = Deadlines(connect=1, first_byte=0.3, gap=0.25, attempt=0.7)

HANGING = ("hang_before_first_byte", "hang_after_headers", "stall_mid_stream", "slow_drip")
STATUSES = ("402", "408", "409", "413", "422", "502", "504", "520", "524")
WAITS = ("retry-after=2", "retry-after=3600", "retry-after-ms=1500", "retry-after=soon")
PLACES = tuple(
    f"{kind}:{after}"
    for kind, places in {
        "cut_mid_stream": (0, 1, -1, 999),
        "cut_clean": (0, 999),
        "polite_close": (0, 1, -1, 999),
        "sse_error": (0, 1, 999),
        "truncated_tool_arguments": (1, 9),
        "length_in_call": (0, 9),
    }.items()
    for after in places
)
EVERY = sorted({*FAULTS, *STATUSES, *(f"429 {wait}" for wait in WAITS), *PLACES} - set(HANGING))

#: The class of every fault that is not simply a dead vendor.
CLASSES: dict[str, str] = {
    **dict.fromkeys(("401", "403"), "auth"),
    **dict.fromkeys(("404", "redirect"), "config"),
    **dict.fromkeys(("402", "quota"), "quota"),
    **dict.fromkeys(("413", "context_length"), "too_long"),
    **dict.fromkeys(("empty", "blank", "refusal", "content_filter", "length", "length_in_call"), "soft"),
    **dict.fromkeys(("unknown_tool", "wrong_arguments", "malformed_arguments", "nan_arguments"), "soft"),
    **dict.fromkeys(("truncated_tool_arguments", "second_call_cut"), "soft"),
    **dict.fromkeys(HANGING, "slow"),
    "422": "rejected",
    "429": "rate",
}
#: Where a client or protocol lets less be seen than others do, and the other class is as good.
ALSO: dict[tuple[str, str], str] = {
    ("redirect", "mistral"): "dead",  # its client reads the page instead of looking at the status
    ("quota", "bedrock"): "rate",  # it words an account that is spent like one that is busy
    ("no_answer", "anthropic"): "soft",
    ("no_answer", "openai_responses"): "soft",
}


def expected(fault: str, dialect: str) -> set[str]:
    """Return the classes of failure that a fault may be taken for."""
    name = fault.partition(" ")[0].partition(":")[0]
    found = {CLASSES.get(name, "dead")}
    return found | {ALSO[name, dialect]} if (name, dialect) in ALSO else found


#: Faults of a call's text, which a protocol that hands over objects can't have: its vendor says what happened instead.
CUT_CALLS = {"truncated_tool_arguments", "malformed_arguments", "second_call_cut", "length_in_call"}


def exists(fault: str, kind: str, *, streamed: bool) -> bool:
    """Return whether a vendor can fail in this way so that anybody could tell."""
    server = SERVERS[KINDS[kind].dialect]
    name = fault.partition(":")[0]
    if name == "object_arguments":
        return issubclass(server, OpenAIServer)
    text = server.text_arguments[0 if streamed else 1]
    return name not in server.unmarked and (text or name not in CUT_CALLS or KINDS[kind].dialect == "google")


def cases(faults: Sequence[str], kinds: Sequence[str], *, streamed: bool) -> list[tuple[str, str]]:
    return [(kind, fault) for kind in kinds for fault in faults if exists(fault, kind, streamed=streamed)]


#: One vendor of each dialect meets all faults; the others share its client, and meet each kind of fault.
ONE_OF_EACH = list({KINDS[name].dialect: name for name in reversed(NAMES)}.values())
TWINS = [name for name in NAMES if name not in ONE_OF_EACH]
BASE = sorted({*FAULTS, "redirect", "sse_error:0"} - set(HANGING) - {"403", "503", "no_body"})


# --- the stage --------------------------------------------------------------------------------------------------------


@dataclass
class Stage:
    """Two vendors and the router over them; what the tool was called with, and what a listener saw."""

    kind: str
    bad: VendorServer
    good: VendorServer
    model: RoutedChatModel
    runs: list[Any] = field(default_factory=list)
    events: list[ModelEvent] = field(default_factory=list)

    @property
    def tools(self) -> list[Any]:
        return [_writer(self.runs)]

    def seen(self, message_id: str | None) -> str:
        return "".join(e.text for e in self.events if isinstance(e, Token) and e.message_id == message_id)

    def assert_served(self, answer: AIMessage, text: str, fault: str) -> None:
        """Check that the answer is the second vendor's, whole, and that the record says what went wrong."""
        told = stamp(answer)
        assert (answer.text, told["served_by"]) == (text, "good")
        assert {a["failure"] for a in told["attempts"]} <= expected(fault, KINDS[self.kind].dialect), told["attempts"]
        assert all(a["model"] == "bad" for a in told["attempts"])
        assert all(a["reason"].startswith(f"{KINDS[self.kind].title}: ") for a in told["attempts"])
        assert not self.good.refused, self.good.refused
        assert not self.bad.refused, self.bad.refused
        if self.events:
            assert self.seen(answer.id) == text
            assert "ALPHA" not in self.seen(answer.id)
            assert ("bad", "good") in [(e.source, e.target) for e in self.events if isinstance(e, Switched)]
            assert [e for e in self.events if isinstance(e, Used)][-1].model == "good"

    def assert_taken_back(self, kept: set[str | None]) -> None:
        shown = {e.message_id for e in self.events if isinstance(e, Token)}
        assert shown - {e.message_id for e in self.events if isinstance(e, Discarded)} == kept & shown


def _writer(runs: list[Any]) -> Any:
    # Every parameter may be left out: arguments that were cut down to nothing would fit, too.
    @tool
    def write_value(value: int = 0, times: float = 1.0) -> str:
        """Write a value into the book."""
        runs.append((value, times))
        return WRITTEN

    return write_value


def _says(word: str) -> Any:
    def answer(request: Request) -> Reply:
        if WRITTEN in str(request.body):
            return Reply(f"{word} is done with it.")
        return Reply(f"{word} begins.", calls=(Call("write_value", {"value": 42, "times": 2.5}),))

    return answer


def settings(kind: str, url: str, name: str, deadlines: Deadlines = PATIENT, **more: Any) -> ModelSettings:
    known = KINDS[kind]
    told = {"base_url": url, "api_key_env": "TEST_KEY", "deadlines": deadlines, **more}
    return ModelSettings(name=name, provider=kind, model=known.model or "qwen3", **told)


def address(kind: str, server: Any) -> str:
    """Return what a person would set as base_url: the root of the server where the vendor's paths are added to it."""
    known = KINDS[kind]
    rooted = known.path or "azure_endpoint" in known.arguments.values()
    return str(server.url if rooted else server.base_url)


def second(kind: str, turn: int) -> str:
    """Return a vendor of another kind; with the turn it is another one."""
    others = [name for name in NAMES if KINDS[name].dialect != KINDS[kind].dialect]
    return others[(NAMES.index(kind) + 3 * (turn % 2)) % len(others)]


@cache
def _server(role: str, dialect: str) -> VendorServer:
    return SERVERS[dialect](_says("ALPHA" if role == "bad" else "BETA"))


@cache
def _router(kind: str, other: str, hasty: bool) -> RoutedChatModel:
    # Clients take long to build, and a circuit belongs to the router's health: the rest may be used again.
    bad, good = _server("bad", KINDS[kind].dialect), _server("good", KINDS[other].dialect)
    first = settings(kind, address(kind, bad), "bad", HASTY if hasty else PATIENT)
    return router([first, settings(other, address(other, good), "good", window=9_000_000)])


def stage(kind: str, turn: int, *, hasty: bool = False) -> Stage:
    other = second(kind, turn)
    bad, good = _server("bad", KINDS[kind].dialect), _server("good", KINDS[other].dialect)
    for server in (bad, good):
        server.faults.clear()
        server.requests.clear()
        server.refused.clear()
        server.always = None
    model = _router(kind, other, hasty).model_copy(update={"health": Health()})
    return Stage(kind, bad, good, model)


@pytest.fixture(autouse=True, scope="module")
def _closed() -> Iterator[None]:
    yield
    for role in ("bad", "good"):
        for dialect in SERVERS:
            _server(role, dialect).stop()
    _router.cache_clear()
    _server.cache_clear()


# --- the first call ---------------------------------------------------------------------------------------------------


def _assert_first_call(on: Stage, answer: AIMessage, fault: str) -> None:
    on.assert_served(answer, "BETA begins.", fault)
    assert [c["args"] for c in answer.tool_calls] == [{"value": 42, "times": 2.5}]
    assert 1 <= len(on.bad.requests) <= 2
    on.assert_taken_back({answer.id})


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        *cases(EVERY, ONE_OF_EACH, streamed=True),
        *thinned(cases(BASE[::2], TWINS, streamed=True), 10),
    ],
)
async def test_streamed(kind: str, fault: str) -> None:
    on = stage(kind, EVERY.index(fault))
    on.bad.always = fault
    with listening(on.events.append):
        answer = await on.model.bind_tools(on.tools).ainvoke(QUESTION)
    _assert_first_call(on, answer, fault)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        *thinned(cases(BASE, ONE_OF_EACH, streamed=False), 7),
        *thinned(cases(BASE[1::2], TWINS, streamed=False), 13),
    ],
)
def test_whole(kind: str, fault: str) -> None:
    on = stage(kind, EVERY.index(fault))
    on.bad.always = fault
    _assert_first_call(on, on.model.bind_tools(on.tools).invoke(QUESTION), fault)


@pytest.mark.parametrize("fault", HANGING)
@pytest.mark.parametrize("kind", NAMES)
async def test_hanging(kind: str, fault: str) -> None:
    on = stage(kind, 0, hasty=True)
    on.bad.always = fault
    with listening(on.events.append):
        answer = await on.model.bind_tools(on.tools).ainvoke(QUESTION)
    _assert_first_call(on, answer, fault)


@pytest.mark.parametrize("fault", ["hang_before_first_byte", "stall_mid_stream"])
@pytest.mark.parametrize("kind", NAMES[::3])
def test_hanging_whole(kind: str, fault: str) -> None:
    on = stage(kind, 0, hasty=True)
    on.bad.always = fault
    _assert_first_call(on, on.model.bind_tools(on.tools).invoke(QUESTION), fault)


@pytest.mark.parametrize("kind", NAMES)
def test_one_character_a_second(kind: str) -> None:
    on = stage(kind, 0, hasty=True)
    on.bad.always = Fault("slow_drip", interval=1.0)
    with listening(on.events.append):
        answer = on.model.bind_tools(on.tools).invoke(QUESTION)
    _assert_first_call(on, answer, "slow_drip")


# --- a vendor dies after its tool ran ---------------------------------------------------------------------------------

AFTER_THE_TOOL = [
    f for f in BASE if f not in ("404", "529", "bad_json", "html", "wrong_type", "blank", "nan_arguments")
]


@pytest.mark.parametrize(
    ("kind", "fault", "streamed"),
    [
        *((kind, fault, True) for kind, fault in thinned(cases(AFTER_THE_TOOL, ONE_OF_EACH, streamed=True), 3)),
        *((kind, fault, True) for kind, fault in thinned(cases(AFTER_THE_TOOL[::3], TWINS, streamed=True), 3)),
        *((kind, fault, False) for kind, fault in thinned(cases(AFTER_THE_TOOL[1::3], NAMES, streamed=False), 2)),
    ],
)
async def test_it_dies_after_its_tool_ran(kind: str, fault: str, streamed: bool) -> None:
    on = stage(kind, EVERY.index(fault) + streamed)
    on.bad.faults.append(None)
    on.bad.always = fault
    agent: Any = create_agent(on.model, on.tools)
    if streamed:
        with listening(on.events.append):
            state = await agent.ainvoke({"messages": [HumanMessage(QUESTION)]})
    else:
        state = agent.invoke({"messages": [HumanMessage(QUESTION)]})
    *before, answer = state["messages"]
    on.assert_served(answer, "BETA is done with it.", fault)
    assert on.runs == [(42, 2.5)]
    assert [type(m) for m in before] == [HumanMessage, AIMessage, ToolMessage]
    assert 2 <= len(on.bad.requests) <= 3
    assert len(on.good.requests) == 1
    on.assert_taken_back({before[1].id, answer.id})


# --- the words of a tool call -----------------------------------------------------------------------------------------

ARGUMENTS = Call("write_value", {"value": 42, "times": 2.5}).arguments


@pytest.mark.parametrize(
    ("kind", "streamed"),
    [(k, s) for k in ONE_OF_EACH for s in (True, False) if exists("second_call_cut", k, streamed=s)],
)
def test_arguments_cut_at_any_character_never_become_a_call(kind: str, streamed: bool) -> None:
    dialect = dialects.get(KINDS[kind].dialect)
    # No text at all is a whole call to some vendors, and OpenAI's client does not tell it from "{}" in a whole answer.
    bare = dialect.empty_arguments or (dialect.name == "openai" and not streamed)
    for kept in thinned(range(int(bare), len(ARGUMENTS)), 2 if streamed else 6):
        on = stage(kind, kept)
        on.bad.always = f"truncated_tool_arguments:{kept}"
        if streamed:
            with listening(on.events.append):
                answer = on.model.bind_tools(on.tools).invoke(QUESTION)
        else:
            answer = on.model.bind_tools(on.tools).invoke(QUESTION)
        _assert_first_call(on, answer, "truncated_tool_arguments")


# --- what is no fault -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("oddity", ["double_finish", "no_last_event", "index_gap"])
@pytest.mark.parametrize("kind", NAMES)
def test_oddities_of_servers_spoil_no_answer(kind: str, oddity: str, streamed: bool) -> None:
    on = stage(kind, 0)
    on.bad.always = oddity
    calls = (Call("write_value", {"value": 1}), Call("write_value", {"value": 2}))
    on.bad.answer = lambda request: Reply("ALPHA begins.", calls)
    on.good.answer = lambda request: Reply("BETA begins.", calls)
    try:
        if streamed:
            with listening(on.events.append):
                answer = on.model.bind_tools(on.tools).invoke(QUESTION)
        else:
            answer = on.model.bind_tools(on.tools).invoke(QUESTION)
    finally:
        on.bad.answer, on.good.answer = _says("ALPHA"), _says("BETA")
    assert answer.text == "ALPHA begins."
    assert [c["args"] for c in answer.tool_calls] == [{"value": 1}, {"value": 2}]
    assert len({c["id"] for c in answer.tool_calls}) == 2


# --- before there is an answer ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def impostor() -> Iterator[str]:
    """The address of a server whose certificate nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with OpenAIServer() as server:
        http = server._http
        http.socket = context.wrap_socket(http.socket, server_side=True)
        yield server.url.replace("http://", "https://")


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("what", ["refused", "dns", "tls"])
@pytest.mark.parametrize("kind", NAMES)
async def test_nobody_there(kind: str, what: str, streamed: bool, impostor: str, no_names: None) -> None:
    on = stage(kind, 0)
    url = {"refused": unused_url(), "dns": "http://nowhere.invalid", "tls": impostor}[what]
    good = next(m for m in on.model.roster.settings.models if m.name == "good")
    model = router([settings(kind, url, "bad"), good])
    if streamed:
        with listening(on.events.append):
            answer = await model.bind_tools(on.tools).ainvoke(QUESTION)
    else:
        answer = await model.bind_tools(on.tools).ainvoke(QUESTION)
    told = stamp(answer)
    assert (answer.text, told["served_by"]) == ("BETA begins.", "good")
    words = {"refused": "connection refused", "dns": "host name not found", "tls": "no secure connection (TLS)"}
    assert [a["reason"] for a in told["attempts"]] == [f"{KINDS[kind].title}: {words[what]}"]
    assert [a["failure"] for a in told["attempts"]] == ["dead" if what == "refused" else "config"]


# --- how long a vendor is left alone ----------------------------------------------------------------------------------


def _header(form: str) -> dict[str, str]:
    if form == "date":
        return {"retry-after": email.utils.formatdate(time.time() + 3600, usegmt=True)}
    name, _, value = form.partition("=")
    return {name: value}


@pytest.mark.parametrize("form", ["retry-after=3600", "retry-after-ms=3600000", "date"])
@pytest.mark.parametrize("kind", NAMES)
def test_a_wait_that_was_asked_for_is_kept(kind: str, form: str) -> None:
    on = stage(kind, 0)
    on.bad.always = Fault("status", 429, _header(form))
    for _ in range(3):
        assert on.model.bind_tools(on.tools).invoke(QUESTION).text == "BETA begins."
    assert len(on.bad.requests) == 1
    bad = on.model.roster.find("bad")
    assert on.model.health.remaining(bad.identity) > 3000


# --- again and again --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["unknown_tool", "wrong_arguments"])
@pytest.mark.parametrize("kind", NAMES)
def test_all_of_them_call_wrongly_again_and_again(kind: str, fault: str) -> None:
    on = stage(kind, 0)
    on.bad.always = on.good.always = fault
    with pytest.raises(Exception, match="No model could answer"):
        create_agent(on.model, on.tools).invoke({"messages": [HumanMessage(QUESTION)]})
    assert on.runs == []
    assert len(on.bad.requests) <= 2
    assert len(on.good.requests) <= 2
