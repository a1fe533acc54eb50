"""A server that speaks Gemini's generateContent.

Source: the API reference of generateContent, its function-calling guide, and error bodies that the API answers with.
"""

from __future__ import annotations

import base64
import re
from types import MappingProxyType
from typing import Any

from tests.vendors.anthropic_rules import MAGIC, bytes_of
from tests.vendors.faults import Fault
from tests.vendors.replies import Reply, Request
from tests.vendors.server import Refusal, Stream, VendorServer, event, pieces

PATH = re.compile(r"/v1(beta)?/models/(?P<model>[^:/]+):(?P<verb>generateContent|streamGenerateContent)(\?.*)?")
FIELDS = {"contents", "tools", "toolConfig", "safetySettings", "systemInstruction", "generationConfig", "cachedContent"}
PARTS = {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
BESIDE = {"thought", "thoughtSignature", "mediaResolution", "videoMetadata"}
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
INLINE = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/heic",
    "image/heif",
    "application/pdf",
    "audio/wav",
    "audio/mp3",
)
#: What the server signs its steps with, and what Google lets pass for steps of others (guide to thought signatures).
SIGNATURE = base64.b64encode(b"signed by gemini").decode()
SKIPPED = "skip_thought_signature_validator"
STATUS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
          500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip
MESSAGES = {
    400: "Request contains an invalid argument.",
    401: "API key not valid. Please pass a valid API key.",
    429: "Resource has been exhausted (e.g. check quota).",
    503: "The model is overloaded. Please try again later.",
}


