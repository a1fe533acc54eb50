"""`Copilot`: the assistant over a folder, for scripts and for every host."""

from __future__ import annotations

import asyncio
import os
import queue
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from copilot import settings as settings_module
from copilot._database import dsn
from copilot._home import keep_private, login
from copilot.agent.events import ApprovalEvent, Event, Final
from copilot.agent.threads import Threads
from copilot.errors import SettingsError
from copilot.plugins import connectors
from copilot.settings import Settings
from copilot.workspace.places import FOLDER as PLACES
from copilot.workspace.places import place_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    from copilot.agent.checkpoints import Serializer
    from copilot.agent.kept_open import KeptOpen
    from copilot.agent.plan import Runner, Step
    from copilot.agent.turn import Turn
    from copilot.agent.workers import Answered
    from copilot.models.router import RoutedChatModel
    from copilot.plugins.connections import Connections
    from copilot.plugins.credentials import Secrets
    from copilot.plugins.mcp.config import Found
    from copilot.plugins.mcp.elicitation import Elicit
    from copilot.plugins.mcp.hub import Hub
    from copilot.plugins.persona import Persona
    from copilot.plugins.plugin import Plugin
    from copilot.plugins.projects import Admitted
    from copilot.plugins.skill import Problem, Skills
    from copilot.plugins.tools import Tool
    from copilot.trust.audit import Audit
    from copilot.trust.grants import Grant
    from copilot.trust.guard import Guard
    from copilot.trust.labels import Label
    from copilot.workspace.mounted import Mounted
    from copilot.workspace.workspace import Entry, Workspace

# LangGraph then refuses to build types from a checkpoint that are not its own or ours.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")

T = TypeVar("T")
CHECKPOINTS = "threads.sqlite"


