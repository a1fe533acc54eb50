"""What arrives is looked at before anybody works on it: "Bot Framework -- Activity", and limits of our own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.hosts.bot.activities import MOST_BYTES, Malformed, ignored, is_stop, parsed
from tests.bot.issuing import message


def _sent(**more: Any) -> bytes:
    made = {name: value for name, value in message(**more).items() if value is not ...}
    return json.dumps(made).encode()


MALFORMED: list[tuple[bytes, str]] = [
    (b"", "the body is not JSON"),
    (b"{", "the body is not JSON"),
    (b"\xff\xfe{}", "the body is not UTF-8"),
    (json.dumps(message()).encode("utf-16"), "the body is not UTF-8"),
    (b"[]", "the body is not a JSON object"),
    (b"null", "the body is not a JSON object"),
    (b'{"type": NaN}', "the body is not JSON"),
    (b'{"n": ' + b"9" * 5_000 + b"}", "the body is not JSON"),
    (b"[" * 100_000, "the body is nested too deeply"),
    (_sent(value=json.loads("[" * 80 + "]" * 80)), "the body is nested too deeply"),
    (_sent(type=...), "type is missing"),
    (_sent(type=5), "type is not a text"),
    (_sent(type=""), "type is not a text"),
    (_sent(id=...), "id is missing"),
    (_sent(id=7), "id is not a text"),
    (_sent(id=".."), "id is not a text"),
    (_sent(id="x" * 2_000), "id is not a text"),
    (_sent(channelId=...), "channelId is missing"),
    (_sent(conversation=...), "conversation is missing"),
    (_sent(conversation="c"), "conversation is not an object with an id"),
    (_sent(conversation={}), "conversation is not an object with an id"),
    (_sent(conversation={"id": ["c"]}), "conversation is not an object with an id"),
    (_sent(conversation={"id": "..", "name": "x"}), "conversation is not an object with an id"),
    (_sent(conversation={"id": "c", "name": {}}), "conversation is not an object with an id"),
    (_sent(serviceUrl=...), "serviceUrl is missing"),
    (_sent(serviceUrl=None), "serviceUrl is missing"),
    (_sent(serviceUrl={}), "serviceUrl is not a URL"),
    (_sent(**{"from": ...}), "from is missing"),
    (_sent(**{"from": {"name": "Ada"}}), "from is not an object with an id"),
    (_sent(recipient=[]), "recipient is not an object with an id"),
    (_sent(text=["a"]), "text is not a text"),
    (_sent(locale=1), "locale is not a text"),
    (_sent(attachments={}), "attachments is not a list of at most 50 objects"),
    (_sent(attachments=[1]), "attachments is not a list of at most 50 objects"),
    (_sent(attachments=[{}] * 51), "attachments is not a list of at most 50 objects"),
    (_sent(attachments=[{"contentUrl": 5}]), "attachments: contentType, contentUrl and name are texts"),
    (_sent(entities=["mention"]), "entities is not a list of at most 500 objects"),
    (_sent(channelData=[]), "channelData is not an object"),
    (_sent(type="invoke"), "name is missing: an invoke has one"),
    (_sent(type="invoke", name={}), "name is not a text"),
    (_sent(text="x" * MOST_BYTES), "the body is larger than 1,048,576 bytes"),
]


@pytest.mark.parametrize(("body", "reason"), MALFORMED, ids=[str(n) for n in range(len(MALFORMED))])
def test_what_is_no_activity_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as refused:
        parsed(body)
    assert str(refused.value) == reason
    assert refused.value.status == (413 if "larger" in reason else 400)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"text": None, "locale": None, "recipient": None, "attachments": None},  # clients send null for "nothing"
        {"from": {"id": "29:ada", "aadObjectId": None, "name": None}},
        {"type": "invoke", "name": "adaptiveCard/action", "value": {"action": {"verb": "approve"}}},
        {"attachments": [{"contentType": "text/html", "content": "<p>Hello</p>"}]},
        {"unheardOf": [{"x": 1}], "text": "\N{GRINNING FACE} ÄÖ" * 100},
    ],
)
def test_what_is_one_comes_back_as_it_is(more: dict[str, Any]) -> None:
    body = _sent(**more)
    assert parsed(body) == json.loads(body)
    assert parsed(b"\xef\xbb\xbf" + body) == json.loads(body)


@pytest.mark.parametrize("type", ["typing", "conversationUpdate", "installationUpdate"])
def test_news_without_an_id_are_the_same_news_when_they_come_again(type: str) -> None:
    first, again, other = (parsed(_sent(type=type, id=..., action=action)) for action in ("add", "add", "remove"))
    assert first["id"] == again["id"] != other["id"]


def test_what_no_database_keeps_is_replaced() -> None:
    body = _sent(text="a").replace(b'"a"', b'"a\\u0000b\\ud800c \\ud83d\\ude00"')
    assert parsed(body)["text"] == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c \N{GRINNING FACE}"


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from([*message(), "name", "attachments", "entities", "replyToId"]), _ANY, max_size=4))
def test_nothing_but_an_activity_or_a_reason_comes_of_it(changes: dict[str, Any]) -> None:
    try:
        found = parsed(json.dumps({**message(), **changes}).encode())
    except Malformed:
        return
    ignored(found), is_stop(found)
    json.dumps(found, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, ""),
        ({"channelId": "msteams:COPILOT"}, ""),
        ({"channelId": "martian"}, "channel"),
        ({"type": "typing"}, "type"),
        ({"type": "trace"}, "type"),
        ({"type": "endOfConversation"}, "type"),
        ({"type": "Message"}, "type"),
    ],
)
def test_what_nobody_works_on(more: dict[str, Any], why: str) -> None:
    assert ignored(message(**more)) == why


@pytest.mark.parametrize(
    ("more", "stops"),
    [
        ({"text": "stop"}, True),
        ({"text": " Stop! "}, True),
        ({"text": "<at>Everpilot</at> stop"}, True),
        ({"text": "/cancel"}, True),
        ({"type": "event", "name": "everpilot/stop"}, True),
        ({"text": "stop the press"}, False),
        ({"text": "stop", "attachments": [{"contentType": "text/plain"}]}, False),
        ({"text": None}, False),
        ({"type": "event", "name": "stop"}, False),
        ({"type": "invoke", "name": "stop", "text": "stop"}, False),
    ],
)
def test_when_a_turn_is_to_be_stopped(more: dict[str, Any], stops: bool) -> None:
    assert is_stop(message(**more)) is stops
