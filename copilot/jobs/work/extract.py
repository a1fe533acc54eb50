"""Values out of one document, by a JSON Schema: one call of a model (one a part, where it is long), the answer held to
the schema here, every value looked up in the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from copilot.agent.state import stamp_of
from copilot.documents.segments import Reading
from copilot.errors import EverpilotError
from copilot.jobs.job import Citation, Job, Outcome, Source, Status
from copilot.jobs.work import asking, faults, lines
from copilot.jobs.work.citations import Text, cited
from copilot.jobs.work.desk import Desk
from copilot.jobs.work.filling import filled, names_in
from copilot.jobs.work.shape import Shape
from copilot.models.clearance import labelled
from copilot.models.occasion import occasion
from copilot.models.watching import watched
from copilot.trust.labels import UNKNOWN, Label

#: How often a model is shown what of its answer does not fit.
REPAIRS = 2
_ANSWER = 4_000  # tokens that are left for answers
_SHARE = 0.8  # of a window that is used: tokens are only estimated
_LEAST = 1_000  # tokens of a part, however small the window
_BUILTIN = "builtin"
_JSON = {"type": "json_object"}


@dataclass
class Used:
    """What the calls for one document cost, and who answered."""

    served_by: str = ""
    attempts: list[dict[str, Any]] = field(default_factory=list)
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None

    def add(self, message: AIMessage) -> None:
        """Count one answer."""
        stamp = stamp_of(message)
        usage = stamp.get("usage") or {}
        self.served_by = str(stamp.get("served_by", "")) or self.served_by
        self.attempts += stamp.get("attempts", [])
        self.input_tokens += usage.get("input_tokens", 0)
        self.output_tokens += usage.get("output_tokens", 0)
        if usage.get("cost") is not None:
            self.cost = (self.cost or 0.0) + usage["cost"]

    def known(self) -> dict[str, Any]:
        """Return it as fields of an outcome."""
        names = ("served_by", "attempts", "input_tokens", "output_tokens", "cost")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Asked:
    """One document's extraction: what is asked of the model, in as many parts as it takes."""

    shape: Shape
    requests: Sequence[Sequence[BaseMessage]]
    label: Label


class NotFitting(EverpilotError):
    """The answers do not fit the schema."""

    code = "schema"


async def extract(
    job: Job, source: Source, reading: Reading, name: str, label: Label, desk: Desk, used: Used | None = None
) -> Outcome:
    """Return the values of a document, each with where it stands.

    A document with a value that the schema needs and it does not have fails, with what is known; so does one for which
    no answer fitted. `used` is counted up also when an error is raised: NoModelError, DocumentError (too_large),
    ToolInputError (code "schema", or "missing_value").
    """
    used = used if used is not None else Used()
    asked = prepared(job, source, reading, name, label, desk)
    with ExitStack() as held:
        for each in (
            labelled(asked.label),
            occasion(thread=desk.thread(source.key), turn=source.key, user=desk.base.user, step="reading"),
            watched(desk.recorded),
        ):
            held.enter_context(each)
        alone = len(asked.requests) == 1
        found = [await _fitting(request, asked, desk.router(job), used, alone) for request in asked.requests]
    return finished(asked.shape, merged(asked.shape, found), reading, used)


def prepared(job: Job, source: Source, reading: Reading, name: str, label: Label, desk: Desk) -> Asked:
    """Return the requests that extract from a document. Raises as `extract`, but for NoModelError."""
    shape = desk.shape(job)
    said = filled(job.prompt, job.inputs, source.values, name)
    own = bool(set(names_in(job.prompt)) - set(job.inputs))  # other words for every document
    head = asking.system("" if own else said.text, shape)
    more = f"What is wanted of this document:\n{said.text}" if own else ""
    window = int(desk.router(job).window * _SHARE)
    room = max(window - lines.size([str(head.content), more]) - _ANSWER, _LEAST)
    texts = lines.parts(lines.lines_of(reading), room)
    if not texts:
        raise EverpilotError(
            f"There is no text in {name}.", hint="It may be a scan: run OCR on it first.", code="empty"
        )
    count = len(texts)
    requests = [
        [head, asking.document(text, name, number, count, label, more)] for number, text in enumerate(texts, start=1)
    ]
    return Asked(shape, requests, label | UNKNOWN)


async def _fitting(
    request: Sequence[BaseMessage], asked: Asked, router: Any, used: Used, alone: bool
) -> dict[str, Any]:
    """Return the fields of an answer that fits; raises NotFitting with what of the last one did not."""
    messages = list(request)
    violations: list[str] = []
    for attempt in range(1 + REPAIRS):
        message = await router.ainvoke(messages, response_format=_JSON)
        used.add(message)
        if used.served_by == _BUILTIN:
            raise nobody(used)
        text = str(message.text)
        answer = asking.read(text)
        violations = unfit(answer, asked.shape, alone and attempt == 0)
        if not violations and isinstance(answer, dict):
            return answer
        if isinstance(answer, dict) and not unfit(answer, asked.shape, False):
            kept = answer  # it only lacks what the document may not have: look again, once
            return await _looked_again(messages, text, violations, kept, asked, router, used)
        messages = [*request, *asking.repair(text[:20_000], violations, asked.label)]
    told = "; ".join(violations)
    raise NotFitting(f"No answer fitted the schema: {told}.", hint="Loosen the schema, or use a stronger model.")