class Copilot:
    """The assistant over one or more folders.

    `folder` (and `folders`) are places of connectors, usually paths; nothing outside them is read or written.
    `model` is the name of a configured model to prefer, or a LangChain chat model of your own; `tools` are functions
    marked with `@tool`. `mode`: "ask" (writing waits for an approval), "yes" (the caller approves beforehand),
    "dry-run", "read-only", "auto" (the policy decides, and asks where documents had a part in it or something leaves);
    `trust.mode` of the settings if left out. `user` is who is served, for the budgets and the usage table. `agent` is
    an agent that plugins brought, by its name: it has its own instructions and limits (`personas` lists them), and
    `without` names those of its capabilities that are switched off. `elicit` asks the person what an MCP server wants
    to know in the middle of a call (declined without it). Nothing is loaded before it is needed.

    Every method comes twice: `ask` and `aask`, `stream` and `astream`, `resume` and `aresume`, `call` and `acall`.
    """

    def __init__(
        self,
        folder: str | Path = ".",
        *,
        folders: Sequence[str | Path] = (),
        model: str | BaseChatModel | None = None,
        tools: Sequence[Callable[..., Any]] = (),
        mode: str = "",
        user: str = "",
        settings: Settings | None = None,
        state: Path | None = None,
        env: Mapping[str, str] | None = None,
        agent: str | Persona = "",
        without: Sequence[str] = (),
        elicit: Elicit | None = None,
    ) -> None:
        places = [place_of(Path(place)) or str(place) for place in (folder, *folders)]
        here = {place: connectors.mount(place) for place in places if not connectors.lies_elsewhere(place)}
        self.user = user
        self.state = keep_private(_state_folder(state) if state else settings_module.home())
        self.settings = settings or settings_module.load(here.get(places[0], self.state / PLACES))
        self.mode = mode or self.settings.trust.mode
        self.threads = Threads(self.state)
        self.conversations = self.state / CHECKPOINTS
        self.kept_open: KeptOpen | None = None  # the database of threads, of hosts with an event loop
        self._model = model
        self._functions = tuple(tools)
        self._env = os.environ if env is None else env
        self.agent = agent
        self.without = tuple(without)
        self.elicit = elicit
        self._depth = 0  # how many agents asked for this one
        places += [place for place in self.settings.places.open if place not in places]
        here |= {p: connectors.mount(p) for p in places if p not in here and not connectors.lies_elsewhere(p)}
        self.mounts = {place: self._mounted(place) for place in dict.fromkeys(places) if place not in here}
        folders_here = (here[place] if place in here else self.mounts[place].folder for place in places)
        self.roots = tuple(dict.fromkeys(folders_here))

    @property
    def folder(self) -> Path:
        """The first root: paths are shown relative to it."""
        return self.roots[0]

    @cached_property
    def workspace(self) -> Workspace:
        """The folders, with staging, saving and undo."""
        from copilot.trust.sensitivity import label_of
        from copilot.workspace.workspace import Workspace

        opened = Workspace(
            self.roots,
            self.state,
            labeller=lambda data, name: label_of(data, name, self.settings.trust),
            history=self.settings.history,
            mounts=tuple(self.mounts.values()),
            copies=self.settings.places.conflict_copies,
        )
        opened.watch = self._took_back
        return opened

    def _mounted(self, place: str) -> Mounted:
        from copilot.trust.sensitivity import level_of
        from copilot.workspace.mounted import Mounted

        return Mounted(
            connectors.mounted(place, self.connections),
            self.state,
            keep=self.settings.places.keep_bytes,
            rate=lambda ids: level_of(ids, self.settings.trust),
            opened_as=place,
        )

    @cached_property
    def project_skills(self) -> tuple[list[Admitted], list[Problem]]:
        """The trusted skills of the opened folders, and why the others are not loaded; nothing of them has run yet."""
        from copilot.plugins import projects

        return projects.admit(projects.find(self.roots, self.settings.project_skills), self.state)

    @cached_property
    def skills(self) -> Skills:
        """The loaded skills, and what could not be loaded."""
        from copilot.plugins import loader

        admitted, problems = self.project_skills
        loaded = loader.load(self.settings.skills, admitted=admitted, plugins=self.plugins)
        loaded = loaded.plus([loader.from_functions(self._functions)] if self._functions else [])
        loaded = replace(loaded, problems=(*problems, *self.plugin_problems, *loaded.problems))
        return loaded.beside(self._served(loaded))

    def _served(self, loaded: Skills) -> Skills:
        """Return what MCP servers offer beside the skills that are loaded already."""
        from copilot.plugins.mcp.offers import offered
        from copilot.plugins.skill import Skills

        found = offered(self.servers.servers, self.hub, taken=[skill.name for skill in loaded.skills])
        return Skills(found.skills, (*self.servers.problems, *found.problems))

    @cached_property
    def servers(self) -> Found:
        """The MCP servers of the settings, of plugins and of the opened folders; none of them is asked yet."""
        from copilot.plugins.mcp.places import everything
        from copilot.trust.labels import Confidentiality

        brought = [server for plugin in self.plugins for server in plugin.servers]

        def cleared(name: str) -> Confidentiality:
            return Confidentiality.parse(self.settings.plugins.clearance(name))

        found = everything(self.settings.mcp, self.roots, brought, self._env, cleared)
        for server in found.servers:
            if not server.plugin and (reference := str(server.auth.get("reference") or "")):
                self._secrets.asked_for([reference], f"the server {server.key}")
        return found

    @cached_property
    def hub(self) -> Hub:
        """The connections to MCP servers, each made when it is first needed; `close` ends them."""
        from copilot.plugins.mcp.hub import Hub
        from copilot.plugins.mcp.references import headers_by

        credentials = headers_by(self._secrets)
        return Hub(self.state, roots=self.roots, env=self._env, elicit=self.elicit, headers=credentials)

    @cached_property
    def _secrets(self) -> Secrets:
        from copilot.plugins.credentials import Secrets

        return Secrets(self.settings.plugins.auth, self.state, self._env)

    @cached_property
    def _discovered(self) -> tuple[list[Plugin], list[Problem]]:
        from copilot.plugins.discovery import discover
        from copilot.plugins.plugin import Reading

        chosen, labels = self.settings.plugins, {**self.settings.trust.labels}
        found = discover(Reading(self.state, settings=chosen, secrets=self._secrets, env=self._env, labels=labels))
        for plugin in found[0]:
            self._secrets.asked_for(plugin.references, f"{plugin.name} in {plugin.root}")
        return found

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """What the installed plugins, and those of the settings, bring."""
        return tuple(self._discovered[0])

    @property
    def plugin_problems(self) -> tuple[Problem, ...]:
        """What is to be said of plugins: those that can't be used, and parts of the others."""
        return tuple(self._discovered[1])

    @cached_property
    def personas(self) -> tuple[Persona, ...]:
        """The agents that plugins brought."""
        return tuple(persona for plugin in self.plugins for persona in plugin.personas)

    @cached_property
    def persona(self) -> Persona | None:
        """The agent that answers, None for the assistant itself. Raises ToolInputError for an unknown name."""
        from copilot.plugins.persona import named

        if not self.agent:
            return None
        chosen = named(self.agent, self.personas) if isinstance(self.agent, str) else self.agent
        return chosen.without(self.without)

    @cached_property
    def offered(self) -> Skills:
        """What a model is offered of the skills: all of them, or what the agent may use."""
        from copilot.agent.personas import outfit
        from copilot.agent.workers import DEEPEST, agents_skill, missing, workers_of

        if self.persona is None:
            return self.skills
        chosen = outfit(self.persona, self.skills)
        workers, unknown = workers_of(self.persona, self.personas)
        chosen = replace(chosen, problems=(*chosen.problems, *missing(self.persona, unknown)))
        return chosen.plus([agents_skill(workers, self._ask)] if workers and self._depth < DEEPEST else [])

    @cached_property
    def at_hand(self) -> Skills:
        """What is offered, without the skills that need an account or the web where none is set up."""
        from copilot.agent.at_hand import at_hand

        return at_hand(self.offered, self.settings, self.connections)

    def _ask(self, persona: Persona, message: str, label: Label) -> Answered:
        """Return what a worker agent says; see workers.py."""
        from copilot.agent.workers import answered

        with_it = self.like(agent=persona, mode="read-only")
        with_it._depth = self._depth + 1
        for shared in ("_discovered", "skills", "personas", "hub", "workspace", "guard", "audit"):
            with_it.__dict__[shared] = getattr(self, shared)
        how: dict[str, Any] = {"user": self.user, "serde": self.serializer}

        def run() -> Answered:
            found: Answered = _run(lambda: answered(with_it._graph, with_it.runner, persona, message, label, **how))
            return found

        return Context().run(run)  # else LangGraph takes the worker's turn for a part of the one that asks

    def like(self, **changes: Any) -> Copilot:
        """Return an assistant made as this one was, but for these arguments of its own."""
        same: dict[str, Any] = {
            "folder": self.folder,
            "folders": self.roots[1:],
            "model": self._model,
            "tools": self._functions,
            "mode": self.mode,
            "user": self.user,
            "settings": self.settings,
            "state": self.state,
            "env": self._env,
            "agent": self.agent,
            "without": self.without if "agent" not in changes else (),
            "elicit": self.elicit,
        }
        return type(self)(**{**same, **changes})

    @cached_property
    def guard(self) -> Guard:
        """The policy in force: the table, the rules of the settings, and what is always allowed."""
        from copilot.trust.guard import Guard

        made = Guard(self.settings.trust, self.state, self.workspace.roots)
        made.grants.watch = self._granted
        return made

    @cached_property
    def audit(self) -> Audit:
        """The log of what is decided and done, in the state folder."""
        from copilot.trust.audit import Audit

        return Audit(self.state, actor=self.user or login(), paths=self.settings.audit.paths)

    def _recorded(self, event: Mapping[str, Any]) -> None:
        self.audit.record({"folder": str(self.folder), **event})

    def _took_back(self, entry: Entry) -> None:
        told = {"thread": entry.thread, "entry": entry.number, "undoes": entry.undoes, "path": str(entry.path)}
        event = "restore" if entry.undoes is None else "undo"
        self._recorded({"event": event, **told, "before": entry.before, "after": entry.after})

    def _granted(self, action: str, grant: Grant) -> None:
        self._recorded({"event": "policy", "action": action, "tool": grant.tool, "folder": grant.folder})

    @cached_property
    def runner(self) -> Runner:
        """Stages and commits tool calls without any model."""
        from copilot.agent.core_tools import core_skill
        from copilot.agent.plan import Runner

        accounts = self.connections
        tools = self.offered.plus([core_skill(self.offered, self._script_tools)]).tools()
        return Runner(tools, self.workspace, guard=self.guard, audit=self._recorded, connections=accounts)

    @cached_property
    def _script_tools(self) -> tuple[Tool, ...]:
        from copilot.plugins.sandbox.limits import Limits
        from copilot.plugins.scripts import script_tools

        return script_tools(self.offered, self.state, Limits.of(self.settings.sandbox))

    @cached_property
    def connections(self) -> Connections:
        """The accounts of the settings, each connected when a tool first needs it."""
        from copilot.plugins.connections import Connections

        chosen, writes = self.settings.accounts, self.mode != "read-only"
        return Connections(
            *(chosen, self.state, self._env, connectors.connector),
            writes=writes,
            web=self.settings.web,
            hosts=self.settings.trust.hosts,
        )

    @cached_property
    def serializer(self) -> Serializer:
        """What reads and writes the values of threads, encrypted where the settings say so."""
        from copilot.agent.checkpoints import serializer

        return serializer(self.state, encrypt=self.settings.records.encrypt)

    @cached_property
    def router(self) -> RoutedChatModel:
        """The model that answers: whichever of the configured ones is allowed, able and alive."""
        from copilot.agent.personas import preferred, tuned
        from copilot.agent.router import build_router

        persona = self.persona
        settings = tuned(persona, self.settings) if persona and not self._model else self.settings
        first = self._model or (preferred(persona, settings) if persona else "")
        return build_router(settings, first, self.workspace, self.state, self._env)

    @cached_property
    def _graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        from copilot.agent.assembly import assemble

        persona = self.persona
        traced = self.settings.records.otel
        return assemble(
            model=self.router,
            skills=self.at_hand,
            workspace=self.workspace,
            window=self.router.window,
            traced=traced,
            guard=self.guard,
            audit=self._recorded,
            connections=self.connections,
            persona=persona,
            offering=self.settings.tools,
            more=self._script_tools,
        )

    def prepare(self) -> None:
        """Load everything that the first turn needs, so that it starts at once."""
        self._graph  # noqa: B018 - a cached property: made here

    # --- a turn ---------------------------------------------------------------------------------------------------

    async def astream(
        self,
        message: str,
        *,
        thread: str | None = None,
        files: Sequence[str] = (),
        mode: str | None = None,
        typed: str | None = None,
        message_id: str = "",
    ) -> AsyncIterator[Event]:
        """Yield what happens while `message` is answered; the last event is always a `Final`.

        `thread` continues a conversation (a new one is made without it); `files` are documents that the message is
        about; DocumentError is raised for one that is not there. `typed` is what of the message the signed-in person
        typed, where that is not all of it (a prompt out of a link or a pipe: ""); only this endorses actions. A message
        with a `message_id` counts once: given again, after a crash perhaps, its turn goes on where it was. Errors
        in the turn arrive as `Final.error`. Waiting for an approval ends the stream, too: answer it with `aresume`.
        """
        thread = thread or self.threads.new_id()
        message = message.encode("utf-8", "replace").decode("utf-8")  # half characters, from file names, are not text
        named = [self.workspace.show(self._document(file)) for file in files]
        async with self._turn(thread, mode) as turn:
            agent = self.persona.handle if self.persona else ""
            self.threads.touch(thread, self.folder, message, self.roots[1:], agent)
            async for event in turn.say(message, named, typed, id=message_id):
                yield event

    def _document(self, path: str) -> Path:
        """Return where a named document lies; raises DocumentError when it is not there, or OutsideRootsError."""
        place = self.workspace.resolve(path)
        return place if place.is_file() else self.workspace.read(place).path

    async def astream_resume(
        self,
        thread: str,
        *,
        approve: bool | Sequence[str] = True,
        message: str = "",
        mode: str | None = None,
        card: str = "",
        always: bool = False,
    ) -> AsyncIterator[Event]:
        """Yield what happens after the open approval of `thread` is answered.

        `approve` is True for all, False for none, or the call ids that are approved; `message` is told to the model
        with what was declined; `card` is the digest of the card that the person saw; `always` allows such calls from
        now on, as far as they can be allowed (`everpilot policy list`). Raises ApprovalError when there
        is nothing to approve, it expired, or the thread waits for another card by now.
        """
        async with self._turn(thread, mode) as turn:
            async for event in turn.answer(approve, message, card, always):
                yield event

    async def astream_on(
        self, thread: str, *, mode: str | None = None, after: Sequence[str] = ()
    ) -> AsyncIterator[Event]:
        """Yield what is left of a turn that was broken off, in another process perhaps; its end, if it had ended.

        What the model had said in it comes again, with `after` only what it said after it made these calls.
        """
        async with self._turn(thread, mode) as turn:
            async for event in turn.go_on(after):
                yield event

    async def aask(
        self,
        message: str,
        *,
        thread: str | None = None,
        files: Sequence[str] = (),
        mode: str | None = None,
        typed: str | None = None,
    ) -> Final:
        """Return the end of the turn that answers `message`; see `astream`."""
        return await _last(self.astream(message, thread=thread, files=files, mode=mode, typed=typed))

    async def aresume(
        self,
        thread: str,
        *,
        approve: bool | Sequence[str] = True,
        message: str = "",
        mode: str | None = None,
        card: str = "",
        always: bool = False,
    ) -> Final:
        """Return the end of the turn that goes on after an approval; see `astream_resume`."""
        return await _last(
            self.astream_resume(thread, approve=approve, message=message, mode=mode, card=card, always=always)
        )

    async def alabel(self, thread: str) -> Label:
        """Return the label of everything that entered a thread: how confidential, how trusted, and from where."""
        async with self._turn(thread, None) as turn:
            return await turn.label()

    async def apending(self, thread: str) -> ApprovalEvent | None:
        """Return the approval that `thread` waits for, or None."""
        async with self._turn(thread, None) as turn:
            return await turn.pending()

    def stream(
        self,
        message: str,
        *,
        thread: str | None = None,
        files: Sequence[str] = (),
        mode: str | None = None,
        typed: str | None = None,
        message_id: str = "",
    ) -> Iterator[Event]:
        """Yield the events of `astream` without an event loop of your own."""
        return iterate(
            lambda: self.astream(message, thread=thread, files=files, mode=mode, typed=typed, message_id=message_id)
        )

    def stream_resume(
        self,
        thread: str,
        *,
        approve: bool | Sequence[str] = True,
        message: str = "",
        mode: str | None = None,
        card: str = "",
        always: bool = False,
    ) -> Iterator[Event]:
        """Yield the events of `astream_resume` without an event loop of your own."""
        return iterate(
            lambda: self.astream_resume(thread, approve=approve, message=message, mode=mode, card=card, always=always)
        )

    def ask(
        self,
        message: str,
        *,
        thread: str | None = None,
        files: Sequence[str] = (),
        mode: str | None = None,
        typed: str | None = None,
    ) -> Final:
        """Return the end of the turn that answers `message`; see `aask`."""
        return _final(self.stream(message, thread=thread, files=files, mode=mode, typed=typed))

    def resume(
        self,
        thread: str,
        *,
        approve: bool | Sequence[str] = True,
        message: str = "",
        mode: str | None = None,
        card: str = "",
        always: bool = False,
    ) -> Final:
        """Return the end of the turn that goes on after an approval; see `aresume`."""
        return _final(self.stream_resume(thread, approve=approve, message=message, mode=mode, card=card, always=always))

    def pending(self, thread: str) -> ApprovalEvent | None:
        """Return the approval that `thread` waits for, or None."""
        found: ApprovalEvent | None = _run(lambda: self.apending(thread))
        return found

    # --- without a model ------------------------------------------------------------------------------------------

    def call(
        self,
        tool: str,
        args: Mapping[str, Any],
        *,
        mode: str | None = None,
        decide: Callable[[list[dict[str, Any]]], bool] | None = None,
    ) -> dict[str, Any]:
        """Run one tool with no model and return `{tool, status, text, data, sources, changes, error}` as JSON types.

        `status` is "done", "failed", "ask" (nothing written: call again with mode "yes"), "denied" or "dry-run". What
        goes out is asked about in every mode: `decide` is handed what would be done, to show it to a person, and
        returns what they said.
        """
        return self.step(tool, args, mode=mode, decide=decide).told(tool)

    def step(
        self,
        tool: str,
        args: Mapping[str, Any],
        *,
        mode: str | None = None,
        decide: Callable[[list[dict[str, Any]]], bool] | None = None,
    ) -> Step:
        """Run one tool with no model, and return what became of it, with its label; see `call`."""
        from copilot.agent.plan import By, Call
        from copilot.trust.labels import USER
        from copilot.trust.typed import EVERYTHING

        chosen, by = mode or self.mode, By(actor=self.user, typed=EVERYTHING, moment=_now())
        steps = self.runner.stage([Call("call", tool, dict(args))], mode=chosen, label=USER, by=by)
        self.runner.record(steps, by=by)
        if steps[0].status != "ask" or (decide is not None and decide(steps[0].shown)):
            self.runner.commit(steps, thread="", by=by)
        return steps[0]

    async def acall(self, tool: str, args: Mapping[str, Any], *, mode: str | None = None) -> dict[str, Any]:
        """Run one tool with no model; see `call`."""
        return await asyncio.to_thread(self.call, tool, args, mode=mode)

    @asynccontextmanager
    async def _turn(self, thread: str, mode: str | None) -> AsyncIterator[Turn]:
        if "_graph" not in self.__dict__:
            await asyncio.to_thread(self.prepare)
        async with self._threads() as saver:
            yield self.turn_in(saver, thread, mode)

    @asynccontextmanager
    async def _threads(self) -> AsyncIterator[BaseCheckpointSaver[Any]]:
        from copilot.agent.checkpoints import checkpoints

        serde = self.__dict__.get("serializer") or await asyncio.to_thread(lambda: self.serializer)
        address = dsn(self.settings.database, self._env) if self.settings.database else ""
        async with checkpoints(self.conversations, serde, address, self.kept_open) as saver:
            yield saver

    async def aforget(self, thread: str) -> None:
        """Delete what was said in a thread; its documents and their history stay."""
        async with self._threads() as saver:
            await saver.adelete_thread(thread)

    def turn_in(
        self, saver: BaseCheckpointSaver[Any], thread: str, mode: str | None = None, label: Label | None = None
    ) -> Turn:
        """Return a turn of a thread that lies in `saver`: for hosts that keep their database of threads open.

        `label` is that of data which stands in what is said (what a step of a recipe read, say).
        """
        from copilot.agent.turn import Turn

        bound = self._graph.copy({"checkpointer": saver})
        known = [each for each in (self.persona.label if self.persona else None, label) if each is not None]
        whole = known[0] | known[-1] if known else None
        return Turn(bound, thread, mode or self.mode, self.runner, _now, self.user, whole)


