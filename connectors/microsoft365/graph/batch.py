"""Many calls in one ("Combine multiple HTTP requests using JSON batching").

Each call of a batch is judged by itself: those that were throttled are sent again, those that may have been done only
where twice is like once, and what builds on a call that failed is not sent.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import GraphError, refused
from .models import Json
from .requests import Call, Reply, refuse_writes
from .retry import judged, retry_after

if TYPE_CHECKING:
    from .client import Graph

#: Calls in one batch.
SIZE = 20


@dataclass(frozen=True, slots=True)
class Step:
    """A call that is made after others of the same list went well, which are named by their places."""

    call: Call
    after: tuple[int, ...] = ()


Result = Reply | GraphError


class _Run:
    """The state of a list of calls on their way."""

    def __init__(self, graph: Graph, steps: Sequence[Step]) -> None:
        self.graph, self.steps = graph, steps
        self.results: dict[int, Result] = {}
        self.tries = dict.fromkeys(range(len(steps)), 0)
        self.unsure: dict[int, GraphError] = {}  # what an earlier sending came to that may have been done
        self.until = graph.clock.monotonic() + graph.patience * -(-len(steps) // SIZE)

    def ready(self) -> list[int]:
        """Return the places of what goes out next; what builds on a failure is settled on the way."""
        chosen: list[int] = []
        for place in (p for p in self.tries if p not in self.results):
            failed = [p for p in self.steps[place].after if isinstance(self.results.get(p), GraphError)]
            if failed:
                self.results[place] = refused(424, {}, what=self.steps[place].call.title)
            elif len(chosen) < SIZE and all(p in self.results or p in chosen for p in self.steps[place].after):
                chosen.append(place)
        return chosen

    async def send(self, places: Sequence[int]) -> float:
        """Send calls in one batch and take note of what they came to; return the seconds to wait before the next."""
        body = {"requests": [self._request(place) for place in places]}
        steps = [self.steps[place].call for place in places]
        call = Call(
            "POST", "/$batch", json=body, what=f"a batch of {len(places)}", idempotent=all(c.repeatable for c in steps)
        )
        try:
            reply = await self.graph.send(call)
        except GraphError as error:
            self._lost(places, error)
            return 0.0
        answers = _by_id(reply.json)
        return max((self._take(place, answers.get(str(place))) for place in places), default=0.0)

    def _request(self, place: int) -> Json:
        call = self.steps[place].call
        query = call.query()
        request: Json = {"id": str(place), "method": call.method, "url": f"{call.path}{'?' if query else ''}{query}"}
        headers = {**call.head(), "client-request-id": call.key}
        if call.json is not None:
            request["body"] = call.json
            headers.setdefault("Content-Type", "application/json")
        elif call.content is not None:
            request["body"] = base64.b64encode(call.content).decode()
            headers.setdefault("Content-Type", "application/octet-stream")
        request["headers"] = headers
        if after := [str(p) for p in self.steps[place].after if p not in self.results]:
            request["dependsOn"] = after
        return request

    def _lost(self, places: Sequence[int], error: GraphError) -> None:
        """The whole batch failed. What it may have done is sent again where it can be, else it is uncertain."""
        for place in places:
            call = self.steps[place].call
            if error.code != "uncertain":
                self._settle(place, error)
            elif call.repeatable:
                self.unsure[place] = error
                self._again(place, error, None)
            else:
                self._unsure(place, error)

    def _take(self, place: int, answer: Json | None) -> float:
        """Take note of one answer; return the seconds to wait before it is sent again, 0 if it is settled."""
        call = self.steps[place].call
        if answer is None:
            missing = GraphError.nonsense(call.title, "the batch has no answer for it")
            return self._again(place, missing, None) if call.repeatable else self._unsure(place, missing)
        status, headers, body = _parts(answer)
        if 200 <= status < 400:
            self.results[place] = Reply(status, headers, *_bodies(body), headers.get("request-id", ""))
            return 0.0
        asked = retry_after(headers, self.graph.clock.now())
        account = self.graph.account
        said = body if isinstance(body, dict) else {}
        error = refused(status, said, what=call.title, scope=call.scope, account=account, retry_after=asked)
        done, passing = judged(status)
        if status == 424:  # what it builds on is sent again, or failed, which `ready` sees
            return self._again(place, error, None)
        if done == "maybe":
            if not call.repeatable:
                return self._unsure(place, error)
            self.unsure[place] = error
        return self._again(place, error, asked) if passing else self._settle(place, error)

    def _again(self, place: int, error: GraphError, asked: float | None) -> float:
        self.tries[place] += 1
        pause = self.graph.backoff.pause(self.tries[place], asked)
        throttled = error.code == "throttled"
        late = self.graph.clock.monotonic() + pause > self.until
        if late or (self.tries[place] >= self.graph.backoff.attempts and not throttled):
            return self._settle(place, error)
        if throttled:
            self.graph.limiter.throttled(pause)
        return pause

    def _settle(self, place: int, error: GraphError) -> float:
        """Take note of an error that stays; one after a sending that may have been done is uncertain."""
        call, before = self.steps[place].call, self.unsure.get(place)
        if before is None or call.reads or error.code == "uncertain":
            self.results[place] = error
        elif call.method == "DELETE" and error.status in (404, 410):
            self.results[place] = Reply(204)
        else:
            return self._unsure(place, error)
        return 0.0

    def _unsure(self, place: int, error: GraphError) -> float:
        before = self.unsure.get(place, error)
        self.results[place] = GraphError.uncertain(self.steps[place].call.title, before, error)
        return 0.0


async def run(graph: Graph, calls: Sequence[Call | Step]) -> list[Result]:
    """Return what each of the calls came to, in their order: a reply, or the error that it would have raised.

    They go out `SIZE` at a time, in the order given. Raises ServiceError in read-only mode for the first call that
    would change something, and ToolInputError for a path that is none: then nothing was sent.
    """
    steps = [step if isinstance(step, Step) else Step(step) for step in calls]
    for place, step in enumerate(steps):
        if any(not 0 <= before < place for before in step.after):
            raise ValueError(f"call {place} comes after one that is not before it")
        step.call.checked()
        if not graph.writes:
            refuse_writes(step.call)
    state = _Run(graph, steps)
    while places := state.ready():
        if pause := await state.send(places):
            await graph.clock.sleep(pause)
    return [state.results[place] for place in range(len(steps))]


def _by_id(whole: Json) -> dict[str, Json]:
    found = whole.get("responses")
    if not isinstance(found, list):
        return {}
    return {str(each["id"]): each for each in found if isinstance(each, dict) and "id" in each}


def _parts(answer: Json) -> tuple[int, dict[str, str], Any]:
    status, headers = answer.get("status"), answer.get("headers")
    found = headers.items() if isinstance(headers, Mapping) else ()
    body = answer.get("body")
    return int(status or 0), {str(name).lower(): str(value) for name, value in found}, body


def _bodies(body: Any) -> tuple[Json, bytes]:
    """Return the JSON object and the bytes of a body: what is no JSON is base64 ("JSON batching")."""
    if isinstance(body, dict):
        return body, b""
    if isinstance(body, str):
        try:
            return {}, base64.b64decode(body, validate=True)
        except ValueError:
            return {}, body.encode()
    return ({} if body is None else {"value": body}), b""
