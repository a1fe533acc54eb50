"""Amazon Bedrock: from the settings to the wire, and every fault of it, through the real client."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import socket
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EventStreamError,
    NoCredentialsError,
    ParamValidationError,
    ProfileNotFound,
    ReadTimeoutError,
    SSLError,
    TokenRetrievalError,
)
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from copilot.errors import NoModelError, SettingsError
from copilot.models import catalog, dialects, history, providers
from copilot.models.clearance import labelled
from copilot.models.foreign import classify
from copilot.models.listening import Discarded, ModelEvent, Switched, Token, listening
from copilot.models.roster import Roster
from copilot.models.setup import describe
from copilot.settings import Deadlines, ModelSettings, Settings
from copilot.trust.labels import Confidentiality, Label
from tests.models.routing import SHORT, entry, read_cell, router, stamp
from tests.vendors import FAULTS, BedrockServer, Call, OpenAIServer, Reply, Request, VendorServer, unused_url
from tests.vendors.faults import CONTENT, Fault

TEXT = "What stands in B4 of the budget?"
HANGING = {"hang_before_first_byte", "hang_after_headers", "stall_mid_stream", "slow_drip"}
EVERY = sorted({*FAULTS, "408", "413", "424", "429 retry-after=3600"})
#: Of another vendor, with this one behind it: one fault of each kind, the matrix has them all.
OTHERS = (
    "401",
    "404",
    "429",
    "500",
    "context_length",
    "quota",
    "cut_mid_stream",
    "polite_close",
    "sse_error",
    "length",
)
#: The class of every fault that is neither a dead vendor nor an answer that may not be used.
CLASSES = {
    **dict.fromkeys(("401", "403"), "auth"),
    **dict.fromkeys(("404", "redirect"), "config"),
    **dict.fromkeys(("429", "429 retry-after=3600"), "rate"),
    **dict.fromkeys(("context_length", "413"), "too_long"),
    **dict.fromkeys(HANGING, "slow"),
    "quota": "quota",
}
LOOP: list[Any] = [
    HumanMessage("Read B4, then C4."),
    AIMessage("", tool_calls=[{"name": "read_cell", "args": {"cell": "B4"}, "id": "functions.read:0" + "x" * 60}]),
    ToolMessage("B4 holds 41", tool_call_id="functions.read:0" + "x" * 60),
]
#: For models that answer: a busy machine is no fault of theirs.
PATIENT = Deadlines(connect=5, first_byte=30, gap=30, attempt=60)
CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
REGION = {"AWS_REGION": "eu-central-1"}
BEARER = {"AWS_BEARER_TOKEN_BEDROCK": "test-key", **REGION}
KEYS = {"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "secret", **REGION}


@pytest.fixture(autouse=True)
def _no_aws_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def _settings(**more: Any) -> ModelSettings:
    return ModelSettings(**{"name": "mine", "provider": "bedrock", "model": CLAUDE, **more})


def _client(env: dict[str, str], **more: Any) -> Any:
    settings = _settings(**more)
    return providers.build(settings, providers.connect(settings, env), env)


def bedrock(server: VendorServer, name: str, **more: Any) -> ModelSettings:
    return entry(server, name, **{"provider": "bedrock", "model": CLAUDE, "deadlines": PATIENT, **more})


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "base_url", "url", "region"),
    [
        (BEARER, None, "https://bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
        (
            {"AWS_BEARER_TOKEN_BEDROCK": "k", "AWS_DEFAULT_REGION": "us-gov-west-1"},
            None,
            "https://bedrock-runtime.us-gov-west-1.amazonaws.com",
            "us-gov-west-1",
        ),
        # What is signed for another region than the one that is asked would be refused.
        (BEARER, "https://bedrock-runtime.us-west-2.amazonaws.com/", None, "us-west-2"),
        (BEARER, "https://vpce-0a1-b2.bedrock-runtime.eu-west-1.vpce.amazonaws.com", None, "eu-west-1"),
        (BEARER, "https://gateway.lan/aws", "https://gateway.lan/aws", "eu-central-1"),
        (
            {**BEARER, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://10.0.0.1:8"},
            None,
            "http://10.0.0.1:8",
            "eu-central-1",
        ),
    ],
)
def test_the_address_is_explicit_and_the_region_is_that_of_the_address(
    env: dict[str, str], base_url: str | None, url: str | None, region: str
) -> None:
    connection = providers.connect(_settings(base_url=base_url), env)
    assert connection.base_url == (url or str(base_url).rstrip("/"))
    assert connection.region == region
    client = providers.build(_settings(base_url=base_url), connection, env).client  # type: ignore[attr-defined]
    assert client.meta.endpoint_url == connection.base_url
    assert client.meta.region_name == region


@pytest.mark.parametrize("env", [BEARER, KEYS], ids=["key", "signed"])
def test_the_router_owns_the_clock(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere.invalid")
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("LANGSMITH_GATEWAY_API_KEY", "lsv2_gateway")
    model = _client(env, deadlines=Deadlines(connect=2, attempt=40))
    config = model.client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 40)
    assert config.retries["total_max_attempts"] == 1
    assert model.client.meta.endpoint_url == "https://bedrock-runtime.eu-central-1.amazonaws.com"
    assert model.bedrock_client is model.client


def test_without_credentials_they_are_named_before_the_first_call() -> None:
    with pytest.raises(SettingsError) as caught:
        providers.connect(_settings(), REGION)
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("env", "more", "words"),
    [
        ({"AWS_BEARER_TOKEN_BEDROCK": "k"}, {}, "has no address.*AWS_REGION"),
        ({"AWS_BEARER_TOKEN_BEDROCK": "k"}, {"base_url": "http://127.0.0.1:1"}, "has no region.*AWS_REGION"),
        ({"AWS_ACCESS_KEY_ID": "k", **REGION}, {}, "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY"),
        (KEYS, {"api_key_env": "MY_KEY"}, "MY_KEY is not set"),
        ({"AWS_PROFILE": "nobody", **REGION}, {}, r"can't be set up: .*nobody.*AWS_PROFILE"),
        (KEYS, {"options": {"credentials_profile_name": "x"}}, "credentials_profile_name does nothing.*AWS_PROFILE"),
        (KEYS, {"model": "arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc"}, "base_model_id"),
        (KEYS, {"model": "arn:aws:bedrock:eu-west-1:1:provisioned-model/abc"}, "[Pp]rovider"),
        (KEYS, {"options": {"temperature": "warm"}}, "temperature"),
    ],
)
def test_mistakes_are_named(env: dict[str, str], more: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        _client(env, **more)
    assert "secret" not in str(caught.value).replace("AWS_SECRET", "").replace("aws_secret", "")


def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_aws", None)
    with pytest.raises(SettingsError, match=r'pip install "everpilot\[bedrock\]"'):
        _client(BEARER)


@pytest.mark.parametrize(
    ("env", "found"),
    [
        (BEARER, ["bedrock"]),
        (KEYS, ["bedrock"]),
        ({"AWS_BEARER_TOKEN_BEDROCK": "k"}, []),
        ({"AWS_ACCESS_KEY_ID": "k", **REGION}, []),
        ({"AWS_PROFILE": "work", **REGION}, []),
        (REGION, []),
    ],
)
def test_found_with_a_key_and_a_region(env: dict[str, str], found: list[str]) -> None:
    assert [c.name for c in Roster(Settings(), env).quick()] == found


def test_a_signed_model_has_its_key(home: Path) -> None:
    rows = [describe(Settings(models=[_settings()]), state=home, env=env)[0] for env in (BEARER, KEYS, REGION)]
    assert [row["key"].partition(" ")[0] for row in rows] == ["set", "set", "missing"]
    candidate = Roster(Settings(models=[_settings()]), KEYS).quick()[0]
    assert candidate.key_names == ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def test_other_credentials_are_another_identity_and_are_never_shown() -> None:
    both = [KEYS, {**KEYS, "AWS_SECRET_ACCESS_KEY": "mended"}]
    one, other = (providers.connect(_settings(), env) for env in both)
    assert one.identity != other.identity
    assert "test-key" not in repr(one)


@pytest.mark.parametrize(
    ("region", "model"),
    [
        ("eu-central-1", "eu.anthropic.claude-sonnet-5"),
        ("us-east-1", "us.anthropic.claude-sonnet-5"),
        ("ap-northeast-1", "jp.anthropic.claude-sonnet-5"),
        ("sa-east-1", "global.anthropic.claude-sonnet-5"),
    ],
)
def test_what_is_asked_for_stays_where_the_region_is(region: str, model: str) -> None:
    assert providers.connect(_settings(model=""), {**BEARER, "AWS_REGION": region}).model == model


@pytest.mark.parametrize(
    ("model", "like"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5"),
        ("apac.amazon.nova-pro-v1:0", "nova-pro"),
        ("openai.gpt-oss-120b-1:0", "gpt-oss"),
        ("mistral.mistral-large-3-675b-instruct", "mistral-large"),
    ],
)
def test_a_models_facts_are_found_by_its_name_here(model: str, like: str) -> None:
    assert catalog.facts(model) == catalog.facts(like)
    assert catalog.facts(like).window


def test_an_old_claude_is_not_taken_for_a_new_one() -> None:
    assert catalog.facts("anthropic.claude-3-5-sonnet-20241022-v2:0").window == 200_000


# --- who signs ------------------------------------------------------------------------------------------------------


def _profile(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "credentials").write_text(f"[work]\n{text}\n")
    return {"AWS_PROFILE": "work", **REGION}


def test_requests_bear_the_key_that_was_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    # What the SDK would find by itself must not win.
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key-of-another-tool")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id-of-another-tool")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-another-tool")
    with BedrockServer(["Hello", "Hello"]) as server:
        bearing = _client({"MINE": "test-key", **REGION}, base_url=server.base_url, api_key_env="MINE")
        signing = _client(KEYS, base_url=server.base_url)
        assert [model.invoke("Hi").text for model in (bearing, signing)] == ["Hello", "Hello"]
        sent = [request.headers["authorization"] for request in server.requests]
    assert sent[0] == "Bearer test-key"
    assert sent[1].startswith("AWS4-HMAC-SHA256 Credential=test-key/")
    assert "/eu-central-1/bedrock/aws4_request" in sent[1]


def test_a_session_token_and_a_profile_sign_too(tmp_path: Path) -> None:
    profile = _profile(tmp_path, "aws_access_key_id = test-key\naws_secret_access_key = secret")
    with BedrockServer(["Hello", "Hello"]) as server:
        for env in ({**KEYS, "AWS_SESSION_TOKEN": "session"}, profile):
            assert _client(env, base_url=server.base_url).invoke("Hi").text == "Hello"
        assert server.requests[0].headers["x-amz-security-token"] == "session"
        assert "Credential=test-key/" in server.requests[1].headers["authorization"]


def test_an_empty_profile_asks_no_metadata_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        asked.append(address)
        real(self, address)

    env = _profile(tmp_path, "region = eu-central-1")
    with BedrockServer() as server:
        monkeypatch.setattr(socket.socket, "connect", connect)
        with pytest.raises(NoCredentialsError) as caught:
            _client(env, base_url=server.base_url).invoke("Hi")
    assert asked == []
    assert classify(caught.value).kind == "auth"


@pytest.mark.parametrize(
    "env", [{**KEYS, "AWS_ACCESS_KEY_ID": "wrong"}, {**BEARER, "AWS_BEARER_TOKEN_BEDROCK": "wrong"}]
)
def test_a_wrong_key_is_an_auth_failure(env: dict[str, str]) -> None:
    with BedrockServer() as server, pytest.raises(ClientError) as caught:
        _client(env, base_url=server.base_url).invoke("Hi")
    assert classify(caught.value).kind == "auth"


# --- failover -------------------------------------------------------------------------------------------------------


def _pair(first: str) -> tuple[VendorServer, VendorServer]:
    return (BedrockServer(), OpenAIServer()) if first == "bedrock" else (OpenAIServer(), BedrockServer())


def _models(bad: VendorServer, good: VendorServer, fault: str = "") -> list[ModelSettings]:
    # The second one holds more than the first, or a request that is too long would stop there.
    made = {True: bedrock, False: entry}
    limits = SHORT if fault in HANGING else PATIENT
    return [
        made[isinstance(bad, BedrockServer)](bad, "bad", deadlines=limits),
        made[isinstance(good, BedrockServer)](good, "good", window=2_000_000, deadlines=PATIENT),
    ]


def _expected(fault: str) -> set[str]:
    content = Fault.of(fault).kind in CONTENT
    return {CLASSES[fault]} if fault in CLASSES else {"soft", "dead"} if content else {"dead"}


def _assert_served(answer: AIMessage, events: list[ModelEvent], fault: str) -> None:
    told = stamp(answer)
    assert told["served_by"] == "good"
    assert answer.text == f"Echo: {TEXT}"
    assert {a["failure"] for a in told["attempts"]} <= _expected(fault), told["attempts"]
    assert all(a["model"] == "bad" for a in told["attempts"])
    if events:
        shown = {e.message_id for e in events if isinstance(e, Token)} - {answer.id}
        assert shown == {e.message_id for e in events if isinstance(e, Discarded)}
        assert [(e.source, e.target) for e in events if isinstance(e, Switched)] == [("bad", "good")]


@pytest.mark.parametrize(
    ("first", "fault"),
    [("bedrock", f) for f in EVERY] + [("openai", f) for f in OTHERS],
)
async def test_streamed(first: str, fault: str) -> None:
    bad, good = _pair(first)
    events: list[ModelEvent] = []
    with bad, good:
        bad.always = fault
        model = router(_models(bad, good, fault)).bind_tools([read_cell])
        with listening(events.append):
            answer = await model.ainvoke(TEXT)
        assert not good.refused, good.refused
        assert len(bad.requests) <= 2
    _assert_served(answer, events, fault)


@pytest.mark.parametrize("fault", [f for f in EVERY if f not in HANGING or f == "hang_before_first_byte"])
def test_whole_and_sync(fault: str) -> None:
    bad, good = _pair("bedrock")
    with bad, good:
        bad.always = fault
        answer = router(_models(bad, good, fault)).bind_tools([read_cell]).invoke(TEXT)
        assert not good.refused
    _assert_served(answer, [], fault)


async def test_refused_connection() -> None:
    with OpenAIServer() as good:
        bad = entry(unused_url(), "bad", provider="bedrock", model=CLAUDE)
        answer = await router([bad, entry(good, "good", deadlines=PATIENT)]).ainvoke(TEXT)
    assert stamp(answer)["attempts"][0]["reason"] == "Amazon Bedrock: connection refused"


@pytest.mark.parametrize("first", ["bedrock", "openai"])
@pytest.mark.parametrize("fault", ["cut_mid_stream", "503", "polite_close", "truncated_tool_arguments", "sse_error"])
async def test_in_the_middle_of_a_tool_loop(first: str, fault: str) -> None:
    bad, good = _pair(first)
    call = Call("read_cell", {"cell": "C4"})
    with bad, good:
        bad.replies.append(Reply("Now the other one.", calls=(call,)))
        bad.answer = None
        bad.always = fault
        good.answer = lambda request: Reply(calls=(call,))
        model = router(_models(bad, good, fault)).bind_tools([read_cell])
        with listening(lambda event: None):
            answer = await model.ainvoke(LOOP)
        assert not good.refused, good.refused
        assert not bad.refused, bad.refused
        assert "B4 holds 41" in str(good.requests[-1].messages)
    assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("read_cell", {"cell": "C4"})]


@pytest.mark.parametrize("watched", [True, False])
async def test_a_tool_loop(watched: bool) -> None:
    replies = [Reply("I look.", (Call("read_cell", {"cell": "B4"}),), thinking="Two cells."), Reply("It is 41.")]
    on = {"additional_model_request_fields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}
    with BedrockServer(replies) as server:
        model = router([bedrock(server, "one", options=on)]).bind_tools([read_cell])
        with listening(lambda event: None) if watched else nullcontext():
            asked = await model.ainvoke(TEXT)
            told = ToolMessage("B4 holds 41", tool_call_id=asked.tool_calls[0]["id"])
            answer = await model.ainvoke([HumanMessage(TEXT), asked, told])
        assert not server.refused, server.refused
        sent = server.requests[1]
    assert [request.path.rpartition("/")[2] for request in server.requests] == [
        "converse-stream" if watched else "converse"
    ] * 2
    assert answer.text == "It is 41."
    assert sent.messages[1]["content"][0]["reasoningContent"]["reasoningText"]["text"] == "Two cells."
    assert sent.body["additionalModelRequestFields"] == on["additional_model_request_fields"]
    assert stamp(answer)["usage"]["input_tokens"] == 7


async def test_data_that_it_may_not_see_never_reaches_it() -> None:
    with BedrockServer() as server, OpenAIServer() as home:
        models = [bedrock(server, "cloud"), entry(home, "home", max_confidentiality="restricted")]
        with labelled(Label(confidentiality=Confidentiality.RESTRICTED)):
            answer = await router(models).ainvoke(TEXT)
        with (
            labelled(Label(confidentiality=Confidentiality.RESTRICTED)),
            pytest.raises(NoModelError, match="may not see restricted"),
        ):
            await router(models[:1]).ainvoke(TEXT)
    assert stamp(answer)["served_by"] == "home"
    assert server.requests == []


async def test_a_model_that_does_not_stream_with_tools_is_given_the_time_of_a_whole_answer() -> None:
    late = threading.Event()

    def answer(_: Request) -> Reply:
        late.wait(0.5)  # longer than a first piece may take
        return Reply("It is 41.")

    events: list[ModelEvent] = []
    patient = Deadlines(connect=1, first_byte=0.1, gap=0.1, attempt=20)
    with BedrockServer(answer) as server:
        llama = bedrock(server, "llama", model="us.meta.llama3-3-70b-instruct-v1:0", deadlines=patient)
        with listening(events.append):
            told = await router([llama]).bind_tools([read_cell]).ainvoke(TEXT)
        assert [request.path.rpartition("/")[2] for request in server.requests] == ["converse"]
    assert told.text == "It is 41."
    assert [e.text for e in events if isinstance(e, Token)] == ["It is 41."]


# --- threads --------------------------------------------------------------------------------------------------------


def _calls() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "everpilot-call"}


@pytest.mark.parametrize("fault", ["hang_before_first_byte", "stall_mid_stream", "slow_drip"])
async def test_a_hung_stream_gives_its_thread_back_by_its_own_timeout(fault: str) -> None:
    before = _calls()
    with BedrockServer(always=fault) as bad, OpenAIServer() as good:
        with listening(lambda event: None):
            answer = await router(
                [bedrock(bad, "bad", deadlines=SHORT), entry(good, "good", deadlines=PATIENT)]
            ).ainvoke(TEXT)
        assert stamp(answer)["served_by"] == "good"
        hung = _calls() - before
        assert all(thread.daemon for thread in hung)
        for thread in hung:  # while the server still hangs
            await asyncio.to_thread(thread.join, 30)
        assert not _calls() & hung


async def test_many_hung_streams_do_not_starve_the_others() -> None:
    """The next vendor's client is built, and its host looked up, in threads too."""
    with BedrockServer(always="hang_before_first_byte") as bad, OpenAIServer() as good:
        silent = Deadlines(connect=5, first_byte=1, gap=1, attempt=20)
        model = router([bedrock(bad, "bad", deadlines=silent), entry(good, "good", deadlines=PATIENT)])
        answers = await asyncio.gather(*(_listened(model) for _ in range(80)))
    assert {stamp(answer)["served_by"] for answer in answers} == {"good"}


