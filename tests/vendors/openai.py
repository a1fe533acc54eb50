"""A server that speaks OpenAI chat completions; also under the paths of Azure OpenAI and Azure AI Foundry."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from tests.vendors import openai_rules
from tests.vendors.faults import Fault
from tests.vendors.replies import Reply, Request
from tests.vendors.server import Refusal, Stream, VendorServer, event, pieces

PATHS = re.compile(r"(/v1|/openai/v1|/openai/deployments/(?P<deployment>[^/]+)|/models)?/chat/completions(\?.*)?")
STATUS = {
    400: Refusal("Invalid request."),
    401: Refusal(
        "Incorrect API key provided: test-***. You can find your API key at https://platform.openai.com/account/api-keys.",
        401,
        code="invalid_api_key",
    ),
    403: Refusal(
        "Country, region, or territory not supported",
        403,
        "request_forbidden",
        code="unsupported_country_region_territory",
    ),
    404: Refusal("The model `gone` does not exist or you do not have access to it.", 404, code="model_not_found"),
    429: Refusal(
        "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.",
        429,
        "requests",
        code="rate_limit_exceeded",
    ),
    503: Refusal("The engine is currently overloaded, please try again later", 503, "server_error"),
}
QUOTA = Refusal(
    "You exceeded your current quota, please check your plan and billing details.",
    429,
    "insufficient_quota",
    code="insufficient_quota",
)
TOO_LONG = Refusal(
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens. Please "
    "reduce the length of the messages.",
    param="messages",
    code="context_length_exceeded",
)
BROKEN = "The server had an error while processing your request. Sorry about that!"


class OpenAIServer(VendorServer):
    """`base_url` is what a client is given; `azure_endpoint` is the root for clients that add a deployment's path."""

    words = MappingProxyType({"refusal": "stop", "content_filter": "content_filter", "length": "length"})

    paths = PATHS

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def azure_endpoint(self) -> str:
        return self.url

    def check(self, request: Request) -> Refusal | None:
        path = self.paths.fullmatch(request.path)
        if not path:
            return Refusal(f"Invalid URL (POST {request.path})", 404)
        given = request.headers.get("api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if given != self.api_key:
            return STATUS[401]
        body = dict(request.body)
        model = path["deployment"] or body.get("model")
        if self.models and model not in self.models:
            return Refusal(
                f"The model `{model}` does not exist or you do not have access to it.", 404, code="model_not_found"
            )
        return self.rules({**body, "model": model})

    def rules(self, body: dict[str, Any]) -> Refusal | None:
        """Return why the vendor would refuse a body."""
        return openai_rules.check(body)

    def call_id(self, at: int) -> str:
        """Return the id of a call that the script gave none."""
        return f"call_{len(self.requests):04d}{at:04d}abcdefghijklmnop"

    def whole(self, reply: Reply, request: Request) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": reply.refusal or None}
        if reply.calls:
            message["tool_calls"] = self.calls(reply)
        choice = {"index": 0, "message": message, "finish_reason": finish(reply), "logprobs": None}
        return {**self._head(request, "chat.completion"), "choices": [choice], "usage": usage(reply)}

    def without_reason(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "choices": [{**choice, "finish_reason": None} for choice in body["choices"]]}

    def stream(self, reply: Reply, request: Request) -> Stream:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in pieces(reply.text)]
        deltas += [{"refusal": piece} for piece in pieces(reply.refusal)]
        deltas += self.call_deltas(reply)
        end = self.end_chunks(reply, request)
        done = event("[DONE]")
        return Stream(1, [self.chunk(request, delta) for delta in deltas], [*end, done], [*end[1:], done])

    def call_deltas(self, reply: Reply) -> list[dict[str, Any]]:
        """Return the pieces in which tool calls are streamed."""
        deltas: list[dict[str, Any]] = []
        for number, call in enumerate(self.calls(reply)):
            at, arguments = number * reply.index_step, call["function"]["arguments"]
            if not isinstance(arguments, str):
                deltas.append({"tool_calls": [{**call, "index": at}]})
                continue
            deltas.append({"tool_calls": [{**call, "index": at, "function": {**call["function"], "arguments": ""}}]})
            deltas += [
                {"tool_calls": [{"index": at, "function": {"arguments": piece}}]} for piece in pieces(arguments, 6)
            ]
        return deltas

    def end_chunks(self, reply: Reply, request: Request) -> list[bytes]:
        """Return the chunk with the reason for the end, and what comes after it."""
        end = [self.chunk(request, {}, finish(reply))]
        if (request.body.get("stream_options") or {}).get("include_usage"):
            head = self._head(request, "chat.completion.chunk")
            end.append(event({**head, "choices": [], "usage": usage(reply)}))
        return end

    def filler(self) -> bytes:
        return event(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "drip",
                "choices": [{"index": 0, "delta": {"content": "."}, "finish_reason": None}],
            }
        )

    def error_event(self) -> bytes:
        return event({"error": {"message": BROKEN, "type": "server_error", "param": None, "code": None}})

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        return {
            "error": {"message": refusal.message, "type": refusal.type, "param": refusal.param, "code": refusal.code}
        }

    def status_refusal(self, fault: Fault) -> Refusal:
        if fault.kind == "quota":
            return QUOTA
        if fault.kind == "context_length":
            return TOO_LONG
        status = fault.status or 500
        return STATUS.get(status) or Refusal(BROKEN, status, "server_error")

    def calls(self, reply: Reply) -> list[dict[str, Any]]:
        """Return the tool calls of an answer."""
        return [
            {
                "id": call.id or self.call_id(at),
                "type": "function",
                "function": {"name": call.name, "arguments": call.args if call.whole else call.arguments},
            }
            for at, call in enumerate(reply.calls)
        ]

    def _head(self, request: Request, kind: str) -> dict[str, Any]:
        model = request.body.get("model", "deployment")
        return {"id": f"chatcmpl-{len(self.requests)}", "object": kind, "created": 1_700_000_000, "model": model}

    def chunk(self, request: Request, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        """Return an event of the stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event({**self._head(request, "chat.completion.chunk"), "choices": [choice], **more})


def finish(reply: Reply) -> str:
    """Return why an answer ended."""
    return reply.finish or ("tool_calls" if reply.calls else "stop")


def usage(reply: Reply) -> dict[str, Any]:
    """Return the tokens of an answer."""
    total = reply.input_tokens + reply.output_tokens
    counts = {"prompt_tokens": reply.input_tokens, "completion_tokens": reply.output_tokens, "total_tokens": total}
    if not reply.cached_tokens and not reply.reasoning_tokens:
        return counts
    return {
        **counts,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
    }
