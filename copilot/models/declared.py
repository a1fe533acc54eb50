"""A router out of plain arguments: what a stranger writes into `RoutedChatModel(...)`, checked, and told again.

The arguments are tables of `copilot.toml` under the same names. They can be dumped and loaded: `arguments` returns what
makes the same router again.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
import os
import re
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import ModelProfile
from pydantic import BaseModel, SecretStr

from copilot import settings as settings_
from copilot.errors import SettingsError
from copilot.models import health, ledger
from copilot.models.catalog import Facts
from copilot.models.roster import Roster
from copilot.settings import KEY_SOURCES, ModelSettings, Settings
from copilot.trust.labels import Confidentiality

log = logging.getLogger(__name__)

#: The tables of the settings that a router is made of.
TABLES = ("models", "routing", "trust", "budgets", "records")
_RUNTIME = frozenset({"roster", "health", "ledger", "routing", "pause", "profile"})
_KEPT = 8  # rosters whose clients are kept for the next router with the same arguments
#: The variable that stands for a key which the caller handed over, in dumps too.
KEY = "EVERPILOT_API_KEY"
_REFERENCE = {"lc": 1, "type": "secret", "id": [KEY]}
#: Names of options whose values are nobody's business.
_SECRET = re.compile(r"key|token|secret|password|authorization|headers|credential", re.IGNORECASE)


def made_of(tables: Mapping[str, Any], state: str | Path | None, key: SecretStr | None) -> dict[str, Any]:
    """Return the fields of a router: who may be asked, their health, what was spent, and how it is chosen among them.

    Without `models` they are found as the command finds them: in `copilot.toml`, else by the environment. `key` is for
    those that name none of their own, if all are of one vendor: no vendor is shown another one's key.

    Raises:
        SettingsError: an argument is wrong; the message names it.
    """
    given = {name: _plain(value) for name, value in tables.items() if value is not None}
    found = given if "models" in given else {**_found(), **given}
    chosen = settings_.parsed(found, "RoutedChatModel")
    if key is not None and len({model.provider for model in chosen.models}) != 1:
        log.warning("RoutedChatModel: api_key is not used: it is for models of one vendor. Name theirs by api_key_env.")
        key = None
    chosen, env = _with_key(chosen, key)
    folder = None if state is None else Path(state).expanduser()
    return {
        "roster": _shared(Roster(chosen, env)),
        "health": health.of_process(folder),
        "ledger": ledger.of_process(folder if chosen.records.usage else None),
        "routing": chosen.routing,
        "default_label": Confidentiality.parse(chosen.trust.default_confidentiality),
        "state": folder,
        "api_key": key,
    }


def _with_key(chosen: Settings, key: SecretStr | None) -> tuple[Settings, Mapping[str, str]]:
    """Return the settings and the environment with a key that the caller handed over."""
    if key is None:
        return chosen, os.environ
    models = [m if any(getattr(m, s) for s in KEY_SOURCES) else _keyed(m) for m in chosen.models]
    return chosen.model_copy(update={"models": models}), {**os.environ, KEY: key.get_secret_value()}


_shared_lock = threading.Lock()
_rosters: OrderedDict[Any, Roster] = OrderedDict()


def _shared(roster: Roster) -> Roster:
    """Return the roster that an equal router had lately: who makes one for each request keeps its clients."""
    key = (digest(roster), *(c.identity for c in roster.quick()))  # also who they are by their keys
    with _shared_lock:
        found = _rosters.setdefault(key, roster)
        _rosters.move_to_end(key)
        while len(_rosters) > _KEPT:
            _rosters.popitem(last=False)
        return found


def _keyed(model: ModelSettings) -> ModelSettings:
    return model.model_copy(update={"api_key_env": KEY})


def _found() -> dict[str, Any]:
    return _tables(settings_.load(Path.cwd()))


def _tables(chosen: Settings) -> dict[str, Any]:
    return {name: _plain(getattr(chosen, name)) for name in TABLES if name in chosen.model_fields_set}


def _plain(value: Any) -> Any:
    """Return settings as data, and only what was set: a default that somebody chose counts as chosen."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return [_plain(item) for item in value]
    return value


def refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise SettingsError for an argument that a router does not take, with the closest ones that it does."""
    known = sorted({*known, *TABLES} - {"roster", "health", "ledger"})
    if unknown := next((name for name in names if name not in known), None):
        close = difflib.get_close_matches(unknown, known, n=3, cutoff=0.5) or known
        raise SettingsError(f"RoutedChatModel takes no {unknown!r}.", hint=f"It takes: {', '.join(close)}.")


def arguments(router: BaseModel, roster: Roster) -> dict[str, Any]:
    """Return the arguments that make the same router again, as plain data where they are settings."""
    more = {name: getattr(router, name) for name in router.model_fields_set - _RUNTIME}
    if more.get("default_label") == Confidentiality.parse(roster.settings.trust.default_confidentiality):
        del more["default_label"]
    tables = _tables(roster.settings)
    for model in tables.get("models", ()):
        if model.get("api_key_env") == KEY:
            del model["api_key_env"]
    routing: Any = getattr(router, "routing", None)
    return {**tables, "routing": _plain(routing), **more}


def as_json(arguments: Mapping[str, Any], router: BaseModel) -> dict[str, Any] | None:
    """Return arguments as JSON types, or None where they hold what must not be shown or what JSON can't."""
    if _holds_secrets(arguments.get("models")):
        return None
    hidden = {name for name, field in type(router).model_fields.items() if field.exclude} - {"api_key"}
    told = {name: value for name, value in arguments.items() if name not in hidden}
    plain = {n: str(v) if isinstance(v, Path) else v for n, v in told.items() if v not in (None, [], {}, "")}
    plain = {n: _REFERENCE if isinstance(v, SecretStr) else v for n, v in plain.items()}
    plain = {n: v.name.lower() if isinstance(v, Confidentiality) else v for n, v in plain.items()}
    try:
        return dict(json.loads(json.dumps(plain)))
    except TypeError:
        return None


def _holds_secrets(value: Any, *, option: bool = False) -> bool:
    """Return whether there are options with telling names, or addresses with a password in them."""
    if isinstance(value, str):
        return bool(re.match(r"https?://[^/]*@", value))
    if isinstance(value, Mapping):
        named = option and any(_SECRET.search(str(name)) for name in value)
        return named or any(_holds_secrets(v, option=option or n == "options") for n, v in value.items())
    return any(_holds_secrets(item, option=option) for item in value) if isinstance(value, list) else False


_digests: weakref.WeakKeyDictionary[Roster, str] = weakref.WeakKeyDictionary()


def digest(roster: Roster) -> str:
    """Return a short hash of everything that is set of the models and their choice; no value can be read off it."""
    if (known := _digests.get(roster)) is None:
        who = [(c.name, c.model, c.identity if c.brought else "") for c in roster.quick()]
        text = json.dumps([roster.settings.model_dump(), who], sort_keys=True, default=str)
        known = _digests[roster] = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    return known


def profile(models: Sequence[Facts]) -> ModelProfile | None:
    """Return LangChain's profile of a router over these models, or None where none is known.

    It promises what holds whoever answers: the smallest window. What only some can do (images) it promises too: the
    others are not asked then. Only structured output is promised when all of them can, for tools do that job as well.
    """
    if not models:
        return None
    windows = [facts.window for facts in models if facts.window]
    outputs = [facts.output for facts in models if facts.output]
    told: ModelProfile = {
        "tool_calling": any(facts.tools is not False for facts in models),
        "tool_choice": True,
        "image_inputs": any(facts.vision is not False for facts in models),
        "structured_output": all(facts.json_schema for facts in models),
    }
    if windows:
        told["max_input_tokens"] = min(windows)
    if outputs:
        told["max_output_tokens"] = min(outputs)
    return told
