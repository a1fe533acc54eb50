"""What a thread becomes for the next vendor, one rule at a time."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)

from copilot.models import dialects, history

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
IMAGE = {"type": "image", "base64": PNG, "mime_type": "image/png"}
NO_RESULT = "Interrupted: no result was recorded."


def repair(messages: list[BaseMessage], to: str = "openai", tools: bool = True) -> list[BaseMessage]:
    return history.repair(messages, dialects.get(to), provider="p", model="m", tools=tools)


def thinking_off(messages: list[BaseMessage], to: str = "anthropic") -> bool:
    return history.needs_thinking_off(messages, dialects.get(to), provider="p", model="m")


def asked(*ids: str, text: str = "", name: str = "excel_read") -> AIMessage:
    return AIMessage(
        text, tool_calls=[ToolCall(name=name, args={"n": n}, id=i, type="tool_call") for n, i in enumerate(ids)]
    )


def result(call_id: str, text: str = "42", **more: object) -> ToolMessage:
    return ToolMessage(text, tool_call_id=call_id, **more)


def own(message: AIMessage, dialect: str = "anthropic", provider: str = "p", model: str = "m") -> AIMessage:
    return history.stamp(message, provider=provider, model=model, dialect=dialect)


def outline(messages: list[BaseMessage]) -> list[str]:
    """Return the thread as short words: "ai[a,b]" calls a and b, "tool(a)" answers it."""
    lines = []
    for message in messages:
        if isinstance(message, ToolMessage):
            lines.append(f"tool({message.tool_call_id})")
        elif isinstance(message, AIMessage) and message.tool_calls:
            lines.append(f"ai[{','.join(str(call['id']) for call in message.tool_calls)}]")
        else:
            lines.append(message.type)
    return lines


HI = HumanMessage("Hi")


@pytest.mark.parametrize(
    ("thread", "sent"),
    [
        ([HI, asked("a")], ["human", "ai[a]", "tool(a)"]),
        ([HI, asked("a", "b"), result("b")], ["human", "ai[a,b]", "tool(a)", "tool(b)"]),
        ([HI, asked("a", "b"), result("b"), result("a")], ["human", "ai[a,b]", "tool(a)", "tool(b)"]),
        ([HI, asked("a"), HI, result("a")], ["human", "ai[a]", "tool(a)", "human"]),
        ([HI, asked("a"), result("a"), result("a")], ["human", "ai[a]", "tool(a)"]),
        ([HI, result("a")], ["human"]),
        ([HI, result("a"), asked("a")], ["human", "ai[a]", "tool(a)"]),
        ([HI, AIMessage(""), HI], ["human", "human"]),
        ([HI, SystemMessage("s")], ["system", "human"]),
        ([HI, ChatMessage("hey", role="assistant"), HI], ["human", "ai", "human"]),
        ([], ["human"]),
    ],
)
def test_every_call_has_its_one_result_right_behind_it(thread: list[BaseMessage], sent: list[str]) -> None:
    assert outline(repair(thread)) == sent


def test_an_interrupted_call_says_that_it_may_have_taken_effect() -> None:
    sent = repair([HI, asked("a")])
    assert sent[-1].text.startswith(NO_RESULT)
    assert isinstance(sent[-1], ToolMessage)
    assert sent[-1].status == "error"


def test_a_second_result_does_not_replace_the_first() -> None:
    sent = repair([HI, asked("a"), result("a", "first"), result("a", "second")])
    assert [message.text for message in sent if isinstance(message, ToolMessage)] == ["first"]


def test_ids_that_a_vendor_counts_anew_each_turn_are_kept_apart() -> None:
    thread = [HI, asked("0"), result("0", "first"), asked("0"), result("0", "second")]
    sent = repair(thread)
    results = [message for message in sent if isinstance(message, ToolMessage)]
    calls = [call["id"] for message in sent if isinstance(message, AIMessage) for call in message.tool_calls]
    assert [message.text for message in results] == ["first", "second"]
    assert [message.tool_call_id for message in results] == calls
    assert len(set(calls)) == 2


@pytest.mark.parametrize("to", dialects.names())
@pytest.mark.parametrize("call_id", ["x" * 60, "functions.read:0", "call_1", "", "ä"])
def test_ids_are_in_the_vendors_alphabet_and_the_same_every_time(to: str, call_id: str) -> None:
    thread = [HI, asked(call_id), result(call_id)]
    call, answer = repair(thread, to)[1:3]
    assert isinstance(call, AIMessage)
    assert isinstance(answer, ToolMessage)
    sent = call.tool_calls[0]["id"]
    assert sent == answer.tool_call_id
    assert dialects.get(to).tool_call_id.accepts(str(sent))
    assert repair(thread, to) == repair([*thread], to)
    longer = repair([*thread, AIMessage("Done"), HI], to)
    assert longer[1:3] == [call, answer], "a longer thread gives other ids: the vendor's prompt cache is lost"


def test_the_calls_of_another_vendor_keep_their_arguments_and_lose_their_reasoning() -> None:
    message = own(
        AIMessage(
            [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "toolu_1", "name": "excel_read", "input": {"n": 0}},
            ],
            tool_calls=[ToolCall(name="excel_read", args={"n": 0}, id="toolu_1", type="tool_call")],
        ),
        provider="claude",
    )
    sent = repair([HI, message, result("toolu_1")])[1]
    assert isinstance(sent, AIMessage)
    assert (sent.content, sent.tool_calls[0]["args"]) == ("Let me look.", {"n": 0})
    assert sent.response_metadata == {}
    assert sent.additional_kwargs == {}


def test_own_answers_go_back_verbatim_without_what_is_ours() -> None:
    content = [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": "Yes."}]
    message = own(AIMessage(content, additional_kwargs={"everpilot_label": {"a": 1}, "kept": 1}, name="agent"))
    sent = repair([HI, message, HI], "anthropic")[1]
    assert sent.content == content
    assert sent.additional_kwargs == {"kept": 1}
    assert sent.name is None
    assert message.additional_kwargs == {"everpilot_label": {"a": 1}, "kept": 1}


@pytest.mark.parametrize(
    ("provider", "model", "dialect"),
    [("p", "other", "anthropic"), ("other", "m", "anthropic"), ("p", "m", "openai")],
)
def test_only_the_very_same_model_gets_its_reasoning_back(provider: str, model: str, dialect: str) -> None:
    content = [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": "Yes."}]
    message = own(AIMessage(content), dialect, provider, model)
    assert repair([HI, message, HI], "anthropic")[1].content == "Yes."


def test_unreadable_calls_become_words() -> None:
    broken = InvalidToolCall(id="a", name="excel_write", args='{"a', error=None, type="invalid_tool_call")
    message = own(AIMessage("Writing.", invalid_tool_calls=[broken]), "openai")
    sent = repair([HI, message, result("a", "Error: bad JSON"), HI])
    assert outline(sent) == ["human", "ai", "human"]
    assert isinstance(sent[1], AIMessage)
    assert sent[1].invalid_tool_calls == []
    assert "excel_write" in sent[1].text


def test_system_messages_stand_merged_at_the_top() -> None:
    sent = repair([SystemMessage("One."), HI, SystemMessage("Two."), AIMessage("x"), HI], "anthropic")
    assert outline(sent) == ["system", "human", "ai", "human"]
    assert sent[0].content == "One.\n\nTwo."


@pytest.mark.parametrize(
    ("to", "last"),
    [
        ("openai", "human"),
        ("builtin", "ai"),
        ("anthropic", "human"),
        ("mistral", "human"),
        ("google", "human"),
        ("ollama", "human"),
    ],
)
def test_an_answer_at_the_end_is_not_taken_for_a_beginning_to_complete(to: str, last: str) -> None:
    sent = repair([HI, AIMessage("Half of an")], to)
    assert outline(sent)[-1] == last
    assert sent[1].content == "Half of an"


def test_mistral_hears_an_answer_between_a_result_and_the_user() -> None:
    thread = [HI, asked("abcDEF123"), result("abcDEF123"), HumanMessage("And now?")]
    assert outline(repair(thread, "mistral")) == ["human", "ai[abcDEF123]", "tool(abcDEF123)", "ai", "human"]
    assert outline(repair(thread, "openai")) == ["human", "ai[abcDEF123]", "tool(abcDEF123)", "human"]


def test_a_thread_that_was_cut_at_its_beginning_still_begins_with_the_user() -> None:
    assert outline(repair([asked("a"), result("a")], "anthropic")) == ["human", "ai[a]", "tool(a)"]
    assert outline(repair([asked("a"), result("a")], "openai")) == ["ai[a]", "tool(a)"]


def test_without_tools_anthropic_gets_calls_and_results_as_words() -> None:
    sent = repair([HI, asked("a", text="Looking."), result("a", "It is 42.")], "anthropic", tools=False)
    assert outline(sent) == ["human", "ai", "human"]
    assert "excel_read" in sent[1].text
    assert "It is 42." in sent[2].text


def test_an_image_in_a_result_is_shown_by_the_user_where_results_are_text() -> None:
    thread = [HI, asked("a"), ToolMessage([{"type": "text", "text": "Page 1"}, IMAGE], tool_call_id="a")]
    inside = repair(thread, "anthropic")
    assert outline(inside) == ["human", "ai[a]", "tool(a)"]
    assert IMAGE in inside[2].content
    outside = repair(thread, "openai")
    assert outline(outside) == ["human", "ai[a]", "tool(a)", "human"]
    assert isinstance(outside[2].content, str)
    assert IMAGE in outside[3].content


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"},
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        {"type": "media", "mime_type": "image/png", "data": base64.b64decode(PNG)},
        IMAGE,
    ],
)
def test_an_image_has_one_form_whoever_wrote_it(block: dict[str, object]) -> None:
    assert repair([HumanMessage([block])], "ollama")[0].content == [IMAGE]


@pytest.mark.parametrize(
    ("to", "block", "words"),
    [
        ("ollama", {"type": "image", "url": "https://example.com/a.png"}, "https://example.com/a.png"),
        ("mistral", {"type": "file", "base64": PNG, "mime_type": "application/pdf", "filename": "a.pdf"}, "a.pdf"),
        ("openai", {"type": "file", "base64": PNG, "mime_type": "application/zip", "filename": "a.zip"}, "a.zip"),
        ("openai", {"type": "image", "file_id": "file-1"}, "image left out"),
        ("openai", {"type": "audio", "base64": PNG, "mime_type": "audio/wav"}, "audio left out"),
        ("openai", {"type": "file", "base64": "aGkgeW91", "mime_type": "text/csv", "filename": "a.csv"}, "hi you"),
    ],
)
def test_what_a_vendor_cannot_hold_is_named_in_words(to: str, block: dict[str, object], words: str) -> None:
    content = repair([HumanMessage([block])], to)[0].content
    assert isinstance(content, str)
    assert words in content


@pytest.mark.parametrize("empty", ["", "  \n", [], [{"type": "text", "text": " "}]])
def test_an_empty_result_says_so(empty: str | list[str | dict[str, str]]) -> None:
    assert repair([HI, asked("a"), ToolMessage(empty, tool_call_id="a")])[2].content == "(no output)"


def test_names_of_tools_that_no_vendor_takes_are_made_ones_it_takes() -> None:
    sent = repair([HI, asked("a", name="excel.write cells" + "x" * 80), result("a")])
    assert isinstance(sent[1], AIMessage)
    name = sent[1].tool_calls[0]["name"]
    assert name.startswith("excel_write_cells")
    assert len(name) == 64
    assert sent[2].name == name


THOUGHT = [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}]


@pytest.mark.parametrize(
    ("thread", "off"),
    [
        ([HI], False),
        ([HI, asked("a"), result("a")], True),
        ([HI, own(asked("a")), result("a")], True),
        ([HI, asked("a"), result("a"), AIMessage("Done"), HI], False),
        ([HI, asked("a"), HumanMessage("stop")], True),
        (
            [HI, own(AIMessage(THOUGHT, tool_calls=asked("a").tool_calls)), result("a")],
            False,
        ),
        (
            [HI, own(AIMessage(THOUGHT, tool_calls=asked("a").tool_calls), model="older"), result("a")],
            True,
        ),
    ],
)
def test_thinking_is_off_for_a_turn_that_began_elsewhere(thread: list[BaseMessage], off: bool) -> None:
    assert thinking_off(thread) is off
    assert thinking_off(thread, "openai") is False


def test_what_json_cannot_carry_is_sent_as_words() -> None:
    message = AIMessage(
        "half \ud83d", tool_calls=[ToolCall(name="t", args={"x": float("nan")}, id="a", type="tool_call")]
    )
    sent = repair([HI, message, result("a")])[1]
    assert isinstance(sent, AIMessage)
    assert sent.content == "half ?"
    assert sent.tool_calls[0]["args"] == {"x": "NaN"}


def test_an_image_that_is_too_large_for_a_vendor_is_named_in_words() -> None:
    data = base64.b64encode(base64.b64decode(PNG) + bytes(5_300_000)).decode()
    padded = {"type": "image", "base64": data, "mime_type": "image/png"}
    assert repair([HumanMessage([padded])], "anthropic")[0].content == "[image left out: image/png]"
    assert repair([HumanMessage([padded])], "google")[0].content == [padded]


def test_two_halves_of_a_letter_that_a_stream_parted_are_one_letter() -> None:
    assert repair([HI, own(AIMessage("a \ud83d\ude00"), "openai"), HI])[1].content == "a \U0001f600"


def test_words_that_a_client_would_leave_out_stand_before_the_call() -> None:
    sent = repair([HI, asked("abcDEF123", text="Let me look."), result("abcDEF123")], "mistral")
    assert outline(sent) == ["human", "ai", "ai[abcDEF123]", "tool(abcDEF123)"]
    assert (sent[1].content, sent[2].content) == ("Let me look.", "")


def test_a_template_that_holds_one_call_a_message_gets_them_one_by_one() -> None:
    calls: list[Any] = [{"name": "read", "args": {"n": n}, "id": f"call_{n}"} for n in range(3)]
    thread = [
        HumanMessage("Read all three."),
        AIMessage("Reading.", tool_calls=calls),
        *(ToolMessage(f"result {n}", tool_call_id=f"call_{n}") for n in (2, 0, 1)),
    ]
    sent = history.prepare(thread, dialects.get("openai"), provider="p", model="m", tools=True, parallel=False).messages
    told = [(m.type, m.text, [c["args"] for c in getattr(m, "tool_calls", ())]) for m in sent]
    assert told == [
        ("human", "Read all three.", []),
        ("ai", "Reading.", [{"n": 0}]),
        ("tool", "result 0", []),
        ("ai", "", [{"n": 1}]),
        ("tool", "result 1", []),
        ("ai", "", [{"n": 2}]),
        ("tool", "result 2", []),
    ]
