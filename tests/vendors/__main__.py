"""A vendor to try a failover against by hand: python -m tests.vendors openai --port 8001 --fault cut_mid_stream."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal

from tests.vendors import (
    FAULTS,
    AnthropicServer,
    BedrockServer,
    Call,
    GeminiServer,
    MistralServer,
    OllamaServer,
    OpenAIServer,
    Reply,
    ResponsesServer,
    VendorServer,
)

SERVERS: dict[str, type[VendorServer]] = {
    "openai": OpenAIServer,
    "openai_responses": ResponsesServer,
    "anthropic": AnthropicServer,
    "mistral": MistralServer,
    "google": GeminiServer,
    "ollama": OllamaServer,
    "bedrock": BedrockServer,
}


def main() -> None:
    """Serve until Ctrl-C, printing each request."""
    parser = argparse.ArgumentParser(prog="python -m tests.vendors", description=__doc__)
    parser.add_argument("vendor", choices=SERVERS)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="test-key")
    parser.add_argument("--fault", action="append", default=[], help=f"for one request each: {', '.join(FAULTS)}")
    parser.add_argument("--always", help="a fault for every request after those")
    parser.add_argument(
        "--reply", action="append", help="text, or JSON: {text, calls: [{name, args}]}; left out, it echoes"
    )
    given = parser.parse_args()
    replies = [_reply(one) for one in given.reply] if given.reply else None
    server = SERVERS[given.vendor](replies, faults=given.fault, always=given.always, api_key=given.key, port=given.port)
    with server, contextlib.suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f"{given.vendor} on {server.base_url}, key {given.key}", flush=True)  # type: ignore[attr-defined]
        while server.arrived.acquire():
            request = server.requests[-1]
            print(f"{request.method} {request.path} {json.dumps(request.body)[:400]}", flush=True)


def _reply(text: str) -> Reply:
    if not text.startswith("{"):
        return Reply(text)
    data = json.loads(text)
    return Reply(
        data.get("text", ""), tuple(Call(call["name"], call.get("args", {})) for call in data.get("calls", []))
    )


if __name__ == "__main__":
    main()
