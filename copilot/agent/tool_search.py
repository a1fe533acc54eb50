"""Tools found by searching: with many of them, a model is offered those that fit, and finds the others itself.

What is offered is kept in the thread, so it is the same after a restart and for whichever model goes on. In a turn
tools are only added (what a vendor has cached stays valid) until there is no room; between turns the ones that were
not used for the longest time make room for what the person's next words are about.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import zip_longest
from typing import Annotated, Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.runtime import Runtime
from pydantic import Field

from copilot._identity import Identity
from copilot.agent.state import State, label_of, stamp_of
from copilot.models.toolset import also_callable, wired
from copilot.plugins.arguments import JsonArguments
from copilot.plugins.context import ToolContext
from copilot.plugins.langchain import as_langchain
from copilot.plugins.skill import Skill, Skills
from copilot.plugins.tools import Effect, Result, Tool, build, public_name, tool
from copilot.plugins.toolsearch import Found, ToolIndex
from copilot.settings import ToolSettings
from copilot.slots import Slot
from copilot.trust.labels import WORKSPACE, Label, join

_log = logging.getLogger(__name__)

Handler = Callable[[ModelRequest[None]], Awaitable[ModelResponse[Any]]]

#: Characters that count as one token, as everywhere in the estimates of prompts.
TOKEN = 4
#: The index of skills may take this share of the prompt; of the room for tools, what was used before may keep the one
#: share, and what the person's words lead to may fill up to the other: the rest is for what the model finds.
_INDEX, _KEPT, _LED = 0.2, 0.4, 0.9
#: Characters of tools that are offered however long the instructions are.
_LEAST_ROOM = 4_000
#: Tools that a person's words lead to, at most, and results of one search.
_MOST_LED, _MOST_FOUND = 20, 20
_NAMED = re.compile(r"(?<![\w-])[\w-]{1,64}?(?:\.|__)\w{1,64}")
_MOST_NAMING = 20_000  # characters in which names of tools are looked for
_HERE = frozenset({Effect.READ, Effect.WRITE, Effect.DELETE, Effect.MOVE})
FIND, READ = "tools.find", "skills.read"


@dataclass(frozen=True)
class Offer:
    """Which tools are offered, by public name: in this order, and by when each was last used or found, latest last."""

    turn: int = -1
    names: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()

    @classmethod
    def of(cls, kept: Any) -> Offer:
        """Return the offer that `to_dict` wrote; an empty one for anything else."""
        if not isinstance(kept, Mapping):
            return cls()
        return cls(int(kept.get("turn", -1)), tuple(kept.get("names", ())), tuple(kept.get("recent", ())))

    def to_dict(self) -> dict[str, Any]:
        """Return the offer as JSON types, for the thread's state."""
        return {"turn": self.turn, "names": list(self.names), "recent": list(self.recent)}

    def with_(self, names: Iterable[str]) -> Offer:
        """Return the offer with these as well: added at the end, and used just now."""
        used = dict.fromkeys(names)
        recent = (*(name for name in self.recent if name not in used), *used)
        return replace(self, names=tuple(dict.fromkeys((*self.names, *used))), recent=recent)

    def without(self, name: str) -> Offer:
        """Return the offer without one of them."""
        return replace(
            self, names=tuple(n for n in self.names if n != name), recent=tuple(n for n in self.recent if n != name)
        )


class Shelf:
    """All tools that can be offered: their form on the wire and how many characters each is, worked out when needed."""

    def __init__(self, skills: Skills) -> None:
        self.skills = {skill.name: skill for skill in skills.skills}
        self.tools = Skills(tuple(skill for skill in skills.skills if skill.model_invocation)).tools()
        self.index = ToolIndex(skill for skill in skills.skills if skill.model_invocation)
        self._by_wire = {tool.wire_name: tool.name for tool in self.tools.values()}

    def made(self, name: str) -> BaseTool:
        """Return a tool in LangChain's form, the same object each time."""
        return form(self.tools[name])

    def by_wire(self, name: str) -> BaseTool | None:
        """Return the tool that a model calls by this name, or None."""
        found = self._by_wire.get(name)
        return self.made(found) if found else None

    def name_of(self, word: str) -> str | None:
        """Return the public name of a tool that is written "word.read" or "word__read", or None."""
        found = word if word in self.tools else self._by_wire.get(word)
        return found if found else None

    def size(self, name: str) -> int:
        """Return how many characters a tool is on the wire."""
        return _form(Identity(self.tools[name]))[1]

    def is_here(self, name: str) -> bool:
        """Return whether a tool works on the files of the workspace and asks nobody else."""
        found = self.tools.get(name)
        return found is not None and found.effect in _HERE and found.service is None and not found.hosts

    def label(self, names: Iterable[str]) -> Label:
        """Return the label of what these tools say of themselves: that of their skills."""
        skills = {self.tools[name].skill for name in names if name in self.tools}
        return join(self.skills[each].label for each in skills if each in self.skills)


