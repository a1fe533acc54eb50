"""Local servers that speak the vendors' protocols, as strict as the vendors, and fail on demand.

    with OpenAIServer(["Hello", Reply(calls=(Call("excel_read", {"sheet": "A"}),))]) as server:
        server.faults.append("cut_mid_stream")      # the next request; see faults.py for all names
        ...                                         # a client on server.base_url with server.api_key
        assert server.requests[0].messages[-1]["content"] == "Hi"

By hand: `python -m tests.vendors openai --port 8001 --fault cut_mid_stream`.
"""

from tests.vendors.anthropic import AnthropicServer
from tests.vendors.bedrock import BedrockServer
from tests.vendors.faults import ALL as FAULTS
from tests.vendors.faults import Fault
from tests.vendors.gemini import GeminiServer
from tests.vendors.mistral import MistralServer
from tests.vendors.ollama import OllamaServer
from tests.vendors.openai import OpenAIServer
from tests.vendors.replies import Call, Reply, Request
from tests.vendors.responses import ResponsesServer
from tests.vendors.server import Refusal, VendorServer, unused_url

__all__ = [
    "FAULTS",
    "AnthropicServer",
    "BedrockServer",
    "Call",
    "Fault",
    "GeminiServer",
    "MistralServer",
    "OllamaServer",
    "OpenAIServer",
    "Refusal",
    "Reply",
    "Request",
    "ResponsesServer",
    "VendorServer",
    "unused_url",
]
