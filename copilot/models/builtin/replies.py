"""What the planner says: labelled, without prose of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from copilot.models.builtin.memory import Done, Memory, shown_name, text_of

#: The last line of every reply.
LABEL = "builtin (no language model)"

ADD_A_MODEL = (
    "To add one: set OPENAI_API_KEY (or another vendor's key), start Ollama, or add a `[[models]]` entry to "
    "copilot.toml."
)
QUESTION = (
    "I take that as a question, not as a command, so nothing was done. I can't judge or foresee; that needs a "
    "language model."
)
#: How a line about documents that a step could not be done in begins.
LEFT_OUT = "Left out:"
UNDO = "To take back the last change, type /undo in the chat or run `everpilot undo`."
#: How much of one tool's result is shown; the tools cut long documents into parts themselves.
LONGEST_RESULT = 20_000


@dataclass(frozen=True)
class Call:
    """A call with its arguments filled in; `tool` is the public name."""

    tool: str
    wire_name: str
    args: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the call as a menu entry."""
        return {"tool": self.tool, "args": self.args}


def labelled(text: str) -> str:
    """Return the reply with its label line."""
    return f"{text.rstrip()}\n\n{LABEL}"


def needs_model(why: str) -> str:
    """Say that a request needs a language model, and how to add one."""
    return f"{why} That needs a language model; nothing was done. {ADD_A_MODEL}"


def menu_text(question: str, calls: Sequence[Call]) -> str:
    """Ask with a numbered menu."""
    lines = [f"{number}. {describe(call)}" for number, call in enumerate(calls, 1)]
    how = "Answer with 1 to do it." if len(calls) == 1 else "Answer with its number."
    return "\n".join([question, "", *lines, "", f"{how} Nothing was done yet."])


def describe(call: Call) -> str:
    """Return a call in one line: `word.replace_text`: path = contract.docx, ..."""
    shown = ", ".join(f"{name} = {_short(value)}" for name, value in call.args.items())
    return f"`{call.tool}`: {shown}" if shown else f"`{call.tool}`"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= 120 else text[:117] + "..."
    return f"“{text}”" if isinstance(value, str) else text


def failed_line(failed: Sequence[dict[str, Any]]) -> str:
    """Name the models that failed before this one, in one line."""
    names = [f"{f.get('model', 'a model')} ({f.get('reason') or f.get('failure') or 'failed'})" for f in failed]
    return f"Not available: {'; '.join(names)}. I follow direct commands and quote from documents." if names else ""


def report(memory: Memory) -> str:
    """Say what came of the calls of this turn."""
    blocks = [r for r in memory.remarks if r.startswith(LEFT_OUT)]
    for done in memory.done:
        blocks.append(_outcome(done))
    cut = [d for d in memory.done if d.result is None]
    if cut:
        blocks.append(f"{len(cut)} call(s) have no result: {', '.join(shown_name(d.name) for d in cut)}.")
    return "\n\n".join(b for b in blocks if b) or "Nothing was done."


def _outcome(done: Done) -> str:
    if done.result is None:
        return ""
    text = text_of(done.result).strip()
    name = shown_name(done.name)
    if isinstance(done.result.artifact, dict) and done.result.artifact.get("status") == "rejected":
        return f"Left as it was: `{name}` was not approved."
    if done.result.status == "error":
        return f"`{name}` could not do it: {text or 'no reason was given'}"
    if len(text) > LONGEST_RESULT:
        text = text[:LONGEST_RESULT].rsplit("\n", 1)[0] + f"\n\n(cut: {len(text):,} characters in all)"
    return text or f"`{name}` is done; it returned nothing to show."