class ToolSearch(AgentMiddleware[State, None, Any]):
    """Offers the tools that are in use, and what fits the person's words.

    `room` is how many characters of tools may be offered, beside the `core` ones, which always are.
    """

    state_schema = State

    def __init__(self, shelf: Shelf, core: Sequence[BaseTool], room: int) -> None:
        super().__init__()
        self._shelf = shelf
        self._core = list(core)
        self._room = max(room, _LEAST_ROOM)

    async def abefore_model(self, state: State, runtime: Runtime[None]) -> dict[str, Any] | None:
        """Return which tools are offered from now on, when that changes."""
        old = Offer.of(state.get("offered"))
        offer = self.offer(old, state)
        if offer == old:
            return None
        return {"offered": offer.to_dict(), "label": self._shelf.label(offer.names).to_dict()}

    async def awrap_model_call(self, request: ModelRequest[None], handler: Handler) -> ModelResponse[Any]:
        """Return the answer of a model that is offered these tools; a call of any other one is accepted, too."""
        names = Offer.of(request.state.get("offered")).names
        offered = [self._shelf.made(name) for name in names if name in self._shelf.tools]
        with also_callable(self._shelf.by_wire):
            return await handler(request.override(tools=[*self._core, *offered]))

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Run a call as usual. That there is this hook tells LangChain that tools may come later (they run in ours)."""
        return await handler(request)

    def offer(self, old: Offer, state: Mapping[str, Any]) -> Offer:
        """Return what is offered after `old`, by what was said and done since; the same for the same thread."""
        messages = state["messages"]
        turn = len(state.get("typed") or ()) or sum(isinstance(m, HumanMessage) for m in messages)
        known = replace(
            old,
            names=tuple(n for n in old.names if n in self._shelf.tools),
            recent=tuple(n for n in old.recent if n in self._shelf.tools),
        )
        if turn != known.turn:
            known = self._of_turn(replace(known, turn=turn), _said(state), _menu(messages))
        used = list(self._used(messages))
        return self._within(known.with_(used), self._room) if used else known

    def _of_turn(self, offer: Offer, words: str, menu: Sequence[str]) -> Offer:
        offer = self._within(offer, self._room * _KEPT)
        named = [*menu, *_NAMED.findall(words[:_MOST_NAMING])]
        asked = [name for word in named if (name := self._shelf.name_of(word))]
        asked += self._led_to(words)
        added: list[str] = []
        free = self._room * _LED - self._taken(offer.names)
        for name in dict.fromkeys(asked):
            size = 0 if name in offer.names else self._shelf.size(name)
            if size <= free or not added:
                added.append(name)
                free -= size
        return self._within(offer.with_(reversed(added)), self._room)  # the best of them counts as the latest

    def _led_to(self, words: str) -> list[str]:
        """Return what the words lead to: two of the tools that work on the files at hand, one of all, and so on.

        Much of what a person asks is about the contents of a file, of which no tool says anything.
        """
        everywhere = self._shelf.index.search_steps(words, _MOST_LED)
        here = self._shelf.index.search_steps(words, _MOST_LED, only=self._shelf.is_here)
        turns = (each for some in zip_longest(here[::2], here[1::2], everywhere) for each in some if each is not None)
        return [name for each in turns for name in self._tools_of(each)]

    def _tools_of(self, found: Found) -> list[str]:
        return [found.name] if found.kind == "tool" else [t.name for t in self._shelf.skills[found.name].tools]

    def _used(self, messages: Sequence[BaseMessage]) -> Iterator[str]:
        """Yield the tools that the last results name: found, called, or of a skill whose instructions were read."""
        results = _results(messages)
        for call, result in results:
            name = public_name(str(call.get("name", "")))
            data = (result.artifact or {}).get("data") if isinstance(result.artifact, Mapping) else None
            if name == FIND and isinstance(data, Mapping):
                yield from (each for each in reversed(data.get("tools", [])) if each in self._shelf.tools)
            elif name == READ:
                yield from self._read(str((call.get("args") or {}).get("name", "")), result.text)
            elif (own := self._shelf.name_of(str(call.get("name", "")))) is not None:
                yield own

    def _read(self, skill: str, text: str) -> list[str]:
        """Return the tools of a skill that was read, and those that its instructions name, the likeliest last."""
        own = self._shelf.skills[skill].tools if skill in self._shelf.skills else ()
        named = [found for word in _NAMED.findall(text[:_MOST_NAMING]) if (found := self._shelf.name_of(word))]
        return list(dict.fromkeys([*(t.name for t in reversed(own) if t.name in self._shelf.tools), *named]))

    def _within(self, offer: Offer, room: float) -> Offer:
        """Return the offer without those that were used the longest ago, until it fits; one always stays."""
        taken = self._taken(offer.names)
        while taken > room and len(offer.names) > 1:
            oldest = offer.recent[0]
            taken -= self._shelf.size(oldest)
            offer = offer.without(oldest)
        return offer

    def _taken(self, names: Iterable[str]) -> int:
        return sum(self._shelf.size(name) for name in names)


class Offered(AgentMiddleware[State, None, Any]):
    """Offers all tools, where they are not searched for.

    The graph's own tool node, which never runs one (tool_step.py), then has not to be made for each of them.
    """

    state_schema = State

    def __init__(self, tools: Sequence[BaseTool]) -> None:
        super().__init__()
        self._tools: list[BaseTool | dict[str, Any]] = list(tools)

    async def awrap_model_call(self, request: ModelRequest[None], handler: Handler) -> ModelResponse[Any]:
        """Return the answer of a model that is offered these tools."""
        return await handler(request.override(tools=self._tools))

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Return the result of a call: that this is here lets tools be offered that the graph does not know."""
        return await handler(request)


