"""No secret gets into a log, a trace, an error or an export; ordinary text stays as it is."""

from __future__ import annotations

import base64
import io
import json
import logging
import string
import subprocess
import sys
import traceback
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import SecretStr

from copilot import _redaction
from copilot._redaction import GONE, one_line, redacted, redacted_json, remember
from copilot.agent.threads import Threads
from copilot.errors import EverpilotError, NoModelError, ToolInputError
from copilot.models import records, telemetry
from copilot.models.credentials import EnvironmentKey
from copilot.models.foreign import classify
from copilot.settings import RecordSettings
from tests.models.routing import ENV, entry, router
from tests.vendors import OpenAIServer
from tests.vendors.server import Refusal

ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "-_"


def of(alphabet: str, size: int, most: int = 0) -> st.SearchStrategy[str]:
    """Return texts that are long enough to be keys, and not all of one letter."""
    made = st.text(alphabet, min_size=size, max_size=most or size)
    return made.filter(
        lambda t: len(set(t)) > 4 and any(c.isdigit() for c in t) and t[0] not in "-_" and t[-1] not in "-_"
    )


def after(prefix: str, alphabet: str, size: int, most: int = 0) -> st.SearchStrategy[str]:
    return of(alphabet, size, most).map(lambda rest: prefix + rest)


def _jwt(parts: tuple[str, str, str]) -> str:
    return ".".join(["eyJ" + parts[0], "eyJ" + parts[1], parts[2]])


#: What a vendor's key looks like, in the vendor's own words on it, and the part of it that must not be seen.
KEYS: dict[str, st.SearchStrategy[str]] = {
    "OpenAI": after("sk-", ALNUM, 48),
    "OpenAI project": after("sk-proj-", URLSAFE, 60, 120),
    "Anthropic": after("sk-ant-api03-", URLSAFE, 80, 95),
    "OpenRouter": after("sk-or-v1-", "0123456789abcdef", 64),
    "Google": after("AIza", URLSAFE, 35),
    "AWS": after("AKIA", string.ascii_uppercase + string.digits, 16),
    "AWS session": after("ASIA", string.ascii_uppercase + string.digits, 16),
    "GitHub": after("ghp_", ALNUM, 36),
    "GitHub OAuth": after("gho_", ALNUM, 36),
    "GitHub fine": after("github_pat_", ALNUM + "_", 82),
    "Slack bot": after("xoxb-", string.digits + "-" + string.ascii_letters, 40, 60),
    "Slack user": after("xoxp-", string.digits + "-" + string.ascii_letters, 40, 60),
    "Groq": after("gsk_", ALNUM, 52),
    "Hugging Face": after("hf_", ALNUM, 34),
    "JWT": st.tuples(of(URLSAFE, 30), of(URLSAFE, 40), of(URLSAFE, 43)).map(_jwt),
    "Azure AI": st.tuples(of(ALNUM, 52), of(ALNUM, 26)).map("JQQJ99".join),
    "Entra secret": st.tuples(st.text(ALNUM, min_size=3, max_size=3), of(URLSAFE, 34)).map("8Q~".join),
}
#: Where a secret is only known by what stands around it.
AROUND: tuple[str, ...] = (
    "Authorization: Bearer {}",
    "authorization: Basic {}",
    "{{'Authorization': 'Bearer {}'}}",
    "aws_secret_access_key = {}",
    "AccountName=a;AccountKey={};EndpointSuffix=core.windows.net",
    "Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccessKey={}",
    "Server=db;User Id=me;Password={};Encrypt=yes",
    "postgresql://everpilot:{}@db.contoso.com:5432/runs",
    "https://x.blob.core.windows.net/c?sv=2024&sig={}&se=2026",
    '{{"api_key": "{}"}}',
    "x-api-key: {}",
    "MISTRAL_API_KEY={}",
    "client_secret={}",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
)
LINES = ("{}", "refused: {}.", "key={} is wrong", 'got "{}"', "https://api.contoso.com/v1?key={}", "({})", "a\n{}\nb")