class GeminiServer(VendorServer):
    """`base_url` is what a client is given."""

    words = MappingProxyType({"refusal": "STOP", "content_filter": "SAFETY", "length": "MAX_TOKENS"})
    unmarked = frozenset({"refusal"})
    version = "gemini-test"
    text_arguments = (False, False)

    @property
    def base_url(self) -> str:
        return self.url

    def streams(self, request: Request) -> bool:
        return "streamGenerateContent" in request.path

    def check(self, request: Request) -> Refusal | None:
        path = PATH.fullmatch(request.path)
        if not path:
            return Refusal("Not Found", 404)
        if request.headers.get("x-goog-api-key") != self.api_key:
            return Refusal("API key not valid. Please pass a valid API key.", 400, code="API_KEY_INVALID")
        self.version = path["model"]
        if self.models and path["model"] not in self.models:
            return Refusal(f"models/{path['model']} is not found for API version v1beta", 404)
        return check(request.body) or (_signatures(request.body) if "gemini-3" in path["model"] else None)

    def whole(self, reply: Reply, request: Request) -> dict[str, Any]:
        parts = [{"text": reply.thinking, "thought": True}] if reply.thinking else []
        parts += [{"text": reply.text or reply.refusal}] if reply.text or reply.refusal else []
        return self._candidate([*parts, *_calls(reply)], _finish(reply), reply)

    def without_reason(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "candidates": [{"content": one["content"], "index": 0} for one in body["candidates"]]}

    def stream(self, reply: Reply, request: Request) -> Stream:
        said = [event(self._candidate([{"text": reply.thinking, "thought": True}]))] if reply.thinking else []
        said += [event(self._candidate([{"text": piece}])) for piece in pieces(reply.text or reply.refusal)]
        said += [event(self._candidate([call])) for call in _calls(reply)]
        last = self._candidate([], _finish(reply), reply)
        return Stream(0, said, [event(last)], [event(self.without_reason(last))])

    def filler(self) -> bytes:
        return event(self._candidate([{"text": "."}]))

    def error_event(self) -> bytes:
        return event(self.error_body(Refusal(MESSAGES[503], 503)))

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        status = STATUS.get(refusal.status, "INVALID_ARGUMENT" if refusal.status < 500 else "INTERNAL")
        return {"error": {"code": refusal.status, "message": refusal.message, "status": status}}

    def status_refusal(self, fault: Fault) -> Refusal:
        if fault.kind == "quota":
            return Refusal("You exceeded your current quota, please check your plan and billing details.", 429)
        if fault.kind == "context_length":
            return Refusal("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).")
        status = fault.status or 500
        return Refusal(MESSAGES.get(status, "An internal error has occurred."), status)

    def _candidate(self, parts: list[Any], finish: str | None = None, reply: Reply | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        body: dict[str, Any] = {"candidates": [candidate], "modelVersion": self.version, "responseId": "r1"}
        if finish and reply:
            candidate["finishReason"] = finish
            total = reply.input_tokens + reply.output_tokens
            body["usageMetadata"] = {
                "promptTokenCount": reply.input_tokens,
                "cachedContentTokenCount": reply.cached_tokens,
                "candidatesTokenCount": reply.output_tokens - reply.reasoning_tokens,
                "thoughtsTokenCount": reply.reasoning_tokens,
                "totalTokenCount": total,
            }
        return body


def _finish(reply: Reply) -> str:
    return reply.finish or ("MALFORMED_FUNCTION_CALL" if any(call.broken for call in reply.calls) else "STOP")


def _calls(reply: Reply) -> list[dict[str, Any]]:
    """Return the calls of an answer: one whose words were no call is never sent, the end says so."""
    calls = [{"functionCall": {"name": c.name, "args": c.sent_args}} for c in reply.calls if not c.broken]
    return [{**call, "thoughtSignature": SIGNATURE} if n == 0 else call for n, call in enumerate(calls)]


def check(body: dict[str, Any]) -> Refusal | None:
    """Return why the API would refuse the body of a request, or None."""
    for field in body:
        if field not in FIELDS:
            return Refusal(f'Invalid JSON payload received. Unknown name "{field}": Cannot find field.')
    contents = body.get("contents") or []
    if not contents:
        return Refusal("* GenerateContentRequest.contents: contents is not specified")
    return next((f for at, one in enumerate(contents) if (f := _content(one, at))), None) or _order(contents)


def _content(content: dict[str, Any], at: int) -> Refusal | None:
    where = f"* GenerateContentRequest.contents[{at}]"
    if content.get("role") not in ("user", "model"):
        return Refusal("Please use a valid role: user, model.")
    if not content.get("parts"):
        return Refusal(f"{where}.parts: contents.parts must not be empty.")
    for n, part in enumerate(content["parts"]):
        kinds = set(part) & PARTS
        if len(kinds) != 1 or set(part) - PARTS - BESIDE:
            return Refusal(f"{where}.parts[{n}].data: required oneof field 'data' must have one initialized field")
        if part.get("text") == "":
            return Refusal("Unable to submit request because it must have a text parameter.")
        if "inlineData" in part and (refusal := _inline(part["inlineData"])):
            return refusal
        called = part.get("functionCall") or part.get("functionResponse")
        if called and not NAME.fullmatch(called.get("name") or ""):
            return Refusal(f"{where}.parts[{n}].function_call.name: Name cannot be empty or invalid.")
    return None


def _inline(blob: dict[str, Any]) -> Refusal | None:
    kind = blob.get("mimeType") or blob.get("mime_type")  # ProtoJSON: parsers take both forms of a name
    if kind not in INLINE:
        return Refusal(f"Unsupported MIME type: {kind}")
    magic = MAGIC.get(kind, b"")
    # The SDK writes the alphabet of addresses, and Google reads both.
    data = bytes_of(str(blob.get("data")).replace("-", "+").replace("_", "/"))
    return (
        None if data and data.startswith(magic) else Refusal("Unable to process input image. Please retry or report.")
    )


def _signatures(body: dict[str, Any]) -> Refusal | None:
    """Return whether a step of the running turn lacks its thought signature, which Gemini 3 insists on."""
    contents = body["contents"]
    said = (n for n, c in enumerate(contents) if c["role"] == "user" and any("text" in part for part in c["parts"]))
    begin = max(said, default=-1)
    for at, content in enumerate(contents[begin + 1 :], begin + 1):
        first = next((part for part in content["parts"] if "functionCall" in part), None)
        if first and first.get("thoughtSignature") not in (SIGNATURE, SKIPPED):
            name = first["functionCall"]["name"]
            return Refusal(f"Function call `{name}` in the {at}. content block is missing a `thought_signature`.")
    return None


def _order(contents: list[dict[str, Any]]) -> Refusal | None:
    asked: list[str] = []
    before = ""
    for content in contents:
        calls = [part for part in content["parts"] if "functionCall" in part]
        results = [part for part in content["parts"] if "functionResponse" in part]
        if sorted(part["functionResponse"]["name"] for part in results) != sorted(asked):
            return Refusal(
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        if calls and before != "user":
            return Refusal(
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        asked, before = [part["functionCall"]["name"] for part in calls], content["role"]
    if asked:
        return Refusal("Please ensure that function response turn comes immediately after a function call turn.")
    if before != "user":
        return Refusal("Please ensure that multiturn requests end with a user role or a function response.")
    return None