class Told(AgentMiddleware[State, None, Any]):
    """Notes that a model is told what all tools say of themselves, where all of them are offered.

    A server's words about its tools are nobody's orders: who read them does nothing by the person's word alone.
    """

    state_schema = State

    def __init__(self, label: Label) -> None:
        super().__init__()
        self._label = label

    async def abefore_model(self, state: State, runtime: Runtime[None]) -> dict[str, Any] | None:
        """Return the label of what the tools say, until it is in the thread's."""
        seen = label_of(state)
        return None if seen | self._label == seen else {"label": self._label.to_dict()}


class Searched:
    """Everything that is needed to search for tools instead of offering all of them; see `is_needed`."""

    def __init__(self, skills: Skills, settings: ToolSettings) -> None:
        self.shelf = Shelf(skills)
        self.index = int(settings.prompt * TOKEN * _INDEX)
        self._all = settings.prompt * TOKEN
        self._most = settings.offer_all * TOKEN

    @cached_property
    def is_needed(self) -> bool:
        """Whether all tools together are more than may be offered at once."""
        taken = 0
        for name in self.shelf.tools:
            taken += self.shelf.size(name)
            if taken > self._most:
                return True
        return False

    def all(self) -> list[BaseTool]:
        """Return all tools in LangChain's form."""
        return [self.shelf.made(name) for name in self.shelf.tools]

    def taken(self, core: Sequence[BaseTool]) -> int:
        """Return how many characters of each request the tools are, at most, with the `core` ones."""
        if self.is_needed:
            return self._all
        return wire_size(core) + sum(self.shelf.size(name) for name in self.shelf.tools)

    def skill(self) -> Skill:
        """Return the skill with which the model finds tools."""
        return find_skill(self.shelf)

    def middleware(self, prompt: str, core: Sequence[BaseTool]) -> ToolSearch | Told | None:
        """Return the middleware; `prompt` and `core` take their part of the room. None: there is nothing to do."""
        if not self.is_needed:
            label = self.shelf.label(self.shelf.tools)
            return Told(label) if label.tainted else None
        return ToolSearch(self.shelf, core, self._all - len(prompt) - wire_size(core))


