"""A server that speaks Amazon Bedrock's Converse and ConverseStream.

Source: the API reference of Bedrock Runtime, its service model, Smithy's description of
`application/vnd.amazon.eventstream`, and messages that the service answers with.
"""

from __future__ import annotations

import json
import re
import struct
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote
from zlib import crc32

from tests.vendors import bedrock_rules
from tests.vendors.faults import Fault
from tests.vendors.replies import Reply, Request
from tests.vendors.server import Refusal, Stream, VendorServer, pieces

PATH = re.compile(r"/model/([^/]+)/converse(-stream)?")
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[a-z0-9-]+)/bedrock/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=[0-9a-f]{64}"
)
STATUS = {
    400: Refusal("The provided model identifier is invalid.", 400, "ValidationException"),
    401: Refusal("The security token included in the request is invalid.", 401, "UnrecognizedClientException"),
    403: Refusal("You don't have access to the model with the specified model ID.", 403, "AccessDeniedException"),
    404: Refusal(
        "Could not resolve the foundation model from the provided model identifier.", 404, "ResourceNotFoundException"
    ),
    408: Refusal(
        "The request took too long to process. Processing time exceeded the model timeout length.",
        408,
        "ModelTimeoutException",
    ),
    413: Refusal("Request body is too large.", 413, "RequestEntityTooLargeException"),
    424: Refusal("The request failed due to an error while processing the model.", 424, "ModelErrorException"),
    429: Refusal("Too many requests, please wait before trying again.", 429, "ThrottlingException"),
    500: Refusal(
        "The system encountered an unexpected error during processing. Try your request again.",
        500,
        "InternalServerException",
    ),
    503: Refusal("Bedrock is unable to process your request.", 503, "ServiceUnavailableException"),
}
QUOTA = Refusal("Too many tokens per day, please wait before trying again.", 429, "ThrottlingException")
TOO_LONG = Refusal("Input is too long for requested model.", 400, "ValidationException")
UNSIGNED = Refusal("Missing Authentication Token", 403, "MissingAuthenticationTokenException")
BAD_KEY = Refusal("Authentication failed: Please make sure your API Key is valid.", 403, "AccessDeniedException")
BAD_SIGNER = Refusal("The security token included in the request is invalid.", 403, "UnrecognizedClientException")