async def _listened(model: Any) -> AIMessage:
    with listening(lambda event: None):
        answer = await model.ainvoke(TEXT)
    assert isinstance(answer, AIMessage)
    return answer


# --- errors ---------------------------------------------------------------------------------------------------------


def _said(status: int, code: str, message: str = "") -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": "7"}},
    }
    return ClientError(answer, "Converse")


def _streamed(code: str, message: str = "") -> EventStreamError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return EventStreamError(answer, "ConverseStream")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (_said(403, "UnrecognizedClientException"), "auth", "key refused (403)"),
        (_said(403, "ExpiredTokenException"), "auth", "key has run out (403)"),
        (_said(403, "AccessDeniedException", "You don't have access to the model."), "auth", "access denied (403)"),
        (_said(403, "AccessDeniedException", "INVALID_PAYMENT_INSTRUMENT: A valid payment instrument is needed."),
         "quota", "out of credit (403)"),
        (_said(400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account."),
         "quota", "over the quota of its account (400)"),
        (_said(429, "ThrottlingException", "Too many requests"), "rate", "rate limited (429), again in 7 s"),
        (_said(429, "ThrottlingException", "Too many tokens per day"), "quota",
         "its tokens for today are used up (429)"),
        (_said(429, "ModelNotReadyException"), "rate", "rate limited (429), again in 7 s"),
        (_said(400, "ValidationException", "The provided model identifier is invalid."),
         "config", "model not found (400)"),
        (_said(400, "ValidationException", "Invocation of model ID x with on-demand throughput isn’t supported."),
         "config", "its model is asked for by an inference profile, such as eu.anthropic... (400)"),
        (_said(400, "ValidationException", "Input is too long for requested model."),
         "too_long", "the request is too long for it (400)"),
        (_said(400, "ValidationException", "Input Tokens Exceeded: Number of input tokens exceeds maximum length."),
         "too_long", "the request is too long for it (400)"),
        (_said(400, "ValidationException", "This model doesn't support tool use."), "unable", "can't use tools (400)"),
        (_said(400, "ValidationException", "Top-k must be positive"), "rejected",
         "refused the request: Top-k must be positive (400)"),
        (_said(424, "ModelErrorException"), "dead", "server error (424)"),
        (_said(408, "ModelTimeoutException"), "dead", "timed out on its side (408)"),
        (_streamed("throttlingException"), "rate", "rate limited"),
        (_streamed("modelStreamErrorException"), "dead", "server error"),
        (_streamed("internalServerException"), "dead", "server error"),
        (_streamed("serviceUnavailableException"), "dead", "overloaded"),
        (_streamed("validationException", "prompt is too long"), "too_long", "the request is too long for it"),
        (_streamed("validationException", "Bad"), "rejected", "refused the request: Bad"),
        (ConnectTimeoutError(endpoint_url="https://x"), "slow", "can't be reached in time"),
        (ReadTimeoutError(endpoint_url="https://x"), "slow", "took too long"),
        (SSLError(endpoint_url="https://x", error="self-signed"), "config", "no secure connection (TLS)"),
        (NoCredentialsError(), "auth", "its sign-in can't be read, or has run out"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "auth", "its sign-in can't be read, or has run out"),
        (ProfileNotFound(profile="x"), "auth", "its sign-in can't be read, or has run out"),
        (ParamValidationError(report="x"), "rejected", "refused the request"),
    ],
    ids=lambda value: getattr(value, "__class__", type(value)).__name__ if isinstance(value, Exception) else str(value),
)  # fmt: skip
def test_what_an_error_means(error: Exception, kind: str, text: str) -> None:
    failure = classify(error)
    assert (failure.kind, failure.text) == (kind, text)