def find_skill(shelf: Shelf) -> Skill:
    """Return the skill "tools", whose one tool searches the shelf."""

    @tool(effect="read")
    def find(
        context: ToolContext,
        query: Annotated[str, Slot("operations"), Field(description="What is to be done, in a few words.")],
        limit: Annotated[int, Field(ge=1, le=_MOST_FOUND)] = 8,
    ) -> Result:
        """Find tools and skills for what you want to do; the tools can then be called."""
        found = shelf.index.search(query, limit)
        tools = [each.name for each in found if each.kind == "tool"]
        skills = [each.name for each in found if each.kind == "skill"]
        labels = [shelf.label(tools), *(shelf.skills[name].label for name in skills)]
        context.labels.append(join(labels, WORKSPACE))
        lines = [_line(each, shelf) for each in found]
        nothing = "Nothing fits. Say it in other words, or with the name of the service."
        return Result("\n".join(lines) or nothing, data={"tools": tools, "skills": skills})

    return Skill("tools", "Find tools.", tools=(build(find, skill="tools"),), origin="core")


def wire_size(tools: Sequence[BaseTool]) -> int:
    """Return how many characters tools are on the wire, in OpenAI's form."""
    return sum(len(json.dumps(wired(tool), default=str)) for tool in tools)


@lru_cache(maxsize=2048)
def _form(key: Identity) -> tuple[BaseTool, int]:
    """Return a tool in LangChain's form, and how many characters that is on the wire: the same for all assistants."""
    made = _wired(key.objects[0])
    return made, wire_size([made])


def form(tool: Tool) -> BaseTool:
    """Return a tool in LangChain's form, the same object each time."""
    return _form(Identity(tool))[0]


def _wired(tool: Tool) -> BaseTool:
    """Return a tool in LangChain's form; one whose schema can't go over the wire says nothing of its arguments.

    Its calls fail with the reason, and the others are not lost with it.
    """
    made = as_langchain(tool)
    try:
        wired(made)
    except Exception as error:  # noqa: BLE001 - a stranger's schema may break whoever reads it
        _log.warning("the input schema of %s can't be used: %s: %s", tool.name, type(error).__name__, error)
        return as_langchain(replace(tool, arguments=JsonArguments({"type": "object", "properties": {}})))
    return made


def _line(found: Found, shelf: Shelf) -> str:
    if found.kind == "skill":
        return f"- skill {found.name} (read it with skills__read): {found.line}"
    made: Tool = shelf.tools[found.name]
    return f"- {made.wire_name}({', '.join(made.arguments.names[:8])}): {found.line}"


def _said(state: Mapping[str, Any]) -> str:
    """Return the person's last words, with the files they named; all of the message where nothing was typed."""
    typed = state.get("typed") or []
    words = " ".join([str(typed[-1][0]), *map(str, typed[-1][1])]) if typed else ""
    if words.strip():
        return words
    last = next((m for m in reversed(state["messages"]) if isinstance(m, HumanMessage)), None)
    return last.text if last else ""


def _menu(messages: Sequence[BaseMessage]) -> list[str]:
    """Return the tools of the menu in the last answer: the person may pick from it."""
    last = next((m for m in reversed(messages) if isinstance(m, AIMessage)), None)
    menu = stamp_of(last).get("menu") if last else None
    entries = menu if isinstance(menu, list) else []
    return [str(each["tool"]) for each in entries if isinstance(each, Mapping) and "tool" in each]


def _results(messages: Sequence[BaseMessage]) -> list[tuple[Mapping[str, Any], ToolMessage]]:
    """Return the calls of the last answer with their results, if results are the last thing in the thread."""
    results: dict[str, ToolMessage] = {}
    for message in reversed(messages):
        if isinstance(message, ToolMessage):
            results[message.tool_call_id] = message
            continue
        if not isinstance(message, AIMessage):
            return []
        return [(dict(c), results[str(c["id"])]) for c in message.tool_calls if str(c["id"]) in results]
    return []