class BedrockServer(VendorServer):
    """`base_url` is what a client is given. `api_key` is its API key, and the access key id that signs requests.

    `broken_by` is the exception that ends a stream with the fault sse_error.
    """

    words = MappingProxyType(
        {"refusal": "content_filtered", "content_filter": "guardrail_intervened", "length": "max_tokens"}
    )
    stream_type = "application/vnd.amazon.eventstream"
    broken_by = ("internalServerException", "The system encountered an unexpected error during processing.")
    text_arguments = (True, False)

    @property
    def base_url(self) -> str:
        return self.url

    def streams(self, request: Request) -> bool:
        return request.path.endswith("/converse-stream")

    def check(self, request: Request) -> Refusal | None:
        path = PATH.fullmatch(request.path)
        if not path:
            return Refusal(
                "Unable to determine service/operation name to be authorized", 404, "UnknownOperationException"
            )
        model = unquote(path[1])
        if refusal := self._signature(request) or bedrock_rules.check_model(model):
            return refusal
        if self.models and model not in self.models:
            return STATUS[400]
        return bedrock_rules.check(request.body)

    def _signature(self, request: Request) -> Refusal | None:
        given = request.headers.get("authorization", "")
        if given.startswith("Bearer "):
            return None if given == f"Bearer {self.api_key}" else BAD_KEY
        signed = SIGNED.fullmatch(given)
        if not signed or "x-amz-date" not in request.headers:
            return UNSIGNED
        if not {"host", "x-amz-date"} <= set(signed["headers"].split(";")):
            return Refusal("'Host' must be a 'SignedHeader' in the AWS Authorization.", 403, "SignatureDoesNotMatch")
        return None if signed["key"] == self.api_key else BAD_SIGNER

    def whole(self, reply: Reply, request: Request) -> dict[str, Any]:
        content = [{kind: _without_raw(block)} for kind, block in self._blocks(reply)]
        return {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": _stop(reply),
            "usage": _usage(reply),
            "metrics": {"latencyMs": 12},
        }

    def without_reason(self, body: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in body.items() if key != "stopReason"}

    def stream(self, reply: Reply, request: Request) -> Stream:
        body = [_event("messageStart", role="assistant")]
        for at, (kind, block) in enumerate(self._blocks(reply)):
            body += _streamed(at, kind, block)
        told = _event("metadata", usage=_usage(reply), metrics={"latencyMs": 12})
        end = [_event("messageStop", stopReason=_stop(reply)), told]
        return Stream(1, body, end, [_event("messageStop"), told])

    def filler(self) -> bytes:
        return _event("contentBlockDelta", contentBlockIndex=0, delta={"text": "."})

    def error_event(self) -> bytes:
        name, words = self.broken_by
        return frame(
            {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"},
            {"message": words},
        )

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        return {"message": refusal.message}

    def error_headers(self, refusal: Refusal) -> dict[str, str]:
        return {"x-amzn-errortype": f"{refusal.type}:http://internal.amazon.com/coral/com.amazon.bedrock/"}

    def status_refusal(self, fault: Fault) -> Refusal:
        if fault.kind == "quota":
            return QUOTA
        if fault.kind == "context_length":
            return TOO_LONG
        status = fault.status or 500
        return STATUS.get(status) or Refusal(
            "Bedrock is unable to process your request.", status, "ServiceUnavailableException"
        )

    def _blocks(self, reply: Reply) -> list[tuple[str, Any]]:
        blocks: list[tuple[str, Any]] = []
        if reply.thinking:
            signed = {"text": reply.thinking, "signature": bedrock_rules.sign(reply.thinking)}
            blocks.append(("reasoningContent", {"reasoningText": signed}))
        if text := reply.text or reply.refusal:
            blocks.append(("text", text))
        for at, call in enumerate(reply.calls):
            call_id = call.id or f"tooluse_{len(self.requests):011d}{at:011d}"
            use = {"toolUseId": call_id, "name": call.name, "input": call.sent_args, "raw": call.arguments}
            blocks.append(("toolUse", use))
        return blocks


def frame(headers: dict[str, str], payload: dict[str, Any]) -> bytes:
    """Return one message of an event stream.

    Total length, length of the headers and the CRC of both; headers, each a name with its length, type 7 (string) and
    the value with its length; the payload; the CRC of all before it. Numbers are big-endian.
    """
    packed = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    data = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(packed) + len(data), len(packed))
    message = prelude + struct.pack("!I", crc32(prelude)) + packed + data
    return message + struct.pack("!I", crc32(message))


def _event(kind: str, **payload: Any) -> bytes:
    # The service pads its events, so that nobody who listens can tell the tokens by their length.
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, {**payload, "p": "abcdefghijk"})


def _streamed(at: int, kind: str, block: Any) -> list[bytes]:
    start: list[bytes] = []
    match kind:
        case "reasoningContent":
            told = block["reasoningText"]
            deltas = [{"reasoningContent": {"text": piece}} for piece in pieces(told["text"])]
            deltas.append({"reasoningContent": {"signature": told["signature"]}})
        case "text":  # has no start of its own
            deltas = [{"text": piece} for piece in pieces(block)]
        case _:
            use = {"toolUseId": block["toolUseId"], "name": block["name"]}
            start = [_event("contentBlockStart", contentBlockIndex=at, start={"toolUse": use})]
            deltas = [{"toolUse": {"input": piece}} for piece in pieces(block["raw"], 6)]
    said = [_event("contentBlockDelta", contentBlockIndex=at, delta=delta) for delta in deltas]
    return [*start, *said, _event("contentBlockStop", contentBlockIndex=at)]


def _without_raw(block: Any) -> Any:
    return {key: value for key, value in block.items() if key != "raw"} if isinstance(block, dict) else block


def _usage(reply: Reply) -> dict[str, int]:
    read, written = reply.input_tokens, reply.output_tokens
    return {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}


def _stop(reply: Reply) -> str:
    return reply.finish or ("tool_use" if reply.calls else "end_turn")
