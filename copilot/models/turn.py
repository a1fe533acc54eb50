"""One answer: whoever is lined up is asked in turn, until one gives an answer that can be accepted."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, SystemMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata, add_usage

from copilot.errors import NoModelError
from copilot.models import attempt, history
from copilot.models.accept import Feedback, Unusable, accepted
from copilot.models.demands import demanded
from copilot.models.foreign import classify
from copilot.models.health import Health
from copilot.models.hedge import Floor, Race
from copilot.models.ledger import ANSWERED
from copilot.models.lineup import Failed, Lineup
from copilot.models.listening import Discarded, Emit, Switched, Token, Used
from copilot.models.records import Attempt, Records, Tokens
from copilot.models.request import ANSWER_ROOM, STAMP, Request
from copilot.models.roster import Candidate
from copilot.models.toolset import estimate_tokens
from copilot.settings import RoutingSettings
from copilot.trust.labels import Confidentiality

log = logging.getLogger(__name__)

_SHORTEST = 1.0  # seconds; with less left of the turn nobody is asked any more
_PROBE_PATIENCE = 8.0  # seconds that a model whose circuit is half open gets at least, while others could answer
CUT_NOTE = "\n\n[This answer is not complete: every model that was asked reached its output limit.]"

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ways:
    """How an answer is made: `watched`, somebody sees tokens, so it is streamed; `retracts`, they can be taken back."""

    emit: Emit
    watched: bool = False
    retracts: bool = True
    clock: Callable[[], float] = time.monotonic
    pause: Pause = asyncio.sleep


@dataclass
class Turn:
    """One answer to one request."""

    request: Request
    lineup: Lineup
    health: Health
    records: Records
    routing: RoutingSettings
    ways: Ways
    _cut: tuple[Candidate, AIMessage, Tokens] | None = None
    _refused: bool = False
    _ends: float = 0.0
    _renewed: set[str] = field(default_factory=set)

    async def answer(self, candidates: Sequence[Candidate]) -> AIMessage:
        """Return the first answer that can be accepted.

        Raises:
            NoModelError: nobody may, can or would answer; `code` is "too_long" when a shorter request could help.
        """
        self._ends = self.ways.clock() + self.routing.turn
        self.lineup.fill(candidates)
        while (candidate := self._next()) is not None:
            message = await (self._hedged(candidate) if self._may_hedge(candidate) else self._serve(candidate))
            if message is not None:
                return message
            if self._refused and self.routing.on_refusal == "stop":
                raise self._nobody("refused")
        return await self._last_resort()

    def _next(self) -> Candidate | None:
        if self._left() < min(_SHORTEST, self.routing.turn / 4):
            return None
        return self.lineup.next()

    def _left(self) -> float:
        return self._ends - self.ways.clock()

    # --- asking ---------------------------------------------------------------------------------------------------

    async def _serve(self, candidate: Candidate, floor: Floor | None = None) -> AIMessage | None:
        """Return a model's accepted answer, or None: it failed for good; it is asked twice at most."""
        self._announce(candidate)
        result = await self._try(candidate, floor=floor)
        if isinstance(result, AIMessage) or not await self._again(candidate, result):
            return result if isinstance(result, AIMessage) else None
        failure = classify(result)
        if failure.kind in ("dead", "rate"):
            await self.ways.pause(failure.retry_after or random.uniform(0.1, 0.4))
        feedback = result.feedback if isinstance(result, Unusable) else None
        self.lineup.claim(candidate, force=True)
        result = await self._try(candidate, plain=failure.kind == "rejected", feedback=feedback, floor=floor)
        return result if isinstance(result, AIMessage) else None

    def _announce(self, candidate: Candidate) -> None:
        tried = [f for f in self.lineup.failed if f.tried]
        if tried:
            self.ways.emit(Switched(tried[-1].candidate.name, candidate.name, tried[-1].reason))

    async def _again(self, candidate: Candidate, error: Exception) -> bool:
        """Return whether the same model is asked once more."""
        failure = classify(error)
        if candidate.is_builtin or (failure.refused and self.routing.on_refusal == "stop"):
            return False
        if failure.kind == "auth":
            return await self._renewed_key(candidate)
        alone = not self.lineup.has_more()
        in_time = self._left() > _SHORTEST + (failure.retry_after or 0.0)
        wanted = {
            "never": False,
            "last": alone and (failure.retry_after or 0.0) <= 1.0,
            "soon": alone and failure.retry_after is not None and failure.retry_after <= 1.0,
            "repaired": True,
            "once": failure.again,
        }
        return in_time and wanted[failure.rule.same]

    async def _renewed_key(self, candidate: Candidate) -> bool:
        """Return whether a refused key has been replaced by another: a token that ran out, a key that was changed."""
        if candidate.name in self._renewed:
            return False
        self._renewed.add(candidate.name)
        return await asyncio.to_thread(candidate.renew)

    async def _try(
        self,
        candidate: Candidate,
        *,
        plain: bool = False,
        feedback: Feedback | None = None,
        floor: Floor | None = None,
    ) -> AIMessage | Exception:
        """Return the accepted answer, or what went wrong, which is then on record."""
        await self._paced(candidate)
        shown = _Shown(f"answer-{uuid.uuid4().hex}", self.ways.clock())
        with self.records.attempt(candidate, self._tellable()) as record, self._reserved(candidate):
            try:
                answer = await self._ask(candidate, shown, plain, feedback, floor)
                record.count(answer.message.usage_metadata)
                strict = not (candidate.provider.stranger or candidate.is_builtin)
                message = accepted(answer.message, answer.calls, candidate.dialect, self.request.tools, strict=strict)
                message = message if candidate.is_builtin else demanded(message, self.request)
            except asyncio.CancelledError:
                self.health.abandon(candidate.identity)
                raise
            except Exception as error:  # noqa: BLE001 - whatever a vendor's client raises is a failed attempt, on record
                self._failed(candidate, error, shown, record)
                return error
            record.answer, record.outcome = message, ANSWERED
            record.seconds, record.first = self.ways.clock() - shown.began, shown.first
        self.health.succeeded(candidate.identity)
        candidate.plain_stream |= plain and self.ways.watched
        return self._finished(candidate, message, shown, record.tokens)

    async def _paced(self, candidate: Candidate) -> None:
        """Wait until the caller's limit of calls lets this one through; the turn has as much longer."""
        pace = self.request.occasion.pace
        if pace is None or candidate.is_builtin:
            return
        with suppress(Exception):  # what is wrong with it the attempt itself says; made later, calls would come at once
            if not candidate.is_built(self.request.tools):
                await asyncio.to_thread(candidate.client, self.request.tools)
        if (seconds := await asyncio.to_thread(pace, candidate.name)) > 0:
            self._ends += seconds
            await self.ways.pause(seconds)

    def _tellable(self) -> Sequence[BaseMessage] | None:
        """Return the messages that a record may hold, or None: nothing of restricted data."""
        return None if self.request.confidentiality >= Confidentiality.RESTRICTED else self.request.messages

    def _reserved(self, candidate: Candidate) -> Any:
        budgets = self.lineup.filters.budgets
        return budgets.ledger.reserved(budgets.expected(candidate, self.request.tokens))

    async def _ask(
        self, candidate: Candidate, shown: _Shown, plain: bool, feedback: Feedback | None, floor: Floor | None
    ) -> attempt.Answer:
        tools = self.request.tools
        messages, thinking_off = self._messages(candidate, plain, feedback)
        asked = candidate.unthinking if thinking_off else candidate
        client = asked.client(tools) if asked.is_built(tools) else await asyncio.to_thread(asked.client, tools)
        options = dict(self.request.options)
        if candidate.is_builtin:
            options["failed"] = [f.to_dict() for f in {f.candidate.name: f for f in self.lineup.failed}.values()]
        if candidate.is_builtin or not (self.ways.watched or floor):
            client, options = candidate.terms.asked(client, options)
            return await attempt.ask(client, messages, self._limits(candidate, streamed=False), options)

        def tell(text: str) -> None:
            shown.first = self.ways.clock() - shown.began if shown.first is None else shown.first
            if (floor is None or floor.take(candidate)) and text and self.ways.watched and self.ways.retracts:
                shown.texts.append(text)
                self.ways.emit(Token(shown.message_id, text))

        if plain or candidate.plain_stream:
            options.update(candidate.provider.plain_stream)
        client, options = candidate.terms.asked(client, options)
        limits = self._limits(candidate, streamed=True)
        return await attempt.listen(client, messages, limits, options, candidate.dialect, tell, shown.chunks)

    def _messages(self, candidate: Candidate, plain: bool, feedback: Feedback | None) -> tuple[list[BaseMessage], bool]:
        """Return what is sent, and whether the model's reasoning must be off for it."""
        messages = list(self.request.messages)
        if feedback is not None:
            messages += _told(feedback, candidate)
        if words := candidate.terms.words(self.request):
            messages.append(SystemMessage(words))
        # A plainer history treats even the model's own messages as a stranger's, and sends none of its blocks back.
        repaired = history.prepare(
            messages,
            candidate.dialect,
            provider="" if plain else candidate.settings.provider,
            model="" if plain else candidate.model,
            tools=bool(self.request.tools.tools),
            parallel=candidate.facts.parallel_tools is not False,
        )
        # Who thinks first may not be told to call a tool; Anthropic's API reference, "Extended thinking with tool use".
        forced = self.request.tools.choice not in ("", "none") and candidate.dialect.thinking_must_lead_tool_use
        return repaired.messages, repaired.thinking_off or forced

    def _limits(self, candidate: Candidate, *, streamed: bool) -> attempt.Limits:
        """Return the deadlines of an attempt: the model's own, and a fair share of what is left of the turn."""
        left = max(self._left(), 0.0) if not candidate.is_builtin else candidate.attempt_seconds
        share = left / (len(self.lineup.waiting) + 1)
        first_byte = self._patience(candidate)
        whole = min(candidate.attempt_seconds, left)
        if not streamed:  # nothing is seen before the end: the share is all that guards the others' time
            whole = min(whole, max(share, first_byte))
        flowing = left if candidate.may_flow else whole
        return attempt.Limits(min(first_byte, share), candidate.settings.deadlines.gap, whole, flowing)

    def _patience(self, candidate: Candidate) -> float:
        """Return the seconds to the first piece: a model that failed lately gets three times what it usually needs."""
        whole = candidate.facts.first_byte or candidate.settings.deadlines.first_byte
        if self.health.circuit(candidate.identity) is None or not self.lineup.has_more():
            return whole
        usual = self.records.ledger.standing(candidate.identity).first
        return whole if usual is None else min(whole, max(3 * usual, _PROBE_PATIENCE))

    def _failed(self, candidate: Candidate, error: Exception, shown: _Shown, record: Attempt) -> None:
        failure = classify(error)
        seconds = self.ways.clock() - shown.began
        if shown.chunks and not record.tokens.read:
            record.count(_usage_of(shown.chunks) or self._estimated(shown))
        if isinstance(error, Unusable) and error.cut is not None:
            self._cut = (candidate, error.cut, record.tokens)
        self._refused |= failure.refused
        self.lineup.failed.append(Failed(candidate, failure, seconds))
        record.outcome, record.seconds = failure.kind, seconds
        candidate.without_tools |= failure.kind == "unable"
        self.health.failed(candidate.identity, failure, began=self.health.clock.monotonic() - seconds)
        log.log(logging.ERROR if failure.kind == "rejected" else logging.INFO, "%s: %s", candidate.name, failure.kind)
        log.debug("%s did not answer: %s", candidate.name, failure.text)  # the vendor's words may quote the request
        if shown.texts:
            self.ways.emit(Discarded(shown.message_id))

    def _estimated(self, shown: _Shown) -> UsageMetadata:
        """Return about what a stream cost that broke off before its vendor told: it is billed all the same."""
        read = self.request.tokens - ANSWER_ROOM
        written = estimate_tokens([str(chunk.text) for chunk in shown.chunks])
        return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)

    # --- hedging --------------------------------------------------------------------------------------------------

    def _may_hedge(self, candidate: Candidate) -> bool:
        """Return whether the next model may be asked as well: only where an answer can have no effect but its words."""
        free = not self.request.tools.tools and not candidate.is_builtin
        return self.routing.hedge > 0 and free and self.lineup.has_more()

    async def _hedged(self, first: Candidate) -> AIMessage | None:
        """Ask `first`, and the next one as well while it stays silent; returns None when those that spoke failed."""
        race = Race(self._serve, self._next, self.lineup.put_back, self.routing.hedge)
        message, speaker = await race.run(first)
        if message is not None and speaker is not None and speaker is not first:
            reason = f"{first.provider.title}: silent for {self.routing.hedge:.3g} s"
            self.ways.emit(Switched(first.name, speaker.name, reason))
        return message

    # --- the end --------------------------------------------------------------------------------------------------

    def _finished(self, candidate: Candidate, message: AIMessage, shown: _Shown, tokens: Tokens) -> AIMessage:
        message.id = shown.message_id
        price = tokens.cost(candidate)
        stamp = self._stamp(candidate, message, tokens, price)
        message.response_metadata = {**message.response_metadata, STAMP: stamp}
        if not shown.texts and message.text:
            self.ways.emit(Token(shown.message_id, str(message.text)))
        self.ways.emit(Used(candidate.name, tokens.read, tokens.written, price))
        return message

    def _stamp(self, candidate: Candidate, message: AIMessage, tokens: Tokens, price: float | None) -> dict[str, Any]:
        own = message.response_metadata.get(STAMP)
        told = [f for f in self.lineup.failed if f.tried or candidate.is_builtin]
        return {
            **(own if isinstance(own, dict) else {}),
            "served_by": candidate.name,
            "home": self.lineup.home or candidate.name,
            "provider": candidate.settings.provider,
            "model": candidate.model,
            "dialect": candidate.dialect.name,
            "attempts": [f.to_dict() for f in told],
            "usage": {"input_tokens": tokens.read, "output_tokens": tokens.written, "cost": price},
            "seconds_lost": round(sum(f.seconds for f in self.lineup.failed), 3),
            "at": datetime.fromtimestamp(self.health.clock.wall(), UTC).isoformat(timespec="seconds"),
        }

    async def _last_resort(self) -> AIMessage:
        """Return a cut answer that says so, or the builtin planner's; raises NoModelError when there is neither."""
        self.lineup.pass_over()
        if self._cut is not None:
            candidate, message, tokens = self._cut
            message.content = f"{message.text}{CUT_NOTE}"
            shown = _Shown(f"answer-{uuid.uuid4().hex}", self.ways.clock())
            return self._finished(candidate, message, shown, tokens)
        too_long = any(f.failure.kind == "too_long" for f in self.lineup.failed)
        if self.lineup.last is not None and not too_long:
            self._announce(self.lineup.last)
            result = await self._try(self.lineup.last)
            if isinstance(result, AIMessage):
                return result
        raise self._nobody("too_long" if too_long else "")

    def _nobody(self, code: str) -> NoModelError:
        kinds = {f.failure.kind for f in self.lineup.failed}
        if not code and kinds and kinds <= {"label", "budget"}:
            code = "budget" if "budget" in kinds else "label"
        code = code or "no_model"
        reasons = list(dict.fromkeys(f"{f.candidate.name} - {f.reason}" for f in self.lineup.failed))
        if not reasons:
            hint = "Set a key such as ANTHROPIC_API_KEY, start Ollama, or add a model to copilot.toml."
            return NoModelError("No language model is configured.", hint=hint, code=code)
        head, hint = _HEADS[code]
        hint = f"{self._keys_to_check()} {hint}".strip()
        text = f"{head} {'; '.join(reasons).rstrip('.')}."
        return NoModelError(text, hint=hint, code=code, failure=self.lineup.failed[-1].failure.kind)

    def _keys_to_check(self) -> str:
        refused = (f.candidate for f in self.lineup.failed if f.failure.kind == "auth")
        names = dict.fromkeys(" or ".join(c.key_names) for c in refused if c.key_names)
        return f"Check the key in {', '.join(names)}." if names else ""