async def _looked_again(
    messages: Sequence[BaseMessage],
    text: str,
    violations: Sequence[str],
    kept: dict[str, Any],
    asked: Asked,
    router: Any,
    used: Used,
) -> dict[str, Any]:
    again = [*messages, *asking.repair(text[:20_000], violations, asked.label)]
    message = await router.ainvoke(again, response_format=_JSON)
    used.add(message)
    answer = asking.read(str(message.text)) if used.served_by != _BUILTIN else ""
    return answer if isinstance(answer, dict) and not unfit(answer, asked.shape, False) else kept


def unfit(answer: dict[str, Any] | str, shape: Shape, whole: bool) -> list[str]:
    """Return what of an answer does not fit; `whole`: also that a value is missing which the schema needs."""
    if isinstance(answer, str):
        return [answer]
    values = values_of(answer, shape)
    found = [line for name, value in values.items() if value is not None for line in shape.problems_of(name, value)]
    if not found and whole:
        lacking = [name for name, value in values.items() if value is None and not shape.admits_null(name)]
        found = [f"{name}: is needed; look again, and answer null if the document really lacks it" for name in lacking]
    if not found and whole:
        found = shape.problems(_filled(values))
    return found[:20]


def values_of(answer: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """Return the values of an answer, None for what it lacks; what is no field is left out."""
    given = {name: answer.get(name) for name in shape.fields}
    return {name: each.get("value") if isinstance(each, Mapping) else None for name, each in given.items()}


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@dataclass
class Found:
    """A field over all parts of a document: its value, and the evidence; `others` are values that differ from it."""

    value: Any = None
    evidence: list[Any] = field(default_factory=list)
    others: list[tuple[Any, Any]] = field(default_factory=list)


def merged(shape: Shape, answers: Sequence[Mapping[str, Any]]) -> dict[str, Found]:
    """Return the fields of all parts as one: the first value that there is; lists are put together."""
    found = {name: Found() for name in shape.fields}
    for answer in answers:
        for name, value in values_of(answer, shape).items():
            if value is not None:
                _join(found[name], value, _list(answer[name].get("evidence")))
    return found


def _join(into: Found, value: Any, evidence: list[Any]) -> None:
    if into.value is None:
        into.value, into.evidence = value, evidence
    elif isinstance(value, list) and isinstance(into.value, list):
        into.value = into.value + [each for each in value if each not in into.value]
        into.evidence = into.evidence + evidence
    elif value == into.value:
        into.evidence = into.evidence + evidence
    else:
        into.others.append((value, evidence))


def _list(evidence: Any) -> list[Any]:
    return evidence if isinstance(evidence, list) else [evidence]


def finished(shape: Shape, found: Mapping[str, Found], reading: Reading, used: Used) -> Outcome:
    """Return the outcome: values, citations that were looked up, and what the schema still does not allow."""
    text = Text(reading)
    values = {name: each.value for name, each in found.items()}
    citations = [citation for name, each in found.items() for citation in _cited(name, each, text)]
    known = {**used.known(), "values": values, "citations": citations, "text": _conflicts(found)}
    lacking = [f"{n}: is needed, and the document has none" for n, v in values.items() if not _is_there(shape, n, v)]
    problems = lacking or shape.problems({n: v for n, v in values.items() if v is not None})
    if problems:
        hint = "Let the schema allow null where documents may lack a value."
        error = faults.told("schema", f"The values do not fit the schema: {'; '.join(problems)}.", hint)
        return Outcome(status=Status.FAILED, error=error, **known)
    return Outcome(status=Status.DONE, **known)


def _is_there(shape: Shape, name: str, value: Any) -> bool:
    return value is not None or shape.admits_null(name)


def _cited(name: str, found: Found, text: Text) -> list[Citation]:
    """Return the citations of a field; where parts of the document say different things, none of them is exact."""
    citations = cited(name, found.value, found.evidence, text)
    if not found.others:
        return citations
    more = [each for value, evidence in found.others for each in cited(name, value, evidence, text)]
    return [_at_most_near(each) for each in (*citations, *more)]


def _at_most_near(citation: Citation) -> Citation:
    return citation.model_copy(update={"confidence": "near"}) if citation.confidence == "exact" else citation


def _conflicts(found: Mapping[str, Found]) -> str:
    differing = {name: [value for value, _ in each.others] for name, each in found.items() if each.others}
    told = (f"{name}: other parts say {', '.join(map(repr, values[:5]))}"[:500] for name, values in differing.items())
    return "\n".join(told)


def nobody(used: Used) -> EverpilotError:
    """Return why the builtin planner was asked, which reads nothing: no model is configured, or none answered."""
    if not used.attempts:
        return faults.needs_model("Extracting fields")
    return faults.none_answered(used.attempts)
