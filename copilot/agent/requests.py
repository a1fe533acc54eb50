"""What the policy is asked about a call: facts only, worked out from declarations, labels and what was typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from copilot.agent.step import By
from copilot.errors import EverpilotError
from copilot.plugins.service import SERVICE, Service
from copilot.plugins.tools import Effect, Tool
from copilot.trust import hosts
from copilot.trust.guard import Guard
from copilot.trust.labels import USER, Label
from copilot.trust.outgoing import Outgoing
from copilot.trust.policy import Request
from copilot.workspace.change import Change
from copilot.workspace.workspace import Workspace

#: Roles that do not say what is acted on.
_NO_TARGETS = frozenset({"body", "option"})


@dataclass(frozen=True)
class Asked:
    """One call as the policy sees it: `label` is what the model had seen when it made it."""

    tool: Tool
    args: Mapping[str, Any]
    label: Label
    mode: str
    by: By

    def named(self) -> Iterator[tuple[str, Any]]:
        """Yield role and value of the arguments that were given and are not the default; undeclared are targets."""
        arguments = self.tool.arguments
        for name, value in self.args.items():
            if name not in arguments.names or value != arguments.default(name) or isinstance(value, bool):
                yield self.tool.roles.get(name) or "target", value

    @cached_property
    def service(self) -> Service | None:
        """Who the call goes to, None where the tool has no service."""
        return self.tool.service_for(self.args)

    @property
    def endorsed(self) -> bool:
        """Whether every target is a value that the person typed."""
        return all(self.by.typed.endorses(v, kind) for kind, v in self.named() if kind not in _NO_TARGETS)

    @property
    def verbatim(self) -> bool:
        """Whether everything is."""
        return all(self.by.typed.endorses(v, kind) for kind, v in self.named() if kind != "option")

    @property
    def led(self) -> bool:
        """Whether it only goes to addresses that a search engine gave, whole, in a thread that has read nothing else.

        Such an address holds nothing of the person's. Which one of them is chosen could tell something about what was
        read, so that this holds only where all that is untrusted came from services, and nothing is restricted.
        """
        named = [(kind, value) for kind, value in self.named() if kind != "option"]
        known = self.label.origins is not None and not self.label.is_kept
        return known and bool(named) and all(kind == "url" and value in self.by.leads for kind, value in named)


class Requests:
    """Makes requests over one workspace."""

    def __init__(self, workspace: Workspace, guard: Guard) -> None:
        self._workspace = workspace
        self._guard = guard

    def before(self, asked: Asked) -> Request:
        """Return what is known before the tool runs: for reading and fetching this is all."""
        request = Request(asked.tool.effect.value, asked.label, asked.mode, tool=asked.tool.name)
        request = replace(request, paths=tuple(self._paths(asked)))
        return self._fetch(asked, request) if asked.tool.effect is Effect.FETCH else request

    def change(self, asked: Asked, changes: Iterable[Change], read: Label) -> Request:
        """Return the request of a call that would make these changes.

        What the call itself read from the file that it changes has no part in what was chosen, only in how confidential
        it is.
        """
        made = list(changes)
        effect = Effect.DELETE if any(c.content is None for c in made) else asked.tool.effect
        typed = all(asked.by.typed.endorses(self._workspace.show(c.path), "path") for c in made)
        return Request(
            effect.value,
            replace(asked.label | read, integrity=asked.label.integrity),
            asked.mode,
            overwrites=any(c.before is not None and any(h.kind == "file" for h in c.hunks) for c in made),
            creates=all(c.before is None for c in made),
            endorsed=typed and asked.endorsed,
            verbatim=asked.verbatim,
            unasked="link" if _holds_links(asked) else "",
            tool=asked.tool.name,
            paths=tuple(str(c.path) for c in made),
        )

    def send(self, asked: Asked, outgoing: Outgoing, read: Label, planned: Mapping[str, int]) -> Request:
        """Return the request of a call that would send this; `planned`: how much the plan sends before to whom."""
        label = asked.label | read | outgoing.label
        typed = asked.by.typed
        whom = [*outgoing.recipients, *outgoing.hosts]
        named = all(typed.endorses(name, "recipient") for name in outgoing.recipients)
        named = named and all(typed.endorses(host, "url") for host in outgoing.hosts)
        attached = all(typed.names(each.name) for each in outgoing.attachments)
        return Request(
            outgoing.effect,
            label,
            asked.mode,
            endorsed=bool(whom) and named and attached and asked.endorsed,
            unasked=self._unasked(asked, outgoing, label, planned),
            outsider=label.readers is not None and not all(label.admits(name) for name in whom),
            host=self._host(asked.service, [*outgoing.hosts, *asked.tool.hosts]),
            cleared=_cleared(asked.service, label),
            combined=_combined(asked, label),
            tool=asked.tool.name,
            paths=tuple(self._paths(asked)),
        )

    def _unasked(self, asked: Asked, outgoing: Outgoing, label: Label, planned: Mapping[str, int]) -> str:
        """Return what of it goes beyond what the person asked for: see policy.Request."""
        typed = asked.by.typed
        if typed.links(f"{outgoing.subject}\n{outgoing.body}"):
            return "link"
        if label.tainted and not all(typed.names(s) or typed.endorses(s, "url") for s in label.sources):
            return "source"
        for name in outgoing.recipients:
            sent = planned.get(name.lower(), 0) + self._guard.once.sent_to(asked.by.thread, name)
            if sent and sent >= typed.times(name):
                return "again"
            if asked.tool.cues and typed.times(name) and not typed.said(name, asked.tool.cues):
                return "words"
        return ""

    def _fetch(self, asked: Asked, request: Request) -> Request:
        """What goes out with a fetch is its arguments: the person's words where they typed all of them."""
        kinds = asked.tool.roles.values()
        urls = [str(value) for kind, value in asked.named() if kind == "url"]
        label = replace(USER, sources=()) if asked.verbatim or asked.led else asked.label
        return replace(
            request,
            label=label,
            declared=None not in kinds and bool(urls or asked.tool.hosts or asked.service),
            host=self._host(asked.service, [*urls, *asked.tool.hosts]),
            cleared=_cleared(asked.service, label),
            own=asked.service is not None and asked.service.gave(label),
            combined=_combined(asked, asked.label),
        )

    def _host(self, service: Service | None, urls: Iterable[str]) -> str:
        """Return the rule that an address breaks; the origins of a service were agreed to with its plugin."""
        agreed = service.reaches if service else lambda url: False
        return _host_problem([url for url in urls if not agreed(url)], self._guard.settings.hosts)

    def _paths(self, asked: Asked) -> Iterator[str]:
        for kind, value in asked.named():
            for path in value if isinstance(value, list | tuple) else [value]:
                if kind == "path" and isinstance(path, str):
                    try:
                        yield str(self._workspace.resolve(path))
                    except EverpilotError:
                        continue  # the tool will say it better


def _cleared(service: Service | None, label: Label) -> bool:
    return service is not None and service.cleared(label)


def _combined(asked: Asked, label: Label) -> bool:
    """Whether a tool that is to work alone would work on what another service gave."""
    others = {source.partition(" ")[2] for source in label.sources if source.startswith(SERVICE)}
    return asked.tool.alone and bool(others - {asked.service.name if asked.service else ""})


def _host_problem(urls: Iterable[str], allowed: Iterable[str]) -> str:
    listed = list(allowed)
    return next((rule for url in urls if (rule := hosts.problem(url, listed)[0])), "")


def _holds_links(asked: Asked) -> bool:
    """Whether a link comes with the call: what stood in the file before is not written by it."""
    return any(asked.by.typed.links(text) for kind, value in asked.named() for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