@dataclass
class _Shown:
    """What came and was shown of one attempt. `began` is on the turn's clock; `first`: seconds to the first piece."""

    message_id: str
    began: float
    texts: list[str] = field(default_factory=list)
    chunks: list[AIMessageChunk] = field(default_factory=list)
    first: float | None = None


_HEADS = {
    "too_long": ("The request is too long:", "Ask about less at a time, or start a new thread."),
    "label": (
        "No configured model may see this data:",
        "Allow one with max_confidentiality and [trust], or use a local model.",
    ),
    "budget": ("The budget does not allow another call:", "Raise it under [budgets], or see: everpilot cost"),
    "refused": ("The request was refused:", 'Ask in other words, or set routing.on_refusal = "next".'),
    "no_model": ("No model could answer:", "See `everpilot models` for the state of each."),
}


def _usage_of(chunks: Sequence[AIMessageChunk]) -> UsageMetadata | None:
    """Return what a stream that broke off had counted: vendors bill it, too."""
    counted = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    return reduce(add_usage, counted) if counted else None


def _told(feedback: Feedback, candidate: Candidate) -> list[BaseMessage]:
    """Return the wrong tool calls with what was wrong with each, as the model sees them once."""
    stamp = {"served_by": candidate.name, "provider": candidate.settings.provider, "model": candidate.model}
    metadata = {**feedback.message.response_metadata, STAMP: {**stamp, "dialect": candidate.dialect.name}}
    asked = feedback.message.model_copy(update={"response_metadata": metadata})
    others = "Not run: another call of the same message was wrong. Repeat it if it is still needed."
    results = [
        ToolMessage(f"Not run: {problem}" if problem else others, tool_call_id=call_id, status="error")
        for call_id, problem in feedback.problems.items()
    ]
    return [asked, *results]
