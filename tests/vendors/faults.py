"""What can go wrong with a vendor, by name.

    before the answer   reset, hang_before_first_byte, hang_after_headers, html, bad_json, redirect (to a page where
                        one signs in), wrong_type (a plain word with 200), no_body, broken_gzip, and an HTTP status:
                        "429", "529", or with headers "429 retry-after=3600"; "quota" and "context_length" by name
    within the answer   cut_mid_stream (TCP reset), cut_clean (closed without the end of the body), stall_mid_stream,
                        polite_close (a proxy ends the body properly, half of the answer is missing), slow_drip
                        (endless), sse_error; ":3" behind the name says after how many pieces,
                        ":-1" how many are left out at the end
    in the answer       no_finish_reason, truncated_tool_arguments (":3" keeps so many characters), second_call_cut,
                        malformed_arguments, object_arguments (JSON where the protocol has text), nan_arguments,
                        wrong_arguments, unknown_tool, empty, blank, no_answer (a list without any), refusal,
                        content_filter, length, length_in_call
    oddities            double_finish, no_last_event, index_gap: what servers do and clients must live with; the answer
                        is whole

A refused connection is no fault of a running server: `server.stop()`, or `unused_url()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tests.vendors.replies import Call, Reply, Request

TRANSPORT = frozenset(
    {
        "reset",
        "hang_before_first_byte",
        "hang_after_headers",
        "html",
        "bad_json",
        "redirect",
        "wrong_type",
        "no_body",
        "broken_gzip",
    }
)
STREAM = frozenset({"cut_mid_stream", "cut_clean", "stall_mid_stream", "polite_close", "slow_drip", "sse_error"})
CONTENT = frozenset(
    {
        "no_finish_reason",
        "truncated_tool_arguments",
        "second_call_cut",
        "malformed_arguments",
        "object_arguments",
        "nan_arguments",
        "wrong_arguments",
        "unknown_tool",
        "empty",
        "blank",
        "no_answer",
        "refusal",
        "content_filter",
        "length",
        "length_in_call",
    }
)
#: Not in ALL: a client that gives the answer is right, too.
ODDITIES = frozenset({"double_finish", "no_last_event", "index_gap"})
NAMED_STATUS = {"quota": 429, "context_length": 400}
#: Every name, with one status for all of them: for parametrised tests.
ALL = tuple(
    sorted(TRANSPORT | STREAM | CONTENT | set(NAMED_STATUS) | {"401", "403", "404", "429", "500", "503", "529"})
)


@dataclass(frozen=True)
class Fault:
    """One fault: its name, an HTTP status with headers, after how many pieces of a stream, seconds between drips.

    `counted` says whether `after` was named.
    """

    kind: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 2
    interval: float = 0.02
    counted: bool = False

    @classmethod
    def of(cls, spec: Fault | str) -> Fault:
        """Return the fault that `spec` names, as in the module's list."""
        if isinstance(spec, Fault):
            return spec
        name, *pairs = spec.split()
        headers = dict(pair.split("=", 1) for pair in pairs)
        kind, _, after = name.partition(":")
        if kind.isdigit():
            return cls("status", int(kind), headers)
        if kind in NAMED_STATUS:
            return cls(kind, NAMED_STATUS[kind], headers)
        if kind not in TRANSPORT | STREAM | CONTENT | ODDITIES:
            raise ValueError(f"No fault named {kind!r}. There is: {', '.join([*ALL, *ODDITIES])}.")
        return cls(kind, headers=headers, after=int(after) if after else 2, counted=bool(after))


def spoil(reply: Reply, fault: Fault, request: Request, words: Mapping[str, str]) -> Reply:
    """Return the answer with the fault in it; `words` are the vendor's reasons for an end."""
    calls = reply.calls or _some_call(request)
    match fault.kind:
        case "empty":
            return Reply()
        case "blank":
            return Reply(" \n")
        case "refusal":
            return Reply(refusal="I can't help with that.", finish=words["refusal"])
        case "content_filter" | "length":
            return reply.with_(text=reply.text[: len(reply.text) // 2], calls=(), finish=words[fault.kind])
        case "index_gap":
            return reply.with_(calls=reply.calls, index_step=3)
    spoilt = _spoilt(calls, fault)
    if spoilt is None:
        return reply
    return reply.with_(calls=spoilt, finish=words["length"] if fault.kind == "length_in_call" else None)


def _spoilt(calls: tuple[Call, ...], fault: Fault) -> tuple[Call, ...] | None:
    """Return the calls with the fault in them, or None: it is not one of calls."""
    *before, last = calls
    kept = fault.after if fault.counted else None
    match fault.kind:
        case "unknown_tool":
            return (replace(calls[0], name="no_such_tool", raw=None),)
        case "malformed_arguments":
            return (replace(calls[0], raw='{"cells": {A1: 4'),)
        case "nan_arguments":
            return (*before, replace(last, args={**last.args, "times": float("nan")}))
        case "wrong_arguments":
            return (*before, replace(last, args={"value": "many", "cell": ["B4"]}))
        case "object_arguments":
            return (*before, replace(last, whole=True))
        case "second_call_cut":
            return (*calls, replace(last, id="", raw=_cut(last.arguments)))
        case "truncated_tool_arguments" | "length_in_call":
            raw = _cut(last.arguments) if kept is None else last.arguments[:kept]
            return (*before, replace(last, raw=raw))
    return None


def _some_call(request: Request) -> tuple[Call, ...]:
    return (Call(request.tools[0] if request.tools else "some_tool", {"value": 42}),)


def _cut(arguments: str) -> str:
    # The closing brackets and one character more: {"value": 42} becomes {"value": 4, which a lenient parser mends.
    return arguments.rstrip('}]"')[:-1]
