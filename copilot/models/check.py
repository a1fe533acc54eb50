"""A live test of one model: a real tool call, its result handed back, and an answer that uses it."""

from __future__ import annotations

import difflib
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from copilot.errors import NoModelError
from copilot.models import profiles
from copilot.models.listening import listening
from copilot.models.request import STAMP
from copilot.models.roster import Candidate
from copilot.models.router import RoutedChatModel

log = logging.getLogger(__name__)

_QUESTION = "Use the tool to add 1719 and 2523, then tell me the sum."
_SUM = 4242
_READ = 5.0  # seconds to wait for a server's list of models


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a test. `status`: "ok", "chat only" (it answers, and calls no tools) or "failed".

    `first` is seconds to the first piece, `seconds` to the end of both calls; `cost` is US dollars, None where the
    price is not known. `problem` says what is wrong and what to do.
    """

    name: str
    status: str
    problem: str = ""
    first: float | None = None
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)


@tool
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


def check(router: RoutedChatModel, name: str, *, clock: Callable[[], float] = time.monotonic) -> Checked:
    """Return how the model `name` does; it is asked alone, whatever its circuit says, and a success closes that.

    Raises:
        SettingsError: there is no model of that name.
    """
    candidate = router.roster.find(name)
    alone = router.only(name)
    began = clock()
    try:
        answers, status, problem = _conversation(alone)
    except NoModelError as error:
        return Checked(name, "failed", _explained(candidate, error), seconds=round(clock() - began, 2))
    used = [answer.response_metadata[STAMP]["usage"] for answer in answers]
    costs = [u["cost"] for u in used]
    first = router.ledger.standing(candidate.identity).first
    return Checked(
        name,
        status,
        problem,
        first=None if first is None else round(first, 2),
        seconds=round(clock() - began, 2),
        input_tokens=sum(u["input_tokens"] for u in used),
        output_tokens=sum(u["output_tokens"] for u in used),
        cost=None if None in costs else sum(costs),
    )


def _conversation(model: RoutedChatModel) -> tuple[list[AIMessage], str, str]:
    """Return the answers, and how it went; raises NoModelError when there is none at all."""
    thread: list[BaseMessage] = [HumanMessage(_QUESTION)]
    with listening(lambda event: None):
        try:
            first = model.bind_tools([add]).invoke(thread)
        except NoModelError as error:
            if error.failure not in ("unable", "soft"):
                raise
            said = model.invoke([HumanMessage("Say hello.")])
            return [said], "chat only", f"It answers, but can't use tools: {error.message}"
        called = [call for call in first.tool_calls if call["name"] == add.name]
        if not called:
            return [first], "chat only", "It answered in words where it was told to call a tool."
        results = [ToolMessage(str(add.invoke(call["args"])), tool_call_id=call["id"]) for call in called]
        last = model.bind_tools([add]).invoke([*thread, first, *results])
    knows = str(_SUM) in last.text.replace(",", "").replace(" ", "")
    return [first, last], "ok", "" if knows else f"It said {last.text[:60]!r}, not {_SUM}."


def _explained(candidate: Candidate, error: NoModelError) -> str:
    _, _, why = error.message.partition(f"{candidate.name} - ")  # one model was asked: no list of them
    why = why or error.message
    if error.failure != "config" or "model" not in why or candidate.connection is None:
        return f"{why} {error.hint}".strip() if error.failure == "auth" else why
    close = closest(candidate)
    return f"{why} Its server offers {', '.join(close)}." if close else why


def closest(candidate: Candidate) -> list[str]:
    """Return the names most like a model's that its server, or else its client's package, knows."""
    known = offered(candidate) or profiles.names(candidate.provider.client)
    return difflib.get_close_matches(candidate.model, known, n=3, cutoff=0.4) or known[:3]


def offered(candidate: Candidate) -> list[str]:
    """Return the names of the models that a server lists, or [] where it tells none. Asks the network."""
    import httpx

    connection, listing = candidate.connection, candidate.provider.listing
    if connection is None or not listing:
        return []
    key = connection.key.get_secret_value() if connection.key else ""
    headers = {name: value.format(key=key) for name, value in candidate.provider.listing_headers.items()}
    try:
        trust = not candidate.local
        answer = httpx.get(connection.base_url + listing, headers=headers, timeout=_READ, trust_env=trust)
        body = answer.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        log.info("%s lists no models: %s", candidate.name, error)
        return []
    rows = (body.get("data") or body.get("models") or []) if isinstance(body, dict) else []
    names = [row.get("id") or row.get("name") for row in rows if isinstance(row, dict)]
    return [str(name).removeprefix("models/") for name in names if name]