@pytest.mark.parametrize(
    ("broken_by", "kind"),
    [
        (("throttlingException", "Too many requests"), "rate"),
        (("modelStreamErrorException", "The model failed"), "dead"),
        (("validationException", "Input is too long for requested model."), "too_long"),
    ],
)
def test_an_exception_in_the_middle_of_a_stream(broken_by: tuple[str, str], kind: str) -> None:
    with BedrockServer(always="sse_error") as server:
        server.broken_by = broken_by
        with pytest.raises(EventStreamError) as caught:
            list(_client(BEARER, base_url=server.base_url).stream("Hi"))
    assert classify(caught.value).kind == kind


def test_a_stream_that_a_proxy_closed_politely_is_dead() -> None:
    with BedrockServer(always="polite_close") as server, pytest.raises(ConnectionError) as caught:
        list(_client(BEARER, base_url=server.base_url).stream("Hi"))
    failure = classify(caught.value)
    assert (failure.kind, failure.text) == ("dead", "ended without a finish reason")


# --- history --------------------------------------------------------------------------------------------------------

PDF = base64.b64encode(b"%PDF-1.7").decode()


def _file(name: str) -> HumanMessage:
    return HumanMessage([{"type": "file", "base64": PDF, "mime_type": "application/pdf", "filename": name}])