def _state_folder(folder: Path) -> Path:
    """Return the folder, made if it is not there. Raises SettingsError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The state folder {folder} can't be made: {error.strerror}.") from error
    return folder


def _now() -> datetime:
    return datetime.now(UTC)


async def _last(events: AsyncIterator[Event]) -> Final:
    final = [event async for event in events if isinstance(event, Final)]
    return final[-1]


def _final(events: Iterator[Event]) -> Final:
    return [event for event in events if isinstance(event, Final)][-1]


def _run(make: Callable[[], Any]) -> Any:
    """Run a coroutine in a loop of its own, also when the caller's thread already runs one."""
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        return portal.call(make)


def iterate(make: Callable[[], AsyncIterator[T]]) -> Iterator[T]:
    """Yield from an async iterator that runs whole in one task of a loop of its own; left early, it is stopped."""
    from anyio.from_thread import start_blocking_portal

    items: queue.SimpleQueue[T | None] = queue.SimpleQueue()

    async def pump() -> None:
        try:
            async for event in make():
                items.put(event)
        finally:
            items.put(None)

    with start_blocking_portal() as portal:
        task = portal.call(_started, pump)
        try:
            while (event := items.get()) is not None:
                yield event
            portal.call(asyncio.wait_for, task, None)
        finally:
            portal.call(_stopped, task)


async def _started(work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    return asyncio.create_task(work())


async def _stopped(task: asyncio.Task[None]) -> None:
    # The task is cancelled once. anyio's own cancelling would also cut off what the task does to clean up.
    task.cancel()
    await asyncio.wait({task})
