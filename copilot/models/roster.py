"""The models of this installation: what is configured, else what the environment and a running Ollama offer."""

from __future__ import annotations

import difflib
import ipaddress
import json
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from copilot.errors import SettingsError
from copilot.models import catalog, dialects, providers
from copilot.models.attempt import Client
from copilot.models.credentials import Credential
from copilot.models.terms import Terms, terms_of
from copilot.models.toolset import Toolset
from copilot.settings import ModelSettings, Settings
from copilot.trust.labels import Confidentiality

log = logging.getLogger(__name__)

BUILTIN = "builtin"
_PROBE_CONNECT = 0.5  # seconds; a server on this machine answers at once or not at all
_PROBE_READ = 2.0
_PROBE_AGAIN = 30.0  # seconds before we look again for an Ollama that was not there
_OFFERED = 3  # installed models of an Ollama that are used
_RENEWED = 5.0  # seconds after a key was renewed in which who is refused had asked with the old one


@dataclass
class Candidate:
    """One model that may be asked. Its client is built on first use; `trouble` says why it can't be."""

    settings: ModelSettings
    provider: providers.Provider
    connection: providers.Connection | None
    trouble: SettingsError | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ready: BaseChatModel | None = None
    local: bool = False
    brought: bool = False
    without_tools: bool = False
    plain_stream: bool = False
    _pid: int = field(default_factory=os.getpid, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _bound: weakref.WeakKeyDictionary[Toolset, Client] = field(default_factory=weakref.WeakKeyDictionary, repr=False)
    _unthinking: Candidate | None = field(default=None, repr=False)
    _key: SecretStr | None = field(default=None, repr=False)
    _renewing: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _renewed: float = field(default=-_RENEWED, repr=False)

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self.settings.name

    @property
    def key_names(self) -> tuple[str, ...]:
        """Where its key may come from, most often variables; nowhere for a model that the caller brought."""
        if self.brought:
            return ()
        if (credential := self._credential) is not None and credential.rotates:
            return (credential.source,)
        signed = tuple(self.connection.signing) if self.connection else ()
        return (self.settings.api_key_env,) if self.settings.api_key_env else signed or tuple(self.provider.keys)

    @property
    def model(self) -> str:
        """The vendor's name of the model."""
        return self.connection.model if self.connection else self.settings.model

    @property
    def is_builtin(self) -> bool:
        """True for the planner that needs no language model."""
        return self.settings.provider == BUILTIN

    @property
    def identity(self) -> str:
        """What its circuit belongs to."""
        if self.brought:
            return f"brought/{id(self.ready)}"
        return self.connection.identity if self.connection else f"{self.settings.provider}/{self.name}"

    @cached_property
    def dialect(self) -> dialects.Dialect:
        """The wire format that it speaks."""
        return dialects.get(self.settings.dialect or self.provider.dialect)

    @property
    def terms(self) -> Terms:
        """How its client takes what a call asks for."""
        return terms_of(self.provider.client)

    @cached_property
    def _stated(self) -> catalog.Facts:
        named = self.settings.model_copy(update={"model": self.model})
        return catalog.facts_of(named, self.provider.first_byte, self.provider.client)

    @property
    def facts(self) -> catalog.Facts:
        """Window, abilities, price; of a model that is loaded here, what its client learned of it by that."""
        if not hasattr(type(self.ready), "learned"):
            return self._stated
        learned = getattr(self.ready, "learned", None)
        return catalog.learned(self._stated, learned) if isinstance(learned, catalog.Facts) else self._stated

    @cached_property
    def clearance(self) -> Confidentiality:
        """The most confidential data that it may be given."""
        return Confidentiality.parse(self.settings.max_confidentiality)

    @property
    def attempt_seconds(self) -> float:
        """How long one attempt may take; a model that may think longer than that is given its time."""
        limits = self.settings.deadlines
        if "attempt" in limits.model_fields_set:
            return limits.attempt
        return max(limits.attempt, self.facts.first_byte or 0.0)

    @property
    def may_flow(self) -> bool:
        """Whether a stream that keeps delivering may take longer than an attempt: unless the user set that deadline."""
        return "attempt" not in self.settings.deadlines.model_fields_set

    @property
    def stays(self) -> bool:
        """Whether what it is given stays on this machine, as far as the kind of server tells."""
        cloud = self.model.endswith("cloud")  # Ollama's "-cloud" models are answered elsewhere
        return self.is_builtin or (self.local and self.provider.here and not cloud and not self.settings.region)

    def is_built(self, tools: Toolset) -> bool:
        """Return whether `client` would return at once; not so when the key that it was built with has had its time."""
        return tools in self._bound and self._pid == os.getpid() and self._has_current_key()

    def client(self, tools: Toolset) -> Client:
        """Return the vendor's client with the tools bound, built with the key that counts now.

        The first call imports it, and a key may have to be asked for: keep it off the event loop.

        Raises:
            SettingsError: it can't be set up; the message names the setting and the fix.
        """
        with self._lock:
            # Connections of the process that forked us are not ours.
            if self._pid != os.getpid() or self._has_another_key():
                self._pid, self._bound = os.getpid(), weakref.WeakKeyDictionary()
                self.ready = self.ready if self.connection is None or self.brought or self.is_builtin else None
            if tools not in self._bound:
                self._bound[tools] = self.terms.bound(self._client(), tools)
            return self._bound[tools]

    @property
    def _credential(self) -> Credential | None:
        return self.connection.credential if self.connection else None

    def _has_current_key(self) -> bool:
        credential = self._credential
        return credential is None or not credential.rotates or credential.kept() == self._key

    def _has_another_key(self) -> bool:
        credential = self._credential
        return credential is not None and not self._has_current_key() and credential.get() != self._key

    def renew(self) -> bool:
        """Return whether a key that the vendor refused has been replaced by another one, which the next client has.

        The source is asked for it: keep it off the event loop.
        """
        credential = self._credential
        if credential is None or not credential.rotates:
            return False
        with self._renewing:
            used = [c._key for c in (self, self._unthinking) if c is not None and c._key is not None]
            kept = credential.kept()
            others = kept is not None and bool(used) and kept not in used
            if others or time.monotonic() < self._renewed + _RENEWED:
                return True  # somebody who was refused as well has renewed it
            try:
                if not credential.renew() or credential.get() in (kept, *used):
                    return False
            except SettingsError as trouble:
                log.info("%s: the key that was refused can't be renewed. %s", self.name, trouble)
                return False
            self._renewed = time.monotonic()
            return True

    @property
    def unthinking(self) -> Candidate:
        """The same model with its reasoning left off, for a turn that another model began."""
        on = set(self.provider.thinking) & set(self.settings.options)
        if not on:
            return self
        if self._unthinking is None:
            options = {name: value for name, value in self.settings.options.items() if name not in on}
            self._unthinking = replace(
                self,
                settings=self.settings.model_copy(update={"options": options}),
                ready=None,
                _key=None,
                _lock=threading.Lock(),
                _bound=weakref.WeakKeyDictionary(),
            )
        return self._unthinking

    def _client(self) -> BaseChatModel:
        if self.ready is None:
            if self.trouble is not None or self.connection is None:
                raise self.trouble or SettingsError(f"models: {self.name!r} can't be reached.")
            self._key = self._credential.get() if self._credential else None
            self.ready = providers.build(self.settings, self.connection.with_key(self._key), self.env)
        return self.ready


class Roster:
    """Every model that may be asked, in the user's order, the builtin planner last unless the order names it."""

    def __init__(
        self,
        settings: Settings,
        env: Mapping[str, str],
        builtin: BaseChatModel | None = None,
        *,
        own: BaseChatModel | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.env = env
        self._clock = clock
        self._lock = threading.Lock()
        self._builtin = _builtin_candidate(builtin) if builtin is not None and settings.routing.builtin else None
        self._own = _own_candidate(own) if own is not None else None
        self._made: dict[str, Candidate] = {}
        self._probed: list[ModelSettings] = []
        self._probe_due = 0.0
        found = self.quick()  # which also tells of an unknown provider at once
        if settings.models:
            _check_names(settings, {c.name for c in found} | {BUILTIN})

    def with_builtin(self, builtin: BaseChatModel) -> Roster:
        """Return these models, the same ones, with another builtin planner; without one where routing has none."""
        other = copy(self)
        other._builtin = _builtin_candidate(builtin) if self.settings.routing.builtin else None
        return other

    def quick(self) -> list[Candidate]:
        """Return the models that are known without asking the network."""
        return self._ordered(_configured(self.settings, self.env))

    def all(self) -> list[Candidate]:
        """Return all models; looks for an Ollama when that is the only hope, which may take a moment."""
        named = _configured(self.settings, self.env)
        if not self._wants_probe(named):
            return self._ordered(named)
        with self._lock:
            if not self._probed and self._clock() >= self._probe_due:
                self._probed = _probe_all(named, self.env)
                self._probe_due = self._clock() + _PROBE_AGAIN
        known = [m for m in named if not _is_open_question(m)]
        return self._ordered(known + self._probed)

    @property
    def must_look(self) -> bool:
        """Whether `all` may touch the network."""
        return not self._probed and self._wants_probe(_configured(self.settings, self.env))

    def _wants_probe(self, named: Sequence[ModelSettings]) -> bool:
        # A model that the caller brought is reason enough not to look for others.
        return _wants_probe(named) and (bool(named) or self._own is None)

    def find(self, name: str) -> Candidate:
        """Return the model that the user calls `name`: its name, the vendor's name of it, or "provider:model".

        Raises:
            SettingsError: there is none; the closest ones are offered.
        """
        known = self.all()
        by_name = {c.name: c for c in known} | {c.model: c for c in reversed(known) if c.model and c.name != name}
        if name in by_name:
            return by_name[name]
        provider, _, model = name.partition(":")
        if model and providers.is_known(provider):
            return self._candidate(self._like(name, provider, model))
        close = difflib.get_close_matches(name, by_name, n=3, cutoff=0.4) or [c.name for c in known]
        raise SettingsError(
            f"There is no model {name!r}.",
            hint=f"There is: {', '.join(close)}." if close else "None is configured: add one to copilot.toml.",
        )

    def _like(self, name: str, provider: str, model: str) -> ModelSettings:
        """Return settings for a model that nobody configured: where the provider's first configured model is asked.

        So it gets that one's server, key and clearance; what belongs to the other model is left out.
        """
        known = next((m for m in self.settings.models if m.provider == provider), None)
        if known is None:
            return ModelSettings(name=name, provider=provider, model=model)
        return known.model_copy(update={"name": name, "model": model, "window": None, "price": None})

    def _ordered(self, models: Sequence[ModelSettings]) -> list[Candidate]:
        found = [self._candidate(m) for m in models if m.provider != BUILTIN]
        order = {name: i for i, name in enumerate(self.settings.routing.order)}
        found.sort(key=lambda c: order.get(c.name, len(order)))
        found = [*([self._own] if self._own else []), *found]
        if self._builtin is None:
            return found
        at = sum(order.get(c.name, len(order)) <= order[BUILTIN] for c in found) if BUILTIN in order else len(found)
        return [*found[:at], self._builtin, *found[at:]]

    def _candidate(self, settings: ModelSettings) -> Candidate:
        settings = _cleared(settings)
        made = self._made.get(settings.name)
        if made is None or made.settings != settings:
            made = self._made[settings.name] = _candidate(settings, self.env)
        return made


def _check_names(settings: Settings, names: set[str]) -> None:
    """Raise SettingsError for a model that routing names and that is not there."""
    routing = settings.routing
    named = [
        *(("routing.order", name) for name in routing.order),
        *((f"routing.steps.{step}", name) for step, name in routing.steps.items()),
        *((f"routing.skills.{skill}", name) for skill, name in routing.skills.items()),
    ]
    unknown = next(((where, name) for where, name in named if name not in names), None)
    if unknown:
        hint = f"There is: {', '.join(sorted(names - {BUILTIN})) or 'none'}."
        raise SettingsError(f"{unknown[0]} names {unknown[1]!r}, and there is no such model.", hint=hint)


def _configured(settings: Settings, env: Mapping[str, str]) -> list[ModelSettings]:
    return settings.models or _from_keys(env)


def _from_keys(env: Mapping[str, str]) -> list[ModelSettings]:
    found = [p for p in providers.all_providers().values() if p.discovered and providers.is_set_up(p, env)]
    return [ModelSettings(name=p.name, provider=p.name) for p in found]


def _is_open_question(model: ModelSettings) -> bool:
    """Return whether a configured entry leaves the model to what is installed on its server."""
    if model.model or not providers.is_known(model.provider):
        return False
    try:
        return bool(providers.get(model.provider).probe)
    except SettingsError:
        return False  # a broken package's: it is told when the model is made


def _wants_probe(named: Sequence[ModelSettings]) -> bool:
    return not named or any(_is_open_question(m) for m in named)


def _probe_all(named: Sequence[ModelSettings], env: Mapping[str, str]) -> list[ModelSettings]:
    entries = [m for m in named if _is_open_question(m)] or [
        ModelSettings(name=p.name, provider=p.name) for p in providers.all_providers().values() if p.probe
    ]
    return [found for entry in entries for found in _installed(entry, env)]


def _installed(entry: ModelSettings, env: Mapping[str, str]) -> list[ModelSettings]:
    """Return an entry for each model that is installed on a server, or nothing when none runs there."""
    import httpx

    provider = providers.get(entry.provider)
    chosen = providers.first(env, provider.models)
    url = providers.endpoint(entry, env)
    try:
        timeout = httpx.Timeout(_PROBE_READ, connect=_PROBE_CONNECT)
        verify = not url.startswith("http://")  # without TLS, no certificates need to be loaded
        answer = httpx.get(url + provider.probe, timeout=timeout, trust_env=not is_this_machine(url), verify=verify)
        listed = answer.raise_for_status().json().get("models") or []
    except (httpx.HTTPError, httpx.InvalidURL, json.JSONDecodeError, AttributeError) as error:
        log.info("No model server at %s: %s", url, error)
        return []
    names = [name for m in listed if isinstance(m, dict) and (name := m.get("name") or m.get("model"))]
    names = [name for name in names if "embed" not in name]
    names = [chosen] if chosen else names[:_OFFERED]
    return [_as_installed(entry, name, url, alone=len(names) == 1) for name in names]


def _as_installed(entry: ModelSettings, model: str, url: str, *, alone: bool) -> ModelSettings:
    told: dict[str, Any] = {"model": model, "name": entry.name if alone else f"{entry.name}/{model}"}
    # What stays on this machine may be anything; Ollama's "-cloud" models are answered elsewhere.
    stays = is_this_machine(url) and not model.endswith("cloud")
    if stays and "max_confidentiality" not in entry.model_fields_set:
        told["max_confidentiality"] = "restricted"
    return entry.model_copy(update=told)


def is_this_machine(url: str) -> bool:
    """Return whether an address leads to the machine that we run on."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _cleared(settings: ModelSettings) -> ModelSettings:
    """Return an entry with the clearance of its kind of server, where the user names none: a file runs here."""
    known = providers.all_providers().get(settings.provider)
    if known is None or known.cleared is None or "max_confidentiality" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"max_confidentiality": known.cleared})


def _candidate(settings: ModelSettings, env: Mapping[str, str]) -> Candidate:
    try:
        provider = providers.get(settings.provider)
    except SettingsError as trouble:
        if trouble.code != "plugin":
            raise
        nobody = providers.Provider(name=settings.provider, title=settings.provider, client="")
        return Candidate(settings, nobody, None, trouble, env)  # a broken package stops no other model
    try:
        connection = providers.connect(settings, env)
    except SettingsError as trouble:
        return Candidate(settings, provider, None, trouble, env)
    return Candidate(settings, provider, connection, None, env, local=is_this_machine(connection.base_url))


def _builtin_candidate(planner: BaseChatModel) -> Candidate:
    settings = ModelSettings(name=BUILTIN, provider=BUILTIN, model=BUILTIN, max_confidentiality="restricted")
    provider = providers.Provider(name=BUILTIN, title="builtin", client=BUILTIN, dialect=BUILTIN, key="none")
    return Candidate(settings, provider, providers.Connection(provider, BUILTIN, "", None), ready=planner, local=True)


def _own_candidate(model: BaseChatModel) -> Candidate:
    """Return a chat model that the caller made, under the name of its class; it may see what others may by default."""
    kind = type(model)
    provider = providers.stranger(f"{kind.__module__.partition('.')[0]}:{kind.__name__}")
    called = next((v for n in ("model", "model_name") if isinstance(v := getattr(model, n, None), str)), "")
    settings = ModelSettings(name=kind.__name__, provider=provider.name, model=called)
    return Candidate(settings, provider, providers.Connection(provider, called, "", None), ready=model, brought=True)
