"""What the router costs on top of the bare client: CPU of a healthy call that is not streamed, in the same run.

    python benchmarks/router_overhead.py [calls]

Both ask a local server through ChatOpenAI, in turns, with eight tools. The bare client has them bound once; the router
is given them for every call, as an agent does. The figure is the difference of the medians of the process's CPU time
(all threads), in milliseconds; the target is 2.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing import Process, Queue
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, create_model

from copilot.models.setup import routed
from copilot.settings import ModelSettings, Settings

MESSAGES = [SystemMessage("You are an assistant over documents. " * 50), HumanMessage("What stands in B4? " * 20)]
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4.1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "41"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 400, "completion_tokens": 1, "total_tokens": 401},
}


def _serve(told: Queue[int]) -> None:
    """Answer every request on one port. In a process of its own, so that its CPU is not counted."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = json.dumps(ANSWER).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        while line := await reader.readline():
            size = 0
            while line.strip():
                name, _, value = line.decode().partition(":")
                size = int(value) if name.lower() == "content-length" else size
                line = await reader.readline()
            await reader.readexactly(size)
            writer.write(head + body)

    async def main() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        told.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def _tools() -> list[BaseTool]:
    schema: type[BaseModel] = create_model("Cells", sheet=(str, ...), range=(str, "A1"), times=(int, 1))
    return [
        StructuredTool.from_function(
            func=lambda **_: "", name=f"tool_{n}", description="Read cells.", args_schema=schema
        )
        for n in range(8)
    ]


async def _median(ask: Callable[[], Awaitable[Any]], calls: int) -> float:
    spent = []
    for _ in range(calls):
        begun = time.process_time()
        await ask()
        spent.append(time.process_time() - begun)
    return statistics.median(spent) * 1000


async def compare(port: int, calls: int) -> tuple[float, float]:
    """Return the median milliseconds of CPU of a call: bare, routed."""
    from langchain_openai import ChatOpenAI

    url = f"http://127.0.0.1:{port}/v1"
    entry = ModelSettings(name="local", provider="openai_compatible", model="gpt-4.1", base_url=url)
    bare: BaseChatModel = ChatOpenAI(model="gpt-4.1", base_url=url, api_key="none", max_retries=0)  # type: ignore[arg-type]
    router = routed(Settings(models=[entry]), state=None, env={})
    tools = _tools()
    figures: dict[str, list[float]] = {"bare": [], "routed": []}
    bound = bare.bind_tools(tools)
    for _ in range(5):
        figures["bare"].append(await _median(lambda: bound.ainvoke(MESSAGES), calls))
        figures["routed"].append(await _median(lambda: router.bind_tools(tools).ainvoke(MESSAGES), calls))
    return min(figures["bare"]), min(figures["routed"])


def main() -> None:
    told: Queue[int] = Queue()
    server = Process(target=_serve, args=(told,), daemon=True)
    server.start()
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    bare, with_router = asyncio.run(compare(told.get(timeout=30), calls))
    server.terminate()
    print(f"bare {bare:.2f} ms, routed {with_router:.2f} ms, added {with_router - bare:+.2f} ms CPU a call")


if __name__ == "__main__":
    main()
