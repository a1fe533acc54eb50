"""Worker agents: `agents.ask` lets a persona ask another one, which answers in a turn of its own.

The worker has its own instructions and tools, and the same policy; what the asking model had seen goes along as a
label, so that nothing gets to a model or a host that it could not have got to before. It may read and look things up:
what would have to be approved is refused, since nobody could see what it belongs to.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.state import CompiledStateGraph
from pydantic import Field

from copilot.agent.checkpoints import Serializer
from copilot.agent.events import Final
from copilot.agent.plan import Runner
from copilot.agent.turn import Turn
from copilot.errors import ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.persona import Persona, Worker, handle
from copilot.plugins.skill import Problem, Skill
from copilot.plugins.tools import Result, build, tool
from copilot.slots import Role
from copilot.trust.labels import UNKNOWN, Label

#: How deep agents may ask agents.
DEEPEST = 3
_KEPT = 32  # answers that are kept, so that a plan that is staged again after an approval does not ask again


@dataclass(frozen=True)
class Answered:
    """What a worker said: its words, the label of its whole conversation, and what went wrong or was not approved."""

    text: str
    label: Label
    problem: str = ""


#: Runs a turn of a persona: given the persona, the message, and the label of whoever wrote it.
Ask = Callable[[Persona, str, Label], Answered]


def workers_of(persona: Persona, installed: Sequence[Persona]) -> tuple[dict[str, Persona], list[str]]:
    """Return the persona's workers by their handles, and the ids that belong to no agent here."""
    found: dict[str, Persona] = {}
    missing = []
    for worker in persona.workers:
        chosen = worker.persona or _installed(worker, installed)
        if chosen is None:
            missing.append(worker.id)
        else:
            found[chosen.handle] = chosen
    return found, missing


def _installed(worker: Worker, installed: Sequence[Persona]) -> Persona | None:
    return next((each for each in installed if worker.id in (each.id, each.name, each.handle)), None)


def missing(persona: Persona, ids: Sequence[str]) -> list[Problem]:
    """Return a problem for each worker that is not installed here."""
    why = "the worker agent {!r} is not installed here; the agent works without it."
    return [Problem(f"agent {persona.name!r}", why.format(each[:100]), "unsupported") for each in ids]


async def answered(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    runner: Runner,
    persona: Persona,
    message: str,
    label: Label,
    *,
    user: str,
    serde: Serializer,
) -> Answered:
    """Return what a persona's graph answers in a conversation of one message, which is kept nowhere."""
    saver = InMemorySaver(serde=serde)
    turn = Turn(
        graph.copy({"checkpointer": saver}),
        f"worker-{uuid.uuid4().hex[:12]}",
        "read-only",
        runner,
        lambda: datetime.now(UTC),
        user,
        label | persona.label,
    )
    final = [event async for event in turn.say(message, [], "") if isinstance(event, Final)][-1]
    return Answered(final.text, await turn.label(), _problem(final, persona))


def _problem(final: Final, persona: Persona) -> str:
    if final.approvals:
        what = "; ".join(str(item["summary"]) for item in final.approvals[0]["items"])
        return f"It wants an approval ({what}), which only a person gives: everpilot --agent {persona.handle}"
    return str(final.error["message"]) if final.error else ""


def agents_skill(workers: dict[str, Persona], ask: Ask) -> Skill:
    """Return the skill with which the model asks these workers."""
    answers: OrderedDict[tuple[Any, ...], Answered] = OrderedDict()

    def asked(worker: Persona, message: str, context: ToolContext) -> Answered:
        key = (worker.handle, message, context.moment, context.seen)
        if context.moment is None or key not in answers:
            context.progress(f"asking {worker.name}")
            answers[key] = ask(worker, message, context.seen)
            while len(answers) > _KEPT:
                answers.popitem(last=False)
        return answers[key]

    @tool(effect="read", name="ask")
    def ask_agent(
        context: ToolContext,
        name: Annotated[str, Role("target"), Field(description="The agent's name.")],
        message: Annotated[
            str, Role("body"), Field(description="What to ask: whole sentences, with all it must know.")
        ],
    ) -> Result:
        """Ask another agent. It does not know this conversation, reads and looks up by itself, and changes nothing."""
        if (worker := workers.get(handle(name))) is None:
            raise ToolInputError.unknown("agent", name, workers)
        answered = asked(worker, message, context)
        context.labels.append(answered.label | UNKNOWN)
        if answered.problem:
            raise ToolInputError(f"{worker.name} could not do it. {answered.problem}", code="worker")
        return Result(f"{worker.name} says:\n{answered.text}", sources=(worker.name,))

    known = "; ".join(f"{name}: {' '.join(each.description.split())[:300]}" for name, each in workers.items())
    return Skill("agents", f"Ask other agents. {known}", tools=(build(ask_agent, skill="agents"),), origin="agent")