BENIGN = [
    "contract.docx, paragraph 12: Acme shall pay $4,000 within 30 days.",
    "SHA-256 " + "3f" * 32 + " of report-2026-final.docx",
    "guid {A5C4B6E2-1111-4222-8333-ABCDEF012345} and 123e4567-e89b-12d3-a456-426614174000",
    "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 20).decode(),
    '<w:documentProtection w:hash="' + base64.b64encode(bytes(range(64))).decode() + '" w:salt="aGVsbG8gd29ybGQ="/>',
    "integrity sha512-" + base64.b64encode(bytes(range(64, 128))).decode(),
    "sk-SK is Slovak; sk-report-2024-final.docx is a file; the task-list-of-everybody-2026-06-01.xlsx too",
    "Basic knowledge of Excel and Bearer authentication are explained on page 3.",
    "max_tokens=4096, tokens: 12, password: required, the secret is out",
    "https://contoso.com:8443/path/a@b?x=1 and mailto:ann@contoso.com and ssh://git@github.com/x",
    "=SUM(A1:A9) key: value, keyboard=de, monkey = banana",
    "ValueError: 'Umsatz Q3' does not occur in Budget!A1:C9",
]


def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_redaction, "_loaded", {})


@pytest.mark.parametrize("kind", list(KEYS))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_key_of_every_vendor_is_taken_out_wherever_it_stands(kind: str, data: st.DataObject) -> None:
    key = data.draw(KEYS[kind])
    said = data.draw(st.sampled_from(LINES)).format(key)
    assert key not in redacted(said)
    assert key not in one_line(said)
    assert key not in json.dumps(redacted_json({"deep": [{"said": said}], said: 1}))


@pytest.mark.parametrize("around", AROUND)
@settings(max_examples=15, deadline=None)
@given(secret=of(ALNUM + "+/", 24, 44))
def test_a_secret_that_only_its_surroundings_betray_is_taken_out(around: str, secret: str) -> None:
    said = around.format(secret)
    assert secret not in redacted(said)
    assert redacted(redacted(said)) == redacted(said)


@settings(max_examples=60, deadline=None)
@given(secret=st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=8, max_size=60))
def test_what_was_loaded_is_taken_out_in_every_form(secret: str) -> None:
    if len(set(secret)) < 4:
        return
    remember(secret)
    try:
        for form in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
            assert form not in redacted(f"<{form}>")
        for before in range(3):
            encoded = base64.b64encode(b"x" * before + secret.encode() + b"tail").decode()
            shown = redacted(encoded).replace(GONE, "")
            assert len(shown) < 12, "what its neighbours share with it may stay"
    finally:
        _redaction._loaded.pop(secret, None)


@pytest.mark.parametrize("text", BENIGN)
def test_ordinary_text_stays_as_it_is(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh(monkeypatch)
    assert redacted(text, {}) == text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_text_is_redacted_once_and_for_all(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize("name", ["MY_API_KEY", "DB_PASSWORD", "GH_TOKEN", "CLIENT_SECRET", "SOME_PAT"])
def test_variables_that_are_named_like_secrets_are_known(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "swordfish-of-1987")
    assert redacted("the swordfish-of-1987 swims") == f"the {GONE} swims"


@pytest.mark.parametrize("name", ["KEYBOARD_LAYOUT", "HOME_OF_ALL", "MAX_TOKENS", "OPENAI_BASE_URL"])
def test_other_variables_are_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "swordfish-of-1987")
    assert redacted("the swordfish-of-1987 swims") == "the swordfish-of-1987 swims"


def test_a_password_in_an_address_of_the_environment_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:swordfish-of-1987@db/x")
    assert redacted("login failed with swordfish-of-1987") == f"login failed with {GONE}"


def test_a_path_is_where_a_secret_lies_and_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))
    assert redacted(f"{tmp_path} is missing") == f"{tmp_path} is missing"


# --- the ways out -------------------------------------------------------------------------------------------------

KEY = "sk-ant-api03-" + "Zq7w" * 20


@pytest.mark.parametrize("where", ["copilot", "copilot.models.turn", "copilot.a_plugin"])
def test_logs_hold_no_secret_whoever_handles_them(where: str) -> None:
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(logging.Formatter("%(message)s %(everpilot)s"))
    logger = logging.getLogger(where)
    logging.getLogger().addHandler(handler)
    try:
        try:
            raise ValueError(f"bad header {KEY}")
        except ValueError:
            logger.warning("refused %s", KEY, exc_info=True, stack_info=True, extra={"everpilot": {}})
        logger.error(f"again {KEY}", extra={"everpilot": {}})
    finally:
        logging.getLogger().removeHandler(handler)
    assert KEY not in said.getvalue()
    assert said.getvalue().count(GONE) == 3
    assert "Traceback" in said.getvalue()