def test_names_of_files_are_what_it_takes_and_each_only_once() -> None:
    thread = [_file(n) for n in ("Größe (Q3).pdf", "a_b.pdf", "a b.pdf", "表.pdf", "A  b.pdf", "x" * 300 + ".pdf")][:5]
    sent = history.repair(thread, dialects.get("bedrock"), provider="p", model="m", tools=False)
    with BedrockServer(["Read."]) as server:
        assert _client(BEARER, base_url=server.base_url).invoke(sent).text == "Read."
        assert not server.refused
        blocks = server.requests[0].messages[0]["content"]
    names = [block["document"]["name"] for block in blocks if "document" in block]
    assert names == ["Groe (Q3)", "a b", "a b 2", "document", "A b 3"]
    assert "Größe (Q3).pdf" in str(blocks)


def test_an_image_that_it_can_not_read_is_named_in_words() -> None:
    bitmap = base64.b64encode(b"BM" + bytes(60)).decode()
    image = {"type": "image", "base64": bitmap, "mime_type": "image/bmp"}
    sent = history.repair([HumanMessage([image])], dialects.get("bedrock"), provider="p", model="m", tools=False)
    assert "image/bmp" in str(sent[0].content)


def test_words_after_results_stand_apart() -> None:
    sent = history.repair(
        [*LOOP, HumanMessage("And C4?")], dialects.get("bedrock"), provider="p", model="m", tools=True
    )
    assert [message.type for message in sent] == ["human", "ai", "tool", "ai", "human"]


def test_nothing_is_said_to_the_person_by_its_library(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), BedrockServer() as server:
        for env in (BEARER, KEYS):
            model = _client(env, base_url=server.base_url)
            assert list(model.stream("Hi"))
            thread = history.repair(LOOP, dialects.get("bedrock"), provider="p", model="m", tools=True)
            assert model.bind_tools([read_cell]).invoke(thread).text
    assert [record.getMessage() for record in caplog.records] == []
