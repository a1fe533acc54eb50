"""A folder of documents, an instant model, and a desk over them."""

from __future__ import annotations

import atexit
import io
import json
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from copilot import Copilot
from copilot.jobs.job import Job, Outcome, Source
from copilot.jobs.work import Desk, work
from copilot.jobs.work.keeping import FolderAnswers
from copilot.jobs.work.readers import Readers
from tests.agent.sandbox import TOOLS, assistant


class Saying(BaseChatModel):
    """Answers with what `said` gives for the number of the call and the text of the last message."""

    said: Any
    seen: list[Any] = []  # noqa: RUF012 - pydantic copies it

    @property
    def _llm_type(self) -> str:
        return "saying"

    def bind_tools(self, tools: Any, **_: Any) -> Saying:  # type: ignore[override]
        return self

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        self.seen.append(list(messages))
        last = next(m for m in reversed(messages) if isinstance(m, HumanMessage))
        text = self.said(len(self.seen), str(last.text))
        usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
        message = AIMessage(text, response_metadata={"finish_reason": "stop"}, usage_metadata=usage)  # type: ignore[arg-type]
        return ChatResult(generations=[ChatGeneration(message=message)])


def fields(**given: Any) -> str:
    """The answer of an extraction: name=(value, quote) or name=None."""
    found = {}
    for name, each in given.items():
        value, *quotes = each if isinstance(each, tuple) else (each,)
        found[name] = {"value": value, "evidence": [{"quote": quote, "where": "somewhere"} for quote in quotes]}
    return json.dumps({"fields": found})


def docx_of(*paragraphs: str) -> bytes:
    import docx

    document = docx.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def base(folder: Path, model: Any, **trust: Any) -> Copilot:
    folder.mkdir(exist_ok=True)
    return assistant(folder, model, mode="yes", **trust)


READERS = Readers(1)
atexit.register(READERS.close)


async def done(base: Copilot, job: Job, source: Source, run: str = "run", answers: Path | None = None) -> Outcome:
    async with Desk(base, run, answers=FolderAnswers(answers) if answers else None, readers=READERS) as desk:
        return await work(job, source, desk)


__all__ = ["TOOLS", "Saying", "base", "docx_of", "done", "fields"]