def test_extra_fields_of_a_record_are_redacted_by_the_filter() -> None:
    record = logging.makeLogRecord({"name": "copilot", "msg": "x", "everpilot": {"why": [KEY]}, "header": KEY})
    assert _redaction.Filter().filter(record)
    assert KEY not in str(vars(record))


def test_other_peoples_logs_are_left_alone() -> None:
    record = logging.getLogRecordFactory()("theirs", logging.INFO, "f", 1, "%s", (KEY,), None)
    assert record.getMessage() == KEY


@pytest.mark.parametrize("kind", [EverpilotError, ToolInputError, NoModelError])
def test_errors_hold_no_secret_from_the_beginning(kind: type[EverpilotError]) -> None:
    error = kind(f"refused {KEY}", hint=f"look at https://me:{KEY}@host/")
    shown = [str(error), repr(error), error.message, error.hint, json.dumps(error.to_dict())]
    try:
        raise error
    except EverpilotError:
        shown.append(traceback.format_exc())
    assert not any(KEY in text for text in shown)


def test_a_vendors_words_a_trace_a_log_line_and_a_title_hold_none(tmp_path: Path) -> None:
    body = {"error": {"message": f"Incorrect API key provided: {KEY}. See https://contoso.com"}}
    error = type("SdkError", (Exception,), {"status_code": 422, "body": body})(str(body))
    records.append(tmp_path / "log.jsonl", {"why": f"{KEY}", "deep": {"api_key": "short1"}})
    threads = Threads(tmp_path)
    threads.touch("ab", tmp_path, f"use {KEY} please")
    shown = [
        classify(error).text,
        telemetry._as_json([HumanMessage(f"my key is {KEY}"), AIMessage(f"Thanks for {KEY}")]),
        (tmp_path / "log.jsonl").read_text(),
        str(threads.recent()),
    ]
    assert not any(KEY in text for text in shown)
    assert "short1" not in shown[2]


def test_a_traceback_for_whoever_debugs_holds_none() -> None:
    code = (
        f"from copilot._redaction import *; show_tracebacks_redacted(); raise ValueError('{KEY[:20]}' + '{KEY[20:]}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ValueError: [...]" in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
def test_a_real_vendor_that_echoes_the_key_tells_it_to_nobody(
    status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "plain-words-without-any-shape"  # nothing but that it was loaded gives it away
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}", "type": "invalid_request_error"}})
    caplog.set_level(logging.DEBUG, logger="copilot")
    with OpenAIServer(lambda request: Refusal(status, body)) as server:
        log = RecordSettings(log=str(tmp_path / "log.jsonl"))
        monkeypatch.setitem(ENV, "TEST_KEY", key)
        asked = router([entry(server, "one")], records=log)
        with pytest.raises(NoModelError) as caught:
            asked.invoke("Hello")
    assert server.requests, "it was asked"
    shown = [str(caught.value), json.dumps(caught.value.to_dict()), caplog.text, (tmp_path / "log.jsonl").read_text()]
    assert not any(key in text for text in shown)


def test_a_credential_is_known_as_soon_as_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh(monkeypatch)
    EnvironmentKey("X", SecretStr("one-two-three-four"))
    assert redacted("one-two-three-four!") == f"{GONE}!"


def test_few_thousand_renewed_tokens_cost_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh(monkeypatch)
    for number in range(3000):
        remember(f"token-number-{number}")
    assert len(_redaction._loaded) <= 512
    assert redacted("token-number-2999") == GONE


def test_a_million_letters_are_looked_through_in_linear_time() -> None:
    for text in (
        "sk-" * 100_000,
        "://" + "a" * 300_000,
        "a:" * 150_000,
        "A" * 300_000,
        "password" * 40_000,
        "eyJ" * 90_000,
    ):
        assert len(redacted(text)) <= len(text)
