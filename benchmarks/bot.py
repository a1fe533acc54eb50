"""What a turn of the bot costs with an instant model: CPU, latency, memory, and what a second replica brings.

    python benchmarks/bot.py [turns] [--postgres] [--replicas 2] [--soak 20000] [--profile]

Messages come over HTTP in many conversations, replies go to a service on this machine; both are in a process of their
own, so that their CPU is not counted, nor is the database's. The Agents SDK's own echo, which keeps nothing, is asked
the same in the same run. Targets: at most 2.5 times its CPU, p99 under 100 ms at half of the load that can be had, flat
memory over 100,000 turns, and 1.7 times as much from two replicas on one Postgres.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")
_CONVERSATIONS = 100
_SETTLED = 15.0  # seconds after which a profile begins: then nothing is loaded any more


# --- who is asked -----------------------------------------------------------------------------------------------------


def echo_of_the_sdk(told: Any) -> None:
    """The smallest agent on the SDK: says back what it hears."""
    from aiohttp import web
    from microsoft_agents.hosting.aiohttp import CloudAdapter, start_agent_process
    from microsoft_agents.hosting.core import (
        AgentApplication,
        AnonymousTokenProvider,
        ApplicationOptions,
        ClaimsIdentity,
        MemoryStorage,
        TurnState,
    )

    class Anonymous:
        def get_default_connection(self) -> Any:
            return AnonymousTokenProvider()

        get_token_provider = get_connection = lambda self, *given: AnonymousTokenProvider()

        def get_default_connection_configuration(self) -> Any:
            from microsoft_agents.hosting.core import AgentAuthConfiguration

            return AgentAuthConfiguration(anonymous_allowed=True)

    manager: Any = Anonymous()
    logging.disable(logging.WARNING)  # it warns with every turn that there is no app
    adapter = CloudAdapter(connection_manager=manager)
    options = ApplicationOptions(storage=MemoryStorage(), adapter=adapter, start_typing_timer=False)
    agent = AgentApplication[TurnState](options, connection_manager=manager)

    @agent.activity("message")
    async def heard(context: Any, state: Any) -> None:
        await context.send_activity(f"You said: {context.activity.text}")

    async def messages(request: web.Request) -> Any:
        request["claims_identity"] = ClaimsIdentity({}, False)
        return await start_agent_process(request, agent, adapter)

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/api/messages", messages)
        await _listen(app, told)

    asyncio.run(main())


def everpilot(told: Any, database: str, home: str, profile: str) -> None:
    """One replica of the bot."""
    from copilot.hosts.bot import serve
    from copilot.hosts.bot.app import create_app
    from copilot.hosts.bot.assembly import assistant
    from copilot.hosts.bot.metrics import Metrics
    from copilot.settings import Settings

    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("dbos").addHandler(logging.StreamHandler())
    state = Path(home) / str(os.getpid())
    state.mkdir()
    bot: Any = {"files": str(Path(home) / "files"), "per_minute": 1_000_000, "parallel": 16}
    settings = Settings(bot=bot, database=database)

    async def main() -> None:
        metrics = Metrics()
        connector = serve.connector_of(settings, metrics)
        connector.warm()
        async with assistant(settings, state, connector, model=_instant()) as behind:
            await _listen(create_app(settings, behind.inbox, metrics=metrics), told)

    if profile:
        _profiled(main, f"{profile}.{os.getpid()}")
    else:
        asyncio.run(main())


def _profiled(main: Any, to: str) -> None:
    """Write what the CPU of all threads goes to: stacks, each with its microseconds (cProfile sees one thread only)."""
    import collections
    import threading
    import traceback

    spent: collections.Counter[str] = collections.Counter()
    known: dict[int, int] = {}
    clocks: dict[int, str] = {}
    began = time.monotonic()

    def sample() -> None:
        while True:
            time.sleep(0.003)
            frames = sys._current_frames()
            for thread in threading.enumerate():
                if thread.ident not in frames or thread is threading.current_thread():
                    continue
                with suppress(OSError):  # a thread may just have ended
                    clocks[thread.ident] = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text()
                now = int(clocks.get(thread.ident, "0").split()[0])
                used = now - known.get(thread.ident, now)
                known[thread.ident] = now
                if used > 20_000 and time.monotonic() - began > _SETTLED:
                    stack = traceback.extract_stack(frames[thread.ident], 70)
                    lines = (f"{f.name} {f.filename.rpartition('site-packages/')[2]}:{f.lineno}" for f in stack)
                    spent[";".join(lines)] += used // 1000

    def write() -> None:
        while True:
            time.sleep(3)
            Path(to).write_text("\n".join(f"{stack} {count}" for stack, count in spent.most_common()))

    threading.Thread(target=sample, daemon=True).start()
    threading.Thread(target=write, daemon=True).start()
    asyncio.run(main())


def _instant() -> Any:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    class Instant(BaseChatModel):
        """Says back what it hears."""

        @property
        def _llm_type(self) -> str:
            return "instant"

        def bind_tools(self, tools: Any, **_: Any) -> Any:
            return self

        async def _agenerate(self, messages: list[Any], *_: Any, **more: Any) -> ChatResult:
            return self._generate(messages)

        def _generate(self, messages: list[Any], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
            usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
            said = f"You said: {messages[-1].text}"
            message = AIMessage(said, response_metadata={"finish_reason": "stop"}, usage_metadata=usage)
            return ChatResult(generations=[ChatGeneration(message=message)])

    return Instant()


async def _listen(app: Any, told: Any) -> None:
    from aiohttp import web

    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.put((os.getpid(), runner.addresses[0][1]))
    await asyncio.Event().wait()


# --- who asks ---------------------------------------------------------------------------------------------------------


@dataclass
class Crowd:
    """People in many conversations, and the service that their bot replies to."""

    ports: list[int]
    started: dict[str, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    calls: int = 0
    _done: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    _count: int = 0

    async def open(self) -> None:
        import aiohttp
        from aiohttp import web

        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._heard)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._service = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def close(self) -> None:
        await self._http.close()
        await self._runner.cleanup()

    async def _heard(self, request: Any) -> Any:
        from aiohttp import web

        body = await request.json()
        self.calls += 1
        id = body.get("replyToId", "")
        if body.get("type") == "message" and id in self._done:
            self.took.append(time.perf_counter() - self.started.pop(id))
            self._done.pop(id).set_result(None)
        return web.json_response({"id": "r"})

    async def says(self, conversation: int) -> None:
        """Say something, and wait for the answer."""
        self._count += 1
        id = f"{os.getpid()}-{self._count}"
        activity = {
            "type": "message",
            "id": id,
            "channelId": "emulator",
            "serviceUrl": self._service,
            "from": {"id": f"user-{conversation}", "name": "Ada"},
            "recipient": {"id": "bot"},
            "conversation": {"id": f"c-{conversation}", "conversationType": "personal"},
            "text": f"Number {self._count}",
        }
        done = self._done[id] = asyncio.get_running_loop().create_future()
        self.started[id] = time.perf_counter()
        port = self.ports[self._count % len(self.ports)]
        async with self._http.post(f"http://127.0.0.1:{port}/api/messages", json=activity) as response:
            assert response.status < 300, (response.status, await response.text())
        await asyncio.wait_for(done, 120)

    async def closed(self, turns: int, at_once: int) -> float:
        """Have so many turns, always so many at once; returns turns per second."""
        numbers, began = iter(range(turns)), time.perf_counter()

        async def one(worker: int) -> None:
            for number in numbers:
                await self.says(worker + at_once * (number % (_CONVERSATIONS // at_once)))

        await asyncio.gather(*(one(worker) for worker in range(at_once)))
        return turns / (time.perf_counter() - began)

    async def opened(self, turns: int, rate: float) -> list[float]:
        """Have so many turns that begin at random moments, so many a second; returns how long each took."""
        self.took.clear()
        running, due = [], time.perf_counter()
        chance = random.Random(1)
        for number in range(turns):
            due += chance.expovariate(rate)
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            running.append(asyncio.create_task(self.says(number % _CONVERSATIONS)))
        await asyncio.gather(*running)
        return sorted(self.took)


@contextmanager
def process(target: Any, *args: Any) -> Iterator[tuple[int, int]]:
    """Have a process that listens: its id and its port."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    made = context.Process(target=target, args=(told, *args), daemon=True)
    made.start()
    try:
        yield told.get(timeout=40)
    finally:
        made.kill()
        made.join()


