"""One answer: which models are asked, in which order, and what is done when one fails."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from copilot.errors import NoModelError
from copilot.models import attempt, history
from copilot.models.accept import Feedback, Unusable, accepted
from copilot.models.catalog import cost
from copilot.models.failures import RULES, Failure
from copilot.models.foreign import classify
from copilot.models.health import Health
from copilot.models.listening import Discarded, Emit, Switched, Token, Used
from copilot.models.request import STAMP, Request
from copilot.models.roster import Candidate

log = logging.getLogger(__name__)

_LAST_TRIES = 3  # failures in a row after which an open circuit is believed before the builtin planner is asked
_SHORTEST = 1.0  # seconds; with less left of the turn nobody is asked any more
CUT_NOTE = "\n\n[This answer is not complete: every model that was asked reached its output limit.]"

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Failed:
    """A model that was tried or passed over. `seconds` is 0 where it was not asked."""

    candidate: Candidate
    failure: Failure
    seconds: float = 0.0
    tried: bool = True

    @property
    def reason(self) -> str:
        """One line for a person: "Anthropic: overloaded (529)"."""
        return f"{self.candidate.provider.title}: {self.failure.text}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "model": self.candidate.name,
            "failure": self.failure.kind,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
        }


@dataclass
class Turn:
    """One answer to one request.

    `watched`: somebody sees tokens, so answers are streamed; `retracts`: what they saw can be taken back. `seconds` is
    the time for all attempts together.
    """

    request: Request
    health: Health
    emit: Emit
    watched: bool = False
    retracts: bool = True
    seconds: float = 120.0
    prefer: str = ""
    clock: Callable[[], float] = time.monotonic
    pause: Pause = asyncio.sleep
    failed: list[Failed] = field(default_factory=list)
    _waiting: list[Candidate] = field(default_factory=list)
    _left_alone: list[Candidate] = field(default_factory=list)
    _last: Candidate | None = None
    _cut: tuple[Candidate, AIMessage] | None = None
    _ends: float = 0.0

    async def answer(self, candidates: Sequence[Candidate]) -> AIMessage:
        """Return the first answer that can be accepted.

        Raises:
            NoModelError: nobody may, can or would answer; `code` is "too_long" when a shorter request could help.
        """
        self._ends = self.clock() + self.seconds
        self._line_up(candidates)
        while (candidate := self._next()) is not None:
            if (message := await self._serve(candidate)) is not None:
                return message
        return await self._last_resort()

    # --- who is asked ---------------------------------------------------------------------------------------------

    def _line_up(self, candidates: Sequence[Candidate]) -> None:
        if self.prefer and (alone := [c for c in candidates if c.is_builtin and c.name == self.prefer]):
            candidates = alone  # who asks for the planner wants no vendor to see the words
        first = self.prefer or self.request.served_last
        for candidate in sorted(candidates, key=lambda c: c.name != first or (c.is_builtin and not self.prefer)):
            if candidate.is_builtin and self.prefer != candidate.name and candidate is candidates[-1]:
                self._last = candidate
            elif failure := self._unfit(candidate):
                self.failed.append(Failed(candidate, failure, tried=False))
            elif self.health.remaining(candidate.identity) > 0:
                self._left_alone.append(candidate)
            else:
                self._waiting.append(candidate)

    def _unfit(self, candidate: Candidate) -> Failure | None:
        """Return why a model must not or can't be given this request, before it is."""
        request, facts = self.request, candidate.facts
        if request.confidentiality > candidate.clearance:
            return Failure("label", f"may not see {request.confidentiality.name.lower()} data")
        if candidate.trouble is not None:
            return Failure("config", str(candidate.trouble))
        if facts.window is not None and request.tokens > facts.window:
            size = f"about {request.tokens} of {facts.window} tokens"
            return Failure("too_long", f"the request is too long for it ({size})")
        if request.tools.tools and (candidate.without_tools or not facts.tools):
            return Failure("unable", "can't use tools")
        if request.has_images and facts.vision is False:
            return Failure("unable", "can't see images")
        return None

    def _next(self) -> Candidate | None:
        if self._ends - self.clock() < min(_SHORTEST, self.seconds / 4):
            return None
        if sum(f.failure.kind == "rejected" for f in self._last_of_each()) > 1:
            return None
        self._waiting = [c for c in self._waiting if self._is_large_enough(c)]
        while self._waiting:
            candidate = self._waiting.pop(0)
            if self.health.remaining(candidate.identity) == 0:
                return candidate
            self._left_alone.append(candidate)  # somebody else found it dead, or probes it, since we lined up
        return self._first_to_heal()

    def _last_of_each(self) -> list[Failed]:
        return list({f.candidate.name: f for f in self.failed if f.tried}.values())

    def _is_large_enough(self, candidate: Candidate) -> bool:
        failed = [f.candidate.facts.window for f in self.failed if f.failure.kind == "too_long" and f.tried]
        window = candidate.facts.window
        return not failed or window is None or all(known is None or known < window for known in failed)

    def _first_to_heal(self) -> Candidate | None:
        """Return the model whose open circuit closes first, when it is worth trying before we give up."""
        able = [c for c in self._left_alone if self._is_large_enough(c) and self._is_worth_a_try(c)]
        if not able:
            return None
        first = min(able, key=lambda c: self.health.remaining(c.identity))
        self._pass_over([c for c in self._left_alone if c is not first])
        self._left_alone = []
        return first

    def _is_worth_a_try(self, candidate: Candidate) -> bool:
        if self._last is None:
            return True
        circuit = self.health.circuit(candidate.identity)
        if circuit is None:
            return True
        if self.request.served_last == self._last.name:
            return False  # the planner serves this thread: it goes on until a circuit has closed
        heals_fast = RULES[circuit.kind].last_try and circuit.row <= _LAST_TRIES and circuit.probing_until == 0
        return heals_fast and not any(f.tried for f in self.failed)

    def _pass_over(self, candidates: Sequence[Candidate]) -> None:
        for candidate in candidates:
            circuit = self.health.circuit(candidate.identity)
            if circuit is not None:
                self.failed.append(Failed(candidate, Failure(circuit.kind, circuit.reason), tried=False))

    # --- asking ---------------------------------------------------------------------------------------------------

    async def _serve(self, candidate: Candidate) -> AIMessage | None:
        """Return a model's accepted answer, or None: it failed for good; it is asked twice at most."""
        self._announce(candidate)
        result = await self._try(candidate)
        if isinstance(result, AIMessage) or not self._again(candidate, result):
            return result if isinstance(result, AIMessage) else None
        failure = classify(result)
        if failure.kind in ("dead", "rate"):
            await self.pause(failure.retry_after or random.uniform(0.1, 0.4))
        feedback = result.feedback if isinstance(result, Unusable) else None
        result = await self._try(candidate, plain=failure.kind == "rejected", feedback=feedback)
        return result if isinstance(result, AIMessage) else None

    def _announce(self, candidate: Candidate) -> None:
        tried = [f for f in self.failed if f.tried]
        if tried:
            self.emit(Switched(tried[-1].candidate.name, candidate.name, tried[-1].reason))

    def _again(self, candidate: Candidate, error: Exception) -> bool:
        failure = classify(error)
        alone = not any(self._is_large_enough(c) for c in self._waiting)
        in_time = self._ends - self.clock() > _SHORTEST + (failure.retry_after or 0.0)
        wanted = {
            "never": False,
            "last": alone and (failure.retry_after or 0.0) <= 1.0,
            "soon": alone and failure.retry_after is not None and failure.retry_after <= 1.0,
            "repaired": True,
            "once": failure.again,
        }
        return in_time and not candidate.is_builtin and wanted[failure.rule.same]

    async def _try(
        self, candidate: Candidate, *, plain: bool = False, feedback: Feedback | None = None
    ) -> AIMessage | Exception:
        """Return the accepted answer, or what went wrong, which is then on record."""
        started = self.clock()
        message_id = f"answer-{uuid.uuid4().hex}"
        shown: list[str] = []
        self.health.begin(candidate.identity, candidate.attempt_seconds + 5)
        try:
            answer = await self._ask(candidate, message_id, shown, plain, feedback)
            strict = not (candidate.provider.stranger or candidate.is_builtin)
            message = accepted(answer.message, answer.calls, candidate.dialect, self.request.tools, strict=strict)
        except asyncio.CancelledError:
            self.health.abandon(candidate.identity)
            raise
        except Exception as error:  # noqa: BLE001 - whatever a vendor's client raises is a failed attempt, and on record
            self._record(candidate, error, self.clock() - started)
            if shown:
                self.emit(Discarded(message_id))
            return error
        self.health.succeeded(candidate.identity)
        candidate.plain_stream |= plain and self.watched
        return self._finished(candidate, message, message_id, shown)

    async def _ask(
        self, candidate: Candidate, message_id: str, shown: list[str], plain: bool, feedback: Feedback | None
    ) -> attempt.Answer:
        tools = self.request.tools
        messages, thinking_off = self._messages(candidate, plain, feedback)
        asked = candidate.unthinking if thinking_off else candidate
        client = asked.client(tools) if asked.is_built(tools) else await asyncio.to_thread(asked.client, tools)
        options = dict(self.request.options)
        if candidate.is_builtin:
            options["failed"] = [f.to_dict() for f in {f.candidate.name: f for f in self.failed}.values()]
        if not self.watched or candidate.is_builtin:
            return await attempt.ask(client, messages, self._limits(candidate, streamed=False), options)

        def tell(text: str) -> None:
            if self.retracts:
                shown.append(text)
                self.emit(Token(message_id, text))

        if plain or candidate.plain_stream:
            options.update(candidate.provider.plain_stream)
        limits = self._limits(candidate, streamed=True)
        return await attempt.listen(client, messages, limits, options, candidate.dialect, tell)

    def _messages(self, candidate: Candidate, plain: bool, feedback: Feedback | None) -> tuple[list[BaseMessage], bool]:
        """Return what is sent, and whether the model's reasoning must be off for it."""
        messages = list(self.request.messages)
        if feedback is not None:
            messages += _told(feedback, candidate)
        # A plainer history treats even the model's own messages as a stranger's, and sends none of its blocks back.
        repaired = history.prepare(
            messages,
            candidate.dialect,
            provider="" if plain else candidate.settings.provider,
            model="" if plain else candidate.model,
            tools=bool(self.request.tools.tools),
        )
        return repaired.messages, repaired.thinking_off

    def _limits(self, candidate: Candidate, *, streamed: bool) -> attempt.Limits:
        """Return the deadlines of an attempt: the model's own, and a fair share of what is left of the turn."""
        left = max(self._ends - self.clock(), 0.0) if not candidate.is_builtin else candidate.attempt_seconds
        share = left / (len(self._waiting) + 1)
        first_byte = candidate.facts.first_byte or candidate.settings.deadlines.first_byte
        whole = min(candidate.attempt_seconds, left)
        if not streamed:  # nothing is seen before the end: the share is all that guards the others' time
            whole = min(whole, max(share, first_byte))
        flowing = left if candidate.may_flow else whole
        return attempt.Limits(min(first_byte, share), candidate.settings.deadlines.gap, whole, flowing)

    def _record(self, candidate: Candidate, error: Exception, seconds: float) -> None:
        failure = classify(error)
        if isinstance(error, Unusable) and error.cut is not None:
            self._cut = (candidate, error.cut)
        self.failed.append(Failed(candidate, failure, seconds))
        candidate.without_tools |= failure.kind == "unable"
        self.health.failed(candidate.identity, failure)
        level = logging.ERROR if failure.kind == "rejected" else logging.INFO
        log.log(level, "%s did not answer: %s (%s)", candidate.name, failure.text, failure.kind)

    # --- the end --------------------------------------------------------------------------------------------------

    def _finished(self, candidate: Candidate, message: AIMessage, message_id: str, shown: list[str]) -> AIMessage:
        message.id = message_id
        usage = message.usage_metadata
        read, written = (usage["input_tokens"], usage["output_tokens"]) if usage else (0, 0)
        cached = (usage.get("input_token_details") or {}).get("cache_read") or 0 if usage else 0
        # No request is without tokens: some servers leave the input out of a streamed count, and half a cost is wrong.
        price = cost(candidate.facts.price, read, written, cached) if read else None
        stamp = self._stamp(candidate, message, read, written, price)
        message.response_metadata = {**message.response_metadata, STAMP: stamp}
        if not shown and message.text:
            self.emit(Token(message_id, str(message.text)))
        self.emit(Used(candidate.name, read, written, price))
        return message

    def _stamp(
        self, candidate: Candidate, message: AIMessage, read: int, written: int, price: float | None
    ) -> dict[str, Any]:
        own = message.response_metadata.get(STAMP)
        told = [f for f in self.failed if f.tried or candidate.is_builtin]
        return {
            **(own if isinstance(own, dict) else {}),
            "served_by": candidate.name,
            "provider": candidate.settings.provider,
            "model": candidate.model,
            "dialect": candidate.dialect.name,
            "attempts": [f.to_dict() for f in told],
            "usage": {"input_tokens": read, "output_tokens": written, "cost": price},
            "seconds_lost": round(sum(f.seconds for f in self.failed), 3),
        }

    async def _last_resort(self) -> AIMessage:
        """Return a cut answer that says so, or the builtin planner's; raises NoModelError when there is neither."""
        self._pass_over(self._left_alone)
        if self._cut is not None:
            candidate, message = self._cut
            message.content = f"{message.text}{CUT_NOTE}"
            return self._finished(candidate, message, f"answer-{uuid.uuid4().hex}", [])
        too_long = any(f.failure.kind == "too_long" for f in self.failed)
        if self._last is not None and not too_long:
            self._announce(self._last)
            result = await self._try(self._last)
            if isinstance(result, AIMessage):
                return result
        raise self._nobody(too_long=too_long)

    def _nobody(self, *, too_long: bool) -> NoModelError:
        kinds = {f.failure.kind for f in self.failed}
        code = "too_long" if too_long else "label" if kinds == {"label"} else "no_model"
        reasons = list(dict.fromkeys(f"{f.candidate.name} - {f.reason}" for f in self.failed))
        if not reasons:
            hint = "Set a key such as ANTHROPIC_API_KEY, start Ollama, or add a model to copilot.toml."
            return NoModelError("No language model is configured.", hint=hint, code=code)
        head, hint = _HEADS[code]
        hint = f"{self._keys_to_check()} {hint}".strip()
        text = f"{head} {'; '.join(reasons).rstrip('.')}."
        return NoModelError(text, hint=hint, code=code, failure=self.failed[-1].failure.kind)

    def _keys_to_check(self) -> str:
        refused = (f.candidate for f in self.failed if f.failure.kind == "auth")
        names = dict.fromkeys(" or ".join(c.key_names) for c in refused if c.key_names)
        return f"Check the key in {', '.join(names)}." if names else ""


_HEADS = {
    "too_long": ("The request is too long:", "Ask about less at a time, or start a new thread."),
    "label": ("No configured model may see this data:", "Allow one with max_confidentiality, or use a local model."),
    "no_model": ("No model could answer:", "See `everpilot models` for the state of each."),
}


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
