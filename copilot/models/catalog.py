"""What is known about a model: window, abilities, price.

What the user says counts first, then our catalogue (catalog.toml), then LangChain's model profiles where they know
more.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from copilot.models import profiles
from copilot.settings import ModelSettings, Price

#: Before the name of a model Amazon Bedrock puts where it is served and who made it: "eu.anthropic.claude-sonnet-5".
_BEFORE = re.compile(r"^(?:[a-z][a-z0-9-]*\.){1,2}(?=[a-z])")


@dataclass(frozen=True, slots=True)
class Facts:
    """One model's facts. None: not known.

    `window` and `output` are tokens, `price` is US dollars for a million tokens, `first_byte` is seconds.
    `parallel_tools`: one answer may hold several calls; `json_schema`: its server holds answers to a schema.
    """

    window: int | None = None
    output: int | None = None
    tools: bool | None = None
    parallel_tools: bool | None = None
    vision: bool | None = None
    json_schema: bool | None = None
    reasoning: bool | None = None
    price: Price | None = None
    first_byte: float | None = None


def facts(model: str) -> Facts:
    """Return what the catalogue knows of `model` (the vendor's name); of unknown ones nothing."""
    bare = model.lower().rpartition("/")[2]
    named = {bare, _BEFORE.sub("", bare)}
    return next((k for patterns, k in _catalogue() if any(fnmatchcase(n, p) for n in named for p in patterns)), Facts())


def facts_of(settings: ModelSettings, first_byte: float = 0.0, client: str = "") -> Facts:
    """Return a configured model's facts; `first_byte` is what its kind of server needs, `client` its "module:Class".

    A model of which nobody knows whether it can use tools is taken to.
    """
    known = facts(settings.model)
    known = _filled(known, _profiled(client, settings.model)) if client else known
    chosen = {f.name: getattr(settings, f.name, None) for f in fields(Facts)}
    merged = _filled(Facts(**{name: value for name, value in chosen.items() if value is not None}), known)
    limits = settings.deadlines
    patience = limits.first_byte if "first_byte" in limits.model_fields_set else known.first_byte or first_byte
    return replace(merged, tools=merged.tools is not False, first_byte=patience or limits.first_byte)


def learned(facts: Facts, found: Facts) -> Facts:
    """Return facts with what was found when the model was loaded: its window counts, the rest fills the gaps."""
    return replace(_filled(facts, found), window=found.window or facts.window)


def _filled(facts: Facts, more: Facts) -> Facts:
    """Return the facts, with what is not known taken from `more`."""
    gaps = {f.name: getattr(more, f.name) for f in fields(Facts) if getattr(facts, f.name) is None}
    return replace(facts, **gaps)


@cache
def _profiled(client: str, model: str) -> Facts:
    found = profiles.of(client, model)
    return Facts(
        window=found.get("max_input_tokens") or None,
        output=found.get("max_output_tokens") or None,
        tools=found.get("tool_calling"),
        vision=found.get("image_inputs"),
        json_schema=found.get("structured_output"),
        reasoning=found.get("reasoning_output"),
    )


def cost(
    price: Price | None, read: int, written: int, *, cached: int = 0, cache_write: int = 0, reasoning: int = 0
) -> float | None:
    """Return the US dollars of a call, or None where no price is known.

    `cached` and `cache_write` are among the tokens `read`, `reasoning` among those `written`; each has the price of its
    kind where the vendor names one, else that of the tokens it is among.
    """
    if price is None:
        return None
    fresh = max(read - cached - cache_write, 0)
    said = max(written - reasoning, 0)
    millionths = (
        fresh * price.input
        + cached * _either(price.cached_input, price.input)
        + cache_write * _either(price.cache_write, price.input)
        + said * price.output
        + reasoning * _either(price.reasoning, price.output)
    )
    return millionths / 1e6


def _either(price: float | None, other: float) -> float:
    return other if price is None else price


@cache
def _catalogue() -> list[tuple[list[str], Facts]]:
    raw = tomllib.loads((files("copilot.models") / "catalog.toml").read_text("utf-8"))
    return [(entry.pop("match"), _facts(entry)) for entry in raw["model"]]


def _facts(entry: dict[str, Any]) -> Facts:
    price = entry.pop("price", None)
    return Facts(**entry, price=Price(**price) if price else None)