def cpu(*pids: int) -> float:
    """Return the seconds of CPU that processes used."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / _TICK


def memory(pid: int) -> float:
    """Return the MB that a process holds for itself."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in told.splitlines() if line.startswith("Private_")) / 1024


async def measured(pids: list[int], ports: list[int], turns: int, at_once: int) -> tuple[float, float, Crowd]:
    """Return CPU milliseconds a turn, and turns a second, after a warm-up in all conversations."""
    crowd = Crowd(ports)
    await crowd.open()
    await crowd.closed(_CONVERSATIONS, at_once)
    crowd.calls, before = 0, cpu(*pids)
    rate = await crowd.closed(turns, at_once)
    return (cpu(*pids) - before) * 1000 / turns, rate, crowd


async def run(asked: argparse.Namespace, database: str, home: str) -> None:
    with ExitStack() as stack:
        sdk = stack.enter_context(process(echo_of_the_sdk))
        spent, rate, crowd = await measured([sdk[0]], [sdk[1]], asked.turns, 8)
        print(
            f"SDK echo: {spent:.2f} ms of CPU a turn, {rate:.0f} turns a second, {crowd.calls / asked.turns:.1f} calls"
        )
        await crowd.close()
    with ExitStack() as stack:
        replicas = [
            stack.enter_context(process(everpilot, database, home, asked.profile)) for _ in range(asked.replicas)
        ]
        pids, ports = [each[0] for each in replicas], [each[1] for each in replicas]
        idle = cpu(*pids)
        await asyncio.sleep(3)
        print(f"idle: {(cpu(*pids) - idle) / 3 / len(pids):.1%} of a core each")
        ours, rate, crowd = await measured(pids, ports, asked.turns, 8 * asked.replicas)
        cost = f"{ours:.2f} ms of CPU a turn ({ours / spent:.1f} times)"
        median = f"{crowd.calls / asked.turns:.1f} calls, median {statistics.median(crowd.took) * 1000:.0f} ms"
        print(f"{asked.replicas} of ours: {cost}, {rate:.0f} turns a second, {median}")
        took = await crowd.opened(asked.turns, rate / 2)
        at = {p: took[int(len(took) * p / 100) - 1] * 1000 for p in (50, 95, 99)}
        print(f"at half of it: p50 {at[50]:.0f} ms, p95 {at[95]:.0f} ms, p99 {at[99]:.0f} ms")
        for part in range(asked.soak // 2000):
            await crowd.closed(2000, 8 * asked.replicas)
            print(f"after {(part + 1) * 2000} turns more: {memory(pids[0]):.1f} MB")
        await crowd.close()
        if asked.profile:
            await asyncio.sleep(4)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("turns", nargs="?", type=int, default=400)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--soak", type=int, default=0)
    parser.add_argument("--profile", default="")
    asked = parser.parse_args()
    with ExitStack() as stack:
        database = ""
        if asked.postgres or asked.replicas > 1:
            from tests.jobs.postgres import postgres

            database = stack.enter_context(postgres()).fresh("bench")
        home = stack.enter_context(tempfile.TemporaryDirectory())
        asyncio.run(run(asked, database, home))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
