"""Vendors' batch endpoints: many requests handed over at once, answered within a day, for less.

For requests without tools. What may go to which model is looked at for each before anything is handed over, exactly as
for a live call. Whatever the vendor does not answer (refused, failed, expired, not of this form) is left to live calls.
Sources: OpenAI, API reference, "Batch" and "Files"; Anthropic, API reference, "Message Batches".
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage

from copilot.documents.segments import Reading
from copilot.errors import DeniedError, ServiceError
from copilot.jobs.job import Outcome
from copilot.jobs.work import asking
from copilot.jobs.work.extract import Asked, Used, finished, merged, unfit
from copilot.models.catalog import cost
from copilot.models.fitness import barred
from copilot.models.ledger import Spent
from copilot.models.toolset import estimate_tokens
from copilot.trust.labels import Label

if TYPE_CHECKING:
    import httpx

    from copilot.models.roster import Candidate
    from copilot.models.router import RoutedChatModel
    from copilot.settings import TrustSettings

_SECONDS = 60.0
_LONGEST = 1 << 20  # characters of one line of results
_OUTPUT = 8_000  # tokens of one answer, at most
_MARK = "everpilot"  # what a batch's mark is called in its metadata


@dataclass(frozen=True)
class Order:
    """One request: `key` is unique in its batch (letters, digits, - and _; 64 at most), `label` that of all of it."""

    key: str
    messages: Sequence[BaseMessage]
    label: Label


@dataclass(frozen=True)
class Progress:
    """How far a batch is: `ended` when no more answers come."""

    ended: bool
    done: int = 0
    failed: int = 0
    total: int = 0


@dataclass(frozen=True)
class Answered:
    """The answer to one order, or in `problem` why there is none. `cost` is US dollars at the price of batches."""

    key: str
    text: str = ""
    problem: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None


def deferred_of(router: RoutedChatModel, client: httpx.AsyncClient | None = None) -> Deferred | None:
    """Return the batch endpoint of the model that the router would ask first, None where its vendor has none."""
    known = [c for c in router.roster.quick() if not c.is_builtin and c.trouble is None]
    first = next((c for c in known if c.name == router.prefer), known[0] if known else None)
    if first is None or first.connection is None or first.provider.batches not in _PROTOCOLS:
        return None
    return Deferred(first, router.roster.settings.trust, client)


class Deferred:
    """The batch endpoint of one configured model. ServiceError is raised for what the vendor refuses or leaves open."""

    def __init__(self, candidate: Candidate, trust: TrustSettings, client: httpx.AsyncClient | None = None) -> None:
        assert candidate.connection is not None
        self._candidate, self._trust, self._client = candidate, trust, client
        self._base = candidate.connection.base_url.rstrip("/")
        self._wire = _PROTOCOLS[candidate.provider.batches]

    @property
    def name(self) -> str:
        """What the person calls the model."""
        return self._candidate.name

    def barred(self, order: Order) -> str:
        """Return why this model may not be given an order, or ""."""
        return barred(self._candidate, order.label.confidentiality, self._trust)

    def most(self, order: Order) -> float:
        """Return the US dollars that an order may cost at most, as far as its tokens can be estimated; 0.0 where the
        price is not known."""
        tokens = estimate_tokens([str(message.text) for message in order.messages])
        whole = cost(self._candidate.facts.price, tokens, _OUTPUT)
        return (whole or 0.0) * self._candidate.provider.batch_price

    def spent(self, answer: Answered, outcome: str, *, thread: str, user: str) -> Spent:
        """Return the row of the usage table for an answer."""
        candidate = self._candidate
        return Spent(
            time=time.time(),
            model=candidate.name,
            identity=candidate.identity,
            provider=candidate.settings.provider,
            vendor_model=candidate.model,
            outcome=outcome,
            step="reading",
            input=answer.input_tokens,
            output=answer.output_tokens,
            cost=answer.cost,
            thread=thread,
            user=user,
        )

    async def found(self, mark: str) -> str:
        """Return the id of a batch that was handed over under this mark, "" where there is none or its vendor keeps
        no marks: then one that nobody noted the id of is handed over again."""
        if not (place := self._wire.listing):
            return ""
        listed = (await self._json("GET", place)).get("data")
        rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        return next((_safe(row.get("id")) for row in rows if (row.get("metadata") or {}).get(_MARK) == mark), "")

    async def submit(self, orders: Sequence[Order], mark: str = "") -> str:
        """Hand the orders over, under a mark that `found` knows them by, and return the vendor's id of the batch.

        Raises DeniedError, before anything leaves, where the model may not be given one of them.
        """
        for order in orders:
            if why := self.barred(order):
                raise DeniedError(f"{self.name} {why}; no order of the batch was handed over.", code="label")
        rows = [self._wire.row(order.key, self._body(order.messages)) for order in orders]
        return await self._wire.submit(self._call, rows, mark)

    async def poll(self, batch: str) -> Progress:
        """Return how far a batch is."""
        return self._wire.progress(await self._json("GET", self._wire.place.format(id=batch)))

    async def cancel(self, batch: str) -> None:
        """Let the vendor stop; what is answered already can still be fetched, and costs."""
        await self._json("POST", self._wire.place.format(id=batch) + "/cancel", json={})

    async def results(self, batch: str) -> AsyncIterator[Answered]:
        """Yield the answers of an ended batch, in any order. An order without an answer may be missing altogether."""
        state = await self._json("GET", self._wire.place.format(id=batch))
        for place in self._wire.results(state):
            answer = await self._call("GET", place)
            for line in answer.text.splitlines():
                if (found := self._read(line)) is not None:
                    yield found

    def _read(self, line: str) -> Answered | None:
        try:
            row = json.loads(line) if len(line) <= _LONGEST else None
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict) or not isinstance(key := row.get("custom_id"), str):
            return None
        try:
            text, read, written = self._wire.answer(row)
        except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            return Answered(key, problem=str(error)[:300] or "no answer")
        price, share = self._candidate.facts.price, self._candidate.provider.batch_price
        whole = cost(price, read, written)
        return Answered(key, text, "", read, written, None if whole is None else whole * share)

    def _body(self, messages: Sequence[BaseMessage]) -> dict[str, Any]:
        return self._wire.body(self._candidate.model, messages)

    async def _json(self, method: str, place: str, **more: Any) -> dict[str, Any]:
        try:
            found = (await self._call(method, place, **more)).json()
        except ValueError as error:
            raise ServiceError(f"{self.name}: its batch endpoint gave no JSON.", code="broken") from error
        if not isinstance(found, dict):
            raise ServiceError(f"{self.name}: its batch endpoint gave something else than asked.", code="broken")
        return found

    async def _call(self, method: str, place: str, **more: Any) -> httpx.Response:
        import httpx

        connection = self._candidate.connection
        assert connection is not None
        key = connection.key.get_secret_value() if connection.key else ""
        headers = {name: value.format(key=key) for name, value in self._candidate.provider.listing_headers.items()}
        own = httpx.AsyncClient(timeout=_SECONDS, trust_env=not self._candidate.local)
        try:
            async with own:
                answer = await (self._client or own).request(method, self._base + place, headers=headers, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceError(
                f"{self.name}: its batch endpoint: {type(error).__name__}.", code="unreachable"
            ) from error
        if answer.status_code >= 400:
            code = {401: "signed_out", 403: "denied", 404: "unsupported", 429: "throttled"}.get(answer.status_code)
            raise ServiceError(
                f"{self.name}: its batch endpoint said {answer.status_code}.",
                code=code or ("invalid" if answer.status_code < 500 else "unreachable"),
            )
        return answer


def settled(asked: Asked, answer: Answered, reading: Reading, name: str) -> Outcome | None:
    """Return the outcome of an extraction in one part that a batch answered; None where it has to be asked live."""
    if answer.problem or len(asked.requests) != 1:
        return None
    fields = asking.read(answer.text)
    if isinstance(fields, str) or unfit(fields, asked.shape, True):
        return None
    used = Used(name, [], answer.input_tokens, answer.output_tokens, answer.cost)
    return finished(asked.shape, merged(asked.shape, [fields]), reading, used)


# --- the protocols ----------------------------------------------------------------------------------------------------

_Call = Callable[..., Any]
_ROLES = {"system": "system", "human": "user", "ai": "assistant"}


class _OpenAI:
    """A file of JSON Lines, and a batch over it."""

    place = "/batches/{id}"
    listing = "/batches?limit=100"
    ended = frozenset({"completed", "failed", "expired", "cancelled"})

    def row(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}

    def body(self, model: str, messages: Sequence[BaseMessage]) -> dict[str, Any]:
        said = [{"role": _ROLES[m.type], "content": str(m.text)} for m in messages]
        limits = {"max_completion_tokens": _OUTPUT, "response_format": {"type": "json_object"}}
        return {"model": model, "messages": said, **limits}

    async def submit(self, call: _Call, rows: Sequence[dict[str, Any]], mark: str) -> str:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        file = await call("POST", "/files", data={"purpose": "batch"}, files={"file": ("batch.jsonl", lines)})
        order = {
            "input_file_id": _id(file),
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            **({"metadata": {_MARK: mark}} if mark else {}),
        }
        return _id(await call("POST", "/batches", json=order))

    def progress(self, state: Mapping[str, Any]) -> Progress:
        counts = state.get("request_counts") or {}
        told = (int(counts.get(name) or 0) for name in ("completed", "failed", "total"))
        return Progress(state.get("status") in self.ended, *told)

    def results(self, state: Mapping[str, Any]) -> list[str]:
        files = [state.get(name) for name in ("output_file_id", "error_file_id")]
        return [f"/files/{_safe(file)}/content" for file in files if file]

    def answer(self, row: Mapping[str, Any]) -> tuple[str, int, int]:
        response = row.get("response") or {}
        if row.get("error") or response.get("status_code") != 200:
            raise ValueError(f"refused: {row.get('error') or response.get('status_code')}")
        body = response["body"]
        choice = body["choices"][0]
        if choice["finish_reason"] != "stop":
            raise ValueError(f"ended by {choice['finish_reason']}")
        return (
            str(choice["message"]["content"]),
            int(body["usage"]["prompt_tokens"]),
            int(body["usage"]["completion_tokens"]),
        )


class _Anthropic:
    """All requests in one call; results from an address of their own."""

    place = "/v1/messages/batches/{id}"
    listing = ""  # its batches carry no marks

    def row(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"custom_id": key, "params": body}

    def body(self, model: str, messages: Sequence[BaseMessage]) -> dict[str, Any]:
        system = [{"type": "text", "text": str(m.text)} for m in messages if m.type == "system"]
        if system:
            system[-1]["cache_control"] = {"type": "ephemeral"}  # type: ignore[assignment]
        said = [{"role": _ROLES[m.type], "content": str(m.text)} for m in messages if m.type != "system"]
        return {"model": model, "max_tokens": _OUTPUT, "system": system, "messages": said}

    async def submit(self, call: _Call, rows: Sequence[dict[str, Any]], mark: str) -> str:
        return _id(await call("POST", "/v1/messages/batches", json={"requests": list(rows)}))

    def progress(self, state: Mapping[str, Any]) -> Progress:
        counts = {name: int(count or 0) for name, count in (state.get("request_counts") or {}).items()}
        failed = counts.get("errored", 0) + counts.get("expired", 0) + counts.get("canceled", 0)
        ended = state.get("processing_status") == "ended"
        return Progress(ended, counts.get("succeeded", 0), failed, sum(counts.values()))

    def results(self, state: Mapping[str, Any]) -> list[str]:
        # Not the `results_url` of the answer: the key goes to the server that the settings name, and to no other.
        return [f"/v1/messages/batches/{_safe(state.get('id'))}/results"]

    def answer(self, row: Mapping[str, Any]) -> tuple[str, int, int]:
        result = row["result"]
        if result["type"] != "succeeded":
            raise ValueError(f"{result['type']}: {json.dumps(result.get('error'))[:200]}")
        message = result["message"]
        if message["stop_reason"] not in ("end_turn", "stop_sequence"):
            raise ValueError(f"ended by {message['stop_reason']}")
        usage = message["usage"]
        cached = int(usage.get("cache_read_input_tokens") or 0) + int(usage.get("cache_creation_input_tokens") or 0)
        text = "".join(block["text"] for block in message["content"] if block["type"] == "text")
        return text, int(usage["input_tokens"]) + cached, int(usage["output_tokens"])


_PROTOCOLS: dict[str, _OpenAI | _Anthropic] = {"openai": _OpenAI(), "anthropic": _Anthropic()}


def _id(answer: httpx.Response) -> str:
    try:
        return _safe(answer.json()["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError("The batch endpoint gave no id.", code="broken") from error


def _safe(id: Any) -> str:
    """Return an id that can stand in an address; raises ServiceError for anything else."""
    text = str(id)
    if not 0 < len(text) <= 200 or not all(c.isalnum() or c in "-_" for c in text):
        raise ServiceError("The batch endpoint gave an id that is none.", code="broken")
    return text
